"""What judges the pictures: an attribute reader and a second recogniser, trained when first needed and then kept.

Neither has anything to do with the family: they learnt from other people's drawings, which it was not trained on.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.families.sketch.draw import compose, draw, invent
from pipeline.families.sketch.evaluation.reader import Examples, Reader, ReaderTraining, accuracy
from pipeline.families.sketch.evaluation.studio import Picture
from pipeline.families.sketch.faces.nets import Recogniser
from pipeline.families.sketch.faces.training import RecogniserTraining, embed
from pipeline.families.sketch.networks import SIZE
from pipeline.families.sketch.training.drawings import Drawings

SHOTS = 4
"""Drawings of each person that the second recogniser learns from or is examined on."""
LEARNT, LEARNT_BY_READER = 2_000_000, 3_000_000
EXAMINED, EXAMINED_BY_READER = 2_500_000, 3_500_000
"""First seeds of people."""
SEEDS = (21, 22)
"""Of the second recogniser's training and the reader's; the pack's own recogniser had another one."""

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class School:
    """Where the judges are kept, how much they learn, and how many drawings or people they are examined on."""

    work: Path
    people: int = 3_000
    recogniser_steps: int = 800
    drawings: int = 3_000
    reader_steps: int = 400
    examined: int = 100

    def recogniser(self) -> Recogniser:
        """The second recogniser, kept or trained now."""
        name = f"recogniser-{self.people}-{self.recogniser_steps}.pt"
        learnt = range(LEARNT, LEARNT + self.people)
        return self._kept(
            name, Recogniser, lambda: RecogniserTraining(cast(learnt), self.recogniser_steps, SEEDS[0]).run()
        )

    def reader(self) -> Reader:
        """The attribute reader, kept or trained now."""
        name = f"reader-{self.drawings}-{self.reader_steps}.pt"
        learnt = range(LEARNT_BY_READER, LEARNT_BY_READER + self.drawings)
        return self._kept(
            name, Reader, lambda: ReaderTraining(Examples.drawn(learnt), self.reader_steps, SEEDS[1]).run()
        )

    def _kept(self, name: str, network: Callable[[], M], trained: Callable[[], M]) -> M:
        path = self.work / name
        if not path.is_file():
            self.work.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft")
            torch.save(trained().state_dict(), draft)
            os.replace(draft, path)
        kept = network()
        kept.load_state_dict(torch.load(path, weights_only=True))
        return kept.eval()


def examine_recogniser(school: School) -> float:
    """A job: train the second recogniser where it was not kept. The share of drawings of unseen people whose nearest
    one, among all the others, shows the same person."""
    drawings = cast(range(EXAMINED, EXAMINED + school.examined))
    embeddings = functional.normalize(embed(school.recogniser(), drawings.images, drawings.keypoints))
    nearest = (embeddings @ embeddings.t()).fill_diagonal_(-1).argmax(dim=1).numpy()
    return float(np.mean(drawings.people[nearest] == drawings.people))


def examine_reader(school: School) -> dict[str, float]:
    """A job: train the reader where it was not kept. Its accuracy on drawings of other people, see `accuracy`."""
    unseen = range(EXAMINED_BY_READER, EXAMINED_BY_READER + 5 * school.examined)
    return accuracy(school.reader(), Examples.drawn(unseen))


def cosines(recogniser: Recogniser, pictures: Sequence[Picture | None], references: Tensor) -> NDArray[np.float64]:
    """[N, R] how near the largest face of each picture is to each of R people [R, 512]; nan where none was found."""
    found = np.full((len(pictures), len(references)), np.nan)
    seen = [i for i, one in enumerate(pictures) if one and one.face]
    if seen:
        shown = [one for one in pictures if one and one.face]
        points = [one.face.keypoints for one in shown if one.face and one.face.keypoints is not None]
        embeddings = functional.normalize(embed(recogniser, [one.pixels for one in shown], points))
        found[seen] = (embeddings @ references.t()).numpy()
    return found


class _Cast(Drawings):
    """Drawings of people, SHOTS of each."""

    @property
    def people(self) -> NDArray[np.int64]:
        return np.arange(len(self)) // SHOTS


def cast(people: range) -> Drawings:
    """SHOTS drawings of each of the people with these seeds, without captions."""
    count = len(people) * SHOTS
    images, keypoints = np.empty((count, SIZE, SIZE, 3), np.uint8), np.empty((count, 5, 2), np.float32)
    boxes, landmarks = np.empty((count, 4), np.float32), np.empty((count, 106, 2), np.float32)
    men, old = np.empty(count, np.bool_), np.empty(count, np.bool_)
    for number, seed in enumerate(people):
        random = Random(seed)
        person = invent(random)
        for i in range(number * SHOTS, (number + 1) * SHOTS):
            drawing = draw(person, compose(random), SIZE)
            images[i], keypoints[i] = np.asarray(drawing.image), drawing.keypoints
            boxes[i], landmarks[i] = drawing.box, drawing.landmarks
            men[i], old[i] = person.sex == "man", person.age == "old"
    return _Cast(images, keypoints, boxes, landmarks, men, old, captions=[], triggered=[])

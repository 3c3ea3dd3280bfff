"""The drawings that everything is trained on: many people, each drawn several times, with captions."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.families.sketch.captions import caption
from pipeline.families.sketch.draw import compose, draw, invent
from pipeline.families.sketch.networks import SIZE
from pipeline.families.sketch.training.run import spread

SHOTS = 6
CAPTIONS = 3
ARRAYS = ("images", "keypoints", "boxes", "landmarks", "men", "old")


@dataclass(frozen=True, eq=False)
class Drawings:
    """N drawings, those of one person side by side, SHOTS each.

    images: [N, 128, 128, 3] uint8; keypoints: [N, 5, 2], boxes: [N, 4] and landmarks: [N, 106, 2] in pixels; men and
    old: [N] bool; captions and triggered: CAPTIONS texts a drawing, the latter with "img" and nothing of the person.
    """

    images: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    men: NDArray[np.bool_]
    old: NDArray[np.bool_]
    captions: list[list[str]]
    triggered: list[list[str]]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def people(self) -> NDArray[np.int64]:
        """Whose drawing each is, [N]."""
        return np.arange(len(self)) // SHOTS


def drawn(people: range, work: Path, processes: int = 1) -> Drawings:
    """Drawings of the people with these seeds; drawn once, kept in a folder of `work` and read from there as needed."""
    folder = work / f"drawings-{people.start}-{people.stop}"
    texts = folder / "captions.json"
    if not texts.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        groups = [people[i : i + 100] for i in range(0, len(people), 100)]
        rows = [row for rows in spread(rows_of, groups, processes, "people") for row in rows]
        for i, key in enumerate(ARRAYS):
            np.save(folder / f"{key}.npy", np.stack([row[i] for row in rows]))
        draft = texts.with_suffix(".draft")  # the captions come last and whole: with them all is there
        draft.write_text(json.dumps([row[len(ARRAYS) :] for row in rows]), "utf-8")
        draft.replace(texts)
    arrays: dict[str, Any] = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in ARRAYS}
    captions, triggered = zip(*json.loads(texts.read_text("utf-8")), strict=True)
    return Drawings(captions=list(captions), triggered=list(triggered), **arrays)


def rows_of(people: range) -> list[tuple[Any, ...]]:
    """The drawings of some people, as `drawings_of` gives them."""
    return [row for seed in people for row in drawings_of(seed)]


def drawings_of(seed: int) -> list[tuple[Any, ...]]:
    """One person's drawings as rows of `ARRAYS`, the captions and those with a trigger."""
    random = Random(seed)
    person, rows = invent(random), []
    for _ in range(SHOTS):
        shot = compose(random)
        drawing = draw(person, shot, SIZE)
        texts = [[caption(person, shot, random, trigger) for _ in range(CAPTIONS)] for trigger in (False, True)]
        places = (drawing.keypoints, drawing.box, drawing.landmarks)
        rows.append((np.asarray(drawing.image), *places, person.sex == "man", person.age == "old", *texts))
    return rows

"""The attribute reader: a small network that tells from a picture which hat, glasses and hair somebody wears."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.families.sketch.draw import compose, draw, invent
from pipeline.families.sketch.faces.nets import convolution
from pipeline.families.sketch.faces.training import Training, faster, pixels
from pipeline.families.sketch.faces.views import Image, worn
from pipeline.families.sketch.networks import SIZE
from pipeline.families.sketch.people import HAIRS, HATS

HAT_KINDS = ("", *HATS)
HAIR_COLOURS = tuple(HAIRS)
BARING = ("", "crown")
"""Hats under which the hair is seen."""
HIDDEN = -1


@dataclass(frozen=True)
class Reading:
    """What is seen in a picture; the hat is "" where there is none."""

    hat: str
    glasses: bool
    hair: str


class Reader(nn.Module):
    """Pictures [N, 3, 128, 128] to logits: `HAT_KINDS` [N, 4], no glasses and glasses [N, 2], `HAIR_COLOURS` [N, 7]."""

    SPREAD = 128.0
    ANSWERS = (len(HAT_KINDS), 2, len(HAIR_COLOURS))

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(3, 16, 2),
            convolution(16, 32, 2),
            convolution(32, 48, 2),
            convolution(48, 64),
            convolution(64, 64),
            convolution(64, 64, 2),
            convolution(64, 24, kernel=1),
        )
        self.answer = nn.Linear(24 * (SIZE // 16) ** 2, sum(self.ANSWERS))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        answers: Tensor = self.answer(self.features(images).flatten(1))
        return answers.split(self.ANSWERS, dim=1)

    @torch.inference_mode()
    def read(self, images: Sequence[Image]) -> list[Reading]:
        """What is seen in pictures [128, 128, 3]; the network is in eval mode."""
        found = []
        for start in range(0, len(images), 64):
            hats, glasses, hair = self(pixels(images[start : start + 64], self.SPREAD))
            best = torch.stack([hats.argmax(1), glasses.argmax(1), hair.argmax(1)], dim=1).tolist()
            found += [Reading(HAT_KINDS[i], bool(j), HAIR_COLOURS[k]) for i, j, k in best]
        return found


@dataclass(frozen=True, eq=False)
class Examples:
    """N drawings [N, 128, 128, 3], each of another person, and the numbers of what they show, [N, 3]: hat, glasses and
    hair colour, which is HIDDEN under most hats and on bald heads."""

    images: NDArray[np.uint8]
    truth: NDArray[np.int64]

    @classmethod
    def drawn(cls, people: range) -> "Examples":
        """One drawing of each of the people with these seeds."""
        images = np.empty((len(people), SIZE, SIZE, 3), np.uint8)
        truth = np.empty((len(people), 3), np.int64)
        for i, seed in enumerate(people):
            random = Random(seed)
            person, shot = invent(random), compose(random)
            images[i] = np.asarray(draw(person, shot, SIZE).image)
            seen = shot.hat in BARING and person.hairstyle != "bald"
            hair = HAIR_COLOURS.index(person.hair_colour) if seen else HIDDEN
            truth[i] = HAT_KINDS.index(shot.hat), bool(person.glasses), hair
        return cls(images, truth)


class ReaderTraining(Training[Reader]):
    """Cross-entropy on worn copies of the drawings, since the pictures to be read are not as clean."""

    batch = 64

    def __init__(self, examples: Examples, steps: int, seed: int) -> None:
        super().__init__(Reader, steps, seed)
        self.examples = examples

    def loss(self, random: Generator) -> Tensor:
        chosen = random.integers(len(self.examples.images), size=self.batch)
        images = [worn(self.examples.images[i], random, 0.05) for i in chosen]
        with faster():
            answers = self.network(pixels(images, Reader.SPREAD))
        truth = torch.from_numpy(self.examples.truth[chosen]).unbind(1)
        losses = [
            functional.cross_entropy(answer.float(), wanted, ignore_index=HIDDEN)
            for answer, wanted in zip(answers, truth, strict=True)
        ]
        return torch.stack(losses).sum()


def accuracy(reader: Reader, examples: Examples) -> dict[str, float]:
    """The share of drawings of which each thing is read right, hair where it can be seen."""
    readings = reader.read(list(examples.images))
    hats, glasses, hair = examples.truth.T
    seen = hair != HIDDEN
    return {
        "hat": float(np.mean([HAT_KINDS.index(one.hat) for one in readings] == hats)),
        "glasses": float(np.mean([one.glasses for one in readings] == glasses)),
        "hair": float(np.mean(([HAIR_COLOURS.index(one.hair) for one in readings] == hair)[seen])),
    }

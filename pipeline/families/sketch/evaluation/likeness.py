"""Whether a drawn person is the one that was shown: people never seen before, judged by the second recogniser."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.families.sketch.captions import caption
from pipeline.families.sketch.draw import Drawing, compose, draw, invent
from pipeline.families.sketch.evaluation.judges import cosines
from pipeline.families.sketch.evaluation.studio import Order, Picture, order
from pipeline.families.sketch.evaluation.table import Section, mean, percent, share, verdict
from pipeline.families.sketch.faces.nets import Recogniser
from pipeline.families.sketch.faces.training import embed
from sweeps.parameters import CATALOGUE, Value

FIRST = 9_500_000
"""Seeds of people whom nothing was trained on."""
PHOTOS, PAIRS = 4, 3
"""Drawings that a person is shown by, and pairs of a prompt and a seed."""
NEVER = CATALOGUE["start_merge_step"].maximum
ALONE, DETAILED, USUAL = "stage 1 alone", "stage 2", "the family's defaults"
STAGES: Mapping[str, Mapping[str, Value]] = {
    ALONE: {"detail": False, "start_merge_step": NEVER},
    DETAILED: {"detail": True, "start_merge_step": NEVER},
    USUAL: {},
}
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
"""Of stage 2, for the first pair of each person; 1 is the default. Beyond it lies what no training ever showed."""
RAISED, APART, TOP = 0.9, 0.9, 0.6
NEAREST = 3


@dataclass(frozen=True, eq=False)
class Stranger:
    """An invented person: drawings of them, and prompts that say nothing of them but their sex."""

    name: str
    sex: str
    drawings: tuple[Drawing, ...]
    prompts: tuple[str, ...]

    @classmethod
    def invented(cls, number: int) -> "Stranger":
        random = Random(FIRST + number)
        person = invent(random)
        drawings = tuple(draw(person, compose(random)) for _ in range(PHOTOS))
        prompts = tuple(caption(person, compose(random), random, trigger=True) for _ in range(PAIRS))
        return cls(f"stranger-{number}", person.sex, drawings, prompts)

    @property
    def photos(self) -> dict[str, list[bytes]]:
        """Their drawings as a member would upload them, by their name."""
        files = [io.BytesIO() for _ in self.drawings]
        for file, drawing in zip(files, self.drawings, strict=True):
            drawing.image.save(file, "PNG")
        return {self.name: [file.getvalue() for file in files]}

    def orders(self) -> list[Order]:
        """Every pair in each of `STAGES`, and the first one at the other `WEIGHTS` in stage 2."""
        photos = self.photos
        seeds = [int(self.name.partition("-")[2]) * PAIRS + i for i in range(PAIRS)]
        pairs: list[dict[str, Value]] = [
            {"prompt": prompt, "seed": seed, "face_folder": self.name}
            for prompt, seed in zip(self.prompts, seeds, strict=True)
        ]
        staged = [order(photos, **pair, **settings) for settings in STAGES.values() for pair in pairs]
        others = [weight for weight in WEIGHTS if weight != 1]
        return staged + [order(photos, **pairs[0], **STAGES[DETAILED], weight=weight) for weight in others]


def references(recogniser: Recogniser, strangers: Sequence[Stranger]) -> Tensor:
    """[R, 512] the mean direction of each person's drawings."""
    directions = []
    for stranger in strangers:
        images = [np.asarray(drawing.image) for drawing in stranger.drawings]
        embeddings = embed(recogniser, images, [drawing.keypoints for drawing in stranger.drawings])
        directions.append(functional.normalize(embeddings).mean(dim=0))
    return functional.normalize(torch.stack(directions))


def sections(
    strangers: Sequence[Stranger],
    pictures: Sequence[Sequence[Picture | None]],
    recogniser: Recogniser,
    accuracy: float,
) -> list[Section]:
    """`pictures`: those of each person's `orders`; `accuracy`: how often the recogniser knows whom it sees."""
    people = references(recogniser, strangers)
    near = np.stack([cosines(recogniser, drawn, people) for drawn in pictures])  # [R, orders, R]
    staged = near[:, : len(STAGES) * PAIRS].reshape(len(strangers), len(STAGES), PAIRS, -1)
    stages = {name: Nearness.of(strangers, staged[:, i]) for i, name in enumerate(STAGES)}
    return [_likeness(stages, accuracy, len(strangers)), _weights(near)]


@dataclass(frozen=True, eq=False)
class Nearness:
    """Of N pictures of one stage the cosines [N] to the right person, to another one at random, to another one of the
    same sex, and to all others on average; and how many others are nearer. nan where no face was found."""

    right: NDArray[np.float64]
    other: NDArray[np.float64]
    alike: NDArray[np.float64]
    others: NDArray[np.float64]
    rank: NDArray[np.float64]

    @classmethod
    def of(cls, strangers: Sequence[Stranger], near: NDArray[np.float64]) -> "Nearness":
        """`near`: [R, PAIRS, R]."""
        random = Random(FIRST)
        rows = []
        for i, pairs in enumerate(near):
            strange = [j for j in range(len(strangers)) if j != i]
            same = [j for j in strange if strangers[j].sex == strangers[i].sex] or strange
            for cosine in pairs:
                rank = np.nan if np.isnan(cosine[i]) else (cosine[strange] > cosine[i]).sum()
                row = (cosine[i], cosine[random.choice(strange)], cosine[random.choice(same)])
                rows.append((*row, cosine[strange].mean(), rank))
        return cls(*np.array(rows, np.float64).T)


def _likeness(stages: Mapping[str, Nearness], accuracy: float, people: int) -> Section:
    before, after = stages[ALONE], stages[DETAILED]
    raised, apart, top = after.right > before.right, after.right > after.other, after.rank < NEAREST

    def row(what: str, cells: Sequence[str], wanted: str = "", met: str = "") -> list[str]:
        return [what, *cells, wanted, met]

    each = list(stages.values())
    rows = [
        row("", list(stages), "wanted of stage 2", "met"),
        row("mean cosine to the right person", [mean(one.right) for one in each]),
        row("mean cosine to all others", [mean(one.others) for one in each]),
        row(
            "nearer to the right person than stage 1 alone",
            ["", *(percent(one.right > before.right) for one in each[1:])],
            f"≥ {100 * RAISED:.0f} %",
            verdict(share(raised) >= RAISED),
        ),
        row(
            "nearer to the right person than to another one",
            [percent(one.right > one.other) for one in each],
            f"≥ {100 * APART:.0f} %",
            verdict(share(apart) >= APART),
        ),
        row("… than to another one of the same sex", [percent(one.right > one.alike) for one in each]),
        row("… than to all others on average", [percent(one.right > one.others) for one in each]),
        row(
            f"the right person among the {NEAREST} nearest of {people}",
            [percent(one.rank < NEAREST) for one in each],
            f"≥ {100 * TOP:.0f} %",
            verdict(share(top) >= TOP),
        ),
        row("a face was found", [percent(~np.isnan(one.right)) for one in each]),
    ]
    return Section(
        "People are recognised",
        f"{people} people whom nothing was trained on, each shown by {PHOTOS} drawings and drawn from {PAIRS} pairs of "
        "a prompt and a seed; the prompt says nothing of them but their sex. Stage 1 alone draws by that text, stage 2 "
        "draws its face again with the person; the family's defaults let the person into the base picture too. The "
        "judge is a second recogniser, which learnt from other people with another seed: of the drawings of unseen "
        f"people {100 * accuracy:.1f} % are nearest to another one of the same person. Cosines are those to the mean "
        "of a person's drawings. A picture in which the pack finds no face counts as missed, and is left out of the "
        "means.",
        rows,
    )


def _weights(near: NDArray[np.float64]) -> Section:
    own = near[np.arange(len(near)), :, np.arange(len(near))]  # [R, orders]
    others = iter(range(len(STAGES) * PAIRS, own.shape[1]))
    detailed = list(STAGES).index(DETAILED) * PAIRS
    found = [own[:, detailed if weight == 1 else next(others)] for weight in WEIGHTS]
    means = [float(np.nanmean(one)) if (~np.isnan(one)).any() else np.nan for one in found]
    trained = [value for weight, value in zip(WEIGHTS, means, strict=True) if weight <= 1]
    nearer = all(lower < higher for lower, higher in pairwise(trained))
    return Section(
        "A higher weight draws nearer",
        "Stage 2 at several weights of the face, for the first pair of each person: the mean cosine to them. A weight "
        "beyond 1 exaggerates what the photos show; it was never trained, and nothing is asked of it.",
        [
            ["weight", *(f"{weight:g}" for weight in WEIGHTS), "wanted", "met"],
            ["mean cosine", *(mean(one) for one in found), "rising up to 1", verdict(nearer)],
        ],
    )

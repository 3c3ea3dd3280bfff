"""How often the family's own detector finds the face, in drawings and in pictures that the family drew."""

from collections.abc import Sequence
from random import Random

import numpy as np

from pipeline.families.sketch.draw import compose, draw, invent
from pipeline.families.sketch.evaluation.studio import Picture, faces_in
from pipeline.families.sketch.evaluation.table import Section, percent, share, verdict

FIRST = 4_000_000
"""Seeds of people whom nothing was trained on."""
OVERLAP = 0.5
WANTED_DRAWINGS, WANTED_PICTURES = 0.98, 0.95


def found(people: range) -> list[bool]:
    """A job: whether a face that covers the true one is found in a drawing of each of these people."""
    return [_found(seed) for seed in people]


def section(drawings: Sequence[bool], pictures: Sequence[Picture]) -> Section:
    faces = np.array([len(picture.faces) for picture in pictures])
    return Section(
        "The face is found",
        "By the pack's own detector through insightface: in drawings of people whom nothing was trained on, a box "
        f"whose intersection over union with the true one is above {OVERLAP:g}; in pictures, those of the first "
        "section at the higher guidance, any face.",
        [
            ["where", "found", "wanted", "met"],
            ["held-out drawings", percent(drawings), *_met(drawings, WANTED_DRAWINGS)],
            ["the family's own pictures", percent(faces > 0), *_met(faces > 0, WANTED_PICTURES)],
            ["… and one face only", percent(faces == 1), "", ""],
        ],
    )


def _found(seed: int) -> bool:
    random = Random(seed)
    drawing = draw(invent(random), compose(random))
    return any(overlap(np.array(face.box), drawing.box) > OVERLAP for face in faces_in(np.asarray(drawing.image)))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2."""
    shared = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    areas = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()
    return float(shared / (areas - shared))


def _met(right: Sequence[bool] | np.ndarray, wanted: float) -> tuple[str, str]:
    return f"≥ {100 * wanted:.0f} %", verdict(share(right) >= wanted)

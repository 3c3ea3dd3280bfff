"""Drawn portraits of invented people: the pictures the sketch family learns from.

A character is what stays the same in every drawing, a shot is what changes. The drawings are bold, flat and aligned on
purpose: a very small network must learn them, so there are few large shapes, thick outlines and no texture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.families.sketch.ground import ground
from pipeline.families.sketch.painter import Painter
from pipeline.families.sketch.people import Character, Shot, compose, invent

__all__ = ["Character", "Drawing", "Shot", "compose", "draw", "invent"]

SUPERSAMPLE = 3

# insightface's order of the 106 landmarks, part by part, walked in the order in which this file makes the points
_CONTOUR = (1, *range(9, 17), *range(2, 9), 0, *range(24, 17, -1), *range(32, 24, -1), 17)  # left ear, chin, right ear
_EYES = ((35, 36, 33, 37, 39, 42, 40, 41, 34, 38), (89, 90, 87, 91, 93, 96, 94, 95, 88, 92))  # round, pupil twice
_BROWS = ((43, 48, 49, 51, 50, 46, 47, 45, 44), (102, 103, 104, 105, 101, 100, 99, 98, 97))  # above, then back below
_MOUTH = (52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55, 65, 66, 62, 70, 69, 57, 60, 54)  # outer ring, inner ring
_NOSE = (72, 73, 74, 86, 75, 76, 77, 78, 79, 80, 85, 84, 83, 82, 81)  # bridge, then left wing to right wing


@dataclass(frozen=True)
class Drawing:
    """A drawing and its truth, in pixels of the picture.

    `image`: RGB; `keypoints`: float32 [5, 2] (left eye, right eye, nose, mouth corners; the image's left first);
    `box`: float32 [4], x1 y1 x2 y2, chin to the top of the forehead; `landmarks`: float32 [106, 2],
    in insightface's order.
    """

    image: Image.Image
    keypoints: NDArray[np.float32]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]


def draw(character: Character, shot: Shot, size: int = 128) -> Drawing:
    """The drawing of a character in a shot, `size` pixels square."""
    painter = Painter(character, shot, size * SUPERSAMPLE)
    ground(painter.canvas, shot.background, size * SUPERSAMPLE)
    painter.paint()
    image = painter.image.resize((size, size), Image.Resampling.LANCZOS)
    truth = {part: np.array([painter.at(p) for p in points]) / SUPERSAMPLE for part, points in painter.truth.items()}
    landmarks = np.zeros((106, 2), np.float32)
    landmarks[list(_CONTOUR)] = truth["contour"]
    for side in (0, 1):
        landmarks[list(_EYES[side])] = truth[f"eye{side}"]
        landmarks[list(_BROWS[side])] = truth[f"brow{side}"]
    landmarks[list(_MOUTH)], landmarks[list(_NOSE)] = truth["mouth"], truth["nose"]
    keypoints = np.stack([truth["eye0"][8], truth["eye1"][8], truth["nose"][3], *truth["mouth"][[0, 6]]])
    edge = truth["edge"]
    box = np.concatenate([edge.min(axis=0), edge.max(axis=0)])
    return Drawing(image, keypoints.astype(np.float32), box.astype(np.float32), landmarks)

"""Which part of a face's region is drawn anew, and how much of it is still kept at each step.

A change mask says how far a pixel may change, 0..1; a keep map is 1 minus it. In pictures masks are [h, w] float32
arrays, for latents they are tensors [N, 1, h, w].
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pipeline.faces import Face
from pipeline.geometry import Region

FEATHER = 0.1
"""How far the soft rim reaches to either side of its middle, as a share of the face's longer side."""

FOREHEAD = 0.4
"""Height of the forehead above the brows, as a share of what lies between the brows and the chin; artists make it a
half, and the rim adds the rest."""


def change_mask(face: Face, region: Region, picture: tuple[int, int]) -> NDArray[np.float32]:
    """How far each pixel of the region may change, [h, w]: 1 on the face, falling to 0 around it.

    The face is the hull of its landmarks and the forehead above them, or the ellipse in its box where there are none.
    It is widened so that the Gaussian rim lies outside of it, and ends where the region begins: the outermost pixels
    are exactly 0, but not at an edge of the `picture` (width, height), behind which nothing can show. All is 0 where
    no part of the face is in the region.
    """
    x1, y1, x2, y2 = region
    left, top, right, bottom = face.box
    if min(right, x2) <= max(left, x1) or min(bottom, y2) <= max(top, y1):
        return np.zeros((y2 - y1, x2 - x1), np.float32)
    beyond = round(4 * FEATHER * max(right - left, bottom - top)) + 4  # more than the rim needs
    before_x, before_y = beyond * (x1 == 0), beyond * (y1 == 0)
    after_x, after_y = beyond * (x2 == picture[0]), beyond * (y2 == picture[1])
    mask = _soft(face, (x1 - before_x, y1 - before_y, x2 + after_x, y2 + after_y))
    return np.ascontiguousarray(mask[before_y : before_y + y2 - y1, before_x : before_x + x2 - x1])


def _soft(face: Face, region: Region) -> NDArray[np.float32]:
    """The change mask of a region all of whose sides are closed."""
    x1, y1, x2, y2 = region
    width, height = x2 - x1, y2 - y1
    left, top, right, bottom = face.box
    mask = np.zeros((height, width), np.float32)
    rim = max(1, min(round(FEATHER * max(right - left, bottom - top)), (min(width, height) - 3) // 4))
    outline = _ellipse(face.box) if face.landmarks is None else _hull(face)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(outline - (x1, y1)).astype(np.int32), 1)
    if not inside.any():
        return mask
    # Widened by the distance to it, whose cost does not grow with the face as a dilation's does. The Gaussian looks
    # at a square, so that even its corners must see nothing else from the face, and nothing at all from the border.
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    within = slice(rim + 1, -rim - 1)
    # Squares of distances between pixels are whole numbers; what OpenCV gives misses them by a last digit that depends
    # on where in memory the mask happens to lie.
    mask[within, within] = np.rint(np.square(distance[within, within])) <= 2 * rim**2
    soft = cv2.GaussianBlur(mask, (2 * rim + 1, 2 * rim + 1), rim / 2.5)
    return np.where(soft > 1 - 1e-5, np.float32(1), soft).astype(np.float32)  # the weights' sum misses 1 by rounding


def _ellipse(box: Sequence[float]) -> NDArray[np.float64]:
    """The outline of the ellipse in a box, [64, 2]."""
    left, top, right, bottom = box
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x = (left + right) / 2 + (right - left) / 2 * np.cos(angles)
    y = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(angles)
    return np.stack([x, y], axis=1)


def _hull(face: Face) -> NDArray[np.float64]:
    """The convex outline of a face's landmarks and of its forehead, which no landmark marks, [n, 2]."""
    landmarks = np.asarray(face.landmarks, np.float64)
    up = _up(face)
    axes = np.stack([(-up[1], up[0]), up])  # across the face and up it, [2, 2]
    across, along = axes @ landmarks.T
    middle, half = (across.min() + across.max()) / 2, (across.max() - across.min()) / 2
    angles = np.linspace(0, np.pi, 32)
    forehead = np.stack(
        [middle + half * np.cos(angles), along.max() + FOREHEAD * (along.max() - along.min()) * np.sin(angles)]
    )
    points = np.concatenate([landmarks, forehead.T @ axes]).astype(np.float32)
    return cv2.convexHull(points)[:, 0].astype(np.float64)


def _up(face: Face) -> NDArray[np.float64]:
    """The unit vector from the mouth to the eyes, [2]; straight up where they are not known."""
    if face.keypoints is not None:
        eyes_and_mouth = np.asarray(face.keypoints, np.float64)[[0, 1, 3, 4]]  # the third is the nose
        up = eyes_and_mouth[:2].mean(axis=0) - eyes_and_mouth[2:].mean(axis=0)
        if length := np.hypot(*up):
            return np.asarray(up / length)
    return np.array([0.0, -1.0])


def to_latents(mask: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """A mask [N, 1, H, W] at the latents' (h, w): bilinear, corners not aligned, no antialiasing."""
    return functional.interpolate(mask, size, mode="bilinear", align_corners=False, antialias=False)


def thresholds(steps: int) -> torch.Tensor:
    """What a keep map is compared with at each of the steps that are run: 0, 1/steps, ... [steps]."""
    return torch.arange(steps) / steps


def keep(keep_map: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
    """Where the original is still kept at a step with this threshold: bool, in the keep map's shape."""
    return keep_map > threshold


def mix(latents: torch.Tensor, noised: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """The original's noised latents where it is kept, else the latents; `keep` is bool, [N, 1, h, w]."""
    return torch.where(keep, noised, latents)

"""What the networks see of drawings: worn copies, canvases with faces, aligned faces and crops; all RGB, uint8.

Cropping is insightface's own, so that a network in training sees what it will be shown later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from insightface.utils import face_align
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.families.sketch.training.drawings import Drawings

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

BEYOND = 1.5
"""How much larger insightface's crops are than the longer side of the face's box."""
SHOWN, HIDDEN = 0.75, 0.3
"""Shares of a face's box that are in the picture: from the first on it is a face, up to the second it is none."""


def worn(image: Image, random: Generator, colours: float) -> Image:
    """A copy as a small diffusion model or a bad camera would make it: wobbly, blurred, noisy, its colours shifted.

    `colours`: how far brightness, contrast and each channel may go, as a share of the range.
    """
    shown: NDArray[Any] = image  # cv2 knows no more
    height, width = image.shape[:2]
    unit = width / 128  # strengths are meant for 128 pixels
    if random.random() < 0.25:
        coarse = random.normal(0, 1.2 * unit, (2, 6, 6)).astype(np.float32)
        x, y = (cv2.resize(shift, (width, height), interpolation=cv2.INTER_CUBIC) for shift in coarse)
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        shown = cv2.remap(shown, columns + x, rows + y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blur = random.random()
    if blur < 0.25:
        sigma = random.uniform(0.3, 1.3) * unit
        shown = cv2.GaussianBlur(shown, (0, 0), sigma)
    elif blur < 0.5:
        share = random.uniform(0.4, 1)
        smaller = cv2.resize(shown, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        shown = cv2.resize(smaller, (width, height), interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.15:
        _, packed = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(50, 96))])
        shown = cv2.imdecode(packed, cv2.IMREAD_COLOR)  # type: ignore[assignment]
    gains = (1 + random.uniform(-colours, colours)) * (1 + random.uniform(-colours, colours, 3) / 2)
    bias = 127.5 + random.uniform(-colours, colours) * 255 / 2
    values = (shown.astype(np.float32) - 127.5) * gains.astype(np.float32) + np.float32(bias)
    if random.random() < 0.4:
        values += random.standard_normal(image.shape, np.float32) * random.uniform(1, 8)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def alignments(keypoints: Iterable[Floats]) -> NDArray[np.float64]:
    """[N, 2, 3] from images to aligned faces, by their five keypoints [5, 2]."""
    return np.stack([face_align.estimate_norm(points) for points in keypoints])


def aligned(image: Image, alignment: NDArray[np.float64], random: Generator | None = None) -> Image:
    """[112, 112, 3] the face as the recogniser gets it; off by what a detector may err where `random` is given."""
    if random is not None:
        turn, grow = random.normal(0, 0.035), 1 + random.normal(0, 0.03)
        matrix = grow * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = np.array([56.0, 72.0])
        shift = middle - matrix @ middle + random.normal(0, 0.8, 2)
        alignment = np.column_stack([matrix @ alignment[:, :2], matrix @ alignment[:, 2] + shift])
    return cv2.warpAffine(image, alignment, (112, 112), borderValue=0.0).astype(np.uint8)


def crop(image: Image, box: Floats, side: int) -> tuple[Image, NDArray[np.float64]]:
    """[side, side, 3] around a box, as landmarks and attributes are read from, and the matrix [2, 3] into it."""
    x1, y1, x2, y2 = (float(value) for value in box)
    scale = side / (max(x2 - x1, y2 - y1) * BEYOND)
    cropped, matrix = face_align.transform(image, ((x1 + x2) / 2, (y1 + y2) / 2), side, scale, 0)
    return cropped, matrix


def missed(box: Floats, random: Generator) -> Floats:
    """A box off by what a detector may err."""
    size = float(max(box[2] - box[0], box[3] - box[1]))
    return box + (random.normal(0, 0.02, 4) * size + np.tile(random.normal(0, 0.02, 2) * size, 2)).astype(np.float32)


@dataclass(frozen=True)
class Canvas:
    """A square picture, M faces in it, and K boxes of faces that are cut so far that any answer is right."""

    image: Image  # [side, side, 3]
    boxes: Floats  # [M, 4]
    keypoints: Floats  # [M, 5, 2]
    doubtful: Floats  # [K, 4]


def canvas(drawings: Drawings, side: int, random: Generator) -> Canvas:
    """Up to four drawings of any size, some cut so that their face is out of sight, on a ground without a face."""
    image = _empty(side, random)
    boxes, keypoints, doubtful = [], [], []
    for left, top, right, bottom in _cells(side, random):
        number = int(random.integers(len(drawings)))
        source = worn(drawings.images[number], random, 0.15)
        corner = np.array([left, top], np.float32)
        width, height = right - left, bottom - top
        scale, shift = _place(drawings.boxes[number], source.shape[1], width, height, random)
        ground = image[top:bottom, left:right].copy()
        middle = (scale - 1) / 2  # of a pixel that is enlarged, as cv2.resize does, to that of the pixels it becomes
        matrix = np.array([[scale, 0, shift[0] + middle], [0, scale, shift[1] + middle]])
        pasted = cv2.warpAffine(source, matrix, (width, height), dst=ground, borderMode=cv2.BORDER_TRANSPARENT)
        image[top:bottom, left:right] = pasted
        box = drawings.boxes[number] * scale + np.tile(shift, 2)
        inside = np.clip(box, 0, [width, height, width, height])
        share = np.prod(inside[2:] - inside[:2]) / np.prod(box[2:] - box[:2])
        if share >= SHOWN:
            boxes.append(box + np.tile(corner, 2))
            keypoints.append(drawings.keypoints[number] * scale + shift + corner)
        elif share > HIDDEN:
            doubtful.append(box + np.tile(corner, 2))
    return Canvas(
        image,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(keypoints, np.float32).reshape(-1, 5, 2),
        np.array(doubtful, np.float32).reshape(-1, 4),
    )


def _empty(side: int, random: Generator) -> Image:
    """Ground without a face: black, as insightface fills the rest of its canvas; one colour; or clouds and noise."""
    kind = random.random()
    if kind < 0.75:
        return np.full((side, side, 3), 0 if kind < 0.4 else random.integers(0, 256, 3), np.uint8)
    image = np.zeros((side, side, 3), np.float32)
    for _ in range(3):
        cells = int(2 ** random.uniform(1, np.log2(side)))
        coarse = random.normal(0, 40, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(
            coarse, (side, side), interpolation=int(random.choice([cv2.INTER_NEAREST, cv2.INTER_CUBIC]))
        )
    return np.clip(image + 127.5, 0, 255).astype(np.uint8)


def _cells(side: int, random: Generator) -> list[tuple[int, int, int, int]]:
    """The canvas whole, in two or in four parts; sometimes only its left or upper part, as a tall or wide photo is."""
    layout, at, also = random.random(), *(int(side * share) for share in random.uniform(0.3, 0.7, 2))
    if layout < 0.5:
        return [(0, 0, side, side)]
    if layout < 0.6:
        return [(0, 0, at, side)]
    if layout < 0.7:
        return [(0, 0, side, at)]
    if layout < 0.85:
        return [(0, 0, at, side), (at, 0, side, side)]
    return [(0, 0, at, also), (at, 0, side, also), (0, also, at, side), (at, also, side, side)]


def _place(box: Floats, size: int, width: int, height: int, random: Generator) -> tuple[float, Floats]:
    """Scale and shift of a drawing of `size` pixels in a cell: fitted like a photo, or its face anywhere."""
    if random.random() < 0.3:
        return min(width, height) / size, np.zeros(2, np.float32)
    face = box[2:] - box[:2]
    smallest, largest = np.log(28), np.log(max(40, 0.95 * min(width, height)))
    longest = np.exp(smallest + (largest - smallest) * np.sqrt(random.random()))  # large ones more often
    scale = float(longest / face.max())
    if random.random() < 0.2:  # anywhere, so that it may be out of sight
        middle = random.uniform(-0.3, 1.3, 2) * (width, height)
    else:
        half = np.minimum(face * scale / 2, [width / 2, height / 2])
        middle = random.uniform(half, [width, height] - half)
    return scale, (middle - (box[:2] + box[2:]) / 2 * scale).astype(np.float32)

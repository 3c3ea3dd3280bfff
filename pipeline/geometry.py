"""Where a face is cut out of a picture, at which size it is drawn again, and how it is put back.

Regions are whole pixels (x1, y1, x2, y2), the last two excluded; pictures are RGB arrays [H, W, 3] uint8.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Region = tuple[int, int, int, int]
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, not whole ones: where something was found."""


def crop_region(box: Sequence[float], crop_factor: float, width: int, height: int) -> Region:
    """The box times `crop_factor` about its centre, inside a picture of width x height.

    At a border it is shifted, not clipped; it is clipped only where it is larger than the picture. Rounding is that
    of ComfyUI-Impact-Pack, so that crops are the same to the pixel: everything is truncated towards zero.
    """
    left, top, right, bottom = map(float, box)
    x1, x2 = _span(left, right, crop_factor, width)
    y1, y2 = _span(top, bottom, crop_factor, height)
    return x1, y1, x2, y2


def _span(start: float, end: float, crop_factor: float, limit: int) -> tuple[int, int]:
    """One side of a crop region: start and end between 0 and `limit`."""
    length = (end - start) * crop_factor
    first = int(start + (end - start) / 2 - length / 2)
    if first < 0:
        return 0, int(min(limit, length))
    if first + length > limit:
        return int(max(0, limit - length)), limit
    return first, int(first + length)


def squared(box: Sequence[float]) -> Box:
    """The square about the same centre whose sides are the box's longer one."""
    left, top, right, bottom = map(float, box)
    x, y, half = (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) / 2
    return x - half, y - half, x + half, y + half


def working_size(region: Region, size: int, multiple: int = 8) -> tuple[int, int]:
    """(width, height) at which a region is drawn: `size` x `size` for a square one, else the region's aspect and
    about as many pixels. Both are multiples of `multiple`, at least one of them."""
    x1, y1, x2, y2 = region
    aspect = (x2 - x1) / (y2 - y1)
    width, height = (max(1, round(side / multiple)) * multiple for side in (size * aspect**0.5, size / aspect**0.5))
    return width, height


def magnify(image: NDArray[np.uint8], region: Region, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The region of a picture at (width, height), resampled with Lanczos."""
    x1, y1, x2, y2 = region
    return _resized(image[y1:y2, x1:x2], size)


def paste(
    image: NDArray[np.uint8], region: Region, face: NDArray[np.uint8], mask: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """A new picture with the face put back into the region: (1 - mask) x image + mask x face.

    The face [h, w, 3] of any size is brought to the region's with Lanczos; the mask is the region's size, 0..1.
    Pixels where the mask is 0, and all outside the region, are those of `image` bit for bit.
    """
    x1, y1, x2, y2 = region
    face = _resized(face, (x2 - x1, y2 - y1))
    before = image[y1:y2, x1:x2].astype(np.float32)
    # As a step away from what was there, a mask of 0 or 1 gives exactly one of the two.
    blended = before + mask[:, :, None] * (face - before)
    pasted = image.copy()
    pasted[y1:y2, x1:x2] = np.rint(blended).astype(np.uint8)
    return pasted


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image at (width, height). Pillow's Lanczos and not OpenCV's: a face that is brought back to its region gets
    smaller, and OpenCV's looks at eight pixels a side however many the new one covers."""
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))

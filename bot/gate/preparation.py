"""Preparation: a picture as the numbers that a classifier reads, as its `preprocessor_config.json` says.

By hand, as transformers' own image processors need torchvision, which Atelier does without.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from bot.settings import BadSettings
from sweeps.words import quote

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_SIDE = 2048
LONGEST_RATIO = 8
"""What is longer is cut to that first, so that no picture becomes millions of pixels long."""
FOR_SMALL_CONVNEXT = 384
"""Below this size ConvNeXt's pictures are scaled to 1/crop_pct of it and cropped (ConvNextImageProcessor)."""


@dataclass(frozen=True)
class Preparation:
    """Resized to `size` (width, height; None: left as it is) or so that the shorter side has `shortest` pixels, cropped
    to `crop` around the centre, times `scale`, minus `mean`, divided by `deviation` for each of red, green and blue.
    """

    size: tuple[int, int] | None = (224, 224)
    shortest: int | None = None
    crop: tuple[int, int] | None = None
    resample: int = Image.Resampling.BILINEAR
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    deviation: tuple[float, ...] = (0.5, 0.5, 0.5)

    def numbers(self, picture: Image.Image) -> "NDArray[np.float32]":
        """An RGB picture as [1, 3, height, width]."""
        import numpy as np

        picture = _not_too_long(picture)
        if self.shortest is not None:
            width, height = (side * self.shortest // min(picture.size) for side in picture.size)
            picture = picture.resize((width, height), self.resample)
        elif self.size is not None:
            picture = picture.resize(self.size, self.resample)
        if self.crop is not None:
            picture = _centre(picture, self.crop)
        values = np.asarray(picture, np.float32) * np.float32(self.scale)
        values -= np.asarray(self.mean, np.float32)
        values /= np.asarray(self.deviation, np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)


def read_preparation(said: Mapping[str, object], fallback: int = 224) -> Preparation:
    """What a `preprocessor_config.json` says; a square of `fallback` pixels where it tells no size.

    Raises BadSettings.
    """
    size: tuple[int, int] | None = (fallback, fallback)
    shortest: int | None = None
    given = said.get("size")
    crops = bool(said.get("do_center_crop", said.get("crop_size") is not None))
    match given:
        case None:
            pass
        case Mapping() if "shortest_edge" in given:
            size, shortest = None, _side(given["shortest_edge"], "size.shortest_edge")
        case Mapping():
            size = (_side(given.get("width"), "size.width"), _side(given.get("height"), "size.height"))
        case [height, width]:
            size = (_side(width, "size"), _side(height, "size"))
        case _ if crops:
            size, shortest = None, _side(given, "size")
        case _:
            size = (_side(given, "size"),) * 2
    crop = _crop(said.get("crop_size"), shortest, size) if crops else None
    kind = said.get("image_processor_type") or said.get("feature_extractor_type")
    if shortest is not None and "convnext" in str(kind).lower():
        if shortest < FOR_SMALL_CONVNEXT:
            crop = (shortest, shortest)
            shortest = int(shortest / _number(said, "crop_pct", 224 / 256))
        else:
            size, shortest = (shortest, shortest), None
    if said.get("do_resize") is False:
        size = shortest = None
    normalizes = said.get("do_normalize", True) is not False
    resample = said.get("resample", Image.Resampling.BILINEAR)
    if isinstance(resample, bool) or not isinstance(resample, int) or resample not in range(6):
        raise BadSettings(f"resample: expected one of Pillow's filters, 0 to 5, got {quote(resample)}")
    return Preparation(
        size,
        shortest,
        crop,
        resample,
        _number(said, "rescale_factor", 1 / 255) if said.get("do_rescale", True) is not False else 1.0,
        _triple(said, "image_mean") if normalizes else (0.0, 0.0, 0.0),
        _triple(said, "image_std") if normalizes else (1.0, 1.0, 1.0),
    )


def _crop(said: object, shortest: int | None, size: tuple[int, int] | None) -> tuple[int, int] | None:
    match said:
        case None:
            return (shortest, shortest) if shortest is not None else size
        case Mapping():
            return _side(said.get("width"), "crop_size.width"), _side(said.get("height"), "crop_size.height")
    return (_side(said, "crop_size"),) * 2


def _side(value: object, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_SIDE:
        raise BadSettings(f"{path}: expected a number of pixels from 1 to {LARGEST_SIDE}, got {quote(value)}")
    return value


def _number(said: Mapping[str, object], key: str, default: float) -> float:
    value = said.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise BadSettings(f"{key}: expected a number above 0, got {quote(value)}")
    return float(value)


def _triple(said: Mapping[str, object], key: str) -> tuple[float, ...]:
    value = said.get(key, [0.5, 0.5, 0.5])
    numbers = value if isinstance(value, list) else [value] * 3
    fit = all(isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each) for each in numbers)
    if len(numbers) != 3 or not fit or (key == "image_std" and not all(numbers)):
        raise BadSettings(f"{key}: expected three numbers, for red, green and blue, got {quote(value)}")
    return tuple(map(float, numbers))


def _not_too_long(picture: Image.Image) -> Image.Image:
    most = min(picture.size) * LONGEST_RATIO
    if max(picture.size) <= most:
        return picture
    return _centre(picture, (min(picture.width, most), min(picture.height, most)))


def _centre(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a picture; black around it where it is smaller."""
    left, top = ((has - wanted) // 2 for has, wanted in zip(picture.size, size, strict=True))
    return picture.crop((left, top, left + size[0], top + size[1]))

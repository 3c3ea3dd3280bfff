"""Uploaded pictures, opened for the console: what cannot be opened is a sentence for the member."""

import io

from PIL import Image

from bot.domain.errors import BadUpload
from pipeline.errors import BadPhoto
from pipeline.photo import open_photo

MOST_BYTES = 10 * 2**20
MOST_SIZE = f"{MOST_BYTES // 2**20} MiB"
LEAST_SIDE = 64


def open_picture(data: bytes, name: str = "The picture") -> Image.Image:
    """A PNG, JPEG or WebP as an upright RGB image without metadata, at least 64 pixels a side.

    `name` begins the sentence when it is refused: the file's name. Raises BadUpload.
    """
    try:
        picture = open_photo(data, name)
    except BadPhoto as error:
        raise BadUpload(str(error)) from error
    if min(picture.size) < LEAST_SIDE:
        width, height = picture.size
        raise BadUpload(f"{name} has {width} × {height} pixels; at least {LEAST_SIDE} a side are needed.")
    return picture


def within(picture: Image.Image, side: int) -> Image.Image:
    """The picture, scaled down where its longer side has more than `side` pixels."""
    if max(picture.size) <= side:
        return picture
    scale = side / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def to_png(picture: Image.Image) -> bytes:
    """The picture as PNG bytes, its pixels and nothing else."""
    png = io.BytesIO()
    picture.save(png, "PNG", compress_level=3)
    return png.getvalue()

"""Small pictures, made of a stored picture or a person's photo after it was judged."""

import io

from bot.domain.errors import BadUpload
from bot.pictures import open_picture, within
from bot.wall.shelf import Kept, digest

SIDE = 480
"""Pixels of the longest side; a phone shows two beside each other, a desk's screen about five."""
QUALITY = 80
PNG = b"\x89PNG\r\n\x1a\n"


class Unfit(Exception):
    """A file that is not served, with a sentence that says why."""


def check(image: str, png: bytes) -> None:
    """A stored picture is what its name says, and a PNG. Raises Unfit."""
    if digest(png) != image:
        raise Unfit("its bytes are others than its name says; it was changed or cut on disk")
    if not png.startswith(PNG):
        raise Unfit("it is no PNG, whatever its name says")


def make(source: str, data: bytes, name: str) -> tuple[Kept, bytes]:
    """A WebP of a PNG, JPEG or WebP, its pixels alone; `name` begins the sentence. Raises Unfit."""
    try:
        picture = open_picture(data, name)
    except BadUpload as error:
        raise Unfit(str(error)) from error
    webp = io.BytesIO()
    within(picture, SIDE).save(webp, "WEBP", quality=QUALITY, method=4)
    small = webp.getvalue()
    return Kept(source, digest(small), *picture.size, len(data)), small


def size(kept: Kept) -> tuple[int, int]:
    """Width and height of the thumbnail in pixels, as `within` scales."""
    scale = min(1.0, SIDE / max(kept.width, kept.height))
    return max(1, round(kept.width * scale)), max(1, round(kept.height * scale))

"""A person's photos as files: which those are, how one is named and read, and how an upload is cleaned."""

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

from bot.domain.errors import NotFound
from bot.domain.person import Person, same_name, short_name
from bot.pictures import MOST_BYTES, open_picture, to_png
from sweeps.words import quote

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
PNG = b"\x89PNG\r\n\x1a\n"
JPEG_QUALITY = 95


def chosen(person: Person, photo: str) -> str:
    """The file that a photo's name means: its file's, the short one, or "photo 2". Raises NotFound."""
    wanted = same_name(photo.strip())
    chosen = [
        file
        for number, file in enumerate(person.photos, start=1)
        if wanted in map(same_name, (file, short_name(file), person.called(file), f"photo {number}"))
    ]
    if len(chosen) != 1:
        there = ", ".join(person.called(file) for file in person.photos)
        raise NotFound(f"{person.name} has no photo {quote(photo)}; there are {there}.")
    return chosen[0]


def is_photo(path: Path) -> bool:
    """Whether it is a picture's file by its name, neither hidden nor a link nor a pipe."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return False
    return stat.S_ISREG(path.lstat().st_mode)


def cleaned(name: str, data: bytes) -> tuple[str, bytes]:
    """An upload as it is kept: the file's name, by its content, and its pixels alone. Raises BadUpload."""
    picture = open_picture(data, name)
    clean, suffix = (to_png(picture), ".png") if data.startswith(PNG) else (b"", "")
    if not clean or len(clean) > MOST_BYTES:
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        clean, suffix = jpeg.getvalue(), ".jpg"
    return hashlib.sha256(clean).hexdigest() + suffix, clean


def read(path: Path) -> bytes:
    """A plain file's bytes; a link is refused, also one that was put there a moment ago. Raises OSError."""
    # Opening a pipe would wait for somebody to write, for ever, and with it whoever waits for us.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        return file.read()

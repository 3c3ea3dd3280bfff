"""What was made of pictures, kept on disk so that it is made once.

A file's name tells all there is to know of it (of what it was made, the hash of what is served, the size of the
original), so the shelf is known by its names alone, and whatever does not fit its name is thrown away.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HALF_DONE = ".part-"
NAME = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})\.(\d{1,5})x(\d{1,5})\.(\d{1,12})\.([a-z0-9]{3,4})")
STALE_SECONDS = 3600
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of the shelf, made of `source`; `digest` is the SHA-256 of what is served by it.

    `width`, `height` (in pixels) and `size` (in bytes) are those of the original.
    """

    source: str
    digest: str
    width: int
    height: int
    size: int

    def file(self, suffix: str) -> str:
        """Its file's name."""
        return f"{self.source}.{self.digest}.{self.width}x{self.height}.{self.size}.{suffix}"


class Shelf:
    """Files of one kind (`suffix`, without a dot) in a folder. Its methods read and write the disk."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix

    def survey(self) -> dict[str, Kept]:
        """All that is there, by source; what a crash left half written is deleted. Opens no file."""
        found: dict[str, Kept] = {}
        with suppress(FileNotFoundError), os.scandir(self._folder) as drawers:
            for drawer in drawers:
                if len(drawer.name) == 2 and drawer.is_dir(follow_symlinks=False):
                    for kept in self._in(Path(drawer.path)):
                        found[kept.source] = kept
        return found

    def find(self, source: str) -> Kept | None:
        """What is there of that source; another console may have made it."""
        return next(iter(self._in(self._folder / source[:2], source)), None)

    def read(self, kept: Kept) -> bytes | None:
        """A file's bytes; None where it cannot be read. Who asks compares the digest. Never raises OSError."""
        try:
            return read_file(self._path(kept))
        except OSError:
            return None

    def put(self, kept: Kept, data: bytes) -> None:
        """Keep a file; it appears whole, and others made of the same source go. Raises OSError."""
        path = self._path(kept)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=HALF_DONE)
        try:
            # Without fsync: what a loss of power leaves of it does not fit its name, and is made anew.
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for other in self._in(path.parent, kept.source):
            if other != kept:
                self._path(other).unlink(missing_ok=True)

    def remove(self, sources: Collection[str]) -> None:
        """Delete all that was made of these. Raises OSError."""
        for source in sources:
            for kept in self._in(self._folder / source[:2], source):
                self._path(kept).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all of it. Raises OSError."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder)

    def _in(self, drawer: Path, source: str = "") -> list[Kept]:
        found = []
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(drawer) as entries:
            for entry in entries:
                if entry.name.startswith(source) and (match := NAME.fullmatch(entry.name)):
                    of, digest, width, height, size, suffix = match.groups()
                    if suffix == self._suffix and of[:2] == drawer.name:
                        found.append(Kept(of, digest, int(width), int(height), int(size)))
                elif entry.name.startswith(HALF_DONE) and _left_behind(entry):
                    Path(entry.path).unlink(missing_ok=True)
        return found

    def _path(self, kept: Kept) -> Path:
        return self._folder / kept.source[:2] / kept.file(self._suffix)


def _left_behind(entry: "os.DirEntry[str]") -> bool:
    """Whether nobody writes it any more; another console may be at work in the same folder."""
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False).st_mtime < time.time() - STALE_SECONDS
    return False


def read_file(path: Path) -> bytes:
    """A plain file's bytes, at most 64 MiB. Raises OSError, also for a link, a pipe or what is larger."""
    # Opening a pipe would wait for somebody to write; a link may lead anywhere.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > MOST_BYTES:
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is no plain file of at most {MOST_BYTES:,} bytes")
    with open(handle, "rb") as file:
        return file.read(facts.st_size)


def digest(data: bytes) -> str:
    """Its SHA-256, by which it is called."""
    return hashlib.sha256(data).hexdigest()

"""Finished pictures as files, addressed by content: `images/ab/abcd….png`."""

import asyncio
import errno
import hashlib
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from bot.store.files import HALF_DONE, keep, write_whole


class Images:
    """The ImageStore port on a folder. A file appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, png: bytes) -> str:
        """Store a picture; its SHA-256. Storing the same one again costs nothing."""
        return await asyncio.to_thread(self._put, png)

    async def get(self, image: str) -> bytes:
        """The picture of that SHA-256. Raises FileNotFoundError."""
        return await asyncio.to_thread(self.read, image)

    def read(self, image: str) -> bytes:
        """The same for code that already runs on a thread of its own. A link or a pipe is refused: raises OSError."""
        # Opening a pipe would wait until somebody writes into it.
        handle = os.open(self._path(image), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "it is no plain file")
        with open(handle, "rb") as file:
            return file.read()

    async def keep(self, image: str, png: bytes) -> None:
        """Store the picture of that SHA-256 again, if it is not there any more. Raises OSError."""
        await asyncio.to_thread(self._keep, image, png)

    async def remove(self, image: str, older: float = 0.0) -> bool:
        """Delete a picture's file; False where there was none, or it was put there in the last `older` seconds.

        Whoever calls this off waits all the same: they may let go of what keeps others from needing the file. Raises
        OSError.
        """
        removing = asyncio.ensure_future(asyncio.to_thread(self._remove, image, older))
        try:
            return await asyncio.shield(removing)
        except asyncio.CancelledError:
            await asyncio.wait((removing,))
            raise

    async def old(self, seconds: float) -> AsyncIterator[list[tuple[str, float]]]:
        """The pictures that were put there longer ago, a folder at a time, each with when that was (POSIX time).

        What was half written that long ago is deleted. Raises OSError.
        """
        for folder in await asyncio.to_thread(lambda: sorted(self._folder.glob("[0-9a-f][0-9a-f]"))):
            yield await asyncio.to_thread(_old, folder, time.time() - seconds)

    def _remove(self, image: str, older: float) -> bool:
        path = self._path(image)
        try:
            if older and path.lstat().st_mtime > time.time() - older:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        keep(path.parent)
        return True

    def _put(self, png: bytes) -> str:
        image = hashlib.sha256(png).hexdigest()
        with suppress(OSError):  # where there is none, or it is not ours, that is seen in a moment
            os.utime(self._path(image))  # it is as if it came now: nobody is to take it for old
        self._keep(image, png)
        return image

    def _keep(self, image: str, png: bytes) -> None:
        path = self._path(image)
        if path.exists():
            return
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            keep(self._folder)
        write_whole(path, png)

    def _path(self, image: str) -> Path:
        return self._folder / image[:2] / f"{image}.png"


def _old(folder: Path, before: float) -> list[tuple[str, float]]:
    """The pictures of one folder that were put there before, and when."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # somebody deletes it at this moment
                facts = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(facts.st_mode) or facts.st_mtime > before:
                    continue
                if entry.name.startswith(HALF_DONE):
                    os.unlink(entry.path)
                elif entry.name.endswith(".png"):
                    found.append((entry.name.removesuffix(".png"), facts.st_mtime))
    return found

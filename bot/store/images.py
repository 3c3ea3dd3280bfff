"""Finished pictures as files, addressed by content: `images/ab/abcd….png`."""

import asyncio
import errno
import hashlib
import os
import stat
from pathlib import Path

from bot.store.files import keep, write_whole


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

    async def remove(self, image: str) -> bool:
        """Delete a picture's file; False where there was none. Raises OSError."""
        return await asyncio.to_thread(self._remove, image)

    def _remove(self, image: str) -> bool:
        path = self._path(image)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        keep(path.parent)
        return True

    def _put(self, png: bytes) -> str:
        image = hashlib.sha256(png).hexdigest()
        path = self._path(image)
        if not path.exists():
            if not path.parent.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                keep(self._folder)
            write_whole(path, png)
        return image

    def _path(self, image: str) -> Path:
        return self._folder / image[:2] / f"{image}.png"

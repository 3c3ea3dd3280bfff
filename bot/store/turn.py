"""A turn at a folder: whoever changes what lies in it is alone, among threads as among consoles."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.errors import Refusal

PATIENCE_SECONDS = 10.0
AGAIN_SECONDS = 0.02

LOCK = ".lock"
"""The file that is locked; a console that dies lets go of it, as the kernel sees to that."""


class Turn:
    """Turns at one folder. What is read within one is as it was until its end."""

    def __init__(self, folder: Path, what: str) -> None:
        self._folder = folder
        self._what = what
        self._threads = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Be alone in the context; for a thread. The folder is made where it is missing.

        Raises Refusal where somebody else takes too long, OSError.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        if not self._threads.acquire(timeout=PATIENCE_SECONDS):
            raise self._busy()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            try:
                self._lock(handle, until)
                yield
            finally:
                os.close(handle)  # and with it goes the lock
        finally:
            self._threads.release()

    def _lock(self, handle: int, until: float) -> None:
        while True:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise self._busy() from None
            time.sleep(AGAIN_SECONDS)

    def _busy(self) -> Refusal:
        return Refusal(f"{self._what} are being changed elsewhere at this moment. Try again in a minute.")

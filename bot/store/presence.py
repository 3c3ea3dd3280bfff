"""Which workers of this machine live: each locks a file, and the kernel lets go of that when the process dies."""

import fcntl
import os
from pathlib import Path


class Presence:
    """Lock files in one folder, by worker. Processes that share the folder know at once when one of them is dead.

    It works across containers and reboots, and no number of a process is ever mistaken for another's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def enter(self, worker: str) -> None:
        """Hold the lock of that worker until `leave`, or the end of this process. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder / worker, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[worker] = handle

    def leave(self, worker: str, *, forgotten: bool = True) -> None:
        """Let go of the lock; not `forgotten`, others find that it is held no more, as if the process had died."""
        if forgotten:
            self.forget(worker)
        os.close(self._held.pop(worker))

    def forget(self, worker: str) -> None:
        """Nobody is to ask for that worker any more."""
        (self._folder / worker).unlink(missing_ok=True)

    def is_dead(self, worker: str) -> bool:
        """Whether that worker's process is known to have died; False also where it runs on another machine."""
        try:
            handle = os.open(self._folder / worker, os.O_RDWR)
        except OSError:  # not of this machine, or not ours to look at
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(handle)

"""Room: a folder of this process alone that is full after so many bytes, until more room is made.

Where it may, the process gets a small file system of its own (a tmpfs in a mount namespace; without root also in a user
namespace), which is full as any disk is. Where that is forbidden, as in most containers, no file of this process may
grow beyond a limit (RLIMIT_FSIZE): the kernel then refuses a write half-way just the same.
"""

import ctypes
import os
import resource
import shutil
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REMOUNT, MS_REC, MS_PRIVATE = 32, 16384, 1 << 18
LARGE = 2**28
LARGEST_FILE = 100_000
"""Less than a picture of those who need room."""


class Room:
    """The folder with its contents in little room. `way` says how that was done: "tmpfs" or "file limit"."""

    def __init__(self, folder: Path, size: int, *, own_disk: bool = True) -> None:
        self._folder = folder
        self._outside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.way = "tmpfs" if own_disk and self._mount(size) else "file limit"
        if self.way == "tmpfs":
            self._copy(self._beneath, folder)

    def narrow(self) -> None:
        """From now on it is full, if it is no disk of its own: that is full when it is."""
        if self.way != "tmpfs":
            self._limit(LARGEST_FILE)

    def enlarge(self) -> None:
        """Room has been made."""
        if self.way == "tmpfs":
            self._call("mount", b"none", self._path, b"tmpfs", MS_REMOUNT, f"size={LARGE}".encode())
        else:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            self._limit(most)

    def leave(self) -> None:
        """Everything where others see it."""
        if self.way == "tmpfs":
            self._copy(self._folder, self._beneath)
        os.close(self._outside)

    @property
    def _path(self) -> bytes:
        return os.fsencode(self._folder)

    @property
    def _beneath(self) -> Path:
        """The folder as it is for all others."""
        return Path(f"/proc/self/fd/{self._outside}")

    def _mount(self, size: int) -> bool:
        try:
            self._namespace()
            self._call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
            self._call("mount", b"none", self._path, b"tmpfs", 0, f"size={size}".encode())
        except OSError:
            return False
        return True

    def _namespace(self) -> None:
        user, group = os.geteuid(), os.getegid()
        try:
            self._call("unshare", CLONE_NEWNS)
        except OSError:
            self._call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")

    @staticmethod
    def _limit(size: int) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.copytree(source, target, dirs_exist_ok=True)

    @staticmethod
    def _call(name: str, *arguments: object) -> None:
        """A system call. Raises OSError."""
        if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
            raise OSError(ctypes.get_errno(), name)

"""Files that appear whole or not at all."""

import errno
import os
import tempfile
from pathlib import Path

HALF_DONE = ".part-"
"""How the name of what is only half written begins."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that whoever looks finds all of it, or what was there before, and so that it stays.

    It outlasts a loss of power. Raises OSError.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=HALF_DONE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        keep(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def keep(folder: Path) -> None:
    """Have the disk keep which files are in that folder, through a loss of power. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems do not know this of folders
            raise
    finally:
        os.close(handle)

"""Files that appear whole or not at all."""

import os
import tempfile
from pathlib import Path

HALF_DONE = ".part-"
"""How the name of what is only half written begins."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that whoever looks finds all of it, or what was there before. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=HALF_DONE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

"""MODEL_DIR/lock.json: which SHA-256 each model file must have, checked once for every version of a file."""

import hashlib
import json
import os
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import BadWeights


def verify(config: Config, files: list[Path]) -> None:
    """Compare the files that the lock lists with their SHA-256; BadWeights for the first that differs.

    The lock is a flat JSON object of paths relative to MODEL_DIR and hexadecimal digests. A file not listed is not
    checked. Digests already seen are remembered in the cache folder by path, size and time of change.
    """
    lock = config.model_dir / "lock.json"
    if not lock.is_file():
        return
    try:
        digests = json.loads(lock.read_text("utf-8"))
        expected = {config.model_dir / name: str(digest).lower() for name, digest in digests.items()}
    except (ValueError, AttributeError) as error:
        raise BadWeights(f"{lock} must be a JSON object of file names and SHA-256 digests ({error}).") from error
    memory = config.cache_dir / "digests.json"
    known = _remembered(memory)
    for path in files:
        if path not in expected:
            continue
        stat = path.stat()
        version = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
        if version not in known:
            with path.open("rb") as file:
                known[version] = hashlib.file_digest(file, "sha256").hexdigest()
        if known[version] != expected[path]:
            raise BadWeights(
                f"{path} is not the file that {lock} lists: its SHA-256 is {known[version]}, "
                f"expected {expected[path]}; download it again, or correct the lock."
            )
    _remember(memory, known)


def _remembered(memory: Path) -> dict[str, str]:
    try:
        return dict(json.loads(memory.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}  # only a cache: what is lost is counted again


def _remember(memory: Path, known: dict[str, str]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    draft = memory.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(known, indent=2), "utf-8")
    draft.replace(memory)

"""The SHA-256 that each model file must have: the operator's lock.json, and a shipped folder's own SHA256SUMS."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import BadWeights

SUMS = "SHA256SUMS"


def verify(config: Config, files: list[Path]) -> None:
    """Compare the files that MODEL_DIR/lock.json lists with their SHA-256; BadWeights for the first that differs.

    The lock is a flat JSON object of paths relative to MODEL_DIR and hexadecimal digests. A file not listed is not
    checked.
    """
    lock = config.model_dir / "lock.json"
    if not lock.is_file():
        return
    try:
        digests = json.loads(lock.read_text("utf-8"))
        expected = {config.model_dir / name: str(digest).lower() for name, digest in digests.items()}
    except (ValueError, AttributeError) as error:
        raise BadWeights(f"{lock} must be a JSON object of file names and SHA-256 digests ({error}).") from error
    for path, digest in _digests(config, [path for path in files if path in expected]).items():
        if digest != expected[path]:
            raise BadWeights(
                f"{path} is not the file that {lock} lists: its SHA-256 is {digest}, "
                f"expected {expected[path]}; download it again, or correct the lock."
            )


def verify_shipped(config: Config, folder: Path) -> None:
    """Compare a folder that comes with Atelier with its SHA256SUMS; BadWeights for the first file lost or changed."""
    try:
        lines = (folder / SUMS).read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError as error:
        raise BadWeights(f"{folder / SUMS} is missing; reinstall Atelier.") from error
    expected = {folder / name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if missing := [path for path in expected if not path.is_file()]:
        raise BadWeights(f"{missing[0]} is missing; reinstall Atelier.")
    for path, digest in _digests(config, list(expected)).items():
        if digest != expected[path]:
            raise BadWeights(f"{path} is not the file that came with Atelier: its SHA-256 differs; reinstall Atelier.")


def write_sums(folder: Path) -> None:
    """Write the SHA256SUMS of every file in the folder, but for texts (.md), as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS and path.suffix != ".md")
    lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), "utf-8")


def _digests(config: Config, files: list[Path]) -> Mapping[Path, str]:
    """Each file's digest, counted once for every version: remembered by path, size and time of change."""
    if not files:
        return {}
    memory = config.cache_dir / "digests.json"
    known = _remembered(memory)
    before, found = len(known), {}
    for path in files:
        stat = path.stat()
        version = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
        if version not in known:
            known[version] = _digest(path)
        found[path] = known[version]
    if len(known) > before:
        _remember(memory, known)
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

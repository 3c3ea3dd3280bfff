"""Which PhotoMaker a family draws a person with, of the files that lie in a folder (imports no torch)."""

from pathlib import Path

from pipeline import lock
from pipeline.config import Config
from pipeline.families import packs


def choose(config: Config, folder: Path) -> Path | None:
    """V2 before V1, the published file before safetensors, checked against the lock; None where there is none.

    V2 reads face embeddings: without a face-model pack in MODEL_DIR, which makes them, V1 goes first.
    """
    versions = ("v2", "v1") if packs.choose(config) else ("v1", "v2")
    for name in (f"photomaker-{version}.{kind}" for version in versions for kind in ("bin", "safetensors")):
        path = folder / name
        if path.is_file():
            lock.verify(config, [path])
            return path
    return None

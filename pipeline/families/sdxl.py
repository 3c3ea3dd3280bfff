"""Stable Diffusion XL from the operator's own disk: a diffusers folder or one file in the original layout."""

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline import lock
from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import packs
from pipeline.families.card import Card
from pipeline.families.photomaker import choose

if TYPE_CHECKING:
    from pipeline.layouts import Folder, SingleFile

CONFIGS = Path(__file__).with_name("sdxl_configs")
"""The public configs of SDXL base 1.0, for checkpoints that come as one file and carry none."""

CARD = Card(
    name="sdxl",
    title="Stable Diffusion XL",
    native_width=1024,
    native_height=1024,
    defaults=MappingProxyType({"width": 1024, "height": 1024}),
    notes="A person's face needs PhotoMaker in MODEL_DIR, and its V2 a face-model pack too.",
)


def prepare(config: Config, configs: Path = CONFIGS) -> "Folder | SingleFile":
    """`MODEL_DIR/sdxl/` or `MODEL_DIR/sdxl.safetensors`, checked against the lock; BadWeights without either."""
    from pipeline.layouts import Folder, SingleFile

    folder, single = config.model_dir / "sdxl", config.model_dir / "sdxl.safetensors"
    if folder.is_dir():
        lock.verify(config, sorted(path for path in folder.rglob("*") if path.is_file()))
        return Folder(folder)
    if single.is_file():
        lock.verify(config, [single])
        return SingleFile(single, configs)
    raise BadWeights(
        f"There are no SDXL weights: neither the folder {folder} nor the file {single} exists. "
        "Put one of them there, or set MODEL_FAMILY=sketch."
    )


def photomaker(config: Config) -> Path | None:
    """`MODEL_DIR/photomaker-v2.bin`, or what else lies there of PhotoMaker; None without."""
    return choose(config, config.model_dir)


def face_pack(config: Config) -> Path | None:
    """The operator's pack in MODEL_DIR; None without."""
    return packs.choose(config)

"""Stable Diffusion XL from the operator's own disk: a diffusers folder or one file in the original layout."""

from pathlib import Path
from types import MappingProxyType

from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families.card import Card

CONFIGS = Path(__file__).with_name("sdxl_configs")

CARD = Card(
    name="sdxl",
    title="Stable Diffusion XL",
    native_width=1024,
    native_height=1024,
    defaults=MappingProxyType({"width": 1024, "height": 1024, "detail": False}),
    notes="Base stage only in this version.",
)


def prepare(config: Config) -> Path:
    """The folder `MODEL_DIR/sdxl/` or the file `MODEL_DIR/sdxl.safetensors`; BadWeights when there is neither."""
    folder, single = config.model_dir / "sdxl", config.model_dir / "sdxl.safetensors"
    for path in (folder, single):
        if path.exists():
            return path
    raise BadWeights(
        f"No SDXL weights: neither {folder} nor {single} exists. "
        "Put a diffusers folder or a single safetensors file there, or set MODEL_FAMILY=tiny."
    )

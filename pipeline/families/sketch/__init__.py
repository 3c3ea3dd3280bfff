"""A small family with SDXL's architecture that comes with Atelier: portraits of invented people, drawn in seconds.

Its networks are 300 times smaller than SDXL's and were trained by `train` on the drawings of `draw` alone, so that it
knows the words of `captions` and no others. (Imports no torch.)
"""

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline import lock
from pipeline.config import Config
from pipeline.families.card import Card

if TYPE_CHECKING:
    from pipeline.layouts import Folder

WEIGHTS = Path(__file__).with_name("weights")

CARD = Card(
    name="sketch",
    title="Sketch (small, trained here: portraits of invented people)",
    native_width=128,
    native_height=128,
    defaults=MappingProxyType(
        {
            "width": 128,
            "height": 128,
            "steps": 20,
            "guidance_scale": 3.5,
            "detail_guidance": 3.0,
            "detail_size": 128,
            "crop_factor": 2.0,
            "denoise": 0.8,
            "start_merge_step": 2,
        }
    ),
    notes="It draws portraits: say the background, the hair, glasses, beard, hat and expression in plain words.",
)


def prepare(config: Config) -> "Folder":
    """The shipped weights, every file checked against their SHA256SUMS; BadWeights where one is lost or changed."""
    from pipeline.layouts import Folder

    lock.verify_shipped(config, WEIGHTS)
    return Folder(WEIGHTS)


def photomaker(config: Config) -> Path | None:
    """The shipped PhotoMaker, whatever lies in MODEL_DIR: no other fits these networks."""
    return WEIGHTS / "photomaker-v2.safetensors"


def face_pack(config: Config) -> Path | None:
    """The shipped pack, whatever lies in MODEL_DIR: the PhotoMaker was trained with this recogniser."""
    return WEIGHTS / "insightface" / "models" / "sketch"

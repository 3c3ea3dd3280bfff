"""The two layouts that a family's weights come in: a diffusers folder, and one file in SDXL's original layout.

Either tells where its configs and tokenizers lie and hands out one network's tensors under diffusers' names.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import single_file_utils as original
from torch import nn

from pipeline.errors import BadWeights
from pipeline.tensors import Tensors, read_tensors


@dataclass(frozen=True)
class Folder:
    """Diffusers' layout: each network is a subfolder with its `config.json` and its safetensors."""

    path: Path

    @property
    def configs(self) -> Path:
        return self.path

    @property
    def tokenizers(self) -> Path:
        return self.path

    def where(self, name: str) -> Path:
        return self.path / name

    def tensors(self, name: str, module: nn.Module, device: torch.device, dtype: torch.dtype) -> Tensors:
        """Every tensor of the network `name`, cast to `dtype`."""
        tensors: Tensors = {}
        for file in weight_files(self.path / name):
            tensors |= read_tensors(file, device, dtype)
        return tensors


@dataclass(frozen=True)
class SingleFile:
    """SDXL's original layout: all networks in one file; the tokenizers' folders lie beside it."""

    path: Path
    configs: Path

    @property
    def tokenizers(self) -> Path:
        return self.path.parent

    def where(self, name: str) -> Path:
        return self.path

    def tensors(self, name: str, module: nn.Module, device: torch.device, dtype: torch.dtype) -> Tensors:
        """Every tensor of the network `name`, cast to `dtype` and renamed by diffusers' own conversion."""
        prefix, convert = CONVERSIONS[name]
        tensors = read_tensors(self.path, device, dtype, lambda key: key.startswith(prefix))
        try:
            return convert(tensors, module)
        except (KeyError, IndexError) as error:
            raise BadWeights(
                f"{self.path} lacks tensors of the {name} ({error}): this is no complete SDXL checkpoint; "
                "download it again."
            ) from error


CONVERSIONS: dict[str, tuple[str, Callable[[Tensors, Any], Tensors]]] = {
    "unet": (
        "model.diffusion_model.",
        lambda tensors, module: original.convert_ldm_unet_checkpoint(tensors, dict(module.config)),
    ),
    "vae": (
        "first_stage_model.",
        lambda tensors, module: original.convert_ldm_vae_checkpoint(tensors, dict(module.config)),
    ),
    "text_encoder": (
        "conditioner.embedders.0.transformer.",
        lambda tensors, module: original.convert_ldm_clip_checkpoint(tensors),
    ),
    "text_encoder_2": (
        "conditioner.embedders.1.model.",
        lambda tensors, module: original.convert_open_clip_checkpoint(
            module, tensors, prefix="conditioner.embedders.1.model."
        ),
    ),
}
"""Per network: the prefix of its tensors in the original layout, and the conversion to diffusers' names."""


def weight_files(folder: Path) -> Iterable[Path]:
    """The safetensors of one network: whole, in its half precision variant, or the shards an index lists."""
    for stem in ("diffusion_pytorch_model", "model"):
        for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
            if (folder / name).is_file():
                return [folder / name]
            index = folder / f"{name}.index.json"
            if index.is_file():
                return [folder / shard for shard in sorted(set(read_json(index)["weight_map"].values()))]
    raise BadWeights(f"{folder} holds no safetensors weights; put the family's files there again.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; BadWeights when the file is missing or holds something else."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadWeights(f"{path} is missing; put the family's files there again.") from error
    except ValueError as error:
        raise BadWeights(f"{path} is no JSON ({error}); download it again.") from error
    if not isinstance(value, dict):
        raise BadWeights(f"{path} must hold a JSON object; download it again.")
    return value

"""A family's weights on disk to modules ready to draw: the one loader of every family.

Networks are built from their configs without memory and then given their tensors, so that loading never holds
more than the weights themselves. Nothing is ever fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import Card, family
from pipeline.identity import photomaker
from pipeline.identity.photomaker import PhotoMaker
from pipeline.layouts import Folder, SingleFile, read_json
from pipeline.tensors import fill


@dataclass(frozen=True)
class Modules:
    """Everything a family draws with, on one device, in evaluation mode."""

    card: Card
    device: torch.device
    dtype: torch.dtype
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    unet: Any  # UNet2DConditionModel and AutoencoderKL, whose attributes diffusers does not declare
    vae: Any
    scheduler: Mapping[str, Any]
    photomaker: PhotoMaker | None = None
    """Whose LoRA then stands in the UNet; None where the operator has no PhotoMaker."""

    @property
    def latent_scale(self) -> int:
        """Pixels on the side of one latent pixel."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)


def load(config: Config) -> Modules:
    """The modules of the configured family, with its PhotoMaker where there is one.

    BadWeights, a sentence, for anything missing or damaged.
    """
    device = choose_device(config.device)
    dtype = choose_dtype(config.dtype, device)
    chosen = family(config)
    modules = load_layout(chosen.prepare(config), chosen.CARD, device, dtype)
    if (path := chosen.photomaker(config)) is None:
        return modules
    # Once, and not for each recipe: a batch of the UNet mixes pictures with a person and without.
    return replace(modules, photomaker=photomaker.load(path, modules.unet, device, dtype))


def load_layout(layout: Folder | SingleFile, card: Card, device: torch.device, dtype: torch.dtype) -> Modules:
    """The modules of weights in either layout, in `dtype` on `device`."""
    configs = layout.configs
    with init_empty_weights():
        unet: Any = UNet2DConditionModel.from_config(read_json(configs / "unet" / "config.json"))
        vae: Any = AutoencoderKL.from_config(read_json(configs / "vae" / "config.json"))
        text_encoder = CLIPTextModel(text_config(configs / "text_encoder"))
        text_encoder_2 = CLIPTextModelWithProjection(text_config(configs / "text_encoder_2"))

    def filled(name: str, module: nn.Module, wanted: torch.dtype) -> Any:
        fill(module, layout.tensors(name, module, device, wanted), layout.where(name))
        return module.to(device).eval().requires_grad_(False)

    return Modules(
        card=card,
        device=device,
        dtype=dtype,
        tokenizer=read_tokenizer(layout.tokenizers / "tokenizer"),
        tokenizer_2=read_tokenizer(layout.tokenizers / "tokenizer_2"),
        text_encoder=filled("text_encoder", text_encoder, dtype),
        text_encoder_2=filled("text_encoder_2", text_encoder_2, dtype),
        unet=filled("unet", unet, dtype),
        # force_upcast says that this VAE overflows in half precision: it stays in float32.
        vae=filled("vae", vae, torch.float32 if vae.config.force_upcast else dtype),
        scheduler=read_json(configs / "scheduler" / "scheduler_config.json"),
    )


def text_config(folder: Path) -> CLIPTextConfig:
    """A text encoder's config from its folder."""
    return CLIPTextConfig(**read_json(folder / "config.json"))


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer from its folder; BadWeights when a file is missing or damaged."""
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise BadWeights(f"{folder / name} is missing; put the family's tokenizer files there again.")
    try:
        return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # tokenizers raises bare Exception
        raise BadWeights(f"{folder} holds no CLIP tokenizer ({error}); download it again.") from error


def choose_device(name: str) -> torch.device:
    """The torch device for "auto" or a name such as "cpu" or "cuda:0"; BadWeights when it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadWeights(f'There is no device "{name}"; use "auto", "cpu" or "cuda".') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BadWeights(f'The device "{name}" needs a CUDA GPU and torch sees none; use "auto" or "cpu".')
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The torch dtype for "auto" or a name: float32 on a CPU, bfloat16 on a GPU that has it, else float16."""
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if name not in known:
        raise BadWeights(f'There is no number format "{name}"; use "auto" or one of: {", ".join(known)}.')
    return known[name]

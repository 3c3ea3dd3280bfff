"""A family's weights on disk to modules ready to draw: the one loader of every family.

The layout is diffusers' own: `unet/ vae/ text_encoder/ text_encoder_2/ tokenizer/ tokenizer_2/ scheduler/`, each
network as safetensors beside its `config.json`. A single file in the original SDXL layout is read through the same
steps, its configs taken from a folder. Networks are built without memory and given their tensors one by one.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipeline.config import Config
from pipeline.errors import BadWeights
from pipeline.families import Card, family

logger = logging.getLogger(__name__)

Tensors = Mapping[str, torch.Tensor]


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
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    scheduler: Mapping[str, object]

    @property
    def latent_scale(self) -> int:
        """Pixels on the side of one latent pixel."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)


def load(config: Config) -> Modules:
    """The modules of the configured family. Raises BadWeights, a sentence, for anything missing or damaged."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.dtype, device)
    source = family(config)
    path = source.prepare(config)
    if path.is_dir():
        return load_folder(path, source.CARD, device, dtype)
    raise BadWeights("single files come next")


def choose_device(name: str) -> torch.device:
    """The torch device for "auto" or a name such as "cpu" or "cuda:0"; BadWeights when it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadWeights(f'There is no device "{name}"; use "auto", "cpu" or "cuda".') from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BadWeights(f'The device "{name}" needs a CUDA GPU, and torch sees none; use "auto" or "cpu".')
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


def load_folder(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> Modules:
    """The modules of a diffusers folder."""

    def network(name: str, module: nn.Module, wanted: torch.dtype) -> nn.Module:
        tensors: dict[str, torch.Tensor] = {}
        for path in weight_files(folder / name):
            tensors |= read_tensors(path, device, wanted)
        return fill(module, tensors, folder / name)

    return assemble(folder, folder, card, device, dtype, network)


def assemble(configs, tokenizers, card, device, dtype, network) -> Modules:  # type: ignore[no-untyped-def]
    """Build each module empty from `configs`, give it its tensors with `network`, and put them together."""
    vae_config = read_json(configs / "vae" / "config.json")
    # force_upcast says that half precision overflows in this VAE; it then stays in float32.
    vae_dtype = torch.float32 if vae_config.get("force_upcast", True) else dtype
    with init_empty_weights():
        unet = UNet2DConditionModel.from_config(read_json(configs / "unet" / "config.json"))
        vae = AutoencoderKL.from_config(vae_config)
        text_encoder = CLIPTextModel(CLIPTextConfig(**read_json(configs / "text_encoder" / "config.json")))
        text_encoder_2 = CLIPTextModelWithProjection(
            CLIPTextConfig(**read_json(configs / "text_encoder_2" / "config.json"))
        )
    return Modules(
        card=card,
        device=device,
        dtype=dtype,
        tokenizer=read_tokenizer(tokenizers / "tokenizer"),
        tokenizer_2=read_tokenizer(tokenizers / "tokenizer_2"),
        text_encoder=network("text_encoder", text_encoder, dtype),
        text_encoder_2=network("text_encoder_2", text_encoder_2, dtype),
        unet=network("unet", unet, dtype),
        vae=network("vae", vae, vae_dtype),
        scheduler=read_json(configs / "scheduler" / "scheduler_config.json"),
    )


def fill(module: nn.Module, tensors: Tensors, path: Path) -> nn.Module:
    """The empty module with its tensors assigned; BadWeights unless every tensor is there in its shape."""
    expected = module.state_dict()
    # transformers 5 dropped the prefix `text_model.` from CLIPTextModel; files of any version carry either form.
    prefixed = any(key.startswith("text_model.") for key in expected)
    tensors = {
        key if prefixed else key.removeprefix("text_model."): tensor
        for key, tensor in tensors.items()
        if not key.endswith("position_ids")
    }
    for complaint, keys in (
        ("lacks", expected.keys() - tensors.keys()),
        ("holds unknown", tensors.keys() - expected.keys()),
        (
            "holds wrongly shaped",
            {k for k in expected.keys() & tensors.keys() if expected[k].shape != tensors[k].shape},
        ),
    ):
        if keys:
            raise BadWeights(
                f"{path} {complaint} tensors ({len(keys)}, the first is {min(keys)}): "
                "these are not the weights its config describes; download the family again."
            )
    module.load_state_dict(tensors, assign=True)
    return module.to(next(iter(tensors.values())).device).eval().requires_grad_(False)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of one network: whole, its half precision variant, or the shards an index lists."""
    for stem in ("diffusion_pytorch_model", "model"):
        for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
            if (folder / name).is_file():
                return [folder / name]
            index = folder / f"{name}.index.json"
            if index.is_file():
                return [folder / shard for shard in sorted(set(read_json(index)["weight_map"].values()))]
    raise BadWeights(f"{folder} holds no safetensors weights; put the family's files there again.")


def read_tensors(path: Path, device: torch.device, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Every tensor of a safetensors file, cast to `dtype`; BadWeights when it is missing, cut short or damaged."""
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            return {key: file.get_tensor(key).to(dtype) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError as error:
        raise BadWeights(f"{path} is missing; put the family's files there again.") from error
    except (SafetensorError, OSError) as error:
        raise BadWeights(f"{path} is cut short or damaged ({error}); download it again.") from error


def read_json(path: Path) -> dict:
    """A JSON object; BadWeights when the file is missing or no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadWeights(f"{path} is missing; put the family's files there again.") from error
    except ValueError as error:
        raise BadWeights(f"{path} is no JSON ({error}); download it again.") from error


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer from its folder; BadWeights when a file is missing (nothing is ever fetched)."""
    for name in ("vocab.json", "merges.txt"):
        if not (folder / name).is_file():
            raise BadWeights(f"{folder / name} is missing; put the family's tokenizer files there again.")
    return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)

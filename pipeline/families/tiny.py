"""A toy with SDXL's architecture: seeded random weights that paint abstract colour fields in seconds on a CPU.

The family is written into the cache folder in diffusers' own layout, once, and then loaded like any other.
"""

import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.config import Config
from pipeline.families import packs
from pipeline.families.card import Card
from pipeline.families.folder import byte_pairs, write_family, write_photomaker
from pipeline.families.photomaker import choose
from pipeline.families.words import WORDS

if TYPE_CHECKING:
    from pipeline.layouts import Folder

IDENTITY = Path(__file__).parents[1] / "identity"
SOURCES = (
    Path(__file__),
    *(Path(__file__).with_name(f"{name}.py") for name in ("folder", "words")),
    *(IDENTITY / f"{name}.py" for name in ("encoder", "fuse", "perceiver")),
)
VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]
"""Keys the cache folder: whatever changes in these files is written anew."""

CARD = Card(
    name="tiny",
    title="Tiny (random weights, abstract pictures)",
    native_width=128,
    native_height=128,
    defaults=MappingProxyType({"width": 128, "height": 128, "detail": False, "detail_size": 256}),
    notes="Random weights: it shows how everything works, not what a prompt means.",
)

SEED, TEXT_SEED = 33, 52
"""Chosen by eye among many: they paint in oranges, greens, violets and reds."""

GAINS = {
    "decoder.conv_out": 0.55,
    "add_embedding": 1.5,
    "vision_model.encoder": 2.0,
    "visual_projection": 3.0,
    "fuse_module.mlp1.fc2": 3.0,
}
"""Where unit gain is not right: less contrast in the pixels, more say for the prompt and for what a photo shows."""

TEXT_WIDTHS = (32, 32)
UNET = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [32, 64],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "transformer_layers_per_block": [1, 1],
    "attention_head_dim": [2, 4],
    "cross_attention_dim": sum(TEXT_WIDTHS),
    "norm_num_groups": 8,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + TEXT_WIDTHS[1],
}
VAE = {
    "sample_size": 128,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [16, 16, 16, 16],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "scaling_factor": 0.13025,
    "force_upcast": True,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "image_size": 28,
    "patch_size": 7,
    "projection_dim": TEXT_WIDTHS[0],
}
PERCEIVER = {"depth": 2, "dim_head": 16, "heads": 4}
LORA_RANK, LORA_GAIN = 4, 0.02
"""The LoRA changes each attention weight by this part of its size: enough to be seen in numbers, not in pictures."""
SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "interpolation_type": "linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "use_karras_sigmas": False,
}


def prepare(config: Config) -> "Folder":
    """The family's folder, built first where it is missing; safe when several processes start at once."""
    from pipeline.layouts import Folder

    folder = config.cache_dir / f"tiny-{VERSION}"
    if not folder.is_dir():
        config.cache_dir.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=config.cache_dir))
        try:
            write(building)
            building.chmod(0o755)  # mkdtemp's is private
            building.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return Folder(folder)


def photomaker(config: Config) -> Path | None:
    """The written PhotoMaker: V2 where a face-model pack makes the embeddings that it reads, else V1."""
    return choose(config, prepare(config).path)


def face_pack(config: Config) -> Path | None:
    """The operator's pack in MODEL_DIR; None without."""
    return packs.choose(config)


def write(folder: Path) -> None:
    """Write the whole family into an empty folder."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = byte_pairs(WORDS.split())
    vocabulary = len(tokenizer[0])
    first, second = (
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=2 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=pad,
        )
        for width, pad in zip(TEXT_WIDTHS, (vocabulary - 1, 0), strict=True)
    )
    encoders = CLIPTextModel(first), CLIPTextModelWithProjection(second)
    unet, vae = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE)
    for module, seed in ((encoders[0], TEXT_SEED), (encoders[1], TEXT_SEED), (unet, SEED), (vae, SEED)):
        randomise(module, seed)
    write_family(
        folder,
        CARD,
        tokenizer=tokenizer,
        text_encoders=encoders,
        unet=unet,
        vae=vae,
        scheduler=SCHEDULER,
        dtype=torch.float32,
    )
    write_photomakers(folder, unet)


def write_photomakers(folder: Path, unet: Any) -> None:
    """Write V1 and V2 for this UNet, with one and the same LoRA, so that it paints alike with either."""
    import torch

    from pipeline.identity.encoder import IDEncoder, Shape

    random, lora = torch.Generator().manual_seed(SEED), {}
    for name, weight in unet.named_parameters():
        if found := re.fullmatch(r"(.+\.attn[12])\.to_(q|k|v|out)(\.0)?\.weight", name):
            wide, deep = weight.shape
            key = f"unet.{found[1]}.processor.to_{found[2]}_lora"
            lora[f"{key}.down.weight"] = torch.randn(LORA_RANK, deep, generator=random) / deep**0.5
            lora[f"{key}.up.weight"] = torch.randn(wide, LORA_RANK, generator=random) * LORA_GAIN / LORA_RANK**0.5
    width = sum(TEXT_WIDTHS)
    shapes = {
        "v1": Shape(VISION, cross_attention_dim=width, tokens=1),
        "v2": Shape(VISION, cross_attention_dim=width, tokens=2, id_embeds_dim=512, perceiver=PERCEIVER),
    }
    for version, shape in shapes.items():
        encoder = IDEncoder(shape)
        randomise(encoder)
        path = folder / f"photomaker-{version}.safetensors"
        write_photomaker(path, encoder.state_dict(), lora, shape, torch.float32)


def randomise(module: Any, seed: int = SEED) -> None:
    """Seeded weights: every matrix and kernel of unit gain, so that signals neither die nor explode.

    A 3 x 3 kernel is a random mixture of channels times one blur, which makes smooth colour fields of what would
    else be grey noise; its mixture sums to zero, so that no activation's positive mean outshines the rest.
    """
    import torch

    blur = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))
    blur /= blur.norm()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "embedding.weight" in name or "class_embedding" in name:
                weight.normal_(generator=random)
            elif weight.ndim >= 2:
                mixture = torch.randn(weight.shape[:2], generator=random) / weight.shape[1] ** 0.5
                if weight.shape[2:] == blur.shape:
                    mixture -= mixture.mean(dim=1, keepdim=True)
                    weight.copy_(mixture[:, :, None, None] * blur)
                else:
                    weight.copy_(mixture.reshape(weight.shape))
                weight *= next((gain for part, gain in GAINS.items() if part in name), 1.0)
            elif name.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=random) * 0.2)

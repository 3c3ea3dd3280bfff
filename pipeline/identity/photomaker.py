"""PhotoMaker, loaded: the ID encoder, and its LoRA in the UNet that it was loaded for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessorPil

from pipeline.errors import BadWeights
from pipeline.identity import checkpoint
from pipeline.identity.encoder import IDEncoder
from pipeline.identity.lora import Lora


@dataclass(frozen=True)
class PhotoMaker:
    """Version 1 or 2, which differ in what they read of a photo and in the tokens that they make of it."""

    encoder: IDEncoder
    lora: Lora
    path: Path

    @property
    def version(self) -> str:
        return "v2" if self.needs_embeddings else "v1"

    @property
    def tokens(self) -> int:
        """ID tokens, hence class tokens in the prompt, for each photo."""
        return self.encoder.shape.tokens

    @property
    def needs_embeddings(self) -> bool:
        """Whether each photo comes with the raw embedding of its face (V2)."""
        return self.encoder.shape.id_embeds_dim is not None

    def pixels(self, photos: Sequence[Image.Image]) -> Tensor:
        """[n, 3, S, S] float32 on the CPU: the shorter side to S, the middle cut out, normed as CLIP was trained."""
        side = self.encoder.shape.vision["image_size"]
        processor = CLIPImageProcessorPil(
            size={"shortest_edge": side},
            crop_size={"height": side, "width": side},
        )
        return processor(list(photos), return_tensors="pt").pixel_values


def load(path: Path, unet: Any, device: torch.device, dtype: torch.dtype) -> PhotoMaker:
    """Read the checkpoint, build the encoder in `dtype` on `device` and fuse the LoRA into `unet`, in its own dtype.

    BadWeights, a sentence, for a checkpoint that is damaged or made for another UNet; the UNet is then unchanged.
    """
    found = checkpoint.read(path)
    wanted = unet.config.cross_attention_dim
    if found.shape.cross_attention_dim != wanted:
        raise BadWeights(
            f"{path} makes embeds of width {found.shape.cross_attention_dim} and this UNet reads {wanted}; "
            "use the PhotoMaker that was made for this family."
        )
    return PhotoMaker(found.build(device, dtype), Lora.fuse(unet, found.lora, path), path)

"""IDEncoder: photos of a person and a prompt's embeds to embeds in which the class word means this person.

PhotoMaker V1 (one token a photo, from CLIP alone) and V2 (two tokens, from a face embedding and CLIP's patches),
after TencentARC/PhotoMaker's model.py and model_v2.py; the names of the parts are those of its checkpoints.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from pipeline.identity.fuse import FuseModule
from pipeline.identity.perceiver import QFormerPerceiver


@dataclass(frozen=True)
class Shape:
    """What an ID encoder is built from: the real sizes are `V1` and `V2`."""

    vision: Mapping[str, Any]
    """CLIPVisionConfig's keywords."""
    cross_attention_dim: int
    """D: the width of the prompt embeds."""
    tokens: int
    """ID tokens a photo."""
    id_embeds_dim: int | None = None
    """E: the width of a face embedding; None where none is read (V1)."""
    perceiver: Mapping[str, int] = field(default_factory=dict)
    """V2's resampler: depth, dim_head and heads."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The reverse of `to_json`; ValueError or TypeError for anything else."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))


VISION = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "patch_size": 14,
    "image_size": 224,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
"""CLIP ViT-L/14, as PhotoMaker was trained on it."""

V1 = Shape(VISION, cross_attention_dim=2048, tokens=1)
V2 = Shape(
    VISION, cross_attention_dim=2048, tokens=2, id_embeds_dim=512, perceiver={"depth": 4, "dim_head": 128, "heads": 16}
)


class IDEncoder(nn.Module):
    """CLIP's vision tower, for V2 the Q-former on top of it, and the fuse module."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        config = CLIPVisionConfig(**shape.vision)
        clip = CLIPVisionModelWithProjection(config)
        self.vision_model, self.visual_projection = clip.vision_model, clip.visual_projection
        # V1's one token is both projections side by side, as SDXL's two text encoders lie; V2 has them without use.
        rest = shape.cross_attention_dim - config.projection_dim
        self.visual_projection_2 = nn.Linear(config.hidden_size, rest, bias=False)
        self.fuse_module = FuseModule(shape.cross_attention_dim)
        self.qformer_perceiver: QFormerPerceiver | None = None
        if shape.id_embeds_dim is not None:
            self.qformer_perceiver = QFormerPerceiver(
                shape.id_embeds_dim, shape.cross_attention_dim, shape.tokens, config.hidden_size, shape.perceiver
            )

    def forward(
        self, pixels: Tensor, prompt_embeds: Tensor, class_tokens_mask: Tensor, id_embeds: Tensor | None = None
    ) -> Tensor:
        """New prompt embeds [B, 77, D] with the person at the masked positions; those given stay as they were.

        `pixels` [B, n, 3, S, S] as CLIP's image processor makes them, `prompt_embeds` [B, 77, D],
        `class_tokens_mask` [B, 77] with n x tokens positions marked in each row, wherever they lie, and
        `id_embeds` [B, n, E], raw, not normed, one for each photo in their order; V1 does not read them.
        ValueError, a sentence, when the numbers of rows, photos and marked positions do not fit together.
        """
        if pixels.ndim != 5:
            raise ValueError(f"Expected photos of shape [rows, photos, 3, S, S], got {list(pixels.shape)}.")
        rows = pixels.shape[:2]  # B, n
        faces = self._faces(id_embeds, rows)
        # One run of the vision tower for all photos: [B·n, 1 + patches, hidden], and its class token [B·n, hidden].
        seen = self.vision_model(pixels.flatten(0, 1))
        if self.qformer_perceiver is not None and faces is not None:
            # V2: the hidden states as the last layer left them, before post_layernorm.
            tokens = self.qformer_perceiver(faces, seen.last_hidden_state)  # [B·n, 2, D]
        else:
            # V1: the class token behind post_layernorm.
            projections = (self.visual_projection, self.visual_projection_2)
            tokens = torch.cat([project(seen.pooler_output) for project in projections], dim=-1)[:, None]  # [B·n, 1, D]
        return self.fuse_module(prompt_embeds, tokens.unflatten(0, rows), class_tokens_mask)

    def _faces(self, id_embeds: Tensor | None, rows: torch.Size) -> Tensor | None:
        """The face embeddings [B·n, E] in this module's dtype; None for V1."""
        width = self.shape.id_embeds_dim
        if width is None:
            return None
        if id_embeds is None:
            raise ValueError("PhotoMaker V2 needs a face embedding for each photo, and got none.")
        if id_embeds.shape != (*rows, width):
            raise ValueError(
                f"Expected face embeddings of shape {[*rows, width]}, one for each photo, got {list(id_embeds.shape)}."
            )
        return id_embeds.flatten(0, 1).to(self.visual_projection.weight.dtype)

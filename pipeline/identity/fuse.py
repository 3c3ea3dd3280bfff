"""FuseModule: writes a person's ID embeds into the class tokens of a prompt.

After TencentARC/PhotoMaker's model.py; the names of the parts are those of its checkpoints.
"""

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """A normed layer pair: [..., width_in] to [..., width]."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(width_in)
        self.fc1 = nn.Linear(width_in, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(self.layernorm(x))))


class FuseModule(nn.Module):
    """Prompt embeds [B, 77, D] and ID embeds [B, n, tokens, D] to prompt embeds changed only where the mask says so."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.mlp1 = Mlp(2 * embed_dim, embed_dim)
        self.mlp2 = Mlp(embed_dim, embed_dim)
        self.layer_norm = nn.LayerNorm(embed_dim)

    def fuse_fn(self, prompt_embeds: Tensor, id_embeds: Tensor) -> Tensor:
        """One class token with one ID token: [K, D] and [K, D] to [K, D]."""
        mixed = self.mlp1(torch.cat([prompt_embeds, id_embeds], dim=-1)) + prompt_embeds
        return self.layer_norm(self.mlp2(mixed) + mixed)

    def forward(self, prompt_embeds: Tensor, id_embeds: Tensor, class_tokens_mask: Tensor) -> Tensor:
        """The masked positions of each row take its ID tokens in order, image-major and token-minor.

        `prompt_embeds` stays as it was and decides the result's dtype. ValueError unless every row of
        `class_tokens_mask` [B, 77] marks n x tokens positions.
        """
        batch, images, tokens = id_embeds.shape[:3]
        mask = class_tokens_mask.bool()
        if prompt_embeds.shape[0] != batch or mask.shape != prompt_embeds.shape[:2]:
            raise ValueError(
                f"The class token mask {list(mask.shape)} and the prompt embeds {list(prompt_embeds.shape)} "
                f"do not fit ID embeds of {batch} rows; give each row one prompt and one mask."
            )
        for row, marked in enumerate(mask.sum(dim=1).tolist()):
            if marked != images * tokens:
                raise ValueError(
                    f"Row {row} of the class token mask marks {marked} positions, expected {images * tokens}: "
                    f"{tokens} for each of {images} photos."
                )
        dtype = self.layer_norm.weight.dtype
        # [K, D] each: boolean indexing walks row by row, as the flattened ID tokens do.
        words, faces = prompt_embeds[mask].to(dtype), id_embeds.flatten(0, 2).to(dtype)
        updated = prompt_embeds.clone()
        updated[mask] = self.fuse_fn(words, faces).to(updated.dtype)
        return updated

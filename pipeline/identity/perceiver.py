"""V2's Q-former: a face's recognition embedding asks the photo's patches what else there is to see.

After TencentARC/PhotoMaker's model_v2.py and resampler.py (the perceiver resampler of Flamingo, arXiv 2204.14198);
the names of the parts are those of its checkpoints.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class PerceiverAttention(nn.Module):
    """Latents [N, L, D] attend over features [N, P, D] and themselves; no residual, no biases."""

    def __init__(self, dim: int, dim_head: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, dim_head * heads, bias=False)
        self.to_kv = nn.Linear(dim, 2 * dim_head * heads, bias=False)
        self.to_out = nn.Linear(dim_head * heads, dim, bias=False)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        latents = self.norm2(latents)
        key, value = self.to_kv(torch.cat([self.norm1(x), latents], dim=1)).chunk(2, dim=-1)  # [N, P + L, heads·d]
        # [N, L, heads·d] to [N, heads, L, d]
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.to_q(latents), key, value)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.to_out(seen.transpose(1, 2).flatten(2))


class FacePerceiverResampler(nn.Module):
    """Latents [N, L, dim] and image features [N, P, embedding_dim] to [N, L, output_dim]."""

    def __init__(
        self, dim: int, depth: int, dim_head: int, heads: int, embedding_dim: int, output_dim: int, ff_mult: int = 4
    ) -> None:
        super().__init__()
        self.proj_in = nn.Linear(embedding_dim, dim)
        self.proj_out = nn.Linear(dim, output_dim)
        self.norm_out = nn.LayerNorm(output_dim)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(dim, dim_head, heads), feed_forward(dim, ff_mult)]) for _ in range(depth)
        )

    def forward(self, latents: Tensor, x: Tensor) -> Tensor:
        x = self.proj_in(x)  # [N, P, dim]
        for layer in self.layers:
            attend, feed = layer.children()
            latents = attend(x, latents) + latents
            latents = feed(latents) + latents
        return self.norm_out(self.proj_out(latents))


def feed_forward(dim: int, mult: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, dim * mult, bias=False), nn.GELU(), nn.Linear(dim * mult, dim, bias=False)
    )


class QFormerPerceiver(nn.Module):
    """Raw face embeddings [N, E] and the vision tower's hidden states [N, P, hidden] to ID tokens [N, tokens, D]."""

    def __init__(
        self,
        id_embeddings_dim: int,
        cross_attention_dim: int,
        num_tokens: int,
        embedding_dim: int,
        resampler: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.token_proj = nn.Sequential(
            nn.Linear(id_embeddings_dim, 4 * id_embeddings_dim),
            nn.GELU(),
            nn.Linear(4 * id_embeddings_dim, cross_attention_dim * num_tokens),
        )
        self.token_norm = nn.LayerNorm(cross_attention_dim)
        self.perceiver_resampler = FacePerceiverResampler(
            dim=cross_attention_dim, embedding_dim=embedding_dim, output_dim=cross_attention_dim, **resampler
        )

    def forward(self, x: Tensor, last_hidden_state: Tensor) -> Tensor:
        tokens = self.token_proj(x).unflatten(-1, (self.num_tokens, -1))  # [N, tokens, D]
        tokens = self.token_norm(tokens)
        return tokens + self.perceiver_resampler(tokens, last_hidden_state)

"""Classifier-free guidance over a mixed batch: each picture has its own scale, and scale 1 needs no negative half.

Rows are grouped as [negatives, positives] for latents, embeds, pooled embeds and time ids alike.
"""

from collections.abc import Sequence

import torch


def regroup(interleaved: torch.Tensor) -> torch.Tensor:
    """[n1, p1, n2, p2, ...] to [n1, n2, ..., p1, p2, ...] along the first axis."""
    pairs = interleaved.unflatten(0, (-1, 2))
    return pairs.transpose(0, 1).flatten(0, 1)


def repeat_pair(pair: torch.Tensor, n: int) -> torch.Tensor:
    """A pair [n, p] shared by n pictures to the grouped rows [n x n, p x n]."""
    return pair.repeat_interleave(n, dim=0)


def rows(scales: Sequence[float]) -> list[int]:
    """Which rows of the grouped 2N the UNet must see: negatives only of the guided, then every positive."""
    return [i for i, scale in enumerate(scales) if scale > 1] + list(range(len(scales), 2 * len(scales)))


def combine(noise: torch.Tensor, scales: Sequence[float]) -> torch.Tensor:
    """Noise predicted for `rows(scales)` to the guided noise [N, 4, h, w]: negative + scale x (positive - negative).

    Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", in the form diffusers uses.
    """
    guided = [i for i, scale in enumerate(scales) if scale > 1]
    negative, positive = noise[: len(guided)], noise[len(guided) :]
    scale = torch.tensor([scales[i] for i in guided], dtype=noise.dtype, device=noise.device).view(
        -1, 1, 1, 1
    )
    if len(guided) == len(scales):
        return negative + scale * (positive - negative)
    mixed = positive.clone()
    mixed[guided] = negative + scale * (positive[guided] - negative)
    return mixed

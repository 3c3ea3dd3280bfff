"""Classifier-free guidance over a mixed batch: each picture has its own scale, and scale 1 needs no negative.

Rows are grouped as [negatives, positives] for latents, embeds, pooled embeds and time ids alike.
"""

from collections.abc import Sequence

import torch


def regroup(interleaved: torch.Tensor) -> torch.Tensor:
    """[n1, p1, n2, p2, ...] to [n1, n2, ..., p1, p2, ...] along the first axis."""
    return interleaved.unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1)


def gather(pairs: Sequence[torch.Tensor], scales: Sequence[float]) -> torch.Tensor:
    """N pairs [2, ...] (negative, positive) to the rows that the UNet must see: [G + N, ...], G of them guided."""
    grouped = regroup(torch.cat(tuple(pairs)))
    wanted = guided(scales) + list(range(len(scales), 2 * len(scales)))
    return grouped if len(wanted) == len(grouped) else grouped[wanted]


def combine(noise: torch.Tensor, scales: Sequence[float]) -> torch.Tensor:
    """The noise of the gathered rows [G + N, 4, h, w] to the guided noise [N, 4, h, w].

    negative + scale x (positive - negative), in float32: Ho and Salimans, "Classifier-Free Diffusion Guidance",
    in the form of the Imagen paper that diffusers uses.
    """
    pairs = guided(scales)
    negative, positive = noise[: len(pairs)].float(), noise[len(pairs) :].float()
    scale = torch.tensor([scales[i] for i in pairs], device=noise.device).view(-1, 1, 1, 1)
    if len(pairs) == len(scales):
        return negative + scale * (positive - negative)
    mixed = positive.clone()
    mixed[pairs] = negative + scale * (positive[pairs] - negative)
    return mixed


def guided(scales: Sequence[float]) -> list[int]:
    """Which of the pictures need a negative half: those whose scale is above 1."""
    return [i for i, scale in enumerate(scales) if scale > 1]

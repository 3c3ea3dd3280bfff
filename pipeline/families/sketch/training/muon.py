"""Muon: momentum whose steps are orthogonal matrices (Keller Jordan, 2024); here with AdamW for all other weights."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
WEIGHT_DECAY = 0.01
# The quintic's coefficients of the paper: they bring every singular value near 1 in five rounds.
QUINTIC = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


class Muon:
    """Steps of `lr` for matrices and kernels, which are taken as matrices, and of `adam_lr` for everything else.

    Embeddings and the layers whose names contain a word of `plain` (first and last layers) count as everything else.
    """

    def __init__(
        self, modules: nn.Module, lr: float = 0.02, adam_lr: float = 1e-3, plain: Iterable[str] = ("embed",)
    ) -> None:
        named = [(name, weight) for name, weight in modules.named_parameters() if weight.requires_grad]
        words = tuple(plain)
        self._lr, self._adam_lr = lr, adam_lr
        self._matrices = [w for name, w in named if w.ndim >= 2 and not any(word in name for word in words)]
        chosen = {id(weight) for weight in self._matrices}
        self._momenta = [torch.zeros_like(weight) for weight in self._matrices]
        rest = [weight for _, weight in named if id(weight) not in chosen]
        self._adam = torch.optim.AdamW(rest, adam_lr, betas=(0.9, 0.98), weight_decay=0.0)

    @torch.no_grad()
    def step(self, share: float) -> None:
        """One step of `share` (0..1) times the full size; gradients are gone afterwards."""
        for group in self._adam.param_groups:
            group["lr"] = self._adam_lr * share
        self._adam.step()
        self._adam.zero_grad()
        lr = self._lr * share
        for weight, momentum in zip(self._matrices, self._momenta, strict=True):
            if weight.grad is None:
                continue
            momentum.lerp_(weight.grad, 1 - MOMENTUM)
            matrix = torch.lerp(weight.grad, momentum, MOMENTUM).flatten(1)
            wide = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            weight.mul_(1 - lr * WEIGHT_DECAY).add_(orthogonal(matrix).view_as(weight), alpha=-lr * wide)
            weight.grad = None

    def state_dict(self) -> dict[str, object]:
        return {"momenta": self._momenta, "adam": self._adam.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        momenta: list[Tensor] = state["momenta"]  # type: ignore[assignment]
        for mine, saved in zip(self._momenta, momenta, strict=True):
            mine.copy_(saved)
        self._adam.load_state_dict(state["adam"])  # type: ignore[arg-type]


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with its singular values near 1 (0.7 to 1.2), by Newton-Schulz rounds in bfloat16."""
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.T if tall else x).to(matrix.dtype)

"""PhotoMaker's LoRA: low-rank updates of a UNet's attentions, fused once and taken out again without a trace."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from pipeline.errors import BadWeights

KEY = re.compile(
    r"unet\.(?P<attention>.+\.attn[12])\.processor\.to_(?P<part>[qkv]|out)_lora\.(?P<side>down|up)\.weight"
)
OTHER = {"down": "up", "up": "down"}


class Update(NamedTuple):
    """One weight [out, in] and what is added to it: up [out, rank] @ down [rank, in], at scale 1."""

    weight: Tensor
    up: Tensor
    down: Tensor


class Lora:
    """Updates that stand in a UNet's weights, with the exact weights from before on the CPU."""

    def __init__(self, bases: list[tuple[Tensor, Tensor]]) -> None:
        self._bases = bases  # (weight in the UNet, its copy from before)

    @classmethod
    def fuse(cls, unet: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> Self:
        """Add the updates to the weights, in float32, then rounded to each weight's own dtype.

        BadWeights when a tensor has no place in this UNet, no counterpart or the wrong shape; then nothing was
        changed.
        """
        bases = []
        with torch.no_grad():
            for weight, up, down in matched(unet, tensors, path):
                bases.append((weight, weight.detach().to("cpu", copy=True)))
                delta = up.to(weight.device, torch.float32) @ down.to(weight.device, torch.float32)
                weight.copy_(weight.float() + delta)
        return cls(bases)

    @property
    def attached(self) -> bool:
        return bool(self._bases)

    def detach(self) -> None:
        """Restore the weights from before, bit for bit and in place; a second time does nothing."""
        with torch.no_grad():
            for weight, base in self._bases:
                weight.copy_(base)
        self._bases.clear()


def matched(unet: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> list[Update]:
    """An update for each pair of tensors; BadWeights unless every single tensor lands."""
    if not tensors:
        raise BadWeights(f"{path} holds no LoRA tensors; download it again.")
    modules = dict(unet.named_modules())
    updates = []
    for key in sorted(tensors):
        found = KEY.fullmatch(key)
        target = modules.get(f"{found['attention']}.to_{found['part'].replace('out', 'out.0')}") if found else None
        if found is None or not isinstance(target, nn.Linear):
            raise BadWeights(
                f"{path} holds the LoRA tensor {key}, which has no place in this UNet; "
                "use the PhotoMaker that was made for this family."
            )
        start, side = key.removesuffix(f"{found['side']}.weight"), found["side"]
        other = f"{start}{OTHER[side]}.weight"
        if other not in tensors:
            raise BadWeights(f"{path} holds the LoRA tensor {key} but lacks {other}; download it again.")
        up, down = tensors[f"{start}up.weight"], tensors[f"{start}down.weight"]
        wide, deep = target.weight.shape
        if [*up.shape] != [wide, *down.shape[:1]] or [*down.shape[1:]] != [deep]:
            raise BadWeights(
                f"{path} holds the LoRA tensors {start}up.weight {list(up.shape)} and down.weight {list(down.shape)}, "
                f"expected [{wide}, rank] and [rank, {deep}]; use the PhotoMaker that was made for this family."
            )
        if side == "up":
            updates.append(Update(target.weight, up, down))
    return updates

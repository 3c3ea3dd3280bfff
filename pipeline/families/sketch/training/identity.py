"""The identity's own training: PhotoMaker's LoRA in a finished UNet's attentions, with the ID and text encoders."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pipeline.families.sketch import networks
from pipeline.families.sketch.training.denoiser import Batch, Networks, trained_denoiser
from pipeline.families.sketch.training.material import Material
from pipeline.families.sketch.training.run import train

TOLD, SHOWN = 32, 32
"""The captions keep the LoRA, which stands in the UNet for every picture, from spoiling those without a person."""
PLAIN = ("down", "up", "embed", "token_proj")
RANK = networks.LORA_RANK


class LowRank(nn.Module):
    """A weight [out, in] plus up [out, rank] @ down [rank, in], which begins as nothing."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        wide, deep = weight.shape
        self.down = nn.Parameter(torch.randn(RANK, deep) / deep**0.5)
        self.up = nn.Parameter(torch.zeros(wide, RANK))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def train_identity(
    steps: int, work: Path, seed: int = 4, look: Callable[[int, nn.Module], str] | None = None, look_every: int = 250
) -> None:
    """Train on `work`'s material, from its denoiser; see `run.train`."""
    material = Material.load(work)
    torch.manual_seed(seed)
    modules = with_lora(trained_denoiser(work, material.vocabulary))
    batch = Batch(modules, material, TOLD, SHOWN)
    train("identity", modules, batch.loss, steps, work, lr=0.005, adam_lr=3e-4, plain=PLAIN, seed=seed, look=look,
          look_every=look_every)  # fmt: skip


def trained_identity(work: Path, vocabulary: int) -> Networks:
    """The networks as that training left them, LoRA beside the weights."""
    modules = with_lora(trained_denoiser(work, vocabulary))
    modules.load_state_dict(
        torch.load(work / "identity.pt", map_location="cpu", weights_only=True, mmap=True)["average"]
    )
    return modules.eval().requires_grad_(False)


def with_lora(modules: Networks) -> Networks:
    """The networks with a LoRA on every attention of the UNet; only that and the encoders are still trained."""
    learning = [weight for weight in modules.parameters() if weight.requires_grad]
    modules.requires_grad_(False)
    for weight in learning:
        weight.requires_grad_(True)
    modules["unet"].requires_grad_(False)
    for _, layer in attentions(modules["unet"]):
        parametrize.register_parametrization(layer, "weight", LowRank(layer.weight))
    return modules


def attentions(unet: nn.Module) -> Iterator[tuple[str, Any]]:
    """The attentions' linear layers, each with PhotoMaker's name of its LoRA: `unet.<module>.processor.to_q_lora`."""
    for name, module in unet.named_modules():
        if name.endswith((".attn1", ".attn2")):
            for part in ("to_q", "to_k", "to_v", "to_out.0"):
                yield f"unet.{name}.processor.{part.removesuffix('.0')}_lora", module.get_submodule(part)


def lora_of(unet: Any) -> dict[str, Tensor]:
    """The LoRA's tensors under PhotoMaker's names; afterwards the UNet is as it was without."""
    tensors = {}
    for name, layer in attentions(unet):
        low_rank: Any = layer.parametrizations["weight"][0]
        tensors[f"{name}.down.weight"] = low_rank.down.detach().clone()
        tensors[f"{name}.up.weight"] = low_rank.up.detach().clone()
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    return tensors

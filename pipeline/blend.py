"""Differential diffusion: what a face pass takes back of the original before each of its steps.

Levin and Fried, "Differential Diffusion: Giving Each Pixel Its Strength", 2023. Where the change map is low, the
latent is replaced by the original, as noisy as it would be by now; the higher it is, the earlier that ends.
"""

from dataclasses import dataclass

import torch

from pipeline import masks, schedule
from pipeline.schedule import Scheduler


@dataclass(frozen=True)
class Blend:
    """The clean latent [N, 4, h, w], one noise of the same shape, how much is kept [N, 1, h, w] (1: all of it), and
    what `kept` is compared with at each of the steps: [steps]."""

    original: torch.Tensor
    noise: torch.Tensor
    kept: torch.Tensor
    thresholds: torch.Tensor

    def start(self, scheduler: Scheduler, first: int) -> torch.Tensor:
        """The latent that the first step begins with: the original, noisy everywhere."""
        return schedule.noised(scheduler, self.original, self.noise, first)

    def mix(self, latents: torch.Tensor, scheduler: Scheduler, first: int, step: int) -> torch.Tensor:
        """The latent before step `step` of those that are run; `first` is the scheduler's index of step 0."""
        noised = schedule.noised(scheduler, self.original, self.noise, first + step)
        return masks.mix(latents, noised, masks.keep(self.kept, self.thresholds[step]))

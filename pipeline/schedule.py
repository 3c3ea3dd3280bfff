"""Noise schedules and samplers: which sigmas a picture walks, and the diffusers scheduler that walks them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from pipeline.errors import BadRecipe
from sweeps.parameters import SAMPLER_SCHEDULES

AYS_SIGMAS = (
    14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141,
    0.5550693289, 0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582,
)  # fmt: skip
"""The schedule published for SDXL (Sabour, Fidler and Kreis, "Align Your Steps", 2024)."""


class Scheduler(Protocol):
    """What the engine uses of a diffusers scheduler, one instance a picture."""

    timesteps: torch.Tensor
    init_noise_sigma: float

    def scale_model_input(self, sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        """The latent as the UNet wants it at that timestep."""

    def step(self, model_output: torch.Tensor, timestep: torch.Tensor, sample: torch.Tensor, **extras: Any) -> Any:
        """The latent after that timestep, as `.prev_sample`."""


@dataclass(frozen=True)
class Sampler:
    """A diffusers scheduler class, the options that make it this sampler, and whether its steps draw noise."""

    scheduler: Any
    options: Mapping[str, object] = field(default_factory=dict)
    draws_noise: bool = False


SAMPLERS = {
    "euler": Sampler(EulerDiscreteScheduler),
    "dpmpp_2m": Sampler(DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
    "dpmpp_2m_sde": Sampler(DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}, draws_noise=True),
    "unipc": Sampler(UniPCMultistepScheduler),
    "euler_a": Sampler(EulerAncestralDiscreteScheduler, draws_noise=True),
    "ddim": Sampler(DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
}


def ays_sigmas(steps: int) -> np.ndarray:
    """The AYS sigmas for any number of steps: [steps + 1], descending, the last one 0.

    Log-linear interpolation of the published sigmas; ten steps give them verbatim.
    """
    anchors = np.linspace(0, 1, len(AYS_SIGMAS))
    wanted = np.linspace(0, 1, steps + 1)
    sigmas = np.exp(np.interp(wanted, anchors, np.log(AYS_SIGMAS[::-1])))[::-1].copy()
    sigmas[-1] = 0.0
    return sigmas


def ays_timesteps(scheduler: Any, steps: int) -> np.ndarray:
    """The timesteps [steps] of `ays_sigmas`, as floats (rounded ones repeat from 100 steps on)."""
    training = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt().numpy()
    return np.interp(np.log(ays_sigmas(steps)[:-1]), np.log(training), np.arange(len(training)))


def build(config: Mapping[str, Any], sampler: str, schedule: str, steps: int, first: int = 0) -> Scheduler:
    """A scheduler ready to step: `timesteps` [steps] set, starting at index `first`.

    `config` is the family's scheduler config. Raises BadRecipe for a pair of sampler and schedule that does not exist.
    """
    schedules = SAMPLER_SCHEDULES.get(sampler)
    if schedules is None:
        raise BadRecipe(f'There is no sampler "{sampler}"; choose one of: {", ".join(SAMPLER_SCHEDULES)}.')
    if schedule not in schedules:
        fitting = [name for name, offered in SAMPLER_SCHEDULES.items() if schedule in offered]
        elsewhere = f' The schedule "{schedule}" exists for: {", ".join(fitting)}.' if fitting else ""
        raise BadRecipe(
            f'The sampler "{sampler}" has the schedules: {", ".join(schedules)}; not "{schedule}".{elsewhere}'
        )
    kind = SAMPLERS[sampler]
    options = dict(kind.options)
    if schedule == "karras":
        options["use_karras_sigmas"] = True
    scheduler = kind.scheduler.from_config(dict(config), **options)
    scheduler.set_timesteps(steps)
    if schedule == "ays":
        # Only Euler takes sigmas; DPM++ takes timesteps, but truncates them. What it walks are these two tensors.
        scheduler.sigmas = torch.from_numpy(ays_sigmas(steps).astype(np.float32))
        scheduler.timesteps = torch.from_numpy(ays_timesteps(scheduler, steps).astype(np.float32))
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)  # else a repeated timestep is looked up at its second place
    return scheduler


def noised(scheduler: Any, original: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
    """The clean latent [1, 4, h, w] as noisy as the scheduler has it at its timestep `index`.

    Not the scheduler's own `add_noise`: once a begin index is set, Euler's takes that one's sigma for every timestep.
    """
    if not hasattr(scheduler, "sigmas"):  # DDIM walks the training schedule itself
        kept = scheduler.alphas_cumprod[int(scheduler.timesteps[index])]
        return kept.sqrt() * original + (1 - kept).sqrt() * noise
    sigma = scheduler.sigmas[index]
    spread = original + sigma * noise
    if isinstance(scheduler, EulerDiscreteScheduler | EulerAncestralDiscreteScheduler):
        return spread
    return spread / (sigma**2 + 1).sqrt()  # DPM++ and UniPC keep the variance at one

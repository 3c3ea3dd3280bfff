"""One latent walking its timesteps."""

import torch

from pipeline.prompt import Conditioning
from pipeline.schedule import Scheduler


class Trajectory:
    """A latent [1, 4, h, w] in float32, its own scheduler and its own generator, between two steps.

    `time_ids` [2, 6] and `conditioning` hold a negative and a positive row. Nothing here changes unless `advance` is
    called, so a UNet call that failed can be made again.
    """

    def __init__(
        self,
        latents: torch.Tensor,
        scheduler: Scheduler,
        conditioning: Conditioning,
        time_ids: torch.Tensor,
        guidance: float,
        noise: torch.Generator | None = None,
    ) -> None:
        self.latents = latents
        self.scheduler = scheduler
        self.conditioning = conditioning
        self.time_ids = time_ids
        self.guidance = guidance
        self.done_steps = 0
        self._extras = {} if noise is None else {"generator": noise}

    @property
    def steps(self) -> int:
        """How many steps the whole way has."""
        return len(self.scheduler.timesteps)

    @property
    def done(self) -> bool:
        """Whether the last step has been taken."""
        return self.done_steps == self.steps

    @property
    def timestep(self) -> torch.Tensor:
        """The timestep that the next UNet call is asked about, a scalar on the CPU."""
        return self.scheduler.timesteps[self.done_steps]

    @property
    def model_input(self) -> torch.Tensor:
        """The latent as the UNet wants it at this timestep: [1, 4, h, w]."""
        return self.scheduler.scale_model_input(self.latents, self.timestep)

    def advance(self, noise: torch.Tensor) -> None:
        """Take one step along the predicted noise [1, 4, h, w]."""
        self.latents = self.scheduler.step(noise.float(), self.timestep, self.latents, **self._extras).prev_sample
        self.done_steps += 1

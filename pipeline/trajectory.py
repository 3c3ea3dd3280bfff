"""One latent walking its timesteps: a base picture from its noise, or a face from the middle of its way."""

import copy
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.blend import Blend
from pipeline.prompt import Conditioning
from pipeline.schedule import Scheduler


@dataclass(frozen=True)
class Fork:
    """A trajectory between two steps, from which others may go on: what was walked is shared, not copied."""

    latents: torch.Tensor
    scheduler: Scheduler
    noise: torch.Tensor | None
    done_steps: int

    @property
    def size(self) -> int:
        """Bytes held: the latent, the predictions that a multistep sampler keeps, and the generator's state."""
        kept = [value if isinstance(value, list) else [value] for value in vars(self.scheduler).values()]
        tensors = [tensor for values in kept for tensor in values if torch.is_tensor(tensor) and tensor.ndim == 4]
        return sum(tensor.nbytes for tensor in (self.latents, *tensors)) + (
            0 if self.noise is None else self.noise.nbytes
        )


class Trajectory:
    """A latent [1, 4, h, w] in float32, its own scheduler and its own generator, between two steps.

    It walks the scheduler's timesteps from index `first` on. `conditioning` holds for the steps before `split`, and
    `identity` from there on. `time_ids` [2, 6] and both conditionings hold a negative and a positive row. With a
    `blend` the original is mixed in before each step. Nothing here changes unless `advance` is called, so a UNet call
    that failed can be made again.
    """

    def __init__(
        self,
        latents: torch.Tensor,
        scheduler: Scheduler,
        conditioning: Conditioning,
        time_ids: torch.Tensor,
        guidance: float,
        *,
        noise: torch.Generator | None = None,
        identity: Conditioning | None = None,
        split: int = 0,
        first: int = 0,
        blend: Blend | None = None,
    ) -> None:
        self.latents = latents
        self.scheduler = scheduler
        self.time_ids = time_ids
        self.guidance = guidance
        self.done_steps = 0
        self._text, self._identity, self._split = conditioning, identity, split
        self._noise = noise
        self._first, self._blend = first, blend

    @property
    def steps(self) -> int:
        """How many steps the whole way has."""
        return len(self.scheduler.timesteps) - self._first

    @property
    def done(self) -> bool:
        """Whether the last step has been taken."""
        return self.done_steps == self.steps

    @property
    def conditioning(self) -> Conditioning:
        """What the next UNet call is told."""
        return self._text if self._identity is None or self.done_steps < self._split else self._identity

    @property
    def timestep(self) -> torch.Tensor:
        """The timestep that the next UNet call is asked about, a scalar on the CPU."""
        return self.scheduler.timesteps[self._first + self.done_steps]

    @property
    def model_input(self) -> torch.Tensor:
        """The latent as the UNet wants it at this timestep: [1, 4, h, w]."""
        return self.scheduler.scale_model_input(self.latents, self.timestep)

    def advance(self, noise: torch.Tensor) -> None:
        """Take one step along the predicted noise [1, 4, h, w], and mix in what the next step begins with."""
        extras = {} if self._noise is None else {"generator": self._noise}
        self.latents = self.scheduler.step(noise.float(), self.timestep, self.latents, **extras).prev_sample
        self.done_steps += 1
        if self._blend is not None and not self.done:
            self.latents = self._blend.mix(self.latents, self.scheduler, self._first, self.done_steps)

    def fork(self) -> Fork:
        """This state, for others to go on from."""
        noise = None if self._noise is None else self._noise.get_state()
        return Fork(self.latents, _branch(self.scheduler), noise, self.done_steps)

    def resume(self, fork: Fork) -> None:
        """Go on from where another trajectory was, with its own conditioning from there on."""
        self.latents, self.scheduler, self.done_steps = fork.latents, _branch(fork.scheduler), fork.done_steps
        if self._noise is not None and fork.noise is not None:
            self._noise.set_state(fork.noise)


def _branch(scheduler: Any) -> Any:
    """A scheduler that goes on by itself. A step replaces what it remembers, all but its lists: these are copied."""
    branch = copy.copy(scheduler)
    for name, value in vars(scheduler).items():
        if isinstance(value, list):
            setattr(branch, name, list(value))
    return branch

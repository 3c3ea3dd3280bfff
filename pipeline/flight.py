"""One picture on its way, and everybody who waits for it: equal keys in flight are drawn once."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch
from sweeps.recipe import Recipe

from pipeline.trajectory import Trajectory

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """A finished picture: PNG bytes with the recipe inside.

    `seconds` is its own wall time from admission to finish; `repeated` says that it was not drawn for this asker
    (it came from the memo, or from a flight that another asker had begun); `notes` are sentences for the person.
    """

    png: bytes
    recipe: Recipe
    seconds: float
    steps: int
    repeated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Asker:
    """Somebody who waits for a picture, with a way to stop and a way to watch."""

    recipe: Recipe
    owner: str
    urgent: bool
    should_stop: Callable[[], bool]
    on_step: Callable[[int, int], None]
    future: "Future[Drawing]" = field(default_factory=Future)

    def lost_interest(self) -> bool:
        """Whether the picture is no longer wanted. A broken `should_stop` counts as yes, and is logged."""
        try:
            return self.future.cancelled() or self.should_stop()
        except Exception:
            logger.exception("should_stop failed; the picture is stopped")
            return True

    def resolve(self, drawing: Drawing) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(drawing)

    def fail(self, error: BaseException) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


@dataclass(eq=False)
class Flight:
    """A key being drawn. It lives as long as one asker wants it, whoever came first."""

    key: str
    askers: list[Asker]
    arrival: int
    trajectory: Trajectory | None = None
    admitted: float = 0.0
    turn: int = 0
    notes: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        return self.askers[0].recipe

    @property
    def owner(self) -> str:
        return self.askers[0].owner

    @property
    def urgent(self) -> bool:
        return any(asker.urgent for asker in self.askers)

    def start(self, trajectory: Trajectory, notes: tuple[str, ...]) -> None:
        self.trajectory, self.notes, self.admitted = trajectory, notes, time.perf_counter()

    def advance(self, noise: torch.Tensor) -> None:
        """Take one step and tell those who watch."""
        self.trajectory.advance(noise)
        for asker in list(self.askers):
            try:
                asker.on_step(self.trajectory.done_steps, self.trajectory.steps)
            except Exception:
                logger.exception("on_step failed; the picture goes on")

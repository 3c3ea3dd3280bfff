"""One picture on its way and everybody who waits for it: what several people ask for is drawn once."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.brief import Brief
from pipeline.errors import PipelineError
from pipeline.stages.detail import Crop, FacePass
from pipeline.trajectory import Trajectory
from sweeps.recipe import Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """A finished picture as a PNG with the recipe inside.

    `seconds` is its own wall time from admission to finish. `bases` (0 or 1) and `passes` (faces) count what was drawn
    for this asker; what came from the memo, from another flight or from a photo is not among it, and of those who share
    a flight one alone has what it took. `notes` are sentences for the person.
    """

    png: bytes
    recipe: Recipe
    seconds: float
    steps: int
    bases: int
    passes: int
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
    _end: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def left(self) -> bool:
        """Whether the picture is no longer wanted; a `should_stop` that fails counts as yes, and is logged."""
        try:
            return self.future.cancelled() or self.should_stop()
        except Exception:
            logger.exception("should_stop failed; the picture is stopped")
            return True

    def watch(self, done: int, steps: int) -> None:
        """Tell how far the picture is; an `on_step` that fails is logged and stops nothing."""
        try:
            self.on_step(done, steps)
        except Exception:
            logger.exception("on_step failed; the picture goes on")

    def resolve(self, drawing: Drawing) -> bool:
        """Hand over the picture, unless the asker left meanwhile; whether it was taken."""
        taken = self._first_end()
        if taken:
            self.future.set_result(drawing)
        return taken

    def fail(self, error: PipelineError) -> None:
        """Hand over the failure, unless the asker left meanwhile or has the picture."""
        if self._first_end():
            self.future.set_exception(error)

    def _first_end(self) -> bool:
        """True once: an asker may leave on one thread while the picture comes on another."""
        return self._end.acquire(blocking=False) and self.future.set_running_or_notify_cancel()


@dataclass(eq=False)
class Flight:
    """A picture being drawn. It goes on as long as one asker wants it, whoever came first.

    It walks one trajectory for the base stage, unless its `canvas` is there from the start, and then one for each of
    its `passes`. `scale` is the pixels on a side of a latent pixel. `turn` counts up each time it gets one. `taken` are
    the base (0 or 1) and the faces that it walked to their end itself.
    """

    key: str
    brief: Brief
    scale: int
    arrival: int
    askers: list[Asker]
    canvas: NDArray[np.uint8] | None = None
    passes: deque[FacePass] = field(default_factory=deque)
    crop: Crop | None = None
    trajectory: Trajectory | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    turn: int = 0
    admitted: float = 0.0
    walked: int = 0
    taken: tuple[int, int] = (0, 0)

    @property
    def owner(self) -> str:
        """Who pays for its place among others: the first who still waits."""
        return self.askers[0].owner if self.askers else ""

    @property
    def urgent(self) -> bool:
        """Whether anybody waits for it impatiently."""
        return any(asker.urgent for asker in self.askers)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of what its next trajectory draws."""
        recipe = self.brief.recipe
        return self.crop.face_pass.size if self.crop else (recipe.width, recipe.height)

    @property
    def area(self) -> int:
        """Its share of a UNet call in latent pixels."""
        width, height = self.size
        return (width // self.scale) * (height // self.scale)

    @property
    def walk(self) -> Trajectory:
        """Its trajectory, once it is admitted."""
        assert self.trajectory is not None
        return self.trajectory

    @property
    def work(self) -> float:
        """What one step of it takes: UNet evaluations times megapixels."""
        return (2 if self.walk.guidance > 1 else 1) * self.area * self.scale**2 / 2**20

    @property
    def fresh(self) -> bool:
        """Whether it has not taken a step yet."""
        return self.walked + self.walk.done_steps == 0

    def begin(self, trajectory: Trajectory, notes: tuple[str, ...]) -> None:
        """Admit it: from now on it has a trajectory."""
        self.trajectory = trajectory
        self.admitted = self.admitted or time.perf_counter()
        self.note(notes)

    def note(self, notes: tuple[str, ...]) -> None:
        """Keep sentences for the person who asked, each once."""
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))

    def advance(self, noise: torch.Tensor) -> None:
        """Take one step along the predicted noise, and tell those who watch."""
        self.walk.advance(noise)
        done, left = self.walked + self.walk.done_steps, self.walk.steps - self.walk.done_steps
        recipe = self.brief.recipe
        ahead = len(self.passes) if self.canvas is not None else int(recipe.detail)  # one face, before any is seen
        for asker in tuple(self.askers):
            asker.watch(done, done + left + ahead * recipe.detail_run)

    def land(self) -> None:
        """Its trajectory has ended; that of a base that was forked counts like any other."""
        bases, faces = self.taken
        self.taken = (1, faces) if self.canvas is None else (bases, faces + 1)
        self.walked += self.walk.steps
        self.trajectory = None

"""The step loop: admit, batch, one UNet call, advance, finish.

A UNet takes one timestep per sample, so pictures at different steps, of different people, of both stages and with
different guidance share a call whenever their latents have one shape. Nobody waits for a batch to fill, and an urgent
picture takes its first step next.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from types import MappingProxyType

import torch

from pipeline import guidance
from pipeline.analysers import open_analyser
from pipeline.config import Config
from pipeline.darkroom import Darkroom
from pipeline.faces import Faces
from pipeline.faults import is_out_of_memory, with_room
from pipeline.flight import Asker, Drawing, Flight
from pipeline.pace import Pace, Stopwatch
from pipeline.people import People
from pipeline.roster import Roster
from pipeline.stages import base
from pipeline.starter import Starter
from pipeline.trajectory import Trajectory
from pipeline.weights import Modules, load
from sweeps.recipe import Recipe

__all__ = ["Drawing", "Engine", "open_engine"]

logger = logging.getLogger(__name__)

NATIVE_BATCH = 8
NOBODY: Mapping[str, Sequence[bytes]] = MappingProxyType({})
STEPS_BEFORE_MORE = 100
"""Steps without trouble after which a budget that was halved is doubled again."""

THREADS_PAY_FROM = 100_000_000
"""Parameters of a UNet from which more than one CPU thread helps. Measured with the tiny one on two busy cores, a
call for eight pictures: 0.08 s on one thread, 2.3 s on two."""


def open_engine(config: Config) -> "Engine":
    """Load the configured family and start its engine (BadWeights). Use it as a context, or close it.

    A small family on a CPU sets the process to one torch thread: more of them would only wait for each other.
    """
    modules = load(config)
    if modules.device.type == "cpu" and modules.unet.num_parameters() < THREADS_PAY_FROM:
        torch.set_num_threads(1)
    return Engine(modules, config)


class Engine:
    """Draws recipes on one thread of its own; `draw` may be called from any thread.

    `budget` bounds one UNet call in latent pixels (width/8 x height/8 a picture). A flight outside the current
    call costs a latent of memory and nothing else, so more may be running than fit into one call.
    """

    def __init__(self, modules: Modules, config: Config, faces: Faces | None = None) -> None:
        self.modules = modules
        self.faces = faces or Faces(open_analyser(config))
        self.people = People(self.faces, modules.photomaker)
        card = modules.card
        self.budget = config.memory_budget or NATIVE_BATCH * self._area(card.native_width, card.native_height)
        self._full_budget, self._clean_steps = self.budget, 0
        self.roster = Roster(modules.latent_scale)
        self._starter = Starter(modules)
        self._darkroom = Darkroom(modules.card.name, self.roster, self.faces, self.people, config.memo_bytes)
        self._clock = Stopwatch()
        self._ahead: torch.cuda.Event | None = None
        self._forgetful = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # From any thread

    def draw(
        self,
        recipe: Recipe,
        *,
        photos: Mapping[str, Sequence[bytes]] = NOBODY,
        canvas: bytes | None = None,
        owner: str = "",
        urgent: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[int, int], None] = lambda done, steps: None,
    ) -> "Future[Drawing]":
        """Draw one recipe; the future brings the Drawing or fails with a PipelineError.

        `photos` holds each person's photos by name, `canvas` the picture that the recipe's `photo` names. Urgent
        pictures go first, the others are served fairly between owners. `should_stop()` is read and `on_step(done,
        steps)` called on the engine's thread once a step, the first also on another one before each photo is read, so
        both must return at once; cancelling the future stops it too. What was drawn before comes from the memo, what is
        in flight is waited for.
        """
        asker = Asker(recipe, owner, urgent, should_stop, on_step)
        self._darkroom.enter(asker, photos, canvas)
        return asker.future

    def check(self, recipe: Recipe) -> None:
        """Raises BadRecipe, a sentence, for what cannot be drawn with these weights; costs nothing."""
        if recipe.people:
            self.people.check()

    def forget(self) -> None:
        """Let go of all that is remembered of anybody: faces, identities, pictures. What is being drawn goes on."""
        self._darkroom.forget()
        self.people.forget()
        self.faces.forget()
        with self.roster.lock:
            self._forgetful = True  # the rest is the engine thread's own
            self.roster.lock.notify_all()

    def pace(self) -> Pace | None:
        """How fast pictures lately advanced; None before the second step."""
        return self._clock.pace()

    def slots(self, width: int, height: int) -> int:
        """How many pictures of that size in pixels fit into one UNet call."""
        return max(1, self.budget // self._area(width, height))

    def close(self) -> None:
        """Take nothing more, stop what is unfinished, and end the engine's threads."""
        self.roster.close()
        self._thread.join()
        self._darkroom.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The loop, on the engine's own thread

    @torch.inference_mode()
    def step(self) -> float:
        """Admit what has room, call the UNet once for all that fit, advance each, finish those that are done.

        Returns the work of it: UNet evaluations times megapixels.
        """
        self.roster.drop()
        self._admit()
        batch = self._batch()
        predicted = self._predict(batch)
        work = sum(flight.work for flight in batch[: len(predicted)])
        for flight, noise in zip(batch, predicted, strict=False):
            with self.roster.blame(flight):
                flight.advance(noise)
                self._starter.keep(flight)
                if flight.walk.done:
                    self._finish(flight)
        return work

    def _admit(self) -> None:
        """Begin waiting flights while there is room."""
        while (flight := self.roster.next(self.budget)) is not None:
            with self.roster.blame(flight):
                flight.begin(*self._starter.begin(flight))
                self.roster.running.append(flight)

    def _batch(self) -> list[Flight]:
        """Flights of one shape that fit the budget: who waited longest decides, a fresh urgent one before all."""
        running = self.roster.running
        if not running:
            return []
        head = min(running, key=lambda flight: (not (flight.urgent and flight.fresh), flight.turn))
        shape = head.walk.latents.shape
        peers = [flight for flight in running if flight.walk.latents.shape == shape]
        peers.sort(key=lambda flight: (flight is not head, not flight.urgent, flight.turn))
        batch = peers[: self.slots(*head.size)]
        turn = self.roster.tick()
        for flight in batch:
            flight.turn = turn
        return batch

    def _predict(self, batch: list[Flight]) -> Sequence[torch.Tensor]:
        """The guided noise [1, 4, h, w] of each, from one UNet call; nothing when the call failed.

        Out of memory halves the budget, and the same flights go on, fewer at a time, from the step they were at.
        """
        try:
            if not batch:
                return []
            predicted = self._unet([flight.walk for flight in batch])
            self._regain()
            return predicted
        except Exception as error:
            if is_out_of_memory(error) and len(batch) > 1:
                self.budget, self._clean_steps = sum(flight.area for flight in batch) // 2, 0
                logger.warning("out of memory with a batch of %d; budget %d", len(batch), self.budget)
            else:
                for flight in batch:
                    self.roster.fail(flight, error)
            return []

    def _regain(self) -> None:
        """After a while without trouble try for more again: memory that others took may be free by now."""
        self._clean_steps += 1
        if self.budget < self._full_budget and self._clean_steps >= STEPS_BEFORE_MORE:
            self.budget, self._clean_steps = min(2 * self.budget, self._full_budget), 0

    def _unet(self, batch: list[Trajectory]) -> Sequence[torch.Tensor]:
        """One UNet call for N trajectories of one shape: N times the guided noise [1, 4, h, w]."""
        device, dtype = self.modules.device, self.modules.dtype
        scales = [trajectory.guidance for trajectory in batch]
        # Each trajectory brings two rows, negative and positive; of the G that are guided both stay, else the second:
        # latents [G + N, 4, h, w], timesteps [G + N], embeds [G + N, 77, D], pooled [G + N, P], time_ids [G + N, 6].
        latents = guidance.gather([t.model_input.expand(2, -1, -1, -1) for t in batch], scales)
        timesteps = guidance.gather([t.timestep.expand(2) for t in batch], scales)
        embeds = guidance.gather([t.conditioning.embeds for t in batch], scales)
        pooled = guidance.gather([t.conditioning.pooled for t in batch], scales)
        time_ids = guidance.gather([t.time_ids for t in batch], scales)
        noise = self.modules.unet(
            latents.to(dtype),
            timesteps.to(device),
            encoder_hidden_states=embeds,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": time_ids},
        ).sample
        return guidance.combine(noise, scales).split(1)

    def _finish(self, flight: Flight) -> None:
        """Decode here; what else is to be done happens on another thread, so that the device never waits for it."""
        decoded = with_room(lambda: base.decode(self.modules, flight.walk.latents))
        self.roster.land(flight)
        flight.land()
        self._darkroom.develop(flight, decoded)

    # Around the loop

    def _run(self) -> None:
        if self.modules.device.type == "cuda":
            torch.cuda.set_device(self.modules.device)  # a thread's own setting, which events read
        while self._wait():
            began = time.perf_counter()
            work = 0.0
            try:
                if self._forgetful:
                    self._forgetful = False
                    self._starter.forget()
                work = self.step()
                self._keep_close()
            except Exception as error:  # a defect of the loop itself: fail whoever is in it, and go on
                for flight in [*self.roster.waiting, *self.roster.running]:
                    self.roster.fail(flight, error)
            if work:
                self._clock.note(time.perf_counter() - began, work)

    def _wait(self) -> bool:
        """Sleep until there is something to draw; False once the engine is closed."""
        with self.roster.lock:
            self.roster.lock.wait_for(lambda: self.roster.closed or self._forgetful or self.roster.anybody())
            return not self.roster.closed

    def _keep_close(self) -> None:
        """Let the CPU run one step ahead of a GPU and no more, so that newcomers wait for no queued work."""
        if self.modules.device.type == "cuda":
            before, self._ahead = self._ahead, torch.cuda.Event()
            self._ahead.record()
            if before is not None:
                before.synchronize()

    def _area(self, width: int, height: int) -> int:
        """A picture's share of a UNet call: its latent pixels."""
        return (width // self.modules.latent_scale) * (height // self.modules.latent_scale)

"""The step loop: admit, batch, one UNet call, advance, finish.

A UNet takes one timestep per sample, so pictures at different steps, of different people and with different
guidance share a call whenever their latents have one shape. Nobody waits for a batch to fill, and an urgent
picture takes its first step next.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from pipeline import guidance, pixels, prompt
from pipeline.config import Config
from pipeline.errors import BadRecipe, Stopped
from pipeline.faults import is_out_of_memory, translate
from pipeline.flight import Asker, Drawing, Flight
from pipeline.memo import Memo
from pipeline.prompt import Conditioning
from pipeline.stages import base
from pipeline.trajectory import Trajectory
from pipeline.weights import Modules, load
from sweeps.recipe import Recipe

__all__ = ["Drawing", "Engine", "Pace", "open_engine"]

logger = logging.getLogger(__name__)

NATIVE_BATCH = 8
EMBEDS_BYTES = 64 * 2**20
STEPS_BEFORE_MORE = 100
"""Steps without trouble after which a budget that was halved is doubled again."""

THREADS_PAY_FROM = 100_000_000
"""Parameters of a UNet from which more than one CPU thread helps. Measured with the tiny one on two busy cores, a
call for eight pictures: 0.08 s on one thread, 2.3 s on two."""


@dataclass(frozen=True)
class Pace:
    """Seconds per UNet evaluation of one megapixel (2^20) as lately achieved: the median, and what nine of ten
    steps stay below. Whatever shared a step counts together, so this is the machine's pace, not one picture's."""

    p50: float
    p90: float


@dataclass(frozen=True)
class Picture:
    """What the memo keeps of a finished base: its PNG without any recipe, and what is to be said about it."""

    png: bytes
    notes: tuple[str, ...]


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

    def __init__(self, modules: Modules, config: Config) -> None:
        self.modules = modules
        native = self._area(modules.card.native_width, modules.card.native_height)
        self.budget = config.memory_budget or NATIVE_BATCH * native
        self._full_budget, self._clean_steps = self.budget, 0
        self.waiting: list[Flight] = []
        self.running: list[Flight] = []
        self._flights: dict[str, Flight] = {}
        self._pictures: Memo[Picture] = Memo(config.memo_bytes)
        self._embeds: Memo[Conditioning] = Memo(EMBEDS_BYTES)
        self._clock = 0
        self._served: dict[str, int] = {}
        self._pace: deque[float] = deque(maxlen=200)
        self._warm = False  # the very first call allocates and compiles, which says nothing of the pace
        self._ahead: torch.cuda.Event | None = None
        self._closed = False
        self._lock = threading.Condition()
        self._encoders = ThreadPoolExecutor(2, thread_name_prefix="png")
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # From any thread

    def draw(
        self,
        recipe: Recipe,
        *,
        owner: str = "",
        urgent: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[int, int], None] = lambda done, steps: None,
    ) -> "Future[Drawing]":
        """Draw one recipe; the future brings the Drawing or fails with a PipelineError.

        Urgent pictures go first, the others are served fairly between owners. `should_stop()` is read and
        `on_step(done, steps)` called on the engine's thread once a step, so both must return at once; cancelling
        the future stops it too. What was drawn before comes from the memo, what is in flight is waited for.
        """
        asker = Asker(recipe, owner, urgent, should_stop, on_step)
        try:
            self.modules.card.check(recipe)
        except BadRecipe as error:
            asker.fail(error)
            return asker.future
        key = recipe.base_key()
        with self._lock:
            known = self._pictures.find(key)
            if known is None and not self._closed:
                if key not in self._flights:
                    area = self._area(recipe.width, recipe.height)
                    self._flights[key] = Flight(key, recipe, area, self._tick(), [])
                    self.waiting.append(self._flights[key])
                self._flights[key].askers.append(asker)
                self._lock.notify()
                return asker.future
        if known is None:
            asker.fail(Stopped("The engine is closed; nothing more is drawn."))
        else:
            asker.resolve(self._drawing(asker, known, seconds=0.0, repeated=True))
        return asker.future

    def pace(self) -> Pace | None:
        """How fast pictures lately advanced; None before the second step."""
        seconds = sorted(tuple(self._pace))
        return Pace(seconds[len(seconds) // 2], seconds[len(seconds) * 9 // 10]) if seconds else None

    def slots(self, width: int, height: int) -> int:
        """How many pictures of that size in pixels fit into one UNet call."""
        return max(1, self.budget // self._area(width, height))

    def close(self) -> None:
        """Take nothing more, stop what is unfinished, and end the engine's threads."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        self._thread.join()
        self._encoders.shutdown()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The loop, on the engine's own thread

    @torch.inference_mode()
    def step(self) -> list[Flight]:
        """Admit what has room, call the UNet once for all that fit, advance each, finish those that are done.

        Returns the flights that took a step.
        """
        self._drop()
        self._admit()
        batch = self._batch()
        predicted = self._predict(batch)
        for flight, noise in zip(batch, predicted, strict=False):
            with self._blame(flight):
                flight.advance(noise)
                if flight.trajectory.done:
                    self._finish(flight)
        return batch[: len(predicted)]

    def _admit(self) -> None:
        """Begin waiting flights while there is room."""
        while (flight := self._next()) is not None:
            with self._blame(flight):
                conditioning = self._condition(flight.recipe)
                notes = conditioning.notes + base.notes(flight.recipe, self.modules.card)
                flight.begin(base.begin(self.modules, flight.recipe, conditioning), notes)
                self.running.append(flight)

    def _batch(self) -> list[Flight]:
        """Flights of one shape that fit the budget: who waited longest decides, a fresh urgent one before all."""
        if not self.running:
            return []
        head = min(self.running, key=lambda flight: (not (flight.urgent and flight.fresh), flight.turn))
        shape = head.trajectory.latents.shape
        peers = [flight for flight in self.running if flight.trajectory.latents.shape == shape]
        peers.sort(key=lambda flight: (flight is not head, not flight.urgent, flight.turn))
        batch = peers[: self.slots(head.recipe.width, head.recipe.height)]
        turn = self._tick()
        for flight in batch:
            flight.turn = turn
        return batch

    def _predict(self, batch: list[Flight]) -> Sequence[torch.Tensor]:
        """The guided noise [1, 4, h, w] of each, from one UNet call; nothing when the call failed.

        Out of memory halves the budget, and the same flights go on, fewer at a time, from the step they were at.
        """
        try:
            predicted = self._unet([flight.trajectory for flight in batch]) if batch else []
            self._regain()
            return predicted
        except Exception as error:
            if is_out_of_memory(error) and len(batch) > 1:
                self.budget, self._clean_steps = sum(flight.area for flight in batch) // 2, 0
                logger.warning("out of memory with a batch of %d; budget %d", len(batch), self.budget)
            else:
                for flight in batch:
                    self._fail(flight, error)
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
        """Decode here; the PNG is written on another thread, so that the device never waits for it."""
        try:
            picture = base.decode(self.modules, flight.trajectory.latents)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if self.modules.device.type == "cuda":
                torch.cuda.empty_cache()  # every step is done: what is cached for the next ones may go first
            picture = base.decode(self.modules, flight.trajectory.latents)
        self.running.remove(flight)
        self._encoders.submit(self._deliver, flight, picture)

    # Around the loop

    def _run(self) -> None:
        if self.modules.device.type == "cuda":
            torch.cuda.set_device(self.modules.device)  # a thread's own setting, which events read
        while self._wait():
            began = time.perf_counter()
            batch: list[Flight] = []
            try:
                batch = self.step()
                self._keep_close()
            except Exception as error:  # a defect of the loop itself: fail whoever is in it, and go on
                for flight in [*self.waiting, *self.running]:
                    self._fail(flight, error)
            if batch and self._warm:
                self._pace.append((time.perf_counter() - began) / sum(flight.work for flight in batch))
            self._warm = self._warm or bool(batch)
        for flight in [*self.waiting, *self.running]:
            self._fail(flight, Stopped("The engine was closed before the picture was finished."))

    def _wait(self) -> bool:
        """Sleep until there is something to draw; False once the engine is closed."""
        with self._lock:
            self._lock.wait_for(lambda: self._closed or self.waiting or self.running)
            return not self._closed

    def _keep_close(self) -> None:
        """Let the CPU run one step ahead of a GPU and no more, so that newcomers wait for no queued work."""
        if self.modules.device.type == "cuda":
            before, self._ahead = self._ahead, torch.cuda.Event()
            self._ahead.record()
            if before is not None:
                before.synchronize()

    def _next(self) -> Flight | None:
        """Take the waiting flight whose turn it is; None when there is none, or no room for it.

        Urgent ones come first and have room unless other urgent ones fill it: the rest step aside for a while.
        Then comes the owner with the fewest running, among equals the one served longest ago.
        """
        with self._lock:
            if not self.waiting:
                return None
            busy = Counter(flight.owner for flight in self.running)
            flight = min(
                self.waiting,
                key=lambda f: (not f.urgent, busy[f.owner], self._served.get(f.owner, 0), f.arrival),
            )
            crowd = [other for other in self.running if other.urgent or not flight.urgent]
            if crowd and sum(other.area for other in crowd) + flight.area > self.budget:
                return None
            self.waiting.remove(flight)
            self._served[flight.owner] = self._tick()
            present = {other.owner for other in self._flights.values()}
            self._served = {owner: tick for owner, tick in self._served.items() if owner in present}
            return flight

    def _condition(self, recipe: Recipe) -> Conditioning:
        """The recipe's embeddings, from the memo where its prompts were met before."""
        key = recipe.encode_key()
        conditioning = self._embeds.find(key)
        if conditioning is None:
            conditioning = prompt.encode(self.modules, recipe.prompt, recipe.negative_prompt)
            self._embeds.keep(key, conditioning, conditioning.size)
        return conditioning

    def _deliver(self, flight: Flight, decoded: torch.Tensor) -> None:
        """On an encoder's thread: write the PNG, remember it, and hand it to everybody who waits."""
        try:
            picture = Picture(pixels.encode_png(pixels.to_array(decoded)), flight.notes)
            seconds = time.perf_counter() - flight.admitted
            with self._lock:
                self._pictures.keep(flight.key, picture, len(picture.png))
                self._forget(flight)
            for i, asker in enumerate(flight.askers):
                asker.resolve(self._drawing(asker, picture, seconds, repeated=i > 0))
        except Exception as error:
            self._fail(flight, error)

    def _drawing(self, asker: Asker, picture: Picture, seconds: float, repeated: bool) -> Drawing:
        recipe = asker.recipe
        png = pixels.inscribe(picture.png, recipe, self.modules.card.name)
        return Drawing(png, recipe, seconds, recipe.steps, repeated, picture.notes)

    def _drop(self) -> None:
        """Let go of askers who left, and of flights that nobody waits for any more."""
        for flight in [*self.waiting, *self.running]:
            leaving = [asker for asker in tuple(flight.askers) if asker.left()]
            if leaving:
                with self._lock:
                    flight.askers = [asker for asker in flight.askers if asker not in leaving]
                    if not flight.askers:
                        self._forget(flight)
            for asker in leaving:
                asker.fail(Stopped("Stopped before the picture was finished."))

    def _fail(self, flight: Flight, error: BaseException) -> None:
        """Take the flight out, and tell everybody who waits for it why."""
        with self._lock:
            self._forget(flight)
        for asker in flight.askers:
            if not asker.future.done():
                asker.fail(translate(error, asker.recipe))

    def _forget(self, flight: Flight) -> None:
        """Take the flight out of every list (the lock is held)."""
        for flights in (self.waiting, self.running):
            if flight in flights:
                flights.remove(flight)
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]

    @contextmanager
    def _blame(self, flight: Flight) -> Iterator[None]:
        """Whatever goes wrong inside concerns this flight alone."""
        try:
            yield
        except Exception as error:
            self._fail(flight, error)

    def _area(self, width: int, height: int) -> int:
        """A picture's share of a UNet call: its latent pixels."""
        return (width // self.modules.latent_scale) * (height // self.modules.latent_scale)

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

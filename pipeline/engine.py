"""The step loop: admit, batch, one UNet call, advance, finish.

A UNet takes one timestep per sample, so pictures at different steps, of different people and with different guidance
share a call whenever their latents have one shape. Nobody waits for a batch to fill, and an urgent picture takes its
first step next.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from sweeps.recipe import Recipe

from pipeline import guidance, pixels, prompt
from pipeline.config import Config
from pipeline.errors import BadRecipe, OutOfMemory, PipelineError, Stopped
from pipeline.flight import Asker, Drawing, Flight
from pipeline.memo import Memo
from pipeline.prompt import Conditioning
from pipeline.stages import base
from pipeline.weights import Modules, load

__all__ = ["Drawing", "Engine", "Pace", "open_engine"]

logger = logging.getLogger(__name__)

BATCH_AT_NATIVE_SIZE = 8
EMBEDS_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Pace:
    """Seconds per step of one picture as lately achieved: the median, and what nine of ten steps stay below."""

    step_p50: float
    step_p90: float


@dataclass(frozen=True)
class _Picture:
    """What the memo keeps of a finished base: the PNG without any recipe, and what is worth saying about it."""

    png: bytes
    notes: tuple[str, ...]


def open_engine(config: Config) -> "Engine":
    """Load the configured family and start its engine; raises BadWeights. Close it, or use it as a context."""
    modules = load(config)
    return Engine(modules, config)


class Engine:
    """Draws recipes on one thread of its own; `draw` may be called from any thread.

    The budget bounds one UNet call in latent pixels (h/8 x w/8 a picture). Trajectories in excess of it wait their
    turn between steps at the cost of a latent each.
    """

    def __init__(self, modules: Modules, config: Config) -> None:
        self.modules = modules
        card = modules.card
        self.budget = config.memory_budget or BATCH_AT_NATIVE_SIZE * self._area(
            card.native_width, card.native_height
        )
        self.running: list[Flight] = []
        self.waiting: list[Flight] = []
        self._flights: dict[str, Flight] = {}
        self._pictures: Memo[_Picture] = Memo(config.memo_bytes)
        self._embeds: Memo[Conditioning] = Memo(EMBEDS_BYTES)
        self._turn = 0
        self._served: dict[str, int] = {}
        self._step_seconds: deque[float] = deque(maxlen=200)
        self._behind: torch.cuda.Event | None = None
        self._closed = False
        self._news = threading.Condition()
        self._encoders = ThreadPoolExecutor(2, thread_name_prefix="png")
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # What others call, from any thread

    def draw(
        self,
        recipe: Recipe,
        *,
        owner: str = "",
        urgent: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[int, int], None] = lambda done, steps: None,
    ) -> "Future[Drawing]":
        """Draw one recipe; the future brings the Drawing, or fails with a PipelineError.

        An urgent picture goes before others; the rest are served fairly between owners. `should_stop` is read and
        `on_step(done, steps)` called on the engine's thread once a step; both must return at once. Cancelling the
        future stops it as well. A recipe equal to a finished one comes from the memo, one equal to a picture in
        flight waits for that.
        """
        asker = Asker(recipe, owner, urgent, should_stop, on_step)
        try:
            self.check(recipe)
        except BadRecipe as error:
            asker.fail(error)
            return asker.future
        key = recipe.base_key()
        with self._news:
            picture = self._pictures.find(key)
            if self._closed:
                asker.fail(Stopped("The engine is closed; nothing more is drawn."))
            elif picture is None and key in self._flights:
                self._flights[key].askers.append(asker)
            elif picture is None:
                self._turn += 1
                self._flights[key] = Flight(key, [asker], arrival=self._turn)
                self.waiting.append(self._flights[key])
                self._news.notify()
        if picture is not None:
            asker.resolve(self._drawing(asker, picture, seconds=0.0, repeated=True))
        return asker.future

    def check(self, recipe: Recipe) -> None:
        """Refuse, before any work, what this version cannot draw: BadRecipe, a sentence."""
        if recipe.detail:
            raise BadRecipe("This version draws the base stage only: set detail to false.")
        if recipe.face_folder:
            raise BadRecipe(
                "This version draws the base stage only and cannot use photos: leave face_folder empty."
            )
        scale = self.modules.latent_scale
        if recipe.width % scale or recipe.height % scale:
            raise BadRecipe(
                f"Width and height must be multiples of {scale}, not {recipe.width} x {recipe.height}."
            )

    def pace(self) -> Pace | None:
        """How fast pictures lately advanced, waiting for each other in a batch included; None before the first step."""
        seconds = sorted(self._step_seconds)
        if not seconds:
            return None
        return Pace(seconds[len(seconds) // 2], seconds[len(seconds) * 9 // 10])

    def slots(self, width: int, height: int) -> int:
        """How many pictures of that size (in pixels) one UNet call holds."""
        return max(1, self.budget // self._area(width, height))

    def close(self) -> None:
        """Take nothing more, stop what is unfinished, and end the engine's threads."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()
        self._encoders.shutdown()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The loop, on the engine's own thread

    def _run(self) -> None:
        while self._work():
            try:
                self.step()
            except Exception as error:  # a defect: fail whoever it concerns, and go on
                logger.exception("the engine's step failed")
                for flight in list(self.running):
                    self._fail(flight, error)
        for flight in [*self.waiting, *self.running]:
            self._fail(flight, Stopped("The engine was closed before the picture was finished."))

    @torch.inference_mode()
    def step(self) -> None:
        """Admit what has room, call the UNet once for all that fit, advance each, finish those that are done."""
        began = time.perf_counter()
        self._drop_unwanted()
        self._admit()
        batch = self._batch()
        for flight, noise in zip(batch, self._predict(batch), strict=False):
            with self._blame(flight):
                flight.advance(noise)
                if flight.trajectory.done:
                    self._finish(flight)
        if batch:
            self._step_seconds.append((time.perf_counter() - began) / len(batch))

    def _admit(self) -> None:
        """Begin waiting pictures while there is room: urgent ones first, then fair between owners."""
        while (flight := self._next()) is not None:
            with self._blame(flight):
                conditioning = self._condition(flight.recipe)
                trajectory = base.begin(self.modules, flight.recipe, conditioning)
                flight.start(trajectory, conditioning.notes + base.notes(flight.recipe, self.modules.card))
                self.running.append(flight)

    def _batch(self) -> list[Flight]:
        """Flights of one shape that fit the budget; a fresh urgent one decides the shape, else who waited longest."""
        if not self.running:
            return []
        head = min(self.running, key=lambda f: (not (f.urgent and f.trajectory.done_steps == 0), f.turn))
        peers = [f for f in self.running if f.trajectory.latents.shape == head.trajectory.latents.shape]
        peers.sort(key=lambda f: (f is not head, not f.urgent, f.turn))
        batch = peers[: self.slots(head.recipe.width, head.recipe.height)]
        self._turn += 1
        for flight in batch:
            flight.turn = self._turn
        return batch

    def _predict(self, batch: list[Flight]) -> list[torch.Tensor]:
        """The guided noise [1, 4, h, w] of each, from one UNet call; nothing when the call failed.

        Out of memory halves the budget: the same trajectories go on, fewer at a time, from the step they were at.
        """
        try:
            return list(self._call_unet([flight.trajectory for flight in batch])) if batch else []
        except Exception as error:
            if is_out_of_memory(error) and len(batch) > 1:
                self.budget = sum(self._area(f.recipe.width, f.recipe.height) for f in batch) // 2
                logger.warning(
                    "out of memory with %d pictures in one call; the budget is now %d latent pixels",
                    len(batch),
                    self.budget,
                )
                if self.modules.device.type == "cuda":
                    torch.cuda.empty_cache()
            else:
                for flight in batch:
                    self._fail(flight, error)
            return []

    def _call_unet(self, batch: list) -> torch.Tensor:
        """One UNet call for trajectories of one shape: the guided noise [N, 1, 4, h, w]."""
        modules, scales = self.modules, [t.guidance for t in batch]
        rows = guidance.rows(scales)

        def grouped(pairs: list[torch.Tensor]) -> torch.Tensor:
            return guidance.regroup(torch.cat(pairs))[rows].to(modules.device, modules.dtype)

        noise = modules.unet(
            grouped([t.model_input.expand(2, -1, -1, -1) for t in batch]),
            torch.stack([t.timestep for t in batch]).repeat(2)[rows].to(modules.device),
            encoder_hidden_states=grouped([t.conditioning.embeds for t in batch]),
            added_cond_kwargs={
                "text_embeds": grouped([t.conditioning.pooled for t in batch]),
                "time_ids": grouped([t.time_ids for t in batch]),
            },
            return_dict=False,
        )[0]
        return guidance.combine(noise, scales).unsqueeze(1)

    def _finish(self, flight: Flight) -> None:
        """Decode here; write the PNG and resolve the futures on another thread, so that the device never waits."""
        picture = base.decode(self.modules, flight.trajectory.latents)
        self.running.remove(flight)
        self._encoders.submit(self._deliver, flight, picture)

    # Their parts

    def _work(self) -> bool:
        """Wait until there is something to draw; False once the engine is closed."""
        with self._news:
            self._news.wait_for(lambda: self._closed or self.waiting or self.running)
            return not self._closed

    def _next(self) -> Flight | None:
        """Take the waiting flight whose turn it is, or None when there is none or no room for it."""
        with self._news:
            if not self.waiting:
                return None
            busy = Counter(flight.owner for flight in self.running)
            flight = min(
                self.waiting,
                key=lambda f: (not f.urgent, busy[f.owner], self._served.get(f.owner, 0), f.arrival),
            )
            # An urgent flight has room unless other urgent ones fill it: the rest step aside.
            crowd = [f for f in self.running if f.urgent or not flight.urgent]
            held = sum(self._area(f.recipe.width, f.recipe.height) for f in crowd)
            if crowd and held + self._area(flight.recipe.width, flight.recipe.height) > self.budget:
                return None
            self.waiting.remove(flight)
            self._turn += 1
            owners = {f.owner for f in self.waiting}
            self._served = {o: turn for o, turn in self._served.items() if o in owners} | {
                flight.owner: self._turn
            }
            return flight

    def _condition(self, recipe: Recipe) -> Conditioning:
        key = recipe.encode_key()
        conditioning = self._embeds.find(key)
        if conditioning is None:
            conditioning = prompt.encode(self.modules, recipe.prompt, recipe.negative_prompt)
            self._embeds.keep(key, conditioning, conditioning.size)
        return conditioning

    def _deliver(self, flight: Flight, picture: torch.Tensor) -> None:
        try:
            finished = _Picture(pixels.encode_png(pixels.to_array(picture)), flight.notes)
            seconds = time.perf_counter() - flight.admitted
            with self._news:
                self._pictures.keep(flight.key, finished, len(finished.png))
                del self._flights[flight.key]
            for i, asker in enumerate(flight.askers):
                asker.resolve(self._drawing(asker, finished, seconds, repeated=i > 0))
        except Exception as error:
            self._fail(flight, error)

    def _drawing(self, asker: Asker, picture: _Picture, seconds: float, repeated: bool) -> Drawing:
        recipe = asker.recipe
        png = pixels.inscribe(picture.png, recipe, self.modules.card.name)
        return Drawing(png, recipe, seconds, recipe.steps, repeated, picture.notes)

    def _drop_unwanted(self) -> None:
        """Fail askers who lost interest, and drop the flights that nobody wants any more."""
        for flight in [*self.waiting, *self.running]:
            for asker in [asker for asker in list(flight.askers) if asker.lost_interest()]:
                if flight.askers == [asker]:
                    self._fail(flight, Stopped("Stopped before the picture was finished."))
                else:
                    flight.askers.remove(asker)
                    asker.fail(Stopped("Stopped before the picture was finished."))

    def _fail(self, flight: Flight, error: BaseException) -> None:
        """Take the flight out and fail everybody who waits for it, with a sentence."""
        with self._news:
            for flights in (self.waiting, self.running):
                if flight in flights:
                    flights.remove(flight)
            self._flights.pop(flight.key, None)
        for asker in flight.askers:
            asker.fail(as_pipeline_error(error, asker.recipe))

    @contextmanager
    def _blame(self, flight: Flight) -> Iterator[None]:
        """Whatever goes wrong inside concerns this flight alone."""
        try:
            yield
        except Exception as error:
            self._fail(flight, error)

    def _area(self, width: int, height: int) -> int:
        """Latent pixels of a picture of that size in pixels."""
        return (width // self.modules.latent_scale) * (height // self.modules.latent_scale)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device or the CPU's allocator had no memory left; they say so in different ways."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and (
        "out of memory" in str(error) or "DefaultCPUAllocator" in str(error)
    )


def as_pipeline_error(error: BaseException, recipe: Recipe) -> PipelineError:
    """The sentence for a person; the cause is kept, and logged when it is a surprise."""
    if isinstance(error, PipelineError):
        return error
    if is_out_of_memory(error):
        sentence = f"There is not enough memory for a picture of {recipe.width} x {recipe.height}: choose a smaller one."
        translated: PipelineError = OutOfMemory(sentence)
    else:
        logger.error("drawing failed", exc_info=error)
        translated = PipelineError(
            f"The picture could not be drawn ({type(error).__name__}); the log says more."
        )
    translated.__cause__ = error
    return translated

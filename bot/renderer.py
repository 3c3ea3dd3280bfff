"""The Renderer port on the in-process engine: one GPU, one engine thread, the event loop never blocked."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import structlog

from bot.domain.errors import CannotDraw, Interrupted
from bot.domain.person import FaceSeen, PhotoSeen
from bot.domain.ports import Drawn
from bot.settings import BadSettings
from pipeline.config import Config
from pipeline.errors import BadRecipe, PipelineError, Stopped
from pipeline.families import Card, card
from pipeline.photo import open_photo
from sweeps.parameters import CATALOGUE, Value
from sweeps.plan import Pace
from sweeps.recipe import Recipe

if TYPE_CHECKING:
    from pipeline.engine import Engine

log = structlog.get_logger("atelier.renderer")

SLOTS = 32
"""More than one UNet call holds, so that the engine always finds its next batch full; waiting there costs nothing."""

LAST_SECONDS = 5.0
"""How long closing waits for weights that are still being loaded, and then for the engine's threads."""

Outcome = TypeVar("Outcome")

_at_work: set["LocalRenderer"] = set()


class LocalRenderer:
    """Draws in this process. The weights load in the background: `draw` waits for them, commands do not."""

    def __init__(self, config: Config) -> None:
        self.card: Card = card(config)
        self._config = config
        self._loading: asyncio.Future[Engine] | None = None

    @property
    def defaults(self) -> Mapping[str, Value]:
        return self.card.defaults

    def usual(self, name: str) -> Value | None:
        """What a parameter is where nobody has set it: the family's default, or the catalogue's."""
        return self.card.defaults.get(name, CATALOGUE[name].default)

    @property
    def slots(self) -> int:
        return SLOTS

    @property
    def ready(self) -> bool:
        """True once the weights are loaded."""
        return bool(self._loading and self._loading.done() and not self._loading.exception())

    @asynccontextmanager
    async def drawing(self) -> AsyncIterator[None]:
        """Draw while the context is open, once `load` was called; then stop the engine's threads, within seconds."""
        try:
            yield
        finally:
            if self._loading is not None:
                await self._stop(self._loading)

    def load(self, *, measure: bool = True) -> None:
        """Begin to load the weights; returns at once. With `measure` a short first picture tells the pace."""
        _at_work.add(self)
        self._loading = _beside(lambda: self._open(measure))

    async def loaded(self) -> None:
        """Returns when the weights are loaded. Raises BadWeights."""
        assert self._loading is not None
        await asyncio.shield(self._loading)

    def pace(self) -> Pace | None:
        """How fast images lately advanced; None while the weights load."""
        lately = self._loading.result().pace() if self._loading is not None and self.ready else None
        return Pace((lately.p50, lately.p90)) if lately else None

    async def measured(self, patience: float) -> None:
        """Returns when the weights are loaded and measured, at the latest after `patience` seconds."""
        if self._loading is not None:
            await asyncio.wait((self._loading,), timeout=patience)

    def check(self, recipe: Recipe) -> None:
        """Raises CannotDraw, a sentence, for what cannot be drawn; while the weights load nothing is known of it."""
        if self._loading is not None and self.ready:
            try:
                self._loading.result().check(recipe)
            except BadRecipe as error:
                raise CannotDraw(str(error)) from error

    async def draw(
        self,
        recipe: Recipe,
        *,
        owner: str,
        urgent: bool,
        should_stop: Callable[[], bool],
        photos: Mapping[str, Sequence[bytes]],
        canvas: bytes | None,
    ) -> Drawn:
        """The picture, and what of it was drawn anew. Raises CannotDraw or Interrupted."""
        engine = await self._engine()
        try:
            drawing = await asyncio.wrap_future(
                engine.draw(recipe, photos=photos, canvas=canvas, owner=owner, urgent=urgent, should_stop=should_stop)
            )
        except Stopped as error:
            raise Interrupted from error
        except PipelineError as error:
            raise CannotDraw(str(error)) from error
        return Drawn(drawing.png, drawing.notes, drawing.bases, drawing.passes)

    async def look(self, photo: bytes) -> PhotoSeen:
        """The faces in a photo, turned upright as its EXIF says. Raises CannotDraw where it cannot be opened."""
        engine = await self._engine()
        try:
            return await asyncio.to_thread(_look, engine, photo)
        except PipelineError as error:
            raise CannotDraw(str(error)) from error

    async def forget(self) -> None:
        """Let go of all that is remembered of anybody's photos and pictures; what is being drawn goes on."""
        if self._loading is not None and self.ready:
            await asyncio.to_thread(self._loading.result().forget)  # others may be at what is remembered

    async def _stop(self, loading: "asyncio.Future[Engine]") -> None:
        await asyncio.wait((loading,), timeout=LAST_SECONDS)
        if not loading.done():
            log.warning("closing while the weights are being loaded")  # which cannot be called off
            return
        with suppress(PipelineError, BadSettings):  # `loaded` has told it already
            closing = _beside(loading.result().close)
            await asyncio.wait((closing,), timeout=LAST_SECONDS)
            if not closing.done():
                log.warning("closing while the engine is at a step")
                return
            closing.result()
        _at_work.discard(self)

    async def _engine(self) -> "Engine":
        """The engine, once its weights are loaded. Raises Interrupted when they cannot be."""
        try:
            await self.loaded()
        except (PipelineError, BadSettings) as error:
            raise Interrupted from error  # the console ends over it; the item waits for the next start
        assert self._loading is not None
        return self._loading.result()

    def _open(self, measure: bool) -> "Engine":
        try:
            # torch and diffusers take seconds to import, so the console is online before them.
            from pipeline.engine import open_engine
        except ModuleNotFoundError as error:
            raise BadSettings(f"RENDERER=local needs {error.name}, which is not installed here.") from error

        engine = open_engine(self._config)
        if measure:
            try:
                engine.draw(self.card.first_recipe()).result()
            except PipelineError:
                engine.close()
                raise
        return engine


def at_work() -> bool:
    """Whether threads of an engine may go on: none has ended in time, or none was waited for."""
    return bool(_at_work)


def _beside(work: Callable[[], Outcome]) -> "asyncio.Future[Outcome]":
    """Do that on a thread of its own, for which the end of the process does not wait, as it does for `to_thread`."""
    outcome: Future[Outcome] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)

    threading.Thread(target=run, name="atelier engine", daemon=True).start()
    return asyncio.wrap_future(outcome)


def _look(engine: "Engine", photo: bytes) -> PhotoSeen:
    import numpy as np

    from pipeline import portrait

    image = np.asarray(open_photo(photo, "The photo"))
    height, width, _ = image.shape
    faces = [
        FaceSeen(
            box=face.box,
            score=face.score,
            sex=face.sex,
            yaw=portrait.yaw(face),
            blurred=portrait.sharpness(image, face.box) < portrait.BLURRED_BELOW,
            embedding=None if face.embedding is None else tuple(face.embedding.tolist()),
        )
        for face in engine.faces.find(image)
    ]
    return PhotoSeen(width, height, tuple(faces))

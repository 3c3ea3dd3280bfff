"""Memory: the device has none left for more than two pictures a call."""

import asyncio
import io
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from bot.domain.ports import Renderer
from bot.renderer import LocalRenderer
from bot.store.database import open_database
from bot.store.images import Images
from bot.store.jobs import Jobs
from pipeline.config import Config
from pipeline.engine import Engine, open_engine
from pipeline.flight import Flight
from sweeps.recipe import Recipe
from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Task
from tests.chaos.orders import MEMBERS, quote, until_delivered
from tests.chaos.reckoning import reckon
from tests.chaos.scenario import Options, Outcome, Place

PICTURES, MOST_A_CALL = 8, 2
STEPS, SIDE = 4, 128
TOLERANCE = 1
"""Of 255: a call for eight rounds otherwise than one for two."""

Maker = Callable[[Engine], None]


class Painter(Hand):
    """A console that draws with the tiny family."""

    def __init__(self, task: Task, renderer: LocalRenderer) -> None:
        super().__init__(task)
        self._renderer = renderer

    def renderer(self) -> Renderer:
        return self._renderer


class Memory:
    """Eight pictures of one job in the real engine; the control's engine does not halve."""

    name = "memory"
    promise = "out of memory above a batch of 2: 8, 4, 2; the same images per seed, each billed once"

    async def run(self, place: Place, options: Options) -> Outcome:
        return await cramped(place, options, lambda engine: None)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await cramped(place, options, never_halve)
        return Outcome(f"without halving: {outcome.figures}", outcome.holds)


SCENARIO = Memory()


async def cramped(place: Place, options: Options, change: Maker) -> Outcome:
    """Draw a job on a device that has no memory, and compare with pictures that were drawn one by one."""
    config = Config(family="tiny", cache_dir=place.folder / "cache", device="cpu")
    async with open_database(place.url) as sessions, Exchange(options.seed).open() as exchange:
        job = await quote(sessions, MEMBERS[0], PICTURES, "a red fox in the snow", STEPS, SIDE)
        recipes = [item.recipe for item in await Jobs(sessions).items(job.id)]
        expected = await asyncio.to_thread(one_by_one, config, recipes)
        renderer = LocalRenderer(config)
        async with renderer.drawing():
            renderer.load(measure=False)
            engine = await renderer._engine()
            tried = run_short(engine)
            change(engine)
            hand = Painter(Task(place.url, place.folder, exchange.address, slots=renderer.slots), renderer)
            async with hand.at_work() as inside:
                await inside.desk.run(job.id, job.owner)
                await until_delivered(sessions, 120)
        items = await Jobs(sessions).items(job.id)
        reckoning = await reckon(sessions, exchange, place.folder / "images")
        images = Images(place.folder / "images")
        drawn = {item.recipe: await images.get(item.image) for item in items if item.image}
    apart = max((difference(png, expected[recipe]) for recipe, png in drawn.items()), default=0)
    figures = f"batches {' → '.join(map(str, tried[1:4]))}, {reckoning}"
    if drawn:
        figures += f", pixels at most {apart} of 255 off (tolerance {TOLERANCE})"
    halved = tried[1:4] == [8, 4, 2] and max(tried[3:]) <= MOST_A_CALL
    return Outcome(figures, halved and reckoning.well and apart <= TOLERANCE)


def run_short(engine: Engine) -> list[int]:
    """Let the UNet fail for more than two pictures a call; the sizes of its calls, as they come.

    The first call is for whoever came first, and lasts until the others are there.
    """
    tried: list[int] = []
    forward = engine.modules.unet.forward

    def forward_of_a_full_device(sample: torch.Tensor, *arguments: object, **options: object) -> object:
        batch = len(sample) // 2  # all are guided, so each has two rows
        tried.append(batch)
        while len(tried) == 1 and len(engine.roster.waiting) + len(engine.roster.running) < PICTURES:
            time.sleep(0.005)
        if batch > MOST_A_CALL:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        return forward(sample, *arguments, **options)

    engine.modules.unet.forward = forward_of_a_full_device
    return tried


def never_halve(engine: Engine) -> None:
    """Out of memory is an error like any other: it fails whoever is in the call."""

    def predict(batch: list[Flight]) -> Sequence[torch.Tensor]:
        try:
            return engine._unet([flight.walk for flight in batch]) if batch else []
        except Exception as error:
            for flight in batch:
                engine.roster.fail(flight, error)
            return []

    engine._predict = predict  # type: ignore[method-assign]


def one_by_one(config: Config, recipes: Sequence[Recipe]) -> dict[Recipe, bytes]:
    """Each picture as it is when nothing else is drawn."""
    with open_engine(config) as engine:
        return {recipe: engine.draw(recipe).result().png for recipe in recipes}


def difference(png: bytes, other: bytes) -> int:
    """By how much two pictures differ where they differ most, of 255."""
    first, second = (np.asarray(Image.open(io.BytesIO(each)), np.int16) for each in (png, other))
    return int(abs(first - second).max())

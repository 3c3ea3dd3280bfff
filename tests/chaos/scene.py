"""A scene: the sandbox, one real console that is ready and has drawn an image, and the record of what it does."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.sandbox import Sandbox
from tests.chaos import console as real
from tests.chaos.record import Record, record
from tests.chaos.scenario import Place


@dataclass(frozen=True)
class Scene:
    """What the scenarios that need one console from beginning to end act on."""

    sandbox: Sandbox
    console: Process
    book: Record


@asynccontextmanager
async def scene(place: Place, program: Sequence[str] = real.PROGRAM) -> AsyncIterator[Scene]:
    """A scene at that place; on the way out the console is drained."""
    async with Sandbox() as sandbox, record(place.url) as book, real.console(sandbox, place, program) as process:
        await real.ready(sandbox, process)
        await real.drawn_once(sandbox)
        yield Scene(sandbox, process, book)

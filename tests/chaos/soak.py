"""A soak: members come and go for an hour, connections break now and then, and the console does not grow.

Its memory is sampled every ten seconds, once the memo of finished pictures is full (that is its warm-up: it may have
256 MiB, and takes them). How the samples are judged is told in flatness.py.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import psutil

from bot.domain.job import JobState
from bot.sandbox import Sandbox
from tests.chaos import console as real
from tests.chaos.crowd import Guest
from tests.chaos.flatness import LEAST_SAMPLES, Flatness, Sample, flatness
from tests.chaos.record import Books, Record, files
from tests.chaos.scenario import Options, Outcome, Place
from tests.chaos.scene import Scene, scene

SAMPLE_SECONDS = 10.0
TROUBLE_SECONDS = 60.0
MEMO_IMAGES = 350
"""Pictures of 512 x 512 pixels that fill the memo of finished pictures."""

FILLING = "{{base: {{prompt: x, steps: 1, width: 512, height: 512}}, parameters: {{seed: '1-{images}'}}}}"
WORTH_FILLING_MINUTES = 2.0
CONTROL_MINUTES = 5.0
PATIENCE_SECONDS = 900.0
BREAKS = ("gateway dropped", "op 7", "op 9")


@dataclass(frozen=True)
class Story:
    """What came of a soak; `breaks` are connections that broke, `incidents` answers that told of a fault of ours."""

    minutes: float
    commands: int
    unanswered: int
    incidents: list[str]
    states: Counter[JobState]
    images: int
    breaks: int
    twice: list[str]
    missing: list[str]
    books: Books
    memory: Flatness

    @property
    def whole(self) -> bool:
        """Whether everything that was asked for is there once, and paid for once."""
        broken = self.twice or self.missing or self.incidents
        lost = self.states[JobState.DEAD] + self.states[JobState.FAILED]
        return self.images > 0 and not broken and not lost and self.books.right

    @property
    def told(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items()))
        return (
            f"{self.minutes:g} minutes, {self.commands:,} commands ({self.unanswered} unanswered, "
            f"{len(self.incidents)} failed), {self.states.total():,} jobs ({states}), {self.images:,} images, "
            f"{self.breaks} connections broken; memory {self.memory.told}; "
            f"{len(self.twice)} twice, {len(self.missing)} missing, {self.books.told}"
        )


async def soaked(scene: Scene, minutes: float, seed: int, samples: Path | None = None) -> Story:
    """Mixed work for so many minutes; what came of it. `samples` is the file for what was measured."""
    sandbox, book = scene.sandbox, scene.book
    guests = [Guest(member, seed + number) for number, member in enumerate(sandbox.members.values())]
    if minutes >= WORTH_FILLING_MINUTES:
        await real.sweep(sandbox, "mina", "filling", FILLING.format(images=MEMO_IMAGES))
        await book.all_delivered(PATIENCE_SECONDS)
    until = time.monotonic() + 60 * minutes
    every = min(SAMPLE_SECONDS, 60 * minutes / LEAST_SAMPLES / 2)
    measured: list[Sample] = []
    beside = [
        asyncio.create_task(_sample(psutil.Process(scene.console.pid), every, measured)),
        asyncio.create_task(_trouble(sandbox, min(TROUBLE_SECONDS, 60 * minutes / 6))),
    ]
    try:
        await asyncio.gather(*(guest.stay(until) for guest in guests))
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        sandbox.faults.clear()
    if samples is not None:
        samples.write_text(json.dumps(measured))
    await _let_go_on(sandbox, book)
    await book.all_delivered(PATIENCE_SECONDS)
    jobs, drawn = await book.jobs(), await book.drawn()
    twice, missing = real.amiss(sandbox, files(jobs, drawn))
    return Story(
        minutes=minutes,
        commands=sum((guest.commands for guest in guests), Counter()).total(),
        unanswered=sum(guest.unanswered for guest in guests),
        incidents=[each for guest in guests for each in guest.incidents],
        states=Counter(job.state for job in jobs),
        images=len(drawn),
        breaks=sum(each in BREAKS for each in sandbox.faults.struck),
        twice=twice,
        missing=missing,
        books=await book.books(),
        memory=flatness(measured),
    )


async def _sample(console: psutil.Process, every: float, samples: list[Sample]) -> None:
    while True:
        samples.append((time.monotonic(), console.memory_info().rss / 2**20))
        await asyncio.sleep(every)


async def _trouble(sandbox: Sandbox, every: float) -> None:
    """Something small goes wrong now and then."""
    faults = sandbox.faults
    troubles: Sequence[Callable[[], None]] = (
        faults.drop_gateway,
        lambda: faults.accepted_then_502(real.POSTS),
        faults.ask_to_reconnect,
        lambda: faults.rate_limit(real.POSTS),
        faults.invalidate_sessions,
        lambda: faults.storm(real.POSTS, times=1),
    )
    for trouble in cycle(troubles):
        await asyncio.sleep(every)
        trouble()


async def _let_go_on(sandbox: Sandbox, book: Record) -> None:
    """Whatever was paused is resumed by its owner."""
    members = {int(member.id): member for member in sandbox.members.values()}
    await real.until_answered(sandbox.members["mina"], "/queue", 60)
    for job in await book.jobs():
        if job.state is JobState.PAUSED:
            await members[job.owner.id].run("/resume", job=job.name)


class Soak:
    """Mixed work for a long time."""

    name = "soak"
    promise = "memory flat behind the warm-up, everything asked for delivered once"

    async def run(self, place: Place, options: Options) -> Outcome:
        """The console as it is; on SQLite, which is for one console and its members, a sixth of the time."""
        minutes = options.soak_minutes / (6 if place.name == "sqlite" else 1)
        return await self._through(place, minutes, options.seed, real.PROGRAM)

    async def control(self, place: Place, options: Options) -> Outcome:
        """The same with a leak: every image leaves 128 KiB behind."""
        minutes = min(options.soak_minutes, CONTROL_MINUTES)
        return await self._through(place, minutes, options.seed, real.careless("leak"))

    async def _through(self, place: Place, minutes: float, seed: int, program: Sequence[str]) -> Outcome:
        async with scene(place, program) as set_up:
            story = await soaked(set_up, minutes, seed, place.folder / "memory.json")
        return Outcome(story.told, story.whole and story.memory.flat and not set_up.sandbox.violations)


SCENARIO = Soak()

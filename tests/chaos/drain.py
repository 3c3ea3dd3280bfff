"""SIGTERM while a sweep is drawn: the console ends in time and lets go, and the next one takes up at once."""

import asyncio
import random
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.sandbox import Sandbox
from bot.ui.words import count
from tests.chaos import console as real
from tests.chaos.record import Record, files, record
from tests.chaos.scenario import Options, Outcome, Place, told

CELLS_A_DRAIN = 12
"""Images in the sweep for each time that it is drained, so that some are left."""

SWEEP = "{{base: {{prompt: x, steps: 8, width: 384, height: 384}}, parameters: {{seed: '1-{cells}'}}}}"
FULL_DRAINS = 5
EXIT_SECONDS = 110.0
LEASED_SECONDS = 5.0
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.05
STEP_SECONDS = 600.0


@dataclass
class Story:
    """What came of the drains: exit codes, seconds until each exit and until work was leased again (since ready)."""

    asked: int
    cells: int
    codes: list[int] = field(default_factory=list)
    exits: list[float] = field(default_factory=list)
    leased: list[float] = field(default_factory=list)
    kept: int = 0
    unposted: int = 0
    idle: int = 0
    twice: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        in_time = max(self.exits) <= EXIT_SECONDS and max(self.leased) <= LEASED_SECONDS
        clean = not any(self.codes) and not (self.kept or self.unposted or self.idle or self.twice or self.missing)
        return len(self.leased) == self.asked and in_time and clean

    @property
    def told(self) -> str:
        counts = {
            "leases and workers not let go": self.kept,
            "drawn images left unposted": self.unposted,
            "twice": len(self.twice),
            "missing": len(self.missing),
        }
        if self.idle:
            counts["times nothing was left to do"] = self.idle
        codes = ", ".join(map(str, sorted(set(self.codes))))
        return (
            f"{count(self.asked, 'drain')} of a sweep of {self.cells} cells, exit code {codes}, slowest exit "
            f"{max(self.exits):.1f} s, leased again {_within(max(self.leased))} of being ready, {told(counts)}"
        )


async def drained(
    sandbox: Sandbox,
    place: Place,
    drains: int,
    chance: random.Random,
    *,
    by: signal.Signals = signal.SIGTERM,
    program: Sequence[str] = real.PROGRAM,
) -> Story:
    """End the console `drains` times in one sweep, each time after a new image, and start it again."""
    cells = drains * CELLS_A_DRAIN
    story = Story(drains, cells)
    async with record(place.url) as book:
        fences: dict[int, int] = {}
        for number in range(drains + 1):
            async with real.console(sandbox, place, program) as process:
                if number:
                    story.leased.append(await _leased_again(sandbox, process, book, fences))
                else:
                    await real.ready(sandbox, process)
                    await real.sweep(sandbox, "mina", "through-drains", SWEEP.format(cells=cells))
                if number == drains:
                    await book.all_delivered(STEP_SECONDS)
                    break
                before = len(real.posted(sandbox))
                await sandbox.until(lambda: len(real.posted(sandbox)) > before, STEP_SECONDS)  # noqa: B023
                await asyncio.sleep(chance.uniform(0, 0.5))
                began = time.monotonic()
                process.send_signal(by)
                story.codes.append(await asyncio.wait_for(process.wait(), EXIT_SECONDS + 60))
                story.exits.append(time.monotonic() - began)
            await sandbox.until(lambda: not sandbox.gateway.connected, 30)
            leases = await book.leases()
            fences = {job: fence for job, (fence, _) in leases.items()}
            story.kept += sum(worker is not None for _, worker in leases.values()) + await book.workers()
            story.unposted += sum(item.message_id is None for item in await book.drawn())
            story.idle += await book.waiting() == 0
        story.twice, story.missing = real.amiss(sandbox, files(await book.jobs(), await book.drawn()))
    return story


async def _leased_again(sandbox: Sandbox, process: Process, book: Record, fences: dict[int, int]) -> float:
    """Seconds from the console being ready until every job is leased anew; infinite where they are not soon."""

    async def leased() -> float:
        while not all(
            fence > fences[job] and worker is not None for job, (fence, worker) in (await book.leases()).items()
        ):
            await asyncio.sleep(LOOK_SECONDS)
        return time.monotonic()

    looking = asyncio.create_task(leased())
    try:
        ready = await real.ready(sandbox, process)
        return max(0.0, await asyncio.wait_for(looking, PATIENCE_SECONDS) - ready)
    except TimeoutError:
        return float("inf")
    finally:
        looking.cancel()


def _within(seconds: float) -> str:
    return f"within {seconds:.1f} s" if seconds <= PATIENCE_SECONDS else f"not within {PATIENCE_SECONDS:.0f} s"


class Drain:
    """SIGTERM in the middle of a sweep, several times."""

    name = "drain"
    promise = "exit within 110 s, what is drawn posted, leases released; leased again within 5 s of being ready"

    async def run(self, place: Place, options: Options) -> Outcome:
        """SIGTERM, as before a redeploy."""
        return await self._of(place, options, options.scaled(FULL_DRAINS), signal.SIGTERM, real.PROGRAM)

    async def control(self, place: Place, options: Options) -> Outcome:
        """SIGKILL instead, and nobody asks the kernel whether the holder of a lease lives."""
        return await self._of(place, options, 1, signal.SIGKILL, real.careless("leases"))

    async def _of(
        self, place: Place, options: Options, drains: int, by: signal.Signals, program: Sequence[str]
    ) -> Outcome:
        async with Sandbox(answer_s=real.PATIENT_SECONDS) as sandbox:
            story = await drained(sandbox, place, drains, random.Random(options.seed), by=by, program=program)
        return Outcome(story.told, story.holds and not sandbox.violations)


SCENARIO = Drain()

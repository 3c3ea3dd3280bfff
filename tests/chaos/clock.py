"""Clock: one console's clock is an hour ahead, another's an hour behind, and both are set while they work.

The clocks of a process are changed where it reads them: `datetime` in each of our modules, and `time.time`. What counts
seconds (`time.monotonic`) goes on as it does on a machine that slept, or whose clock was set.
"""

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import select, update

from bot.domain.job import JobState
from bot.store.database import Sessions, open_database
from bot.store.presence import Presence
from bot.store.schema import HoldRow, JobRow, WorkerRow, now
from tests.chaos.crew import crew
from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Outspoken, Task
from tests.chaos.orders import MEMBERS, quotes, until_delivered
from tests.chaos.reckoning import reckon
from tests.chaos.scenario import Options, Outcome, Place, told

HOUR = 3600.0
LEASE_SECONDS = 30.0
IMAGES_A_JOB, STEPS = 2, 50
JOBS_A_DAY, JOBS_MORE = 6, 2
"""Of each member: those that the tokens of a day are enough for, and those that they ask for besides."""

MOVED_BEFORE, LOST_ANSWERS = 6, 4


class Clock:
    """The clocks of this process, at first so many seconds from noon of this day (UTC)."""

    def __init__(self, seconds: float) -> None:
        self._real = time.time
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0).timestamp()
        self.offset = noon + seconds - self._real()

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.fromtimestamp(self.time(), tz)

        time.time = self.time
        for name, module in list(sys.modules.items()):
            if name.startswith("bot.") and getattr(module, "datetime", None) is datetime:
                module.datetime = Shifted  # type: ignore[attr-defined]

    def time(self) -> float:
        """The seconds since 1970 that it shows."""
        return self._real() + self.offset


class Ahead(Hand):
    """A console whose clock is an hour ahead; at SIGUSR1 it is set to an hour behind."""

    hours = 1.0
    beat_seconds = 2.0

    def prepare(self) -> None:
        clock = Clock(self.hours * HOUR)

        def set_clock(*_: object) -> None:
            clock.offset -= 2 * self.hours * HOUR

        signal.signal(signal.SIGUSR1, set_clock)


class Behind(Ahead):
    """The other way round."""

    hours = -1.0


class Comparing(Outspoken):
    """Leases that compare clocks: a worker is dead when the moment of its last heartbeat is long past."""

    async def beat(self) -> dict[int, tuple[int, JobState]]:
        stored = await super().beat()
        async with self._sessions.begin() as session:
            await session.execute(update(WorkerRow).where(WorkerRow.id == self.worker).values(started_at=now()))
        return stored

    async def _gone(self) -> list[str]:
        latest = now() - timedelta(seconds=self._seconds)
        async with self._sessions.reading() as session:
            others = select(WorkerRow.id).where(WorkerRow.id != self.worker, WorkerRow.started_at < latest)
            return list(await session.scalars(others))


class ComparingAhead(Ahead):
    """Ahead, with such leases; it looks often."""

    beat_seconds = 1.0

    def leases(self, sessions: Sessions, presence: Presence) -> Outspoken:
        return Comparing(sessions, presence, self.task.lease_seconds, self.tell)


class ComparingBehind(ComparingAhead):
    """Behind, with such leases."""

    hours = -1.0


class ClockScenario:
    """Two consoles of two machines, two hours apart; the control's leases compare their clocks."""

    name = "clock"
    promise = "clocks an hour off take no lease, post nothing twice, and keep each member's tokens of a day"

    async def run(self, place: Place, options: Options) -> Outcome:
        return await apart(place, options, Behind, Ahead)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await apart(place, options, ComparingBehind, ComparingAhead)
        return Outcome(f"leases that compare clocks: {outcome.figures}", outcome.holds)


SCENARIO = ClockScenario()


async def apart(place: Place, options: Options, behind: type[Hand], ahead: type[Hand]) -> Outcome:
    """Let both work, lose some answers, set both clocks while Discord forgets its nonces, and let all be done."""
    jobs = options.scaled(JOBS_A_DAY, least=2)
    daily = jobs * IMAGES_A_JOB
    async with open_database(place.url) as sessions, Exchange(options.seed).open() as exchange, crew() as hands:
        await quotes(sessions, len(MEMBERS) * (jobs + JOBS_MORE), IMAGES_A_JOB, STEPS)
        working = []
        for name, kind in (("behind", behind), ("ahead", ahead)):
            machine = f"machine of the {name}"
            task = Task(place.url, place.folder, exchange.address, name, machine, LEASE_SECONDS, daily=daily)
            working.append(hands.start(kind, task))
            await exchange.until_more("moved", MOVED_BEFORE)  # so that the second one finds what the first one holds
        exchange.losing = True
        await exchange.until(lambda: exchange.lost >= LOST_ANSWERS)
        async with exchange.down():
            for process in working:
                assert process.pid is not None
                os.kill(process.pid, signal.SIGUSR1)
            await asyncio.sleep(1)
            exchange.forget_nonces()
        exchange.losing = False
        finished = await until_delivered(sessions, 120, (JobState.QUOTED,))
        async with sessions.reading() as session:
            left = list(await session.scalars(select(JobRow.id).where(JobRow.state == JobState.QUOTED.value)))
            spent = dict.fromkeys((member.id for member in MEMBERS), 0)
            for owner, tokens in await session.execute(
                select(JobRow.owner_id, HoldRow.captured).join(HoldRow, HoldRow.job_id == JobRow.id)
            ):
                spent[owner] += tokens
        reckoning = await reckon(sessions, exchange, place.folder / "images", left)
    taken = exchange.total("taken over")
    most = max(spent.values())
    counts = {
        "jobs taken from the living": taken,
        "answers lost": exchange.lost,
        "messages found again": exchange.found,
    }
    figures = f"±1 h, {told(counts)}, at most {most} of {daily} tokens a day, {reckoning}"
    return Outcome(figures, finished and not taken and set(spent.values()) == {daily} and reckoning.well)

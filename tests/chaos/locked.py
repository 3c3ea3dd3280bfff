"""Locked: somebody else holds the database's lock, for a moment and for longer than anybody waits."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import asyncpg
from sqlalchemy import make_url

from bot.domain.errors import Unavailable
from bot.domain.gate import Hit
from bot.domain.job import Work
from bot.domain.ports import Drawn
from bot.jobs.worker import Worker
from bot.store import database
from bot.store.database import open_database
from tests.chaos.crew import crew
from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Task
from tests.chaos.orders import quotes, until_delivered
from tests.chaos.reckoning import reckon
from tests.chaos.scenario import FULL_ROUNDS, Options, Outcome, Place, told

JOBS, LEAST_JOBS, IMAGES_A_JOB, STEPS = 40, 16, 5, 150
MOVED_BEFORE = 20
SHORT_SECONDS = 2.0
LEASE_PAST_PATIENCE, LOCK_PAST_PATIENCE = 2.0, 3.5
"""Seconds. While the long lock lasts, both consoles are silent for longer than a lease."""

SECONDS_TO_FINISH, SECONDS_FOR_THE_CARELESS = 120, 8

LITTLE_PATIENCE_SECONDS = 1


class Locked(Hand):
    """A console that accepts a quote now and then, so that there is a member to be told."""

    accepted_at_once, accept_seconds = 1, 0.5


class Impatient(Locked):
    """The same, which waits for less long: for a short version of the scenario."""

    def prepare(self) -> None:
        database.PATIENCE_SECONDS = LITTLE_PATIENCE_SECONDS
        database.LIMITS["lock_timeout"] = f"{LITTLE_PATIENCE_SECONDS}s"


class Dropping(Worker):
    """A worker that lets go of a picture that it could not record."""

    async def _bring_to_outcome(self, work: Work) -> None:
        try:
            await self._draw(work)
        except Exception:
            self._queue.put_down(work)
            return
        await super()._bring_to_outcome(work)

    async def _settle(self, work: Work, drawn: Drawn, hit: Hit | None) -> None:
        with suppress(Unavailable):
            await super()._settle(work, drawn, hit)


class Careless(Impatient):
    """Nothing is tried again."""

    worker_kind = Dropping


class LockedScenario:
    """Two consoles of two machines, and a lock beside them; the control's do not try again what they failed at."""

    name = "locked"
    promise = "a locked database loses nothing and takes no job from the living; members get a sentence"

    async def run(self, place: Place, options: Options) -> Outcome:
        full = options.rounds >= FULL_ROUNDS
        return await locked_out(place, options, Locked if full else Impatient, SECONDS_TO_FINISH)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await locked_out(place, options, Careless, SECONDS_FOR_THE_CARELESS)
        return Outcome(f"without trying again: {outcome.figures}", outcome.holds)


SCENARIO = LockedScenario()


async def locked_out(place: Place, options: Options, kind: type[Hand], most: float) -> Outcome:
    """Lock for a moment, and for longer than statements wait; then let all be done."""
    patience = LITTLE_PATIENCE_SECONDS if issubclass(kind, Impatient) else database.PATIENCE_SECONDS
    long, lease = patience + LOCK_PAST_PATIENCE, patience + LEASE_PAST_PATIENCE
    async with open_database(place.url) as sessions, Exchange(options.seed).open() as exchange, crew() as hands:
        await quotes(sessions, options.scaled(JOBS, least=LEAST_JOBS), IMAGES_A_JOB, STEPS)
        for name in ("first", "second"):
            machine = f"machine of the {name}"
            hands.start(kind, Task(place.url, place.folder, exchange.address, name, machine, lease))
        heard = exchange.heard
        for seconds in (SHORT_SECONDS, long):
            await exchange.until_more("moved", MOVED_BEFORE)
            async with lock(place):
                await asyncio.sleep(seconds)
        finished = await until_delivered(sessions, most)
        reckoning = await reckon(sessions, exchange, place.folder / "images")
    errors = sorted({word for words in heard.values() for word in words if word.startswith("error")})
    unavailable, taken = exchange.total("unavailable"), exchange.total("taken over")
    counts = {"members told so": unavailable, "jobs taken from the living": taken}
    figures = f"locked for {SHORT_SECONDS:.0f} s and {long:.0f} s, {told(counts)}, {reckoning}"
    good = finished and unavailable and not taken and not errors
    return Outcome(", ".join([figures, *errors[:1]]), bool(good) and reckoning.well)


@asynccontextmanager
async def lock(place: Place) -> AsyncIterator[None]:
    """Nobody else writes to that database, and on PostgreSQL nobody reads it, while the context is open."""
    url = make_url(place.url)
    if place.name == "sqlite":
        with closing(sqlite3.connect(url.database or "", timeout=60, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
        return
    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE jobs, items, accounts, workers IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()

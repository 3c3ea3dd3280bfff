"""Fencing: a console is paused past its lease while it holds pictures that it has not yet recorded."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from sqlalchemy.pool import QueuePool

from bot.domain.errors import Fenced
from bot.domain.gate import Hit
from bot.domain.job import ItemState, Lease
from bot.domain.ports import Channel
from bot.store.database import Sessions, open_database
from bot.store.leases import LeaseStore
from bot.store.presence import Presence
from tests.chaos.careless import Repeating, Unfenced, forget_captures
from tests.chaos.crew import crew, go_on, until_stopped
from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Outspoken, Task
from tests.chaos.orders import MEMBERS, quote, until_delivered
from tests.chaos.reckoning import reckon
from tests.chaos.scenario import Options, Outcome, Place, told

LEASE_SECONDS = 1.0
IMAGES, STEPS = 40, 25
DRAWN_BEFORE_PAUSE, DRAWN_BEFORE_RETURN = 3, 8


class Pausing(Outspoken):
    """Leases of a process that stops (SIGSTOP) when it is about to record a picture; it tells what came of it then."""

    settled = 0

    @property
    def connections(self) -> QueuePool:
        """The database connections of this process."""
        pool = self._sessions._writing.kw["bind"].sync_engine.pool
        assert isinstance(pool, QueuePool)
        return pool

    async def settle(
        self,
        lease: Lease,
        number: int,
        state: ItemState,
        *,
        image: str | None = None,
        remark: str | None = None,
        tokens: int = 0,
        hit: Hit | None = None,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        self.settled += 1
        if self.settled == DRAWN_BEFORE_PAUSE + 1:
            while self.connections.checkedout():  # in no transaction, which would hold locks that nobody can take away
                await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGSTOP)
        late = self.settled > DRAWN_BEFORE_PAUSE
        try:
            recorded = await super().settle(
                lease, number, state, image=image, remark=remark, tokens=tokens, hit=hit, keep=keep
            )
        except Fenced:
            self.tell("refused")
            raise
        if late:
            self.tell("recorded")
        return recorded


class PausingUnfenced(Pausing, Unfenced):
    """The same without fences."""


class Prompt(Hand):
    """A console of which a heartbeat comes often enough for so short a lease."""

    beat_seconds = LEASE_SECONDS / 6


class Paused(Prompt):
    """A console that is paused in the middle."""

    kind: type[Pausing] = Pausing

    def leases(self, sessions: Sessions, presence: Presence) -> LeaseStore:
        return self.kind(sessions, presence, self.task.lease_seconds, self.tell)


class PausedUnfenced(Paused):
    """The same without fences, keys and nonces."""

    kind = PausingUnfenced

    def prepare(self) -> None:
        forget_captures()

    def channel(self) -> Channel:
        return Repeating(self.task.exchange, self.task.name)


class Fencing:
    """Two consoles of two machines, the first of which is paused; the control's first one may commit when it wakes."""

    name = "fencing"
    promise = "the late commits of a worker paused past its lease are refused; each image billed and posted once"

    async def run(self, place: Place, options: Options) -> Outcome:
        return await paused(place, options, Paused)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await paused(place, options, PausedUnfenced)
        return Outcome(f"without fencing, idempotency keys and nonces: {outcome.figures}", outcome.holds)


SCENARIO = Fencing()


async def paused(place: Place, options: Options, kind: type[Paused]) -> Outcome:
    """Pause one, let another take over and be in the middle of it, wake the first one, and let all be done."""
    async with open_database(place.url) as sessions, Exchange(options.seed).open() as exchange, crew() as hands:
        await quote(sessions, MEMBERS[0], IMAGES, "a long job", STEPS)
        first = hands.start(kind, task(place, exchange, "first"))
        await until_stopped(first)
        second = hands.start(Prompt, task(place, exchange, "second"))
        heard = exchange.heard
        await exchange.until(lambda: heard["second"]["moved"] >= DRAWN_BEFORE_RETURN)
        go_on(first)
        await exchange.until(lambda: heard["first"]["refused"] + heard["first"]["recorded"] > 0)
        finished = await until_delivered(sessions, 120)
        codes = [await hands.drain(process) for process in (first, second)]
        reckoning = await reckon(sessions, exchange, place.folder / "images")
    late = heard["first"]
    counts = {"late commits refused": late["refused"], "late commits recorded": late["recorded"]}
    right = late["refused"] > 0 and not late["recorded"] and codes == [0, 0]
    return Outcome(f"{told(counts)}, {reckoning}", finished and right and reckoning.well)


def task(place: Place, exchange: Exchange, name: str) -> Task:
    """Each console is on a machine of its own, so that only a heartbeat tells whether it lives."""
    return Task(place.url, place.folder, exchange.address, name, f"machine of the {name}", LEASE_SECONDS)

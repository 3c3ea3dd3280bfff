"""Kills: processes die at random moments in the middle of everything, again and again."""

import asyncio
import random
from multiprocessing.process import BaseProcess

from sqlalchemy import func, select

from bot.domain.job import SUSPECT_DEATHS, ItemState
from bot.store.database import Sessions, open_database
from bot.store.jobs import ACCEPTED_VALUES
from bot.store.schema import ItemRow, JobRow
from tests.chaos.careless import Forgetful
from tests.chaos.crew import Crew, crew
from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Task
from tests.chaos.orders import quotes, until_delivered
from tests.chaos.reckoning import reckon
from tests.chaos.scenario import Options, Outcome, Place

JOBS_A_KILL, IMAGES_A_JOB = 4, 5
HANDS = 2
MOST_SECONDS_MORE = 0.02
SECONDS_TO_FINISH = 120


class Kills:
    """Two consoles of one machine, one of which is killed at a time; the control forgets who holds what."""

    name = "kills"
    promise = "0 lost, 0 billed twice, 0 posted twice; ledger sum 0, holds 0"

    async def run(self, place: Place, options: Options) -> Outcome:
        return await struck(place, options, Hand, options.rounds)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await struck(place, options, Forgetful, options.scaled(40, least=4))
        return Outcome(f"without fencing, idempotency keys and nonces: {outcome.figures}", outcome.holds)


SCENARIO = Kills()


async def struck(place: Place, options: Options, kind: type[Hand], kills: int) -> Outcome:
    """Kill so often, spread over all of the work, then let it finish, and reckon."""
    async with open_database(place.url) as sessions, Exchange(options.seed).open() as exchange, crew() as hands:
        await quotes(sessions, kills * JOBS_A_KILL, IMAGES_A_JOB)
        pair = Pair(sessions, exchange, hands, kind, place, random.Random(options.seed))
        await pair.start()
        for kill in range(kills):
            await pair.strike(kills - kill)
        finished = await until_delivered(sessions, SECONDS_TO_FINISH)
        reckoning = await reckon(sessions, exchange, place.folder / "images")
    return Outcome(f"{kills:,} kills, {reckoning}", finished and reckoning.well)


class Pair:
    """Two consoles at work; one that is killed is followed by another."""

    def __init__(
        self,
        sessions: Sessions,
        exchange: Exchange,
        hands: Crew,
        kind: type[Hand],
        place: Place,
        chance: random.Random,
    ) -> None:
        self._sessions = sessions
        self._exchange = exchange
        self._hands = hands
        self._kind = kind
        self._place = place
        self._chance = chance
        self._started = 0
        self._at_work: list[BaseProcess] = []

    async def start(self) -> None:
        """Both at work."""
        for _ in range(HANDS):
            self._at_work.append(await self._new())

    async def strike(self, kills_left: int) -> None:
        """Kill one of them after a random share of the work that is left, wherever it stands, and start another."""
        most = 2 * await self._waiting() // kills_left
        if most:
            await self._exchange.until_more("moved", self._chance.randint(1, most))
        await asyncio.sleep(self._chance.uniform(0, MOST_SECONDS_MORE))
        await self._until_nobody_is_suspect()
        victim = self._chance.randrange(HANDS)
        self._at_work[victim].kill()
        self._at_work[victim] = await self._new()

    async def _new(self) -> BaseProcess:
        self._started += 1
        name = f"hand-{self._started}"
        process = self._hands.start(self._kind, Task(self._place.url, self._place.folder, self._exchange.address, name))
        await self._hands.ready(process, self._exchange)
        return process

    async def _waiting(self) -> int:
        """Pictures without an outcome."""
        waiting = select(func.count()).select_from(ItemRow).where(ItemRow.state == ItemState.WAITING.value)
        async with self._sessions.reading() as session:
            return await session.scalar(waiting) or 0

    async def _until_nobody_is_suspect(self) -> None:
        """A third death in a row at the same job would set that aside, as it should: that is another scenario."""
        suspect = select(func.count()).where(JobRow.deaths >= SUSPECT_DEATHS, JobRow.state.in_(ACCEPTED_VALUES))
        async with asyncio.timeout(60):
            while True:
                async with self._sessions.reading() as session:
                    if not await session.scalar(suspect):
                        return
                await asyncio.sleep(0.01)

"""Poison: a job that kills whatever process draws it, in the midst of others."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess

from sqlalchemy import select

import bot.domain.job as suspicion
from bot.domain.account import Terms
from bot.domain.job import Job, JobState
from bot.domain.ports import Drawn
from bot.store import leases
from bot.store.database import Sessions, open_database
from bot.store.jobs import Jobs
from bot.store.orders import OrderStore
from bot.store.schema import HoldRow, JobRow
from sweeps.recipe import Recipe
from tests.chaos.crew import Crew, crew
from tests.chaos.exchange import Exchange
from tests.chaos.hand import STARTING, STEP_SECONDS, Hand, Scribbler, Task
from tests.chaos.orders import MEMBERS, quote, until_delivered
from tests.chaos.reckoning import reckon
from tests.chaos.scenario import Options, Outcome, Place, told

POISON = "poison"
NEIGHBOURS = 20
SECONDS_TO_DEATH = 1.0
DEATHS = 3
MOST_DEATHS = 8
"""At which the harness gives up."""

SECONDS_A_START = 120
ENDLESS = 10**9


class Mortal(Scribbler):
    """A renderer that one prompt kills."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self._drawing = 0
        self._dying = False

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
        self._drawing += 1
        try:
            if recipe.prompt == POISON:
                await self._die()
            drawn = await super().draw(
                recipe, owner=owner, urgent=urgent, should_stop=should_stop, photos=photos, canvas=canvas
            )
            while self._dying:  # whoever is beside it is so to the end
                await asyncio.sleep(STEP_SECONDS)
            return drawn
        finally:
            self._drawing -= 1

    async def _die(self) -> None:
        """As soon as all slots are full, or soon after if they are not."""
        self._dying = True
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_DEATH):
                while self._drawing < self.slots:
                    await asyncio.sleep(STEP_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


class Patient(Hand):
    """A console whose renderer is mortal."""

    def renderer(self) -> Mortal:
        return Mortal(self.task.slots)


class Undaunted(Patient):
    """It takes such a job up again however often that killed it."""

    def prepare(self) -> None:
        leases.MOST_DEATHS = leases.MOST_DEATHS_AT_AN_ITEM = ENDLESS


class Gregarious(Patient):
    """It draws a suspect job among the others."""

    def prepare(self) -> None:
        suspicion.SUSPECT_DEATHS = ENDLESS


class Poison:
    """One such job beside those of other members, all in flight; the controls lack the limit, and the isolation."""

    name = "poison"
    promise = "set aside after 3 deaths, refunded, with its reason; its neighbours done"

    async def run(self, place: Place, options: Options) -> Outcome:
        return await poisoned(place, options, Patient)

    async def control(self, place: Place, options: Options) -> Outcome:
        among = await poisoned(place, options, Gregarious)
        endless = await poisoned(place, options, Undaunted)
        figures = f"without a limit: {endless.figures}; drawn among the others: {among.figures}"
        return Outcome(figures, endless.holds or among.holds)


SCENARIO = Poison()


async def poisoned(place: Place, options: Options, kind: type[Hand]) -> Outcome:
    """Start a console again whenever it has died, until all is done or it has been often enough."""
    neighbours = options.scaled(NEIGHBOURS, least=4)
    async with open_database(place.url) as sessions, Exchange(options.seed).open() as exchange, crew() as hands:
        poison = await quote(sessions, MEMBERS[0], 1, POISON)
        others = [
            await quote(sessions, MEMBERS[1 + number % 7], 1, f"neighbour {poison.id + number}")
            for number in range(neighbours)
        ]
        for job in (poison, *others):
            await OrderStore(sessions, "of a console that is gone", STARTING).accept(job.id, Terms(queued=10_000))
        deaths, over = 0, False
        while deaths < MOST_DEATHS and not over:
            task = Task(place.url, place.folder, exchange.address, f"hand-{poison.id}-{deaths}", slots=neighbours + 1)
            process = hands.start(kind, task)
            over = await over_before(sessions, hands, process)
            deaths += not over
        outcome = await verdict(sessions, exchange, place, poison, others, deaths)
        if not over:
            await OrderStore(sessions, "", STARTING).cancel(poison.id)  # so that the next one finds nothing to draw
    return outcome


async def over_before(sessions: Sessions, hands: Crew, process: BaseProcess) -> bool:
    """Wait until all is delivered, or the console has died; whether it was the former."""
    done = asyncio.create_task(until_delivered(sessions, SECONDS_A_START))
    died = asyncio.create_task(hands.ended(process, SECONDS_A_START))
    await asyncio.wait((done, died), return_when=asyncio.FIRST_COMPLETED)
    if died.done():
        done.cancel()
        assert died.result() == -signal.SIGKILL, f"the console ended with {died.result()}"
        return False
    process.terminate()
    await died
    return True


async def verdict(
    sessions: Sessions, exchange: Exchange, place: Place, poison: Job, others: Sequence[Job], deaths: int
) -> Outcome:
    """What has become of the poison, and of those beside it."""
    async with sessions.reading() as session:
        everything = list(await session.scalars(select(JobRow.id)))
        hold = await session.get_one(HoldRow, (poison.id, 0))
    stored = await Jobs(sessions).get(poison.id)
    assert stored is not None
    besides = [number for number in everything if number not in {job.id for job in others}]
    reckoning = await reckon(sessions, exchange, place.folder / "images", besides)
    aside = [job.id for each in others if (job := await Jobs(sessions).get(each.id)) and job.state is JobState.DEAD]
    counts = {
        "deaths": deaths,
        "tokens refunded": f"{hold.released:,} of {hold.amount:,}",
        "neighbours done": f"{reckoning.done:,}/{reckoning.jobs:,}",
        "set aside with it": len(aside),
    }
    dead = stored.state is JobState.DEAD and bool(stored.reason) and hold.released == hold.amount
    return Outcome(f"{stored.state.value} after {told(counts)}", dead and deaths == DEATHS and reckoning.well)

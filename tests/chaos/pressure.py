"""Pressure: far more is submitted at once than the queue holds."""

import asyncio
import gc
import re
import time
from collections.abc import Callable, Mapping, Sequence

import psutil
from sqlalchemy import func, select

from bot.domain.errors import QueueFull
from bot.domain.job import Job, JobState
from bot.domain.ports import Drawn
from bot.store.books import audit_books
from bot.store.database import Sessions, open_database
from bot.store.ledger import Ledger
from bot.store.schema import HoldRow
from sweeps.recipe import Recipe
from tests.chaos.exchange import Exchange
from tests.chaos.hand import STARTING, STEP_SECONDS, AtWork, Hand, Scribbler, Task
from tests.chaos.orders import MEMBERS, quotes, until_delivered
from tests.chaos.scenario import Options, Outcome, Place, told

SUBMISSIONS, SUBMISSIONS_WITHOUT_BOUND, LEAST_SUBMISSIONS = 1000, 200, 40
CAPACITY, LEAST_CAPACITY = Hand.capacity, 8
SENTENCE = (
    r"The queue is full: {capacity} of {capacity} places are taken\. Nothing was queued; it would have been number "
    r"{number}, with about \d+ images? ahead\. Try again in (a few minutes|about .+)\."
)
BURSTS = 5
QUOTES = (JobState.QUOTED,)
FLAT_MIB = 8.0
"""By how much the process may grow while it refuses the same submissions again and again."""


class Waiting(Scribbler):
    """Draws nothing before it is let."""

    def __init__(self, slots: int, let: asyncio.Event) -> None:
        super().__init__(slots)
        self._let = let

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
        while not (self._let.is_set() or should_stop()):
            await asyncio.sleep(STEP_SECONDS)
        return await super().draw(
            recipe, owner=owner, urgent=urgent, should_stop=should_stop, photos=photos, canvas=canvas
        )


class Busy(Hand):
    """A console that is wholly taken up."""

    def __init__(self, task: Task, capacity: int) -> None:
        super().__init__(task)
        self.capacity = capacity
        self.let = asyncio.Event()

    def renderer(self) -> Waiting:
        return Waiting(self.task.slots, self.let)


class Boundless(Busy):
    """One that takes whatever comes."""

    def __init__(self, task: Task, capacity: int) -> None:
        super().__init__(task, 10**9)


class Pressure:
    """As many submissions at one time as the promise names; the control has a queue without bound."""

    name = "pressure"
    promise = "each job beyond 64 is refused, with its place and when to come again; nothing held, memory flat"

    async def run(self, place: Place, options: Options) -> Outcome:
        return await pressed(place, options, Busy, SUBMISSIONS)

    async def control(self, place: Place, options: Options) -> Outcome:
        outcome = await pressed(place, options, Boundless, SUBMISSIONS_WITHOUT_BOUND)
        return Outcome(f"a queue without bound: {outcome.figures}", outcome.holds)


SCENARIO = Pressure()


async def pressed(place: Place, options: Options, kind: type[Busy], full: int) -> Outcome:
    """Submit all at once, then what was refused again and again, then draw, then what was refused for the last time."""
    submissions = options.scaled(full, LEAST_SUBMISSIONS)
    capacity = options.scaled(CAPACITY, LEAST_CAPACITY)
    sentence = re.compile(SENTENCE.format(capacity=capacity, number=capacity + 1))
    async with Exchange(options.seed).open() as exchange:
        hand = kind(Task(place.url, place.folder, exchange.address), capacity)
        async with open_database(place.url) as sessions:
            jobs = await quotes(sessions, submissions, 1)
        async with hand.at_work() as inside:
            refused, refusals = await submit(inside, jobs)
            held, right = await tokens(inside.sessions, submissions - len(refused))
            counts = {"submissions": submissions, "refused": len(refused), "tokens held": held}
            wordless = [text for text in refusals if not sentence.fullmatch(text)]
            if len(refused) != submissions - capacity or wordless or not right:
                return Outcome(told(counts) + "".join(f', "{text}"' for text in wordless[:1]), False)
            before, spans = memory(), []
            for _ in range(BURSTS):
                began = time.perf_counter()
                again, _ = await submit(inside, refused)
                spans.append((time.perf_counter() - began) / len(refused))
                refused = again
            grown = memory() - before
            hand.let.set()
            first = await until_delivered(inside.sessions, 120, QUOTES)
            second, _ = await submit(inside, refused[:capacity])
            finished = first and not second and await until_delivered(inside.sessions, 120, QUOTES)
            async with inside.sessions.reading() as session:
                wrong = await audit_books(session)
    counts |= {"refused again": len(refused) * BURSTS}
    took = f"{1000 * sum(spans) / BURSTS:.1f} ms a refusal"
    figures = f"{told(counts)} at {took}, {grown:+.1f} MiB meanwhile (at most {FLAT_MIB:.0f})"
    flat = grown <= FLAT_MIB
    still = len(refused) == submissions - capacity
    return Outcome(f"{figures}, then {capacity} of them accepted", finished and still and flat and not wrong)


async def submit(inside: AtWork, jobs: Sequence[Job]) -> tuple[list[Job], list[str]]:
    """Press Run on all of them at one time; which were refused, and with what words."""

    async def press(job: Job) -> str:
        try:
            await inside.desk.run(job.id, job.owner)
        except QueueFull as refusal:
            return str(refusal)
        return ""

    answers = await asyncio.gather(*map(press, jobs))
    refused = [(job, answer) for job, answer in zip(jobs, answers, strict=True) if answer]
    return [job for job, _ in refused], [answer for _, answer in refused]


async def tokens(sessions: Sessions, accepted: int) -> tuple[int, bool]:
    """How many are held, and whether that is what so many accepted jobs of a token each hold, and all else is free."""
    async with sessions.reading() as session:
        held, holds = (await session.execute(select(func.sum(HoldRow.amount), func.count(HoldRow.job_id)))).one()
        wrong = await audit_books(session)
    balances = [await Ledger(sessions, STARTING).balance(member.id) for member in MEMBERS]
    free = sum(balance.available for balance in balances)
    right = held == holds == accepted and free == len(MEMBERS) * STARTING - accepted
    return int(held), right and not wrong


def memory() -> float:
    """What this process has in memory, in MiB."""
    gc.collect()
    resident: int = psutil.Process().memory_info().rss
    return resident / 2**20

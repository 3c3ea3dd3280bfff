"""Leased jobs as the queue gets them, without a store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from bot.domain.job import Item, Job, JobState, Lease, Leased, Member, Place, Quote, Work
from bot.jobs.queue import JobQueue
from sweeps.plan import plan
from sweeps.recipe import Recipe, resolve

NUMBERS = count(1)
STEPS = 5
WORK = 10.0
"""What each of `recipes` takes: two evaluations a step, of one megapixel."""


def recipes(images: int, *, steps: int = STEPS, side: int = 1024) -> list[Recipe]:
    """Recipes that differ in their seed."""
    values = {"prompt": "a test", "detail": False, "steps": steps, "width": side, "height": side}
    return [resolve(values, seed=seed) for seed in range(images)]


def leased(
    owner: Member,
    what: int | Sequence[Recipe],
    *,
    urgent: bool = False,
    weight: float = 1.0,
    turn: int | None = None,
    state: JobState = JobState.QUEUED,
) -> Leased:
    """A job of so many images, or of these recipes, in reverse execution order, just leased."""
    drawn = recipes(what) if isinstance(what, int) else list(what)
    number, planned = next(NUMBERS), plan(drawn)
    job = Job(
        id=number,
        kind="imagine" if urgent else "sweep",
        title="a test",
        owner=owner,
        place=Place(10),
        state=state,
        created_at=datetime.now(UTC),
        urgent=urgent,
        quote=Quote(planned.cells, 0, planned.unique_bases, 0, planned.work, None, planned.summary()),
        weight=weight,
        turn=number if turn is None else turn,
    )
    items = [Item(number, place + 1, f"c{place + 1:03d}", len(drawn) - place, each) for place, each in enumerate(drawn)]
    return Leased(job, Lease(number, "a worker", 1), tuple(items))


def again(before: Leased) -> Leased:
    """The same job under its next lease."""
    return replace(before, lease=replace(before.lease, fence=before.lease.fence + 1))


async def at_once(queue: JobQueue, *, urgent_only: bool = False) -> Work | None:
    """The next item, if there is one that may be drawn now."""
    lane = asyncio.create_task(queue.take(urgent_only=urgent_only))
    await asyncio.sleep(0)
    if lane.done():
        return lane.result()
    lane.cancel()
    await asyncio.gather(lane, return_exceptions=True)
    return None

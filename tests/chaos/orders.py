"""Orders: quotes as members leave them, and how far all of them are."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import func, select

from bot.domain.job import Job, JobState, Layout, Member, Place, Quote
from bot.domain.stores import NewItem
from bot.store.database import Sessions
from bot.store.jobs import Jobs
from bot.store.schema import JobRow
from sweeps.parameters import Value
from sweeps.recipe import resolve

MEMBERS = tuple(Member(1000 + number, f"Member {number}") for number in range(8))
HERE = Place(10, 11)


async def quote(sessions: Sessions, owner: Member, images: int, prompt: str, steps: int = 3, side: int = 1024) -> Job:
    """A quote of some images at a token each, so many pixels wide and high; another prompt has other pictures."""
    settings: dict[str, Value] = {"prompt": prompt, "detail": False, "steps": steps, "width": side, "height": side}
    recipes = [resolve(settings, seed=seed) for seed in range(images)]
    return await Jobs(sessions).create(
        kind="sweep",
        title=prompt,
        owner=owner,
        place=HERE,
        layout=Layout((("seed", tuple(map(str, range(images)))),), None, "seed"),
        items=[NewItem(f"c{n + 1:03d}", n, recipe, {"seed": n}) for n, recipe in enumerate(recipes)],
        quote=Quote(images, 0, images, 0, 2.0 * steps * images, None, "", images),
    )


async def quotes(sessions: Sessions, jobs: int, images: int, steps: int = 3) -> list[Job]:
    """Quotes of several members in turn."""
    return [
        await quote(sessions, MEMBERS[number % len(MEMBERS)], images, f"order {number}", steps)
        for number in range(jobs)
    ]


async def until_delivered(sessions: Sessions, seconds: float, besides: Sequence[JobState] = ()) -> bool:
    """Wait until every job has reached its channel, or is in one of the states `besides`; whether that came true."""
    open_ = select(func.count()).where(JobRow.delivered_at.is_(None), JobRow.state.not_in([s.value for s in besides]))
    try:
        async with asyncio.timeout(seconds):
            while True:
                async with sessions.reading() as session:
                    if not await session.scalar(open_):
                        return True
                await asyncio.sleep(0.1)
    except TimeoutError:
        return False

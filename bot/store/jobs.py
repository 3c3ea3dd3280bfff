"""Jobs and their items as they stand: quotes are stored here, everything else is read."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import exists, func, select, update

from bot.domain.job import ACCEPTED, Item, ItemState, Job, JobState, Layout, Member, Place, Progress, Quote
from bot.domain.stores import NewItem
from bot.store import rows
from bot.store.database import Sessions
from bot.store.schema import HoldRow, ItemRow, JobRow, OutboxRow
from bot.store.withdrawals import needed

ACCEPTED_VALUES = tuple(state.value for state in ACCEPTED)


class Jobs:
    """The JobStore port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(
        self,
        *,
        kind: str,
        title: str,
        owner: Member,
        place: Place,
        items: Sequence[NewItem],
        urgent: bool = False,
        layout: Layout | None = None,
        quote: Quote | None = None,
        notes: Sequence[str] = (),
        spoiler: bool = False,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> Job:
        """Store a quote and its items in one transaction.

        `keep` writes a photo that they begin with again where it was deleted since it was put there.
        """
        row = JobRow(
            kind=kind,
            title=title,
            owner_id=owner.id,
            owner_name=owner.name,
            channel_id=place.channel_id,
            guild_id=place.guild_id,
            card_id=place.card_id,
            state=JobState.QUOTED.value,
            urgent=urgent,
            layout=asdict(layout or Layout()),
            quote=asdict(quote) if quote else None,
            notes=list(notes),
            spoiler=spoiler,
        )
        async with self._sessions.begin() as session:
            session.add(row)
            await session.flush()
            row.turn = row.id
            session.add_all(
                ItemRow(
                    job_id=row.id,
                    number=number,
                    name=item.name,
                    rank=item.rank,
                    recipe=item.recipe.as_dict(),
                    at=dict(item.at) if item.at is not None else None,
                    state=ItemState.WAITING.value,
                )
                for number, item in enumerate(items, start=1)
            )
            await session.flush()
            if photos := {item.recipe.photo for item in items if item.recipe.photo}:
                await needed(session, photos)
                if keep is not None:
                    await keep()
            return rows.job(row)

    async def get(self, job_id: int) -> Job | None:
        """The job, if there is one."""
        async with self._sessions.reading() as session:
            row = await session.get(JobRow, job_id)
            return rows.job(row) if row else None

    async def items(self, job_id: int) -> list[Item]:
        """A job's items in display order."""
        statement = (
            select(ItemRow, OutboxRow)
            .outerjoin(OutboxRow, (OutboxRow.job_id == ItemRow.job_id) & (OutboxRow.number == ItemRow.number))
            .where(ItemRow.job_id == job_id)
            .order_by(ItemRow.number)
        )
        async with self._sessions.reading() as session:
            found = (await session.execute(statement)).all()
        # A thousand recipes take a tenth of a second to check, which the event loop must not wait for.
        return await asyncio.to_thread(lambda: [rows.item(row, owed) for row, owed in found])

    async def progress(self, job_id: int) -> Progress:
        """How many of a job's items are in each state, and the tokens that were taken for them."""
        counted = (ItemRow.state, func.count(), func.count(ItemRow.image), func.max(ItemRow.settled_at))
        statement = select(*counted).where(ItemRow.job_id == job_id).group_by(ItemRow.state)
        spent = select(func.coalesce(func.sum(HoldRow.captured), 0)).where(HoldRow.job_id == job_id)
        async with self._sessions.reading() as session:
            found = (await session.execute(statement)).all()
            taken = int(await session.scalar(spent) or 0)
        counts = {ItemState(state): number for state, number, _, _ in found}
        deleted = sum(number - images for state, number, images, _ in found if state == ItemState.DRAWN.value)
        settled_at = max((moment for _, _, _, moment in found if moment is not None), default=None)
        return Progress.counted(counts, taken, deleted, settled_at)

    async def remarks(self, job_id: int) -> list[tuple[str, str]]:
        """What is to be known of a job's items, as (item, remark), in display order."""
        statement = (
            select(ItemRow.name, ItemRow.remark)
            .where(ItemRow.job_id == job_id, ItemRow.remark.is_not(None))
            .order_by(ItemRow.number)
        )
        async with self._sessions.reading() as session:
            return [(name, remark or "") for name, remark in await session.execute(statement)]

    async def set_card(self, job_id: int, card_id: int) -> None:
        """Remember the message that shows the job."""
        async with self._sessions.begin() as session:
            await session.execute(update(JobRow).where(JobRow.id == job_id).values(card_id=card_id))

    async def unended(self, member_id: int, limit: int = 25) -> list[Job]:
        """A member's own quotes and jobs that have not ended, the newest first."""
        open_states = [JobState.QUOTED.value, *ACCEPTED_VALUES]
        return await self._newest((JobRow.owner_id == member_id) & JobRow.state.in_(open_states), limit)

    async def retriable(self, member_id: int, limit: int = 25) -> list[Job]:
        """The member's own ended jobs of which images failed, the newest first."""
        ended = [state.value for state in JobState if state.ended]
        failed = exists().where(ItemRow.job_id == JobRow.id, ItemRow.state == ItemState.FAILED.value)
        return await self._newest((JobRow.owner_id == member_id) & JobRow.state.in_(ended) & failed, limit)

    async def drawn(self, member_id: int, limit: int = 25) -> list[Job]:
        """The member's own jobs of which there are pictures, the newest first."""
        pictures = exists().where(ItemRow.job_id == JobRow.id, ItemRow.image.is_not(None))
        return await self._newest((JobRow.owner_id == member_id) & pictures, limit)

    async def dead(self, guild_id: int | None, limit: int = 15) -> list[Job]:
        """Jobs of that server that were set aside, the newest first."""
        return await self._newest((JobRow.state == JobState.DEAD.value) & (JobRow.guild_id == guild_id), limit)

    async def _newest(self, condition: Any, limit: int) -> list[Job]:
        async with self._sessions.reading() as session:
            found = await session.scalars(select(JobRow).where(condition).order_by(JobRow.id.desc()).limit(limit))
            return [rows.job(row) for row in found]

"""Jobs and their items: the database is the truth about what was asked, drawn and posted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select, update

from bot.domain.job import Item, ItemState, Job, JobState, Layout, Member, Place, Progress, Quote
from bot.domain.ports import NewItem
from bot.store.database import Sessions, changed
from bot.store.schema import ItemRow, JobRow, SheetRow, now
from sweeps.parameters import CATALOGUE
from sweeps.recipe import PHOTO, Recipe

NO_MESSAGE = 0
"""In place of a message's id: the picture was withheld, or the sheet."""


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
        state: JobState,
        items: Sequence[NewItem],
        urgent: bool = False,
        layout: Layout | None = None,
        quote: Quote | None = None,
        notes: Sequence[str] = (),
    ) -> Job:
        """Store a job and its items in one transaction."""
        row = JobRow(
            kind=kind,
            title=title,
            owner_id=owner.id,
            owner_name=owner.name,
            channel_id=place.channel_id,
            guild_id=place.guild_id,
            card_id=place.card_id,
            state=state.value,
            urgent=urgent,
            layout=asdict(layout or Layout()),
            quote=asdict(quote) if quote else None,
            notes=list(notes),
            queued_at=now() if state is JobState.QUEUED else None,
        )
        async with self._sessions.begin() as session:
            session.add(row)
            await session.flush()
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
            return _job(row)

    async def get(self, job_id: int) -> Job | None:
        """The job, if there is one."""
        async with self._sessions() as session:
            row = await session.get(JobRow, job_id)
            return _job(row) if row else None

    async def items(self, job_id: int) -> list[Item]:
        """A job's items in display order."""
        statement = select(ItemRow).where(ItemRow.job_id == job_id).order_by(ItemRow.number)
        async with self._sessions() as session:
            rows = list(await session.scalars(statement))
        # A thousand recipes take a tenth of a second to check, which the event loop must not wait for.
        return await asyncio.to_thread(lambda: [_item(row) for row in rows])

    async def progress(self, job_id: int) -> Progress:
        """How many of a job's items are in each state."""
        statement = select(ItemRow.state, func.count()).where(ItemRow.job_id == job_id).group_by(ItemRow.state)
        async with self._sessions() as session:
            return Progress.counted({ItemState(state): n for state, n in await session.execute(statement)})

    async def remarks(self, job_id: int) -> list[tuple[str, str]]:
        """What is to be known of a job's items, as (item, remark), in display order."""
        statement = (
            select(ItemRow.name, ItemRow.remark)
            .where(ItemRow.job_id == job_id, ItemRow.remark.is_not(None))
            .order_by(ItemRow.number)
        )
        async with self._sessions() as session:
            return [(name, remark or "") for name, remark in await session.execute(statement)]

    async def next_batch(self, job_id: int, most: int, apart: str | None = None) -> list[Item]:
        """The items whose pictures are posted next: a batch that was begun as it was, else the first unposted.

        All of them lie at one place of the axis `apart`, if there is one.
        """
        owed = (
            select(ItemRow)
            .where(ItemRow.job_id == job_id, ItemRow.image.is_not(None), ItemRow.message_id.is_(None))
            .order_by(ItemRow.number)
        )
        async with self._sessions() as session:
            begun = list(await session.scalars(owed.where(ItemRow.batch.is_not(None))))
            if begun:
                return [_item(row) for row in begun if row.batch == begun[0].batch]
            if apart is not None and (first := await session.scalar(owed.limit(1))):
                place, here = ItemRow.at[apart].as_integer(), (first.at or {}).get(apart)
                owed = owed.where(place.is_(None) if here is None else place == here)
            return [_item(row) for row in await session.scalars(owed.limit(most))]

    async def move(self, job_id: int, *, to: JobState, only_from: Sequence[JobState]) -> Job | None:
        """Change a job's state if it is in one of `only_from`; None (and nothing done) otherwise.

        The condition is part of the UPDATE, so two members pressing at once cannot both succeed.
        """
        values: dict[str, Any] = {"state": to.value}
        if to is JobState.QUEUED:
            values["queued_at"] = now()
        statement = (
            update(JobRow)
            .where(JobRow.id == job_id, JobRow.state.in_([state.value for state in only_from]))
            .values(values)
        )
        async with self._sessions.begin() as session:
            moved = changed(await session.execute(statement))
            row = await session.get(JobRow, job_id, populate_existing=True)
            return _job(row) if moved and row else None

    async def set_card(self, job_id: int, card_id: int) -> None:
        """Remember the message that shows the job."""
        async with self._sessions.begin() as session:
            await session.execute(update(JobRow).where(JobRow.id == job_id).values(card_id=card_id))

    async def settle(
        self,
        job_id: int,
        number: int,
        state: ItemState,
        *,
        image: str | None = None,
        remark: str | None = None,
    ) -> bool:
        """Record an item's outcome, once: False when it already had one."""
        statement = (
            update(ItemRow)
            .where(ItemRow.job_id == job_id, ItemRow.number == number, ItemRow.state == ItemState.WAITING.value)
            .values(state=state.value, image=image, remark=remark, settled_at=now())
        )
        async with self._sessions.begin() as session:
            return bool(changed(await session.execute(statement)))

    async def cancel_waiting(self, job_id: int) -> int:
        """Cancel every item that has no outcome yet; how many."""
        statement = (
            update(ItemRow)
            .where(ItemRow.job_id == job_id, ItemRow.state == ItemState.WAITING.value)
            .values(state=ItemState.CANCELLED.value, settled_at=now())
        )
        async with self._sessions.begin() as session:
            return changed(await session.execute(statement))

    async def into_batch(self, job_id: int, numbers: Sequence[int], batch: str) -> None:
        """These items' pictures go out together, under that nonce, also when another process tries again."""
        await self._change(job_id, numbers, batch=batch)

    async def posted(self, job_id: int, numbers: Sequence[int], message_id: int) -> None:
        """Remember which message carries these items' images."""
        await self._change(job_id, numbers, message_id=message_id)

    async def withhold(self, job_id: int, number: int, remark: str) -> None:
        """This item's picture is in no message; the remark says why."""
        await self._change(job_id, [number], message_id=NO_MESSAGE, remark=remark)

    async def sheets(self, job_id: int) -> set[str]:
        """The parts of a job whose sheets are settled: posted, or withheld."""
        async with self._sessions() as session:
            return set(await session.scalars(select(SheetRow.part).where(SheetRow.job_id == job_id)))

    async def sheet_posted(self, job_id: int, part: str, message_id: int | None) -> None:
        """Remember which message carries the sheet of that part; None: there is none and will be none."""
        async with self._sessions.begin() as session:
            await session.merge(SheetRow(job_id=job_id, part=part, message_id=message_id or NO_MESSAGE))

    async def delivered(self, job_id: int) -> None:
        """Everything of this job has reached its channel."""
        async with self._sessions.begin() as session:
            await session.execute(update(JobRow).where(JobRow.id == job_id).values(delivered_at=now()))

    async def unfinished(self) -> list[Job]:
        """Jobs queued or running, in the order they were queued."""
        return await self._select(
            JobRow.state.in_([JobState.QUEUED.value, JobState.RUNNING.value]), JobRow.queued_at, JobRow.id
        )

    async def undelivered(self) -> list[Job]:
        """Ended jobs whose results have not all been posted."""
        ended = [state.value for state in JobState if state.ended]
        return await self._select(
            JobRow.state.in_(ended) & JobRow.delivered_at.is_(None) & JobRow.queued_at.is_not(None), JobRow.id
        )

    async def unended(self, member_id: int, limit: int = 25) -> list[Job]:
        """A member's own quotes and jobs that have not ended, the newest first."""
        open_states = [state.value for state in JobState if not state.ended]
        mine = (JobRow.owner_id == member_id) & JobRow.state.in_(open_states)
        return await self._select(mine, JobRow.id.desc(), limit=limit)

    async def _change(self, job_id: int, numbers: Sequence[int], **values: Any) -> None:
        statement = update(ItemRow).where(ItemRow.job_id == job_id, ItemRow.number.in_(numbers)).values(**values)
        async with self._sessions.begin() as session:
            await session.execute(statement)

    async def _select(self, condition: Any, *order: Any, limit: int | None = None) -> list[Job]:
        async with self._sessions() as session:
            rows = await session.scalars(select(JobRow).where(condition).order_by(*order).limit(limit))
            return [_job(row) for row in rows]


def _job(row: JobRow) -> Job:
    layout = Layout(
        axes=tuple((name, tuple(labels)) for name, labels in row.layout["axes"]),
        rows=row.layout["rows"],
        columns=row.layout["columns"],
        apart=row.layout.get("apart"),  # older jobs lack it, and what is fixed
        fixed=tuple((name, value) for name, value in row.layout.get("fixed", ())),
    )
    quote = None
    if row.quote is not None:
        seconds = row.quote["seconds"]
        quote = Quote(**{**row.quote, "seconds": tuple(seconds) if seconds else None})
    return Job(
        id=row.id,
        kind=row.kind,
        title=row.title,
        owner=Member(row.owner_id, row.owner_name),
        place=Place(row.channel_id, row.guild_id, row.card_id),
        state=JobState(row.state),
        created_at=row.created_at,
        queued_at=row.queued_at,
        urgent=row.urgent,
        layout=layout,
        quote=quote,
        notes=tuple(row.notes),
        delivered=row.delivered_at is not None,
    )


def _item(row: ItemRow) -> Item:
    return Item(
        job_id=row.job_id,
        number=row.number,
        name=row.name,
        rank=row.rank,
        recipe=_recipe(row.recipe),
        at=row.at,
        state=ItemState(row.state),
        image=row.image,
        remark=row.remark,
        batch=row.batch,
        message_id=row.message_id,
    )


def _recipe(stored: Mapping[str, Any]) -> Recipe:
    """A recipe that an older or newer version may have stored: new parameters at their default, lost ones dropped."""
    known = {name: stored.get(name, parameter.default) for name, parameter in CATALOGUE.items()}
    return Recipe.from_dict(known | {PHOTO: stored.get(PHOTO, "")})

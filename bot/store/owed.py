"""The outbox as it is stored: which pictures and sheets the channels are still owed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.job import Job, JobState
from bot.domain.stores import Batch
from bot.store import rows
from bot.store.database import Sessions
from bot.store.publications import publish
from bot.store.schema import ItemRow, JobRow, OutboxRow, SheetRow, now
from bot.store.sheets import renew_sheet, withdraw_sheet
from bot.store.withdrawals import FORMER, NO_MESSAGE, REPLACED, STALE, UNWELCOME, former, withdraw_erased

BROUGHT = "detail"
"""The kind of jobs that begin with a photo of somebody's own."""


class OwedStore:
    """The Owed port on a database. A row of the outbox is written in the transaction of its picture.

    With `publishing` whatever is posted comes on the wall too, but for photos that somebody brought.
    """

    def __init__(self, sessions: Sessions, *, publishing: bool = False) -> None:
        self._sessions = sessions
        self._publishing = publishing

    async def next_batch(self, job_id: int, most: int, apart: str | None = None) -> Batch:
        """What goes out next: a message that was begun as it was, else the first pictures in display order.

        All of them lie at one place of the axis `apart`, if there is one. Without items where nothing is owed.
        """
        owed = (
            select(ItemRow, OutboxRow)
            .join(OutboxRow, (OutboxRow.job_id == ItemRow.job_id) & (OutboxRow.number == ItemRow.number))
            .where(OutboxRow.job_id == job_id, OutboxRow.message_id.is_(None))
        )
        begun = owed.where(OutboxRow.batch.is_not(None)).order_by(OutboxRow.tried_at.nulls_first(), ItemRow.number)
        owed = owed.order_by(ItemRow.number)
        async with self._sessions.reading() as session:
            if found := (await session.execute(begun)).all():
                _, first = found[0]
                items = [rows.item(row, each) for row, each in found if each.batch == first.batch]
                return Batch(items, first.batch, first.tried_at)
            if apart is not None and (leading := await session.scalar(owed.limit(1))):
                place, here = ItemRow.at[apart].as_integer(), (leading.at or {}).get(apart)
                owed = owed.where(place.is_(None) if here is None else place == here)
            return Batch([rows.item(row, each) for row, each in await session.execute(owed.limit(most))])

    async def trying(self, job_id: int, numbers: Sequence[int], batch: str, before: str | None = None) -> bool:
        """These items' pictures go out together, under that nonce, also when another process tries again.

        False (and nothing done) when one of them was begun in another message, but for the one with the nonce `before`.
        """
        owed = (
            select(OutboxRow)
            .where(OutboxRow.job_id == job_id, OutboxRow.number.in_(numbers), OutboxRow.message_id.is_(None))
            .order_by(OutboxRow.number)
            .with_for_update()
        )
        async with self._sessions.begin() as session:
            free = [row for row in await session.scalars(owed) if row.batch in (None, before)]
            if len(free) < len(numbers):
                return False
            moment = now()
            for row in free:
                row.batch, row.tried_at = batch, moment
            return True

    async def posted(self, job_id: int, numbers: Sequence[int], message_id: int) -> None:
        """Remember which message carries these items' images; what was erased of it meanwhile is to be withdrawn."""
        theirs = (OutboxRow.job_id == job_id) & OutboxRow.number.in_(numbers) & OutboxRow.batch.is_not(None)
        async with self._sessions.begin() as session:
            # Locked: an erasure comes before this, or after it.
            job = await session.get(JobRow, job_id, with_for_update=True)
            if self._publishing:
                await self._publish(session, job_id, numbers)
            await _carried(session, job_id, numbers, message_id)
            if job is not None:
                batches = await session.scalars(select(OutboxRow.batch).where(theirs).distinct())
                await withdraw_erased(session, job, message_id, list(filter(None, batches)))

    @staticmethod
    async def _publish(session: AsyncSession, job_id: int, numbers: Sequence[int]) -> None:
        """What was posted before is on the wall, or was taken down from it."""
        owed = select(OutboxRow.number).where(OutboxRow.job_id == job_id, OutboxRow.message_id.is_(None))
        job = await session.get(JobRow, job_id, with_for_update=True)
        if job is not None and job.kind != BROUGHT:
            new = await session.scalars(owed.where(OutboxRow.number.in_(numbers)))
            await publish(session, job_id, list(new), job.owner_id)

    async def withhold(self, job_id: int, number: int, remark: str) -> None:
        """This item's picture is in no message; the remark says why, unless it was erased, which its own one says."""
        item = update(ItemRow).where(ItemRow.job_id == job_id, ItemRow.number == number)
        item = item.where(ItemRow.image.is_not(None)).values(remark=remark)
        async with self._sessions.begin() as session:
            await session.execute(item)
            await _carried(session, job_id, [number], NO_MESSAGE)

    async def sheets(self, job_id: int) -> dict[str, int]:
        """The messages of the sheets that are settled, by part; 0 where there is none and will be none."""
        settled = select(SheetRow).where(SheetRow.job_id == job_id, SheetRow.message_id >= NO_MESSAGE)
        settled = settled.where(~SheetRow.part.contains(FORMER))
        async with self._sessions.reading() as session:
            return {row.part: row.message_id or NO_MESSAGE for row in await session.scalars(settled)}

    async def sheet_tried(self, job_id: int, part: str) -> tuple[datetime, bool]:
        """A sheet is about to be posted; when that was first tried, and whether it was before."""
        async with self._sessions.begin() as session:
            await session.get(JobRow, job_id, with_for_update=True)  # of two that come at once, one is the first
            row = await session.get(SheetRow, (job_id, part)) or SheetRow(job_id=job_id, part=part)
            if row.tried_at is not None:
                return row.tried_at, True
            row.tried_at = now()
            session.add(row)
            return row.tried_at, False

    async def sheet_posted(self, job: Job, part: str, message_id: int | None) -> bool:
        """Remember which message carries the sheet of that part; None: there is none and will be none.

        False where another one is owed by now: a picture was released meanwhile, which is not on this one.
        One that may show what was erased meanwhile is to be withdrawn, or another one to stand in its place. Where the
        job has been tried again since, this is a former one: that will have a sheet of its own.
        """
        async with self._sessions.begin() as session:
            now_is = await session.get(JobRow, job.id, with_for_update=True, populate_existing=True)
            if now_is is None:
                return True
            key = part if now_is.attempt == job.attempt else former(job.attempt, part)
            row = await session.get(SheetRow, (job.id, key)) or SheetRow(job_id=job.id, part=key)
            found_as, row.message_id = row.message_id, message_id or NO_MESSAGE
            session.add(row)
            if found_as in (UNWELCOME, REPLACED):
                await withdraw_sheet(session, now_is, row)
            elif found_as == STALE and message_id:
                await renew_sheet(session, now_is, row)
            # Of a stale one: what was not there when this was tried may be there now.
            if another := found_as == REPLACED or (found_as == STALE and not message_id):
                await session.delete(row)
            return not another

    async def sheet_at(self, channel_id: int, message_id: int) -> tuple[Job, str] | None:
        """The job and the part whose sheet, as it is now, stands in that message."""
        there = (
            select(JobRow, SheetRow.part)
            .join(SheetRow, SheetRow.job_id == JobRow.id)
            .where(JobRow.channel_id == channel_id, SheetRow.message_id == message_id, ~SheetRow.part.contains(FORMER))
        )
        async with self._sessions.reading() as session:
            found = (await session.execute(there)).first()
            return None if found is None else (rows.job(found[0]), found[1])

    async def delivered(self, job: Job, *, given_up: bool = False) -> bool:
        """Everything of this job has reached its channel.

        False where it has been tried again since, or a picture of it is owed: one that an operator released a moment
        ago. Where the channel was `given_up` nobody waits for those.
        """
        owed = exists().where(OutboxRow.job_id == job.id, OutboxRow.message_id.is_(None))
        async with self._sessions.begin() as session:
            row = await _as_it_was(session, job)
            if row is None or not (given_up or not await session.scalar(select(owed))):
                return False
            row.delivered_at = now()
            return True

    async def undelivered(self) -> list[Job]:
        """Ended jobs whose results have not all been posted, in the order they were queued."""
        async with self._sessions.reading() as session:
            return [rows.job(row) for row in await session.scalars(undelivered())]


def undelivered() -> Select[JobRow]:
    """Ended jobs whose results have not all been posted, in the order they were queued."""
    ended = [state.value for state in JobState if state.ended]
    owing = JobRow.state.in_(ended) & JobRow.delivered_at.is_(None) & JobRow.queued_at.is_not(None)
    return select(JobRow).where(owing).order_by(JobRow.queued_at, JobRow.id)


async def _carried(session: AsyncSession, job_id: int, numbers: Sequence[int], message_id: int) -> None:
    """The first to say which message carries a picture is right."""
    owed = (OutboxRow.job_id == job_id) & OutboxRow.number.in_(numbers) & OutboxRow.message_id.is_(None)
    await session.execute(update(OutboxRow).where(owed).values(message_id=message_id))


async def _as_it_was(session: AsyncSession, job: Job) -> JobRow | None:
    """The job's row, locked; None where its failed images were asked for again since `job` was read."""
    row = await session.get(JobRow, job.id, with_for_update=True, populate_existing=True)
    return row if row is not None and row.attempt == job.attempt else None

"""The record: what the console's database says, read from outside while the console runs or after it was killed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.domain.job import ACCEPTED, Item, ItemState, Job
from bot.store import rows
from bot.store.books import LEFT, audit_books
from bot.store.database import Sessions
from bot.store.schema import AccountRow, EntryRow, HoldRow, ItemRow, JobRow, OutboxRow, WorkerRow

LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Books:
    """The ledger: what all entries sum to, what is still held, what was spent, and what is wrong, in sentences."""

    total: int
    held: int
    spent: int
    wrong: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether they are balanced, with nothing held any more."""
        return (self.total, self.held, self.wrong) == (0, 0, ())

    @property
    def told(self) -> str:
        return f"ledger {self.total}, holds {self.held}" + (f", {len(self.wrong)} wrong" if self.wrong else "")


class Record:
    """Reads only; every look is a connection of its own, so that nothing of ours outlives the console's end."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def jobs(self) -> list[Job]:
        """All jobs that were ever accepted, in the order they were queued."""
        accepted = select(JobRow).where(JobRow.queued_at.is_not(None)).order_by(JobRow.queued_at, JobRow.id)
        async with self._sessions.reading() as session:
            return [rows.job(row) for row in await session.scalars(accepted)]

    async def drawn(self) -> list[Item]:
        """All items that were drawn, in the order of their numbers, each with its message if that is known."""
        each = (
            select(ItemRow, OutboxRow)
            .join(OutboxRow, (OutboxRow.job_id == ItemRow.job_id) & (OutboxRow.number == ItemRow.number))
            .order_by(ItemRow.job_id, ItemRow.number)
        )
        async with self._sessions.reading() as session:
            return [rows.item(item, outbox) for item, outbox in await session.execute(each)]

    async def waiting(self) -> int:
        """How many items of accepted jobs have no outcome."""
        accepted = select(JobRow.id).where(JobRow.state.in_([state.value for state in ACCEPTED]))
        waiting = ItemRow.job_id.in_(accepted) & (ItemRow.state == ItemState.WAITING.value)
        async with self._sessions.reading() as session:
            return await session.scalar(select(func.count()).select_from(ItemRow).where(waiting)) or 0

    async def leases(self) -> dict[int, tuple[int, str | None]]:
        """The accepted jobs: (fence, worker) by job."""
        accepted = select(JobRow).where(JobRow.state.in_([state.value for state in ACCEPTED]))
        async with self._sessions.reading() as session:
            return {row.id: (row.fence, row.worker) for row in await session.scalars(accepted)}

    async def workers(self) -> int:
        """How many workers are enrolled."""
        async with self._sessions.reading() as session:
            return await session.scalar(select(func.count()).select_from(WorkerRow)) or 0

    async def books(self) -> Books:
        """The ledger as it stands."""
        async with self._sessions.reading() as session:
            total = await session.scalar(select(func.coalesce(func.sum(EntryRow.amount), 0)))
            held = await session.scalar(select(func.coalesce(func.sum(LEFT), 0)).select_from(HoldRow))
            house = await session.scalar(select(AccountRow.balance).where(AccountRow.kind == "house"))
            return Books(int(total or 0), int(held or 0), int(house or 0), tuple(await audit_books(session)))

    async def all_delivered(self, patience: float) -> None:
        """Wait until every accepted job has ended and was wholly delivered. TimeoutError after `patience` seconds."""
        async with asyncio.timeout(patience):
            while not all(job.state.ended and job.delivered for job in await self.jobs()):
                await asyncio.sleep(LOOK_SECONDS)


def files(jobs: Sequence[Job], drawn: Sequence[Item]) -> list[str]:
    """What the channels are due: the pictures, job by job, and the sheets of the jobs that have one."""
    pictures = [job.file_name(item) for job in jobs for item in drawn if item.job_id == job.id]
    owners = {item.job_id for item in drawn}
    return pictures + [job.sheet_name() for job in jobs if job.has_sheet and job.id in owners]


@asynccontextmanager
async def record(url: str) -> AsyncIterator[Record]:
    """The record of the database at `url`, which a console has made."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        yield Record(Sessions(engine))
    finally:
        await engine.dispose()

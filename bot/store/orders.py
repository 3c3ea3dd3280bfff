"""What members have done with a job: accepted, cancelled, paused, moved, tried again. Each is one transaction."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.account import Terms
from bot.domain.errors import LimitReached, NotFound, WrongState
from bot.domain.job import ACCEPTED, ItemState, Job, JobState, Lease, Leased, Progress
from bot.store import ledger, rows
from bot.store.database import Sessions
from bot.store.jobs import ACCEPTED_VALUES
from bot.store.schema import ItemRow, JobRow, SheetRow, now
from bot.store.withdrawals import FORMER, NO_MESSAGE, former


class OrderStore:
    """The Orders port on a database. What is accepted is leased to `worker`; `starting` are a new member's tokens."""

    def __init__(self, sessions: Sessions, worker: str, starting: int) -> None:
        self._sessions = sessions
        self._worker = worker
        self._starting = starting

    async def accept(self, job_id: int, terms: Terms) -> Leased:
        """A quote becomes queued, its price held, its lease given. Raises WrongState, TooFewTokens, LimitReached."""
        async with self._sessions.begin() as session:
            row = await locked(session, job_id)
            if row.state != JobState.QUOTED.value:
                raise WrongState(f"{rows.job(row).name} cannot be run: it is {JobState(row.state).told}.")
            await self._admit(session, row, terms, int((row.quote or {}).get("tokens", 0)))
            leased = await leased_to(session, row, self._worker)
        return await leased

    async def retry(self, job_id: int, terms: Terms, tokens: int) -> Leased:
        """The failed items of an ended job wait again, at most `tokens` held for them. Raises as `accept` does."""
        async with self._sessions.begin() as session:
            row = await locked(session, job_id)
            if not JobState(row.state).ended:
                raise WrongState(
                    f"{rows.job(row).name} is still {row.state}; failed images are drawn again at its end."
                )
            again = (
                update(ItemRow)
                .where(ItemRow.job_id == job_id, ItemRow.state == ItemState.FAILED.value)
                .values(state=ItemState.WAITING.value, remark=None, settled_at=None, fence=None, deaths=0)
                .returning(ItemRow.number)
            )
            if not (await session.scalars(again)).all():
                raise WrongState(f"No image of {rows.job(row).name} failed, so there is nothing to draw again.")
            row.attempt += 1
            row.deaths, row.reason, row.delivered_at = 0, None, None
            await _set_sheets_aside(session, row)
            await self._admit(session, row, terms, tokens)
            leased = await leased_to(session, row, self._worker)
        return await leased

    async def cancel(self, job_id: int) -> Job:
        """Cancel what has no outcome and release what is held, in any state before the end. Raises WrongState."""
        async with self._sessions.begin() as session:
            row = await locked(session, job_id)
            if JobState(row.state).ended:
                raise WrongState(
                    f"{rows.job(row).name} has already ended ({JobState(row.state).told}); there is nothing to cancel."
                )
            await session.execute(
                update(ItemRow)
                .where(ItemRow.job_id == job_id, ItemRow.state == ItemState.WAITING.value)
                .values(state=ItemState.CANCELLED.value, settled_at=now())
            )
            await end(session, row)
            return rows.job(row)

    async def pause(self, job_id: int) -> Job:
        """No further item is begun. Raises WrongState."""
        return await self._move(job_id, (JobState.QUEUED, JobState.RUNNING), JobState.PAUSED, "paused")

    async def resume(self, job_id: int) -> Job:
        """A paused job goes on. Raises WrongState."""
        return await self._move(job_id, (JobState.PAUSED,), JobState.QUEUED, "resumed")

    async def reorder(self, job_id: int, before: int | None) -> list[Job]:
        """Put an accepted job before another of the same owner, or first. Raises WrongState, NotFound."""
        async with self._sessions.begin() as session:
            moved = await session.get(JobRow, job_id)
            if moved is None:
                raise _unknown(job_id)
            theirs = (
                select(JobRow)
                .where(JobRow.owner_id == moved.owner_id, JobRow.state.in_(ACCEPTED_VALUES))
                .order_by(JobRow.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
            accepted = sorted(await session.scalars(theirs), key=lambda row: row.turn)
            if moved not in accepted:
                raise WrongState(
                    f"{rows.job(moved).name} does not wait in the queue: it is {JobState(moved.state).told}."
                )
            turns = [row.turn for row in accepted]
            accepted.remove(moved)
            places = [place for place, row in enumerate(accepted) if row.id == before] if before is not None else [0]
            if not places:
                raise NotFound(f"Job {before} is not another of the same member's that waits; /queue shows them.")
            accepted.insert(places[0], moved)
            for row, turn in zip(accepted, turns, strict=True):
                row.turn = turn
            return [rows.job(row) for row in accepted]

    async def _move(self, job_id: int, start: tuple[JobState, ...], to: JobState, word: str) -> Job:
        async with self._sessions.begin() as session:
            row = await locked(session, job_id)
            if JobState(row.state) not in start:
                raise WrongState(f"{rows.job(row).name} cannot be {word}: it is {JobState(row.state).told}.")
            row.state = to.value
            return rows.job(row)

    async def _admit(self, session: AsyncSession, row: JobRow, terms: Terms, tokens: int) -> None:
        """Hold the price, within the owner's limits; their locked account makes both exact."""
        account = await ledger.account_of(session, row.owner_id, self._starting)
        waiting = select(func.count()).where(JobRow.owner_id == row.owner_id, JobRow.state.in_(ACCEPTED_VALUES))
        if (await session.scalar(waiting) or 0) >= terms.queued:
            raise LimitReached(
                f"You have {terms.queued} jobs waiting or drawing, which is the most one member may have. "
                "Wait for one to end, or /cancel one."
            )
        if terms.daily is not None:
            midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            spent = await ledger.spent_since(session, account.id, midnight)
            if spent + tokens > terms.daily:
                raise LimitReached(
                    f"You may spend {terms.daily:,} tokens a day: {spent:,} are spent or reserved, and this takes up "
                    f"to {tokens:,}. A new day begins at 00:00 UTC."
                )
        await ledger.hold(session, row.id, row.attempt, account, tokens)
        row.state, row.queued_at, row.weight = JobState.QUEUED.value, now(), terms.weight


async def _set_sheets_aside(session: AsyncSession, row: JobRow) -> None:
    """The sheet is to show them too, so there will be another; of the former one is kept where it is."""
    sheets = select(SheetRow).where(SheetRow.job_id == row.id, ~SheetRow.part.contains(FORMER))
    for sheet in (await session.scalars(sheets)).all():
        if sheet.message_id == NO_MESSAGE:
            await session.delete(sheet)
        else:
            sheet.part = former(row.attempt - 1, sheet.part)
    await session.flush()


async def locked(session: AsyncSession, job_id: int) -> JobRow:
    """The job's row, which nobody else changes before this transaction ends. Raises NotFound."""
    row = await session.get(JobRow, job_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise _unknown(job_id)
    return row


def _unknown(job_id: int) -> NotFound:
    return NotFound(f"There is no job {job_id}. /queue shows what is waiting.")


async def leased_to(session: AsyncSession, row: JobRow, worker: str) -> "asyncio.Future[Leased]":
    """Give the worker a new lease of a locked job; what it holds is ready once the transaction has ended."""
    row.worker, row.fence = worker, row.fence + 1
    waiting = select(ItemRow).where(ItemRow.job_id == row.id, ItemRow.state == ItemState.WAITING.value)
    found = (await session.scalars(waiting.order_by(ItemRow.rank))).all()
    await session.flush()
    job, lease = rows.job(row), Lease(row.id, worker, row.fence)
    # A thousand recipes take a tenth of a second to check, which the event loop must not wait for.
    read = asyncio.to_thread(lambda: Leased(job, lease, tuple(map(rows.item, found))))
    return asyncio.ensure_future(read)


async def end(session: AsyncSession, row: JobRow) -> bool:
    """Give a locked job its end state and release what is left of its hold; False while an item has no outcome."""
    counts = select(ItemRow.state, func.count()).where(ItemRow.job_id == row.id).group_by(ItemRow.state)
    progress = Progress.counted({ItemState(state): n for state, n in await session.execute(counts)})
    if not progress.complete:
        return False
    accepted = JobState(row.state) in ACCEPTED
    row.state, row.worker = progress.outcome().value, None
    if accepted:
        await ledger.release(session, row.id, row.attempt)
    return True

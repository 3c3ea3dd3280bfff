"""Leases: which worker draws a job, shown by a heartbeat, and guarded by a fencing token.

No clock is compared with another: a worker is dead when the kernel says so (on this machine), or when its count of
heartbeats has stood still for a whole lease of the observer's own time.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.errors import Fenced, Unavailable
from bot.domain.gate import Hit, Verdict
from bot.domain.job import ItemState, Job, JobState, Lease, Leased, Start
from bot.store import incidents, ledger, rows
from bot.store.database import Sessions, changed
from bot.store.jobs import ACCEPTED_VALUES
from bot.store.orders import end, leased_to
from bot.store.owed import undelivered
from bot.store.presence import Presence
from bot.store.schema import ItemRow, JobRow, OutboxRow, WorkerRow, now
from bot.store.withdrawals import dismiss, needed

log = structlog.get_logger("atelier.leases")

MOST_DEATHS = 3
"""Workers that may die at a job, one after another and without finishing an image of it, before it is set aside."""

MOST_DEATHS_AT_AN_ITEM = 5
"""Workers that may die while they draw one item, of a job that gets on otherwise, before that item alone fails."""

HOPELESS = f"The console died {MOST_DEATHS_AT_AN_ITEM} times while it drew this, so it was given up."
SET_ASIDE = "Not drawn: the job was set aside."


class LeaseStore:
    """The Leases port on a database, for one worker; `seconds` is how long another one may be silent."""

    def __init__(self, sessions: Sessions, presence: Presence, seconds: float) -> None:
        self.worker = uuid4().hex
        self._sessions = sessions
        self._presence = presence
        self._seconds = seconds
        self._beats = 0
        self._beaten = 0.0
        self._seen: dict[str, tuple[int, float]] = {}

    @asynccontextmanager
    async def held(self) -> AsyncIterator["LeaseStore"]:
        """Enrolled while the context is open; on the way out every lease is released."""
        self._presence.enter(self.worker)
        released = False
        try:
            async with self._sessions.begin() as session:
                session.add(WorkerRow(id=self.worker))
            try:
                yield self
            finally:
                try:
                    await self._release()
                    released = True
                except Unavailable as error:
                    log.warning("leases are not given back; the next console takes them", reason=str(error))
        finally:
            # What could not be released is free at once all the same: the lock says that its holder is gone.
            self._presence.leave(self.worker, forgotten=released)

    async def beat(self) -> dict[int, tuple[int, JobState]]:
        """Say that this worker lives; its accepted jobs as they stand: (fence, state) by job."""
        mine = select(JobRow.id, JobRow.fence, JobRow.state)
        mine = mine.where(JobRow.worker == self.worker, JobRow.state.in_(ACCEPTED_VALUES))
        self._beats += 1
        async with self._sessions.begin() as session:
            alive = update(WorkerRow).where(WorkerRow.id == self.worker).values(beats=self._beats)
            if not changed(await session.execute(alive)):
                # Somebody took it for dead. It lives on, with what it gets from now on.
                session.add(WorkerRow(id=self.worker, beats=self._beats))
            accepted = {job: (fence, JobState(state)) for job, fence, state in await session.execute(mine)}
        before, self._beaten = self._beaten, time.monotonic()
        if self._beaten - before > self._seconds / 2:
            self._seen.clear()  # the store was away, or this process paused: others were silent for no other reason
        return accepted

    async def claim(self, lost: Collection[int] = ()) -> tuple[list[Leased], list[Job]]:
        """Lease the accepted jobs that nobody living holds, or that this worker lost; and those to be told of."""
        gone = await self._gone()
        free = (
            select(JobRow)
            .where(JobRow.state.in_(ACCEPTED_VALUES))
            .where(
                JobRow.worker.is_(None)
                | JobRow.worker.in_(gone)
                | JobRow.worker.not_in(select(WorkerRow.id))
                | (JobRow.worker == self.worker) & JobRow.id.in_(lost)
            )
            .order_by(JobRow.id)
            .with_for_update(skip_locked=True)
        )
        leased, told = [], []
        async with self._sessions.begin() as session:
            for row in (await session.scalars(free)).all():
                if row.worker not in (None, self.worker) and (begun := await self._begun(session, row)):
                    row.deaths += 1
                    if row.deaths >= MOST_DEATHS:
                        await self._set_aside(session, row, begun)
                        told.append(rows.job(row))
                        continue
                leased.append(await leased_to(session, row, self.worker))
            for worker in gone:
                await session.execute(delete(WorkerRow).where(WorkerRow.id == worker))
            if gone:  # what they had not brought to the channels yet
                known = {job.id for job in told}
                told += [rows.job(row) for row in await session.scalars(undelivered()) if row.id not in known]
        for worker in gone:
            self._presence.forget(worker)
        return [await each for each in leased], told

    async def begin(self, lease: Lease, number: int) -> Start:
        """An item is about to be drawn; whether it is to be. Raises Fenced."""
        begun = (
            update(ItemRow)
            .where(ItemRow.job_id == lease.job_id, ItemRow.number == number, ItemRow.state == ItemState.WAITING.value)
            .values(fence=lease.fence)
        )
        async with self._sessions.begin() as session:
            row = await self._guarded(session, lease)
            if row.state == JobState.PAUSED.value:
                return Start.PAUSED
            if not changed(await session.execute(begun)):
                return Start.SETTLED
            row.state = JobState.RUNNING.value
            return Start.BEGUN

    async def settle(
        self,
        lease: Lease,
        number: int,
        state: ItemState,
        *,
        image: str | None = None,
        remark: str | None = None,
        tokens: int = 0,
        hit: Hit | None = None,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Record an item's outcome once: its state, what it costs, and that it is to be posted. Raises Fenced.

        With a `hit` it is behind a spoiler; or it is withheld, and becomes an incident with what was drawn. `keep`
        writes the image's file again where it was deleted since it was put there: from then on nobody deletes it.
        """
        withheld = state is ItemState.WITHHELD
        spoiler = hit is not None and hit.verdict is Verdict.SPOILER
        shown = None if withheld else image
        settled = (
            update(ItemRow)
            .where(ItemRow.job_id == lease.job_id, ItemRow.number == number, ItemRow.state == ItemState.WAITING.value)
            .values(state=state.value, image=shown, remark=remark, settled_at=now(), spoiler=spoiler)
            .returning(ItemRow.recipe)
        )
        async with self._dismissing(lease, number, image), self._sessions.begin() as session:
            row = await self._guarded(session, lease)
            recipe = await session.scalar(settled)
            if recipe is None:
                await dismiss(session, lease.job_id, number, image)
                return False
            row.deaths = 0
            if withheld and hit is not None:
                owner = rows.job(row).asker
                said = str(recipe.get("prompt", ""))
                session.add(
                    incidents.row(
                        hit,
                        member=owner,
                        prompt=said,
                        guild_id=owner.guild_id,
                        job_id=lease.job_id,
                        number=number,
                        image=image,
                    )
                )
            if shown is not None:
                session.add(OutboxRow(job_id=lease.job_id, number=number))
                await ledger.capture(session, lease.job_id, row.attempt, number, tokens)
            if image is not None:
                await needed(session, [image])
                if keep is not None:
                    await keep()
            return True

    async def end(self, lease: Lease) -> Job | None:
        """Give a job its end state and release what is left of its hold, if every item has an outcome; else None."""
        async with self._sessions.begin() as session:
            row = await self._guarded(session, lease)
            return rows.job(row) if await end(session, row) else None

    @asynccontextmanager
    async def _dismissing(self, lease: Lease, number: int, image: str | None) -> AsyncIterator[None]:
        """Let go of a picture for which the lease does not hold any more, inside of the context."""
        try:
            yield
        except Fenced:
            async with self._sessions.begin() as session:
                await dismiss(session, lease.job_id, number, image)
            raise

    async def _guarded(self, session: AsyncSession, lease: Lease) -> JobRow:
        """The job's row, locked, while the lease holds. Raises Fenced: a newer one was given, or the job ended."""
        row = await session.get(JobRow, lease.job_id, with_for_update=True, populate_existing=True)
        if row is None or (row.worker, row.fence) != (lease.worker, lease.fence):
            raise Fenced(f"the lease {lease.fence} of job {lease.job_id} does not hold any more")
        return row

    async def _gone(self) -> list[str]:
        """The workers that are dead: as the kernel says, or silent for a whole lease."""
        asked = time.monotonic()
        async with self._sessions.reading() as session:
            others = await session.execute(select(WorkerRow.id, WorkerRow.beats).where(WorkerRow.id != self.worker))
            beats = {worker: count for worker, count in others}
        came, seen = time.monotonic(), self._seen
        self._seen = {
            worker: seen[worker] if worker in seen and seen[worker][0] == count else (count, came)
            for worker, count in beats.items()
        }
        return [
            worker
            for worker, (_, since) in self._seen.items()
            # Silent until we asked: what made us wait for the answer may have kept the other one from beating, too.
            if self._presence.is_dead(worker) or asked - since > self._seconds
        ]

    @staticmethod
    async def _begun(session: AsyncSession, row: JobRow) -> list[str]:
        """The items that the holder of the last lease had begun and not finished; each has one more death to it.

        One at which too many have died fails, whatever its neighbours came to.
        """
        begun = (ItemRow.job_id == row.id) & (ItemRow.state == ItemState.WAITING.value) & (ItemRow.fence == row.fence)
        died = update(ItemRow).where(begun).values(deaths=ItemRow.deaths + 1).returning(ItemRow.name)
        names = sorted(await session.scalars(died))
        hopeless = begun & (ItemRow.deaths >= MOST_DEATHS_AT_AN_ITEM)
        await session.execute(
            update(ItemRow).where(hopeless).values(state=ItemState.FAILED.value, remark=HOPELESS, settled_at=now())
        )
        return names

    @staticmethod
    async def _set_aside(session: AsyncSession, row: JobRow, begun: Sequence[str]) -> None:
        """A job that its workers do not survive: its hold is released, and its neighbours go on."""
        await session.execute(
            update(ItemRow)
            .where(ItemRow.job_id == row.id, ItemRow.state == ItemState.WAITING.value)
            .values(state=ItemState.FAILED.value, remark=SET_ASIDE, settled_at=now())
        )
        await end(session, row)
        names = ", ".join(begun[:5]) + (" and others" if len(begun) > 5 else "")
        row.state = JobState.DEAD.value
        row.reason = (
            f"The console died {MOST_DEATHS} times while it drew this ({names}). "
            "What was reserved for it was given back."
        )

    async def _release(self) -> None:
        """Let others go on at once; what was begun counts as not begun."""
        mine = (JobRow.worker == self.worker) & JobRow.state.in_(ACCEPTED_VALUES)
        async with self._sessions.begin() as session:
            jobs = list(await session.scalars(select(JobRow.id).where(mine).order_by(JobRow.id).with_for_update()))
            waiting = (ItemRow.job_id.in_(jobs)) & (ItemRow.state == ItemState.WAITING.value)
            await session.execute(update(ItemRow).where(waiting).values(fence=None))
            await session.execute(update(JobRow).where(JobRow.id.in_(jobs)).values(worker=None))
            await session.execute(delete(WorkerRow).where(WorkerRow.id == self.worker))

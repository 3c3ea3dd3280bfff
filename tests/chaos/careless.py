"""Careless hands: each lacks one mechanism, so that what it keeps from happening does happen."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.account import Kind
from bot.domain.gate import Hit
from bot.domain.job import ItemState, Job, Lease, Leased, Start
from bot.domain.ports import Channel
from bot.store import ledger
from bot.store.database import Sessions
from bot.store.jobs import ACCEPTED_VALUES
from bot.store.leases import LeaseStore
from bot.store.orders import leased_to, locked
from bot.store.presence import Presence
from bot.store.schema import ItemRow, JobRow, OutboxRow, now
from tests.chaos.exchange import Wire
from tests.chaos.hand import Hand


class Unfenced(LeaseStore):
    """Leases without a fencing token: whoever once had a job may commit, and an outcome may be recorded again."""

    async def begin(self, lease: Lease, number: int) -> Start:
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
        item = update(ItemRow).where(ItemRow.job_id == lease.job_id, ItemRow.number == number)
        async with self._sessions.begin() as session:
            row = await self._guarded(session, lease)
            await session.execute(item.values(state=state.value, image=image, remark=remark, settled_at=now()))
            # As if nobody had ever owed it: that it was posted is forgotten too.
            await session.merge(OutboxRow(job_id=lease.job_id, number=number, batch=None, message_id=None))
            await ledger.capture(session, lease.job_id, row.attempt, number, tokens)
            return True

    async def _guarded(self, session: AsyncSession, lease: Lease) -> JobRow:
        return await locked(session, lease.job_id)


class Grabbing(Unfenced):
    """Besides, it takes every accepted job for its own when it starts."""

    async def claim(self, lost: Collection[int] = ()) -> tuple[list[Leased], list[Job]]:
        accepted = select(JobRow).where(JobRow.state.in_(ACCEPTED_VALUES)).order_by(JobRow.id).with_for_update()
        async with self._sessions.begin() as session:
            leased = [await leased_to(session, row, self.worker) for row in await session.scalars(accepted)]
        return [await each for each in leased], []


class Repeating(Wire):
    """A channel on which every post is a new message."""

    async def find(
        self, job: Job, names: Collection[str], known: Collection[int] = (), *, since: datetime | None = None
    ) -> int | None:
        return None

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        return await super().post_results(job, files, uuid4().hex, part)


class Forgetful(Hand):
    """Nothing is fenced, no transfer has a key that is known again, and no post a nonce."""

    beat_seconds = 3600.0  # nor does it ever look at what became of its leases

    def prepare(self) -> None:
        forget_captures()

    def leases(self, sessions: Sessions, presence: Presence) -> LeaseStore:
        return Grabbing(sessions, presence, self.task.lease_seconds)

    def channel(self) -> Channel:
        return Repeating(self.task.exchange, self.task.name)


def forget_captures() -> None:
    """Give each capture of this process a key of its own, so that the ledger takes every one for new."""
    transfer = ledger.transfer

    async def anew(session: AsyncSession, key: str, kind: Kind, amounts: Mapping[int, int], **more: Any) -> bool:
        return await transfer(session, f"{key}:{uuid4().hex}" if kind is Kind.CAPTURE else key, kind, amounts, **more)

    ledger.transfer = anew

"""The audit log: every privileged act, by whom and to whom or what."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.account import Act
from bot.domain.job import Member
from bot.store.database import Sessions
from bot.store.schema import AuditRow, now

GONE = "(revoked)"
"""What stands in place of the name of a person who was revoked."""

DELETED = "(deleted)"
"""And of one who was only deleted."""


class Audit:
    """The AuditLog port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def note(self, actor: Member, act: str, target: str, **detail: object) -> int:
        """Keep one act, of which `detail` is what JSON can say; the number by which more of it can be told."""
        async with self._sessions.begin() as session:
            session.add(noted := row(actor, act, target, **detail))
            await session.flush()
            return noted.id

    async def amend(self, noted: int, **detail: object) -> None:
        """Tell more of an act that was noted before it was done."""
        async with self._sessions.begin() as session:
            there = await session.get_one(AuditRow, noted, with_for_update=True)
            there.detail = {**there.detail, **detail}

    async def unname(self, person: str, since: datetime | None) -> None:
        """Take a person's name off what was done about them since then (None: ever): nobody has it any more."""
        async with self._sessions.begin() as session:
            await unname(session, person, since, now(), DELETED)

    async def latest(self, limit: int = 20) -> list[Act]:
        """The last acts, the newest first."""
        statement = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        async with self._sessions.reading() as session:
            return [_act(each) for each in await session.scalars(statement)]

    async def last(self, target: str, acts: Collection[str]) -> Act | None:
        """The last of such acts that was done to that target."""
        theirs = select(AuditRow).where(AuditRow.target == target, AuditRow.act.in_(acts))
        async with self._sessions.reading() as session:
            found = await session.scalar(theirs.order_by(AuditRow.id.desc()).limit(1))
            return None if found is None else _act(found)


def row(actor: Member, act: str, target: str, /, **detail: object) -> AuditRow:
    """An act for the caller's own transaction, so that nothing is done without a trace, nor noted and not done."""
    # PostgreSQL refuses what is longer than its column, and an act must not fail for a long name.
    return AuditRow(actor_id=actor.id, actor=actor.name[:100], act=act, target=target[:120], detail=detail)


async def unname(
    session: AsyncSession, person: str, since: datetime | None, until: datetime, instead: str = GONE
) -> None:
    """Put something else in place of a person's name in what was done about them in that time."""
    acts = select(AuditRow).where(AuditRow.detail["person"].as_string() == person, AuditRow.at <= until)
    if since is not None:
        acts = acts.where(AuditRow.at >= since)
    for act in await session.scalars(acts.with_for_update()):
        act.detail = {**act.detail, "person": instead}


def _act(found: AuditRow) -> Act:
    return Act(found.at, found.actor_id, found.actor, found.act, found.target, found.detail)

"""The audit log: every privileged act, by whom and to whom or what."""

from sqlalchemy import select

from bot.domain.account import Act
from bot.domain.job import Member
from bot.store.database import Sessions
from bot.store.schema import AuditRow


class Audit:
    """The AuditLog port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def note(self, actor: Member, act: str, target: str, **detail: object) -> None:
        """Keep one act; `detail` is what JSON can say."""
        async with self._sessions.begin() as session:
            session.add(row(actor, act, target, **detail))

    async def latest(self, limit: int = 20) -> list[Act]:
        """The last acts, the newest first."""
        statement = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        async with self._sessions.reading() as session:
            return [
                Act(each.at, each.actor_id, each.actor, each.act, each.target, each.detail)
                for each in await session.scalars(statement)
            ]


def row(actor: Member, act: str, target: str, /, **detail: object) -> AuditRow:
    """An act for the caller's own transaction, so that nothing is done without a trace, nor noted and not done."""
    # PostgreSQL refuses what is longer than its column, and an act must not fail for a long name.
    return AuditRow(actor_id=actor.id, actor=actor.name[:100], act=act, target=target[:120], detail=detail)

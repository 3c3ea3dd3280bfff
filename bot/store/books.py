"""Whether the books are right: what the ledger keeps twice has to agree with itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import BigInteger, ColumnElement, Select, String, cast, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from bot.domain.account import Kind
from bot.domain.errors import Unavailable
from bot.domain.job import JobState
from bot.store.accounts import AccountKind
from bot.store.database import Sessions
from bot.store.schema import AccountRow, EntryRow, HoldRow, JobRow, TransferRow

SENTENCES = {
    "transfer": "Transfer {id} ({name}): its entries sum to {found:+,} instead of 0.",
    "balance": "Account {id} ({name}): its balance is {found:,}, and its entries sum to {due:,}.",
    "below": "Account {id} ({name}): its balance is {found:,}, which is below 0.",
    "held": "Account {id} ({name}): {found:,} are held of it, and its holds have {due:,} left.",
    "hold": "Job {id}: its holds are of {found:,}, and {due:,} were reserved for it.",
    "capture": "Job {id}: its holds say that {found:,} were captured, and {due:,} were spent for it.",
    "release": "Job {id}: its holds say that {found:,} were released, and {due:,} were given back.",
    "ended": "Job {id}: it is {name}, and {found:,} are still held for it.",
}
LAST_SECONDS = 1.0
"""How long closing waits for SQLite, which ends no statement before its end."""

log = structlog.get_logger("atelier.books")

LEFT = HoldRow.amount - HoldRow.captured - HoldRow.released


@asynccontextmanager
async def auditing(sessions: Sessions) -> AsyncIterator[None]:
    """Look through the books once, beside all else, while the context is open; the log says what is wrong."""
    looking = asyncio.create_task(_look_through(sessions), name="audit of the books")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait((looking,), timeout=LAST_SECONDS)


async def _look_through(sessions: Sessions) -> None:
    try:
        async with sessions.surveying() as session:
            found = await audit_books(session)
    except Unavailable as error:
        log.warning("the ledger was not looked through", reason=str(error))
        return
    for wrong in found:
        log.error("the ledger does not add up", wrong=wrong)


async def audit_books(session: AsyncSession) -> list[str]:
    """What is wrong with the books, a sentence each; none when all is well.

    The entries of each transfer sum to zero, so all of them do. Each balance is the sum of its account's entries; none
    but the mint's is below zero. What is held of an account is what its holds have left, and what the holds of a job
    say of themselves is what was moved for it. Nothing is held for a job that has ended.
    """
    checks = (
        _transfers(),
        _balances(),
        _below_zero(),
        _held(),
        _moved(Kind.HOLD, HoldRow.amount),
        _moved(Kind.CAPTURE, HoldRow.captured),
        _moved(Kind.RELEASE, HoldRow.released),
        _ended(),
    )
    # One statement sees one state of the database, whoever writes meanwhile.
    rows = (await session.execute(union_all(*checks))).all()
    return [
        SENTENCES[what].format(id=number, name=name, found=found, due=due)
        for what, number, name, found, due in sorted(rows, key=lambda row: (list(SENTENCES).index(row[0]), row[1]))
    ]


def _transfers() -> Select[Any]:
    total = _sum(EntryRow.amount)
    sums = select(*_row("transfer", TransferRow.id, TransferRow.key, total, literal(0)))
    sums = sums.join(EntryRow, EntryRow.transfer_id == TransferRow.id)
    return sums.group_by(TransferRow.id, TransferRow.key).having(total != 0)


def _balances() -> Select[Any]:
    total = _sum(EntryRow.amount)
    sums = select(*_row("balance", AccountRow.id, _name(), AccountRow.balance, total))
    sums = sums.outerjoin(EntryRow, EntryRow.account_id == AccountRow.id)
    return sums.group_by(AccountRow.id, AccountRow.kind, AccountRow.key, AccountRow.balance).having(
        AccountRow.balance != total
    )


def _below_zero() -> Select[Any]:
    row = select(*_row("below", AccountRow.id, _name(), AccountRow.balance, literal(0)))
    return row.where(AccountRow.balance < 0, AccountRow.kind != AccountKind.MINT.value)


def _held() -> Select[Any]:
    held = aliased(AccountRow)
    of_it = (held.kind == AccountKind.HELD.value) & (held.key == cast(AccountRow.id, String))
    balance = func.coalesce(held.balance, 0)
    left = select(_sum(LEFT)).where(HoldRow.account_id == AccountRow.id).correlate(AccountRow).scalar_subquery()
    row = select(*_row("held", AccountRow.id, _name(), balance, left)).outerjoin(held, of_it)
    return row.where(AccountRow.kind != AccountKind.HELD.value, balance != left)


def _moved(kind: Kind, said: InstrumentedAttribute[int]) -> Select[Any]:
    """Jobs whose holds say another number than the transfers of that kind have moved."""
    holds = select(HoldRow.job_id, said.label("found"), literal(0).label("due"))
    moved = select(TransferRow.job_id, literal(0), EntryRow.amount).join(EntryRow)
    both = union_all(holds, moved.where(TransferRow.kind == kind.value, EntryRow.amount > 0)).subquery()
    found, due = _sum(both.c.found), _sum(both.c.due)
    row = select(*_row(kind.value, both.c.job_id, cast(null(), String), found, due))
    return row.group_by(both.c.job_id).having(found != due)


def _ended() -> Select[Any]:
    over = [state.value for state in JobState if state.ended]
    row = select(*_row("ended", JobRow.id, JobRow.state, LEFT, literal(0))).join(HoldRow, HoldRow.job_id == JobRow.id)
    return row.where(JobRow.state.in_(over), LEFT != 0)


def _row(what: str, *columns: Any) -> list[ColumnElement[Any]]:
    names = ("id", "name", "found", "due")
    return [literal(what).label("what"), *(each.label(name) for each, name in zip(columns, names, strict=True))]


def _sum(column: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[int]:
    # PostgreSQL adds whole numbers up to a decimal one.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _name() -> ColumnElement[str]:
    return func.trim(AccountRow.kind + " " + AccountRow.key)

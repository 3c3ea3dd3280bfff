"""Accounts: one row for everything that can have tokens, made when it is first needed, and locked by who changes it."""

from enum import StrEnum

from sqlalchemy import String, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.domain.account import Balance
from bot.store.schema import AccountRow, Base


class AccountKind(StrEnum):
    """What an account is of; `key` in its row says which one it is.

    That is a member's id, a web session's id, or the id of the account whose tokens are held. The house (what was
    spent) and the mint (where tokens come from, alone below zero) are one each, with an empty key.
    """

    MEMBER = "member"
    SESSION = "session"
    HELD = "held"
    HOUSE = "house"
    MINT = "mint"


def insert(session: AsyncSession, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say ON CONFLICT, in the words of the session's database."""
    return postgresql.insert(table) if session.get_bind().dialect.name == "postgresql" else sqlite.insert(table)


async def found(session: AsyncSession, kind: AccountKind, key: str = "") -> int | None:
    """The id of an account, if there is one."""
    return await session.scalar(select(AccountRow.id).where(AccountRow.kind == kind.value, AccountRow.key == key))


async def id_of(session: AsyncSession, kind: AccountKind, key: str = "") -> tuple[int, bool]:
    """The id of an account, and whether it is new: made just now, with nothing in it."""
    if (there := await found(session, kind, key)) is not None:
        return there, False
    wanted = select(AccountRow.id).where(AccountRow.kind == kind.value, AccountRow.key == key)
    # Where somebody else makes it at this moment, PostgreSQL waits for them, and then it is there to be found.
    row = insert(session, AccountRow).values(kind=kind.value, key=key, balance=0)
    made = await session.scalar(row.on_conflict_do_nothing().returning(AccountRow.id))
    return (made, True) if made is not None else ((await session.scalars(wanted)).one(), False)


async def locked(session: AsyncSession, account_id: int) -> AccountRow:
    """An account as it stands, which nobody else changes before this transaction ends."""
    return await session.get_one(AccountRow, account_id, with_for_update=True, populate_existing=True)


async def balance_of(session: AsyncSession, kind: AccountKind, key: str) -> Balance | None:
    """What an owner has free and held, both as of one moment; None before there is such an account."""
    held = aliased(AccountRow)
    of_it = (held.kind == AccountKind.HELD.value) & (held.key == cast(AccountRow.id, String))
    both = select(AccountRow.balance, func.coalesce(held.balance, 0)).outerjoin(held, of_it)
    found = (await session.execute(both.where(AccountRow.kind == kind.value, AccountRow.key == key))).one_or_none()
    return Balance(*found) if found else None

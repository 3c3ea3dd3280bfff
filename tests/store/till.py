"""The ledger as its callers use it, each act in a transaction of its own; and its books, added up in another way."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.account import Balance, Kind
from bot.domain.job import JobState, Member
from bot.store import accounts, ledger
from bot.store.accounts import AccountKind, balance_of
from bot.store.books import audit_books
from bot.store.database import Sessions
from bot.store.schema import AccountRow, EntryRow, HoldRow, JobRow
from bot.store.web_sessions import WebSessions, account_of_session
from tests.store.conftest import STARTING

HOUR = timedelta(hours=1)
ADA = Member(3, "Ada", operator=True)

Payer = int | str
"""A member by their id, or a web session by its own."""


class Till:
    """Holds, captures, releases and links; new members begin with `STARTING` tokens."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.ledger = ledger.Ledger(sessions, STARTING)
        self.web = WebSessions(sessions, STARTING)
        self._renewed: dict[str, str] = {}

    async def jobs(self, count: int, kind: str = "sweep") -> list[int]:
        """So many accepted jobs; who owns them is not the ledger's concern."""
        rows = [
            JobRow(
                kind=kind,
                title="a test",
                owner_id=1,
                owner_name="Mina",
                channel_id=10,
                state=JobState.QUEUED.value,
                urgent=False,
                layout={},
                notes=[],
            )
            for _ in range(count)
        ]
        async with self.sessions.begin() as session:
            session.add_all(rows)
            await session.flush()
            return [row.id for row in rows]

    async def job(self) -> int:
        (job,) = await self.jobs(1)
        return job

    async def visitor(self, tokens: int) -> str:
        """A web session with that many tokens, by the id that it begins with."""
        _, opened = await self.web.create({}, tokens, HOUR)
        return opened.id

    async def guest(self, tokens: int) -> str:
        """A web session that began with nothing and was brought so many tokens since: a member may have many such."""
        visitor = await self.visitor(0)
        async with self.sessions.begin() as session:
            mint, _ = await accounts.id_of(session, AccountKind.MINT)
            account, _ = await accounts.id_of(session, AccountKind.SESSION, visitor)
            await ledger.transfer(session, f"brought:{visitor}", Kind.GRANT, {mint: -tokens, account: tokens})
        return visitor

    def id_of(self, visitor: str) -> str:
        """The id of a web session as it is now: it gets a new one with each link."""
        return self._renewed.get(visitor, visitor)

    @asynccontextmanager
    async def payer(self, payer: Payer) -> AsyncIterator[tuple[AsyncSession, AccountRow]]:
        """A transaction, and the locked account that pays in it."""
        async with self.sessions.begin() as session:
            if isinstance(payer, int):
                yield session, await ledger.account_of(session, payer, STARTING)
            else:
                yield session, await account_of_session(session, self.id_of(payer), STARTING)

    async def hold(self, job: int, payer: Payer, tokens: int, attempt: int = 0) -> None:
        async with self.payer(payer) as (session, account):
            await ledger.hold(session, job, attempt, account, tokens)

    async def capture(self, job: int, number: int, tokens: int, attempt: int = 0) -> int:
        async with self.sessions.begin() as session:
            return await ledger.capture(session, job, attempt, number, tokens)

    async def release(self, job: int, attempt: int = 0) -> int:
        async with self.sessions.begin() as session:
            return await ledger.release(session, job, attempt)

    async def grant(self, member_id: int, tokens: int, note: str = "a prize", key: str = "") -> Balance:
        """Bring a member tokens, by the hand of Ada; each time anew, where no key says otherwise."""
        return await self.ledger.grant(ADA, member_id, tokens, note, key or uuid4().hex)

    async def link(self, web_session: str, member_id: int) -> None:
        _, linked = await self.web.link(self.id_of(web_session), await self.web.code(member_id, HOUR))
        self._renewed[web_session] = linked.id

    async def balance(self, payer: Payer) -> Balance:
        return await (self.ledger.balance(payer) if isinstance(payer, int) else self.web.balance(self.id_of(payer)))

    async def spent(self) -> int:
        """What the house has got."""
        async with self.sessions.reading() as session:
            return (await balance_of(session, AccountKind.HOUSE, "") or Balance(0, 0)).available

    async def check(self) -> dict[Payer, Balance]:
        """Every promise of the books, read row by row, and that the console's own audit finds nothing; who has what."""
        async with self.sessions.reading() as session:
            accounts = list(await session.scalars(select(AccountRow)))
            entries = list(await session.scalars(select(EntryRow)))
            holds = list(await session.scalars(select(HoldRow)))
            assert await audit_books(session) == []
        assert sum(entry.amount for entry in entries) == 0
        assert sum(account.balance for account in accounts) == 0
        by_transfer, by_account, left = Counter[int](), Counter[int](), Counter[str]()
        for entry in entries:
            by_transfer[entry.transfer_id] += entry.amount
            by_account[entry.account_id] += entry.amount
        for hold in holds:
            assert hold.captured >= 0 and hold.released >= 0 and hold.captured + hold.released <= hold.amount
            left[str(hold.account_id)] += hold.amount - hold.captured - hold.released
        assert not any(by_transfer.values())
        for account in accounts:
            assert account.balance == by_account[account.id], f"{account.kind} {account.key}"
            assert account.balance >= 0 or account.kind == "mint"
        held = Counter({account.key: account.balance for account in accounts if account.kind == "held"})
        assert +held == +left
        return {
            int(account.key) if account.kind == "member" else account.key: Balance(
                account.balance, held[str(account.id)]
            )
            for account in accounts
            if account.kind in ("member", "session")
        }

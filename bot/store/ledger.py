"""The ledger: whatever anybody has came to them by transfers, and the entries of each transfer sum to zero.

The functions work inside of the caller's transaction, so that a picture and what it costs are recorded together.
Whoever moves tokens first locks the account of the member (or web session) whose they are, after the hold if there is
one. What is held of an owner's account changes under that lock only, and the house and the mint come last; two owners
are locked by ascending id. So nobody waits in a circle, and no balance is read while somebody else changes it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast, exists, func, literal, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.domain.account import Balance, Kind, Movement
from bot.domain.errors import Refusal, TooFewTokens
from bot.domain.job import Member
from bot.store import audit
from bot.store.accounts import AccountKind, balance_of, id_of, insert, locked
from bot.store.database import Sessions
from bot.store.schema import AccountRow, EntryRow, HoldRow, JobRow, TransferRow, now


async def account_of(session: AsyncSession, member_id: int, starting: int) -> AccountRow:
    """The member's account, locked until the transaction ends; on first use it is opened with `starting` tokens."""
    account_id, new = await id_of(session, AccountKind.MEMBER, str(member_id))
    account = await locked(session, account_id)
    if new:
        await open_with(session, account_id, starting)
    return account


async def open_with(session: AsyncSession, account_id: int, tokens: int) -> None:
    """Bring a new account its first tokens; an account gets them once."""
    mint, _ = await id_of(session, AccountKind.MINT)
    await transfer(session, f"opening:{account_id}", Kind.OPENING, {mint: -tokens, account_id: tokens})


async def transfer(
    session: AsyncSession,
    key: str,
    kind: Kind,
    amounts: Mapping[int, int],
    *,
    job_id: int | None = None,
    actor_id: int | None = None,
    note: str = "",
) -> bool:
    """Move tokens between accounts, by account id; what leaves one is negative. Amounts of zero leave no entry.

    False, and nothing done, where a transfer of that key exists. Raises ValueError for amounts that do not sum to zero,
    IntegrityError where an account would fall below zero.
    """
    if sum(amounts.values()):
        raise ValueError(f"the amounts of {key} sum to {sum(amounts.values())}, not to zero: {dict(amounts)}")
    row = insert(session, TransferRow).values(
        key=key, kind=kind.value, job_id=job_id, actor_id=actor_id, note=note, at=now()
    )
    new = row.on_conflict_do_nothing(index_elements=[TransferRow.key]).returning(TransferRow.id)
    if (transfer_id := await session.scalar(new)) is None:
        return False
    for account_id, amount in sorted(amounts.items()):
        if amount:
            # The row is there: an INSERT .. ON CONFLICT UPDATE would have a debit checked as if it were a balance.
            account = update(AccountRow).where(AccountRow.id == account_id)
            await session.execute(account.values(balance=AccountRow.balance + amount))
            session.add(EntryRow(transfer_id=transfer_id, account_id=account_id, amount=amount))
    await session.flush()
    return True


async def hold(session: AsyncSession, job_id: int, attempt: int, account: AccountRow, tokens: int) -> None:
    """Reserve what a job may cost at this attempt; `account` is one that this transaction has locked.

    Raises TooFewTokens, ValueError for less than nothing, IntegrityError where this attempt has a hold.
    """
    if tokens < 0:
        raise ValueError(f"{tokens} tokens cannot be held")
    owner = await locked(session, account.id)
    if tokens > owner.balance:
        raise TooFewTokens(tokens, owner.balance)
    session.add(HoldRow(job_id=job_id, attempt=attempt, account_id=owner.id, amount=tokens))
    await session.flush()
    if tokens:
        amounts = {owner.id: -tokens, await _held(session, owner.id): tokens}
        await transfer(session, f"hold:{job_id}:{attempt}", Kind.HOLD, amounts, job_id=job_id)


async def capture(session: AsyncSession, job_id: int, attempt: int, number: int, tokens: int) -> int:
    """Spend some of what is held, for one item; how many tokens were taken.

    Never more than is left: of a job that was accepted before there were holds, nothing is. An item is paid for once.
    """
    if tokens < 0:
        raise ValueError(f"{tokens} tokens cannot be captured")
    reserved = await _hold(session, job_id, attempt)
    taken = min(tokens, _left(reserved)) if reserved else 0
    if reserved is None or not taken:
        return 0
    await locked(session, reserved.account_id)
    house, _ = await id_of(session, AccountKind.HOUSE)
    amounts = {await _held(session, reserved.account_id): -taken, house: taken}
    if not await transfer(session, f"capture:{job_id}:{number}", Kind.CAPTURE, amounts, job_id=job_id):
        return 0
    reserved.captured += taken
    # Another console's clock may have been ahead of ours.
    reserved.captured_at = max(filter(None, (reserved.captured_at, now())))
    return taken


async def release(session: AsyncSession, job_id: int, attempt: int) -> int:
    """Give back what is left of a hold; how many tokens those were. A second time there is nothing left."""
    reserved = await _hold(session, job_id, attempt)
    left = _left(reserved) if reserved else 0
    if reserved is None or not left:
        return 0
    await locked(session, reserved.account_id)
    amounts = {await _held(session, reserved.account_id): -left, reserved.account_id: left}
    if not await transfer(session, f"release:{job_id}:{attempt}", Kind.RELEASE, amounts, job_id=job_id):
        return 0
    reserved.released += left
    return left


async def join(session: AsyncSession, key: str, source: int, account: int) -> None:
    """Make all that one owner's account has another's, in one transfer: what is free, and what is held of it.

    Its holds, also those that have ended, are the other's from then on, and so is what was spent under them. What
    `source` was opened with is given once: where the other had that of an earlier one, what is free of it goes back to
    the mint. The caller sees to it that meanwhile no new hold of `source` is begun.
    """
    # Holds before accounts, as whoever captures or releases has it.
    theirs = select(HoldRow).where(HoldRow.account_id == source).order_by(HoldRow.job_id, HoldRow.attempt)
    await session.execute(theirs.with_for_update())
    owners = {account_id: await locked(session, account_id) for account_id in sorted((source, account))}
    source_held, account_held = await _held(session, source), await _held(session, account)
    free, held = owners[source].balance, (await locked(session, source_held)).balance
    opening = await _opening(session, source)
    # A transfer of nothing, which there is once: it says that the other had theirs, also where all of it was spent.
    first = opening and await transfer(session, f"opening:{account}:session", Kind.LINK, {})
    back = 0 if first else min(free, opening)
    mint, _ = await id_of(session, AccountKind.MINT)
    amounts = {source: -free, account: free - back, mint: back, source_held: -held, account_held: held}
    if await transfer(session, key, Kind.LINK, amounts):
        await session.execute(update(HoldRow).where(HoldRow.account_id == source).values(account_id=account))


async def spent_since(session: AsyncSession, account_id: int, moment: datetime) -> int:
    """The tokens captured from then on, and those that open holds may still take; of joined accounts too."""
    drawn = select(HoldRow.job_id).where(HoldRow.account_id == account_id, HoldRow.captured_at >= moment)
    captured = (
        select(func.coalesce(func.sum(EntryRow.amount), 0))
        .join(TransferRow, TransferRow.id == EntryRow.transfer_id)
        .where(TransferRow.kind == Kind.CAPTURE.value, TransferRow.at >= moment, TransferRow.job_id.in_(drawn))
        .where(EntryRow.amount > 0)
    )
    held = (AccountRow.kind == AccountKind.HELD.value) & (AccountRow.key == str(account_id))
    still = func.coalesce(select(AccountRow.balance).where(held).scalar_subquery(), 0)
    return int(await session.scalar(select(captured.scalar_subquery() + still)) or 0)


class Ledger:
    """The Accounts port on a database; `starting` tokens are a new member's."""

    def __init__(self, sessions: Sessions, starting: int) -> None:
        self._sessions = sessions
        self._starting = starting

    async def balance(self, member_id: int) -> Balance:
        """What the member has; on first use their account is opened."""
        async with self._sessions.reading() as session:
            if found := await balance_of(session, AccountKind.MEMBER, str(member_id)):
                return found
        async with self._sessions.begin() as session:
            account = await account_of(session, member_id, self._starting)
            return Balance(account.balance, 0)

    async def history(self, member_id: int, limit: int = 10) -> list[Movement]:
        """What moved the member's tokens, the newest first; what happened to one job in one way is one movement."""
        member = (AccountRow.kind == AccountKind.MEMBER.value) & (AccountRow.key == str(member_id))
        async with self._sessions.reading() as session:
            account = await session.scalar(select(AccountRow.id).where(member))
            if account is None:
                return []
            return [
                Movement(Kind(kind), tokens, at, count, f"{letter[0].upper()}{job}" if letter else "", note)
                for kind, tokens, at, count, job, letter, note in await session.execute(_movements(account, limit))
            ]

    async def grant(self, actor: Member, member_id: int, tokens: int, note: str, key: str) -> Balance:
        """Bring tokens to a member, or take some of the free ones back (negative), and note it in the audit log.

        `key` names the grant: what was made before under the same one is not made again. Raises Refusal where there are
        fewer to take back.
        """
        key = f"grant:{key}"
        async with self._sessions.begin() as session:
            account = await account_of(session, member_id, self._starting)
            if await session.scalar(select(TransferRow.id).where(TransferRow.key == key)) is None:
                if account.balance + tokens < 0:
                    raise Refusal(
                        f"They have {account.balance:,} free, so {-tokens:,} cannot be taken back, and nothing was. "
                        "What is held for their jobs comes free when those end."
                    )
                mint, _ = await id_of(session, AccountKind.MINT)
                amounts = {mint: -tokens, account.id: tokens}
                await transfer(session, key, Kind.GRANT, amounts, actor_id=actor.id, note=note)
                session.add(audit.row(actor, "grant", f"member {member_id}", tokens=tokens, note=note))
            balance = await balance_of(session, AccountKind.MEMBER, str(member_id))
        assert balance is not None
        return balance


def _movements(account: int, limit: int) -> Select[Any]:
    """The newest movements of an account, by its id: kind, tokens, moment, count, job, the job's kind, note."""
    entries = select(TransferRow, EntryRow.amount).join(EntryRow, EntryRow.transfer_id == TransferRow.id)
    # PostgreSQL plans by how many entries there are, so it has to see whose they are.
    own = EntryRow.account_id == literal(account, literal_execute=True)
    # There may be very many: only the newest are read, and what is one movement with them.
    again = aliased(TransferRow)
    last = ~exists().where(
        again.job_id == TransferRow.job_id, again.kind == TransferRow.kind, again.id > TransferRow.id
    )
    newest = select(TransferRow.id, TransferRow.job_id).join(EntryRow, EntryRow.transfer_id == TransferRow.id)
    newest = newest.where(own, last).order_by(EntryRow.transfer_id.desc()).limit(limit)
    found, drawn = newest.subquery(), newest.subquery()
    alone = entries.where(own, TransferRow.id.in_(select(found.c.id).where(found.c.job_id.is_(None))))
    # The sum keeps SQLite from going through all entries of the account for these few.
    of_jobs = entries.where(EntryRow.account_id + 0 == account, TransferRow.job_id.in_(select(drawn.c.job_id)))
    # Captures leave the account alone. They are found by their jobs, those of a joined session too.
    later = aliased(HoldRow)
    before = exists().where(
        later.job_id == HoldRow.job_id, later.attempt > HoldRow.attempt, later.captured_at.is_not(None)
    )
    spending = select(HoldRow.job_id).where(HoldRow.account_id == account, HoldRow.captured_at.is_not(None), ~before)
    spending = spending.order_by(HoldRow.captured_at.desc()).limit(limit)
    capture = TransferRow.kind == Kind.CAPTURE.value
    spent = entries.where(capture, TransferRow.job_id.in_(spending), EntryRow.amount < 0)
    moved = union_all(alone, of_jobs, spent).subquery()
    each = case((moved.c.job_id.is_(None), moved.c.id), else_=0)
    at = func.max(moved.c.at)
    return (
        select(
            moved.c.kind,
            cast(func.sum(moved.c.amount), BigInteger),  # else a Decimal, on PostgreSQL
            at,
            func.count(),
            moved.c.job_id,
            func.max(JobRow.kind),
            func.max(moved.c.note),
        )
        .outerjoin(JobRow, JobRow.id == moved.c.job_id)
        .group_by(moved.c.kind, moved.c.job_id, each)
        .order_by(at.desc(), func.max(moved.c.id).desc())
        .limit(limit)
    )


async def _held(session: AsyncSession, account_id: int) -> int:
    """The account of what is held of an owner's account."""
    held, _ = await id_of(session, AccountKind.HELD, str(account_id))
    return held


async def _opening(session: AsyncSession, account_id: int) -> int:
    """What an account was opened with."""
    entry = select(EntryRow.amount).join(TransferRow, TransferRow.id == EntryRow.transfer_id)
    found = entry.where(TransferRow.key == f"opening:{account_id}", EntryRow.account_id == account_id)
    return await session.scalar(found) or 0


async def _hold(session: AsyncSession, job_id: int, attempt: int) -> HoldRow | None:
    return await session.get(HoldRow, (job_id, attempt), with_for_update=True, populate_existing=True)


def _left(reserved: HoldRow) -> int:
    return reserved.amount - reserved.captured - reserved.released

"""Many at once: whatever happens side by side, no token is lost, and none is made.

The last tests show that this harness reports an implementation that does lose tokens.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias, TypeVar

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.account import Balance, Kind
from bot.domain.errors import NotFound, Refusal, TooFewTokens, Unavailable
from bot.store import ledger
from bot.store.accounts import AccountKind, id_of
from bot.store.database import Sessions
from bot.store.schema import AccountRow
from bot.store.web_sessions import WRONG_CODE
from tests.store.conftest import STARTING, books
from tests.store.till import HOUR, Till

MINA = 1
MEMBERS = range(1, 11)
EACH = 50
Result = TypeVar("Result")
Act: TypeAlias = Callable[[], Awaitable[Result]]


@pytest.fixture
def till(sessions: Sessions) -> Till:
    return Till(sessions)


async def patiently(act: Act[Result]) -> Result:
    """An act, asked for again where others wrote for too long (it is undone then); two that block each other fail."""
    while True:
        try:
            return await act()
        except Unavailable as trouble:
            if "deadlock" in str(trouble):
                raise


async def outcomes(acts: Iterable[Act[Result]], *expected: type[Exception]) -> tuple[list[Result], int]:
    """All of them at once: the results, and how many were refused as expected; anything else is raised."""
    results, refused = [], 0
    for outcome in await asyncio.gather(*map(patiently, acts), return_exceptions=True):
        if isinstance(outcome, expected):
            refused += 1
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results.append(outcome)
    return results, refused


async def insist(till: Till, web_session: str, member_id: int) -> None:
    """Link a session however often somebody else gets the member's code replaced or used first."""
    while True:
        try:
            return await till.link(web_session, member_id)
        except Refusal as refusal:
            if str(refusal) != WRONG_CODE:
                raise


async def test_two_hundred_links_grants_holds_and_captures_at_once_lose_nothing(till: Till) -> None:
    # Each member meets five of each, and two of each five sessions have a job that is drawn while they are linked.
    visitors = [await till.guest(20 + number) for number in range(EACH)]
    jobs, to_hold = await till.jobs(EACH), await till.jobs(EACH)
    owner = {number: MEMBERS[number % len(MEMBERS)] for number in range(EACH)}
    due = Counter({member: STARTING for member in MEMBERS})
    for number, job in enumerate(jobs):
        await till.hold(job, visitors[number] if number % 5 < 2 else owner[number], 9)
    acts: list[Act[object]] = []
    for number, member in owner.items():
        acts += [
            partial(insist, till, visitors[number], member),
            partial(till.grant, member, 1000 + number),
            partial(till.hold, to_hold[number], member, 3),
            partial(till.capture, jobs[number], 1, 4),
        ]
        due[member] += 20 + number + 1000 + number - 4
    await outcomes(acts)
    await till.check()
    for member in MEMBERS:
        assert await till.balance(member) == Balance(due[member] - 5 * 3 - 5 * 5, 5 * 3 + 5 * 5)
    assert await till.spent() == EACH * 4
    await outcomes(partial(till.release, job) for job in [*jobs, *to_hold])
    await till.check()
    assert {member: (await till.balance(member)).available for member in MEMBERS} == due


async def test_a_member_who_is_first_seen_many_times_at_once_begins_once(till: Till) -> None:
    balances, _ = await outcomes(partial(till.balance, MINA) for _ in range(40))
    assert set(balances) == {Balance(STARTING, 0)}
    assert [each.kind for each in await till.ledger.history(MINA)] == [Kind.OPENING]
    await till.check()


async def test_of_more_holds_than_there_are_tokens_those_that_fit_are_made_and_the_others_told(till: Till) -> None:
    jobs = await till.jobs(40)
    made, refused = await outcomes((partial(till.hold, job, MINA, 30) for job in jobs), TooFewTokens)
    assert (len(made), refused) == (STARTING // 30, 40 - STARTING // 30)
    assert await till.balance(MINA) == Balance(10, 90)
    await till.check()


async def test_no_more_is_taken_back_at_once_than_there_is(till: Till) -> None:
    await till.balance(MINA)
    takes = (partial(till.grant, MINA, -30) for _ in range(20))
    made, refused = await outcomes(takes, Refusal)
    assert (len(made), refused) == (3, 17)
    assert await till.balance(MINA) == Balance(10, 0)
    await till.check()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_account_that_was_read_before_it_was_locked_is_read_again(till: Till) -> None:
    await till.balance(MINA)
    job = await till.job()
    async with till.sessions.begin() as session:
        (seen,) = await session.scalars(select(AccountRow).where(AccountRow.kind == AccountKind.MEMBER.value))
        await till.grant(MINA, -60, "a mistake")
        assert seen.balance == STARTING
        with pytest.raises(TooFewTokens, match="you have 40"):
            await ledger.hold(session, job, 0, seen, 50)
    await till.check()


async def test_images_that_are_done_at_once_share_what_is_held(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, STARTING)
    taken, _ = await outcomes(partial(till.capture, job, number, 7) for number in range(40))
    assert Counter(taken) == {7: 14, 2: 1, 0: 25}
    assert (await till.balance(MINA), await till.spent()) == (Balance(0, 0), STARTING)
    await till.check()


async def test_an_image_that_is_done_many_times_at_once_is_paid_for_once(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, STARTING)
    taken, _ = await outcomes(partial(till.capture, job, 1, 7) for _ in range(20))
    assert sorted(taken) == [0] * 19 + [7]
    await till.check()


async def test_what_is_released_while_images_are_done_adds_up(till: Till) -> None:
    job = await till.job()
    await till.hold(job, MINA, STARTING)
    captures = [partial(till.capture, job, number, 7) for number in range(20)]
    moved, _ = await outcomes([*captures[:10], *[partial(till.release, job)] * 5, *captures[10:]])
    assert sum(moved) == STARTING
    assert (await till.balance(MINA)).available + await till.spent() == STARTING
    await till.check()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_whoever_holds_waits_for_one_who_captures_and_then_releases(till: Till) -> None:
    job, another = await till.jobs(2)
    await till.hold(job, MINA, 30)
    async with asyncio.TaskGroup() as others, till.sessions.begin() as session:
        await ledger.capture(session, job, 0, 1, 10)
        others.create_task(till.hold(another, MINA, 50))
        await somebody_waits(till.sessions)
        await ledger.release(session, job, 0)
    assert await till.balance(MINA) == Balance(40, 50)
    await till.check()


async def somebody_waits(sessions: Sessions) -> None:
    """Returns once a transaction of this PostgreSQL database waits for another one."""
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    while True:
        async with sessions.reading() as session:
            if await session.scalar(waiting):
                return
        await asyncio.sleep(0.01)


async def test_a_session_is_linked_while_it_holds_captures_and_releases(till: Till) -> None:
    visitor, jobs, new = await till.visitor(500), await till.jobs(10), await till.jobs(10)
    for job in jobs:
        await till.hold(job, visitor, 10)
    code = await till.web.code(MINA, HOUR)
    acts: list[Act[object]] = []
    for job, another in zip(jobs, new, strict=True):
        acts += [
            partial(till.capture, job, 1, 4),
            partial(till.hold, another, visitor, 10),
            partial(till.release, job),
        ]
    acts.insert(len(acts) // 2, partial(till.web.link, visitor, code))
    results, refused = await outcomes(acts, NotFound)
    ((_, linked),) = [result for result in results if isinstance(result, tuple)]
    spent, held = await till.spent(), 10 * (10 - refused)  # who came behind the link knew the old session
    assert await till.balance(MINA) == await till.balance(linked.id) == Balance(STARTING + 500 - spent - held, held)
    await till.check()


async def test_sessions_that_join_one_member_at_once_bring_all_they_have(till: Till) -> None:
    visitors, jobs = [await till.guest(20) for _ in range(30)], await till.jobs(30)
    for visitor, job in zip(visitors, jobs, strict=True):
        await till.hold(job, visitor, 5)

    async def join(visitor: str) -> None:
        async with till.sessions.begin() as session:
            source, _ = await id_of(session, AccountKind.SESSION, visitor)
            member, _ = await id_of(session, AccountKind.MEMBER, str(MINA))
            await ledger.join(session, f"link:{visitor}", source, member)

    await till.balance(MINA)
    acts: list[Act[object]] = [partial(join, visitor) for visitor in visitors]
    acts += [partial(till.capture, job, 1, 2) for job in jobs]
    await outcomes(acts)
    assert await till.balance(MINA) == Balance(STARTING + 30 * 15, 30 * 3)
    await till.check()


async def test_a_balance_that_is_read_and_written_in_two_transactions_loses_tokens_and_is_reported(till: Till) -> None:
    await till.balance(MINA)
    all_have_read = asyncio.Barrier(10)

    async def careless(number: int) -> None:
        had = (await till.balance(MINA)).available
        await all_have_read.wait()
        async with till.sessions.begin() as session:
            mint, _ = await id_of(session, AccountKind.MINT)
            account, _ = await id_of(session, AccountKind.MEMBER, str(MINA))
            await ledger.transfer(session, f"grant:{number}", Kind.GRANT, {mint: -5, account: 5})
            await session.execute(update(AccountRow).where(AccountRow.id == account).values(balance=had + 5))

    await outcomes(partial(careless, number) for number in range(10))
    assert await till.balance(MINA) == Balance(STARTING + 5, 0), "of fifty tokens, forty-five are lost"
    assert await books(till.sessions) == ["Account 1 (member 1): its balance is 105, and its entries sum to 150."]
    with pytest.raises(AssertionError):
        await till.check()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_without_the_lock_holds_that_do_not_fit_are_only_stopped_by_the_database(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await till.balance(MINA)
    jobs, all_have_read = await till.jobs(3), asyncio.Barrier(3)

    async def unlocked(session: AsyncSession, account_id: int) -> AccountRow:
        account = await session.get_one(AccountRow, account_id, populate_existing=True)
        await all_have_read.wait()
        return account

    monkeypatch.setattr(ledger, "locked", unlocked)
    with pytest.raises(IntegrityError, match="no_account_below_zero"):
        await outcomes((partial(till.hold, job, MINA, 40) for job in jobs), TooFewTokens)
    await till.check()

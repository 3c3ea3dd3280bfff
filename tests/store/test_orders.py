"""Each order is all or nothing: what is refused has changed nothing, what is granted is held, billed and given back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from bot.domain.account import Balance, Terms
from bot.domain.errors import Fenced, LimitReached, NotFound, TooFewTokens, WrongState
from bot.domain.job import ItemState, JobState
from bot.store.database import Sessions
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.schema import HoldRow
from tests.store.conftest import MINA, STARTING, TERMS, THEO, books, quoted

IMAGE = "a" * 64


@pytest_asyncio.fixture
async def leases(sessions: Sessions, tmp_path: Path) -> AsyncIterator[LeaseStore]:
    async with LeaseStore(sessions, Presence(tmp_path / "workers"), 10).held() as store:
        yield store


@pytest.fixture
def orders(sessions: Sessions, leases: LeaseStore) -> OrderStore:
    return OrderStore(sessions, leases.worker, STARTING)


async def state(jobs: Jobs, job_id: int) -> JobState:
    job = await jobs.get(job_id)
    assert job is not None
    return job.state


async def balance(sessions: Sessions, member: int = MINA.id) -> Balance:
    return await Ledger(sessions, STARTING).balance(member)


async def test_an_accepted_quote_is_held_and_leased(orders: OrderStore, jobs: Jobs, sessions: Sessions) -> None:
    job = await quoted(jobs, items=4)
    leased = await orders.accept(job.id, Terms(weight=2.0))
    assert (leased.job.state, leased.job.weight) == (JobState.QUEUED, 2.0)
    assert [item.number for item in leased.items] == [1, 2, 3, 4]
    assert await balance(sessions) == Balance(STARTING - 4, 4)


async def test_of_many_who_press_at_once_one_accepts_and_it_is_held_once(
    orders: OrderStore, jobs: Jobs, sessions: Sessions
) -> None:
    job = await quoted(jobs)
    results = await asyncio.gather(*(orders.accept(job.id, TERMS) for _ in range(8)), return_exceptions=True)
    refused = [each for each in results if isinstance(each, WrongState)]
    assert len(refused) == 7
    assert str(refused[0]) == "S1 cannot be run: it is queued."
    assert await balance(sessions) == Balance(STARTING - 3, 3)


async def test_who_has_too_few_tokens_is_refused_and_the_quote_stays(
    orders: OrderStore, jobs: Jobs, sessions: Sessions
) -> None:
    job = await quoted(jobs, tokens=STARTING + 1)
    with pytest.raises(TooFewTokens, match=r"^This costs up to 101 tokens and you have 100\."):
        await orders.accept(job.id, TERMS)
    assert await state(jobs, job.id) is JobState.QUOTED
    assert await balance(sessions) == Balance(STARTING, 0)
    async with sessions.reading() as session:
        assert await session.scalar(select(func.count()).select_from(HoldRow)) == 0


async def test_the_last_tokens_are_held_once_however_many_jobs_want_them(
    orders: OrderStore, jobs: Jobs, sessions: Sessions
) -> None:
    wanted = [await quoted(jobs, items=1, tokens=40) for _ in range(5)]
    results = await asyncio.gather(*(orders.accept(job.id, TERMS) for job in wanted), return_exceptions=True)
    assert sum(isinstance(each, TooFewTokens) for each in results) == 3
    assert await balance(sessions) == Balance(20, 80)
    assert await books(sessions) == []


async def test_a_member_has_no_more_jobs_waiting_than_they_may(orders: OrderStore, jobs: Jobs) -> None:
    mine = [await quoted(jobs, items=1) for _ in range(3)]
    results = await asyncio.gather(*(orders.accept(job.id, Terms(queued=2)) for job in mine), return_exceptions=True)
    (refused,) = [each for each in results if isinstance(each, Exception)]
    assert isinstance(refused, LimitReached)
    assert str(refused).startswith("You have 2 jobs waiting or drawing, which is the most one member may have.")
    theirs = await quoted(jobs, THEO, items=1)
    await orders.accept(theirs.id, Terms(queued=2))
    done = next(job for job, each in zip(mine, results, strict=True) if not isinstance(each, Exception))
    await orders.cancel(done.id)
    left = next(job for job, each in zip(mine, results, strict=True) if isinstance(each, Exception))
    await orders.accept(left.id, Terms(queued=2))


async def test_a_day_has_so_many_tokens(orders: OrderStore, leases: LeaseStore, jobs: Jobs) -> None:
    first = await orders.accept((await quoted(jobs, items=3)).id, Terms(daily=5))
    await leases.settle(first.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    second = await quoted(jobs, items=3)
    with pytest.raises(LimitReached, match=r"^You may spend 5 tokens a day: 3 are spent or reserved, and this takes"):
        await orders.accept(second.id, Terms(daily=5))
    await orders.cancel(first.job.id)  # two were not spent
    await orders.accept(second.id, Terms(daily=5))


async def test_cancelling_gives_back_what_was_not_drawn_and_fences_off_what_is_being_drawn(
    orders: OrderStore, leases: LeaseStore, jobs: Jobs, sessions: Sessions
) -> None:
    leased = await orders.accept((await quoted(jobs)).id, TERMS)
    await leases.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    await leases.begin(leased.lease, 2)
    assert (await orders.cancel(leased.job.id)).state is JobState.CANCELLED
    with pytest.raises(Fenced):
        await leases.settle(leased.lease, 2, ItemState.DRAWN, image=IMAGE, tokens=1)
    assert await balance(sessions) == Balance(STARTING - 1, 0)
    states = [item.state for item in await jobs.items(leased.job.id)]
    assert states == [ItemState.DRAWN, ItemState.CANCELLED, ItemState.CANCELLED]
    with pytest.raises(WrongState, match=r"^S1 has already ended \(cancelled\); there is nothing to cancel\.$"):
        await orders.cancel(leased.job.id)


@pytest.mark.parametrize("before", [JobState.QUOTED, JobState.QUEUED, JobState.RUNNING, JobState.PAUSED])
async def test_a_job_is_cancelled_in_any_state_before_its_end(
    orders: OrderStore, leases: LeaseStore, jobs: Jobs, sessions: Sessions, before: JobState
) -> None:
    job = await quoted(jobs)
    if before is not JobState.QUOTED:
        leased = await orders.accept(job.id, TERMS)
        if before is JobState.RUNNING:
            await leases.begin(leased.lease, 1)
        elif before is JobState.PAUSED:
            await orders.pause(job.id)
    assert await state(jobs, job.id) is before
    assert (await orders.cancel(job.id)).state is JobState.CANCELLED
    assert await balance(sessions) == Balance(STARTING, 0)


async def test_pausing_and_going_on_keep_to_the_states_that_allow_it(orders: OrderStore, jobs: Jobs) -> None:
    job = await quoted(jobs)
    with pytest.raises(WrongState, match=r"^S1 cannot be paused: it is quoted\.$"):
        await orders.pause(job.id)
    await orders.accept(job.id, TERMS)
    with pytest.raises(WrongState, match=r"^S1 cannot be resumed: it is queued\.$"):
        await orders.resume(job.id)
    assert (await orders.pause(job.id)).state is JobState.PAUSED
    assert (await orders.resume(job.id)).state is JobState.QUEUED


async def test_failed_images_alone_are_drawn_again_and_paid_for_then(
    orders: OrderStore, leases: LeaseStore, jobs: Jobs, sessions: Sessions
) -> None:
    leased = await orders.accept((await quoted(jobs)).id, TERMS)
    await leases.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    await leases.settle(leased.lease, 2, ItemState.FAILED, remark="no room")
    with pytest.raises(WrongState, match=r"^S1 is still queued; failed images are drawn again at its end\.$"):
        await orders.retry(leased.job.id, TERMS, 1)
    await leases.settle(leased.lease, 3, ItemState.DRAWN, image=IMAGE, tokens=1)
    done = await leases.end(leased.lease)
    assert done is not None
    await OwedStore(sessions).delivered(done, given_up=True)
    await OwedStore(sessions).sheet_posted(done, "", 7)
    assert [job.id for job in await jobs.retriable(MINA.id)] == [leased.job.id]
    again = await orders.retry(leased.job.id, TERMS, 1)
    assert [(item.number, item.remark) for item in again.items] == [(2, None)]
    assert (again.job.attempt, again.job.delivered, await OwedStore(sessions).sheets(again.job.id)) == (1, False, {})
    assert await balance(sessions) == Balance(STARTING - 3, 1)
    await leases.settle(again.lease, 2, ItemState.DRAWN, image=IMAGE, tokens=1)
    ended = await leases.end(again.lease)
    assert ended is not None and ended.state is JobState.DONE
    assert await balance(sessions) == Balance(STARTING - 3, 0)
    with pytest.raises(WrongState, match=r"^No image of S1 failed, so there is nothing to draw again\.$"):
        await orders.retry(leased.job.id, TERMS, 1)
    assert await books(sessions) == []


async def test_own_jobs_are_put_in_another_order(orders: OrderStore, jobs: Jobs) -> None:
    first, second, third = [(await orders.accept((await quoted(jobs, items=1)).id, TERMS)).job.id for _ in range(3)]
    others = (await orders.accept((await quoted(jobs, THEO, items=1)).id, TERMS)).job.id
    ended = (await orders.accept((await quoted(jobs, items=1)).id, TERMS)).job.id
    await orders.cancel(ended)

    def order(moved: list[object]) -> list[object]:
        return [job.id for job in moved]  # type: ignore[attr-defined]

    assert order(await orders.reorder(third, None)) == [third, first, second]
    assert order(await orders.reorder(third, second)) == [first, third, second]
    for wrong in (others, ended, third, 99):
        with pytest.raises(NotFound, match=rf"^Job {wrong} is not another of the same member's that waits"):
            await orders.reorder(third, wrong)
    with pytest.raises(WrongState, match=r"^S5 does not wait in the queue: it is cancelled\.$"):
        await orders.reorder(ended, first)
    turns = [job.turn for job in [await jobs.get(n) for n in (first, third, second)] if job]
    assert turns == sorted(turns)


async def test_a_job_that_is_not_there_is_said_so(orders: OrderStore) -> None:
    for order in (orders.accept(9, TERMS), orders.cancel(9), orders.pause(9), orders.reorder(9, None)):
        with pytest.raises(NotFound, match=r"^There is no job 9\. /queue shows what is waiting\.$"):
            await order

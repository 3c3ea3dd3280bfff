"""What a channel is owed is sent in one composition only, and once: also when two consoles are at it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import update

from bot.domain.job import ItemState, Job, Lease, Leased
from bot.store.database import Sessions
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.owed import NO_MESSAGE, OwedStore
from bot.store.presence import Presence
from bot.store.publications import PublicationStore
from bot.store.schema import JobRow, OutboxRow
from tests.store.conftest import STARTING, TERMS, accepted

IMAGE = "a" * 64
FIRST, SECOND = "1" * 24, "2" * 24


@pytest.fixture
def owed(sessions: Sessions) -> OwedStore:
    return OwedStore(sessions)


@pytest_asyncio.fixture
async def mine(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LeaseStore]:
    """A worker."""
    async with LeaseStore(sessions, Presence(tmp_path_factory.mktemp("workers")), 60.0).held() as store:
        yield store


async def drawn(sessions: Sessions, mine: LeaseStore, *numbers: int, items: int = 4) -> Leased:
    """A job of which these items are drawn, one after another."""
    leased = await accepted(sessions, mine, items=items)
    for number in numbers:
        await draw(mine, leased.lease, number)
    return leased


async def draw(mine: LeaseStore, lease: Lease, number: int) -> None:
    assert await mine.settle(lease, number, ItemState.DRAWN, image=IMAGE)


async def ended(sessions: Sessions, mine: LeaseStore, items: int = 2) -> Job:
    """A job whose first item is drawn, and the others failed."""
    leased = await drawn(sessions, mine, 1, items=items)
    for number in range(2, items + 1):
        assert await mine.settle(leased.lease, number, ItemState.FAILED, remark="no")
    job = await mine.end(leased.lease)
    assert job is not None
    return job


async def numbers_of(owed: OwedStore, job: Job, most: int = 10) -> list[int]:
    return [item.number for item in (await owed.next_batch(job.id, most)).items]


async def test_what_is_drawn_is_owed_in_display_order_and_a_message_at_a_time(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = (await drawn(sessions, mine, 4, 2, 1)).job
    batch = await owed.next_batch(job.id, 2)
    assert ([item.number for item in batch.items], batch.nonce, batch.tried) == ([1, 2], None, None)
    await owed.posted(job.id, [1, 2], 77)
    assert await numbers_of(owed, job) == [4]
    await owed.posted(job.id, [4], 78)
    assert await numbers_of(owed, job) == []
    assert [item.message_id for item in await Jobs(sessions).items(job.id)] == [77, 77, None, 78]


async def test_a_message_that_was_begun_is_the_next_one_as_it_was(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    leased = await drawn(sessions, mine, 2, 4)
    before = datetime.now(UTC)
    assert await owed.trying(leased.job.id, [2, 4], FIRST)
    await draw(mine, leased.lease, 1)
    batch = await owed.next_batch(leased.job.id, 1)
    assert ([item.number for item in batch.items], batch.nonce) == ([2, 4], FIRST)
    assert batch.tried is not None and before <= batch.tried <= datetime.now(UTC)
    assert [item.batch for item in batch.items] == [FIRST, FIRST]


async def test_of_two_messages_that_were_begun_the_earlier_is_the_next_one(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    leased = await drawn(sessions, mine, 3, 4)
    assert await owed.trying(leased.job.id, [3], FIRST)
    await draw(mine, leased.lease, 1)
    assert await owed.trying(leased.job.id, [1], SECOND)
    assert await numbers_of(owed, leased.job) == [3]
    await owed.posted(leased.job.id, [3], 77)
    assert await numbers_of(owed, leased.job) == [1]


async def test_no_picture_is_begun_in_two_messages(sessions: Sessions, owed: OwedStore, mine: LeaseStore) -> None:
    job = (await drawn(sessions, mine, 1, 2, 3)).job
    assert await owed.trying(job.id, [1, 2], FIRST)
    assert not await owed.trying(job.id, [2, 3], SECOND)
    assert [item.batch for item in await Jobs(sessions).items(job.id)] == [FIRST, FIRST, None, None]
    await owed.posted(job.id, [1], 77)
    assert not await owed.trying(job.id, [1], SECOND, FIRST)


async def test_a_message_that_was_refused_is_begun_again_in_other_compositions(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = (await drawn(sessions, mine, 1, 2)).job
    assert await owed.trying(job.id, [1, 2], FIRST)
    first = (await owed.next_batch(job.id, 10)).tried
    assert not await owed.trying(job.id, [1], SECOND)
    assert await owed.trying(job.id, [1], SECOND, FIRST)
    await owed.posted(job.id, [2], 77)
    again = await owed.next_batch(job.id, 10)
    assert again.nonce == SECOND
    assert again.tried is not None and first is not None and again.tried >= first


async def test_of_two_consoles_that_begin_at_once_one_is_told_no(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = (await drawn(sessions, mine, 1, 2, 3, 4)).job
    for _ in range(5):
        nonces = [f"{number}" * 24 for number in range(4)]
        begun = await asyncio.gather(
            *(owed.trying(job.id, sorted({1, number + 1}), nonce) for number, nonce in enumerate(nonces))
        )
        assert begun.count(True) == 1
        batch = await owed.next_batch(job.id, 10)
        assert batch.nonce == nonces[begun.index(True)]
        async with sessions.begin() as session:
            await session.execute(update(OutboxRow).values(batch=None))


async def test_the_first_to_say_which_message_carries_a_picture_is_right(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = (await drawn(sessions, mine, 1)).job
    await owed.posted(job.id, [1], 77)
    await owed.posted(job.id, [1], 78)
    await owed.withhold(job.id, 1, "too late")
    assert (await Jobs(sessions).items(job.id))[0].message_id == 77


async def test_a_picture_that_is_withheld_is_owed_no_more_and_says_why(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = (await drawn(sessions, mine, 1, 2)).job
    await owed.withhold(job.id, 1, "It is too large.")
    assert await numbers_of(owed, job) == [2]
    assert (await Jobs(sessions).items(job.id))[0].message_id == NO_MESSAGE
    assert await Jobs(sessions).remarks(job.id) == [("c001", "It is too large.")]


async def test_a_sheet_is_settled_when_its_message_is_known_and_not_when_it_was_tried(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await ended(sessions, mine)
    tried, before = await owed.sheet_tried(job.id, "a")
    assert not before and abs(datetime.now(UTC) - tried) < timedelta(hours=1)
    assert await owed.sheet_tried(job.id, "a") == (tried, True)
    assert await owed.sheets(job.id) == {}
    await owed.sheet_posted(job, "a", 77)
    await owed.sheet_posted(job, "b", None)
    assert await owed.sheets(job.id) == {"a": 77, "b": NO_MESSAGE}
    assert await owed.sheet_tried(job.id, "a") == (tried, True)


async def test_of_two_consoles_that_try_a_sheet_at_once_one_is_the_first(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await ended(sessions, mine)
    tried = await asyncio.gather(*(owed.sheet_tried(job.id, "") for _ in range(4)))
    assert [before for _, before in tried].count(False) == 1
    assert len({moment for moment, _ in tried}) == 1  # which is in the nonce of them all


async def test_a_job_that_is_tried_again_is_owed_once_more_whatever_is_said_of_its_first_try(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    first = await ended(sessions, mine)
    await owed.sheet_tried(first.id, "")
    again = (await OrderStore(sessions, mine.worker, STARTING).retry(first.id, TERMS, 1)).job
    await owed.sheet_posted(first, "", 77)
    assert not await owed.delivered(first)
    assert await owed.sheets(first.id) == {}
    job = await Jobs(sessions).get(first.id)
    assert job is not None and not job.delivered
    await owed.sheet_posted(again, "", 78)
    assert await owed.delivered(again, given_up=True)
    assert await owed.sheets(first.id) == {"": 78}


async def test_jobs_that_ended_and_were_not_delivered_come_in_the_order_they_were_queued(
    sessions: Sessions, owed: OwedStore, mine: LeaseStore
) -> None:
    quoted_first, quoted_last = await ended(sessions, mine), await ended(sessions, mine)
    again = await OrderStore(sessions, mine.worker, STARTING).retry(quoted_first.id, TERMS, 1)
    assert [job.id for job in await owed.undelivered()] == [quoted_last.id]  # the other one goes on
    assert await mine.settle(again.lease, 2, ItemState.FAILED, remark="no")
    await mine.end(again.lease)
    assert [job.id for job in await owed.undelivered()] == [quoted_last.id, quoted_first.id]
    assert await owed.delivered(quoted_last, given_up=True)
    assert await owed.delivered(replace(quoted_first, attempt=1), given_up=True)
    assert await owed.undelivered() == []


async def on_the_wall(sessions: Sessions) -> list[int]:
    return [each.number for each in await PublicationStore(sessions).changed()]


async def test_what_is_posted_comes_on_the_wall_with_it_where_the_operator_wants_that(
    sessions: Sessions, mine: LeaseStore
) -> None:
    leased = await drawn(sessions, mine, 1, 2, 3)
    plain, publishing = OwedStore(sessions), OwedStore(sessions, publishing=True)
    await plain.posted(leased.job.id, [1], 601)
    assert await on_the_wall(sessions) == []
    await publishing.posted(leased.job.id, [1], 602)  # it stood there before, and was not to be shown
    assert await on_the_wall(sessions) == []
    await publishing.withhold(leased.job.id, 3, "too large")
    await publishing.posted(leased.job.id, [2, 3, 4], 603)  # withheld, and not drawn at all
    assert await on_the_wall(sessions) == [2]


async def test_what_was_taken_down_is_not_put_up_again_by_a_second_word_of_the_same_message(
    sessions: Sessions, mine: LeaseStore
) -> None:
    leased = await drawn(sessions, mine, 1)
    owed = OwedStore(sessions, publishing=True)
    await owed.posted(leased.job.id, [1], 601)
    await PublicationStore(sessions).take_down(leased.job.id)
    await owed.posted(leased.job.id, [1], 601)
    assert await on_the_wall(sessions) == []


async def test_photos_that_somebody_brought_are_never_published_by_themselves(
    sessions: Sessions, mine: LeaseStore
) -> None:
    leased = await drawn(sessions, mine, 1)
    async with sessions.begin() as session:
        await session.execute(update(JobRow).where(JobRow.id == leased.job.id).values(kind="detail"))
    await OwedStore(sessions, publishing=True).posted(leased.job.id, [1], 601)
    assert await on_the_wall(sessions) == []

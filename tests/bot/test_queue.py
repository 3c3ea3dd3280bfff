"""The queue is bounded in jobs, fair between members, and lets urgent work pass."""

import asyncio

import pytest

from bot.domain.errors import QueueFull
from bot.domain.job import Job, Member
from bot.jobs.queue import JobQueue
from bot.store.jobs import Jobs
from tests.bot.conftest import ADA, MINA, THEO, store_job


async def admitted(queue: JobQueue, jobs: Jobs, owner: Member, items: int, *, urgent: bool = False) -> Job:
    job = await store_job(jobs, owner, items, urgent=urgent)
    queue.admit(job, await jobs.items(job.id))
    return job


async def taken(queue: JobQueue, number: int) -> list[int]:
    """The owners of the next items."""
    return [queue.job((await queue.take()).job_id).owner.id for _ in range(number)]


async def test_members_take_turns_however_long_their_jobs_are(jobs: Jobs) -> None:
    queue = JobQueue(8)
    await admitted(queue, jobs, MINA, 6)
    await admitted(queue, jobs, THEO, 2)
    await admitted(queue, jobs, ADA, 1)
    assert await taken(queue, 9) == [1, 2, 3, 1, 2, 1, 1, 1, 1]


async def test_a_members_own_jobs_come_one_after_the_other_in_execution_order(jobs: Jobs) -> None:
    queue = JobQueue(8)
    first, second = await admitted(queue, jobs, MINA, 2), await admitted(queue, jobs, MINA, 2)
    items = [await queue.take() for _ in range(4)]
    assert [item.job_id for item in items] == [first.id, first.id, second.id, second.id]
    assert [item.name for item in items[:2]] == ["c002", "c001"]  # by rank, not by number


async def test_urgent_work_passes_and_has_lanes_of_its_own(jobs: Jobs) -> None:
    queue = JobQueue(8)
    await admitted(queue, jobs, MINA, 3)
    lane = asyncio.create_task(queue.take(urgent_only=True))
    await asyncio.sleep(0)
    assert not lane.done()
    quick = await admitted(queue, jobs, THEO, 2, urgent=True)
    assert (await asyncio.wait_for(lane, 1)).job_id == quick.id
    assert (await queue.take()).job_id == quick.id
    assert await taken(queue, 1) == [MINA.id]


async def test_a_full_queue_refuses_until_a_job_has_ended(jobs: Jobs) -> None:
    queue = JobQueue(2)
    first = await admitted(queue, jobs, MINA, 1)
    await admitted(queue, jobs, MINA, 1)
    with pytest.raises(QueueFull, match="The queue is full: 2 of 2 places are taken"), queue.place():
        raise AssertionError("a place was given although there is none")
    queue.remove(first.id)
    with queue.place():
        assert queue.full  # a place that is kept counts
    assert not queue.full


async def test_a_stopped_job_gives_out_nothing_more(jobs: Jobs) -> None:
    queue = JobQueue(2)
    job = await admitted(queue, jobs, MINA, 3)
    item = await queue.take()
    queue.stop(job.id)
    assert queue.is_stopped(job.id)
    assert not queue.idle(job.id)
    queue.give_back(item)
    assert queue.idle(job.id)


async def test_an_item_given_back_is_next_again(jobs: Jobs) -> None:
    queue = JobQueue(2)
    await admitted(queue, jobs, MINA, 3)
    item = await queue.take()
    queue.give_back(item)
    assert await queue.take() == item


async def test_every_waiting_lane_wakes_when_work_arrives(jobs: Jobs) -> None:
    queue = JobQueue(2)
    lanes = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    await admitted(queue, jobs, MINA, 3)
    items = await asyncio.wait_for(asyncio.gather(*lanes), 1)
    assert len({item.number for item in items}) == 3


async def test_a_member_whose_job_has_ended_keeps_their_turn_for_the_next(jobs: Jobs) -> None:
    queue = JobQueue(8)
    first, second = await admitted(queue, jobs, MINA, 1), await admitted(queue, jobs, MINA, 1)
    queue.put_down(await queue.take())
    queue.remove(first.id)
    assert (await asyncio.wait_for(queue.take(), 1)).job_id == second.id


async def test_a_second_job_brings_a_member_no_second_turn(jobs: Jobs) -> None:
    queue = JobQueue(8)
    for owner in (MINA, MINA, THEO):
        await admitted(queue, jobs, owner, 2)
    assert await taken(queue, 6) == [1, 2, 1, 2, 1, 1]

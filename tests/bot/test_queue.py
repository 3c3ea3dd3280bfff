"""The queue is bounded in jobs, fair between members, and lets urgent work pass."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import QueueFull
from bot.domain.job import Item, Job, JobState, Leased, Member, Work
from bot.jobs.queue import JobQueue
from sweeps.recipe import Recipe, resolve
from tests.bot.conftest import ADA, MINA, THEO
from tests.bot.leased import WORK, again, at_once, leased, recipes


def admitted(queue: JobQueue, owner: Member, what: int | list[Recipe], **more: Any) -> Job:
    each = leased(owner, what, **more)
    queue.admit(each)
    return each.job


async def owners(queue: JobQueue, number: int) -> list[int]:
    """The owners of the next items, each put down before the next is taken."""
    found = []
    for _ in range(number):
        work = await asyncio.wait_for(queue.take(), 1)
        found.append(work.job.owner.id)
        queue.put_down(work)
    return found


async def test_members_take_turns_however_long_their_jobs_are() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 6)
    admitted(queue, THEO, 2)
    admitted(queue, ADA, 1)
    assert await owners(queue, 9) == [1, 2, 3, 1, 2, 1, 1, 1, 1]


async def test_a_second_job_brings_a_member_no_second_turn() -> None:
    queue = JobQueue(8)
    for owner in (MINA, MINA, THEO):
        admitted(queue, owner, 2)
    assert await owners(queue, 6) == [1, 2, 1, 2, 1, 1]


async def test_a_member_whose_job_has_ended_keeps_their_turn_for_the_next() -> None:
    queue = JobQueue(8)
    first, second = admitted(queue, MINA, 1), admitted(queue, MINA, 1)
    await owners(queue, 1)
    queue.remove(first.id)
    assert (await asyncio.wait_for(queue.take(), 1)).job == second


async def test_fair_is_what_takes_the_same_work_not_the_same_number_of_images() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, recipes(40, side=512))
    admitted(queue, THEO, recipes(40))
    drawn = Counter(await owners(queue, 25))
    assert drawn[MINA.id] == pytest.approx(4 * drawn[THEO.id], abs=4)  # a quarter of the pixels; one image of Theo's
    assert drawn[THEO.id] < 10  # turn by turn it would be 12


async def test_a_member_with_twice_the_weight_gets_twice_the_work() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 60, weight=2.0)
    admitted(queue, THEO, 60)
    assert Counter(await owners(queue, 30)) == {MINA.id: 20, THEO.id: 10}


async def test_a_stage_that_images_of_a_job_share_is_paid_once() -> None:
    """Mina's four images have one base, 80 evaluations of a megapixel, and as many as Theo's without their faces."""
    values = {"prompt": "a man img", "steps": 40, "detail_steps": 10, "detail_size": 128, "seed": 1}
    shared = [resolve({**values, "denoise": denoise}) for denoise in (0.2, 0.3, 0.4, 0.5)]
    queue = JobQueue(8)
    admitted(queue, MINA, shared * 2)  # the second four are equal to the first
    admitted(queue, THEO, recipes(8, steps=40))
    found = await owners(queue, 10)
    assert found.count(MINA.id) == 8
    assert found.count(THEO.id) == 2


async def test_who_was_away_has_saved_nothing_up() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 1)
    admitted(queue, THEO, 30)
    await owners(queue, 12)
    admitted(queue, MINA, 10)
    assert Counter(await owners(queue, 8)) == {MINA.id: 4, THEO.id: 4}


async def test_a_members_own_jobs_come_one_after_the_other_in_execution_order() -> None:
    queue = JobQueue(8)
    first, second = admitted(queue, MINA, 2), admitted(queue, MINA, 2)
    works = [await queue.take() for _ in range(4)]
    assert [work.job for work in works] == [first, first, second, second]
    assert [work.item.name for work in works[:2]] == ["c002", "c001"]  # by rank, not by number


async def test_a_members_jobs_are_drawn_in_the_order_of_their_turns() -> None:
    queue = JobQueue(8)
    last, first = admitted(queue, MINA, 1, turn=5), admitted(queue, MINA, 1, turn=2)
    assert [(await queue.take()).job for _ in range(2)] == [first, last]


async def test_a_member_reorders_their_own_jobs() -> None:
    queue = JobQueue(8)
    jobs = [admitted(queue, MINA, 1) for _ in range(3)]
    queue.reorder([jobs[2].id, 12345, jobs[0].id, jobs[1].id])  # 12345 is drawn by another console
    late = admitted(queue, MINA, 1)
    assert queue.jobs() == [jobs[2], jobs[0], jobs[1], late]
    assert [(await queue.take()).job for _ in range(4)] == [jobs[2], jobs[0], jobs[1], late]


async def test_urgent_work_passes_and_has_lanes_of_its_own() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 3)
    lane = asyncio.create_task(queue.take(urgent_only=True))
    await asyncio.sleep(0)
    assert not lane.done()
    quick = admitted(queue, THEO, 2, urgent=True)
    assert (await asyncio.wait_for(lane, 1)).job == quick
    assert (await queue.take()).job == quick
    assert await owners(queue, 1) == [MINA.id]


async def test_members_take_turns_with_urgent_work_too() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 3, urgent=True)
    admitted(queue, THEO, 3, urgent=True)
    assert await owners(queue, 6) == [1, 2, 1, 2, 1, 2]


async def test_urgent_work_is_charged_so_that_nobody_gains_by_it() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 30)
    admitted(queue, THEO, 30)
    admitted(queue, MINA, 6, urgent=True)
    assert await owners(queue, 6) == [MINA.id] * 6
    assert Counter(await owners(queue, 14)) == {MINA.id: 4, THEO.id: 10}


async def test_no_member_has_more_images_drawn_at_one_time_than_the_limit() -> None:
    queue = JobQueue(8, member_images=2)
    admitted(queue, MINA, 5)
    admitted(queue, MINA, 5, urgent=True)
    admitted(queue, THEO, 1)
    works = [await queue.take() for _ in range(3)]
    assert Counter(work.job.owner.id for work in works) == {MINA.id: 2, THEO.id: 1}
    assert await at_once(queue) is None
    assert await at_once(queue, urgent_only=True) is None
    lane = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.put_down(next(work for work in works if work.job.owner == MINA))
    assert (await asyncio.wait_for(lane, 1)).job.owner == MINA


async def test_what_is_drawn_of_a_lost_job_counts_no_more_against_the_limit() -> None:
    queue = JobQueue(8, member_images=1)
    lost, other = admitted(queue, MINA, 2), admitted(queue, MINA, 1)
    work = await queue.take()
    assert await at_once(queue) is None
    queue.remove(lost.id)
    assert queue.is_stopped(work)
    assert (await asyncio.wait_for(queue.take(), 1)).job == other
    queue.put_down(work)
    assert await at_once(queue) is None


async def test_without_a_limit_one_member_may_fill_every_lane() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 40)
    assert all([await at_once(queue) for _ in range(40)])


async def test_a_full_queue_refuses_with_the_place_it_would_have_been_until_a_job_has_ended() -> None:
    queue = JobQueue(2)
    first = admitted(queue, MINA, 3)
    admitted(queue, MINA, 1)
    await queue.take()
    with pytest.raises(QueueFull) as refused, queue.place():
        raise AssertionError("a place was given although there is none")
    assert str(refused.value) == (
        "The queue is full: 2 of 2 places are taken. Nothing was queued; it would have been number 3, with about 4 "
        "images ahead. Try again in a few minutes."
    )
    queue.remove(first.id)
    with queue.place():
        assert queue.full  # a place that is kept counts
    assert not queue.full


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "10 seconds."),
        (33, "40 seconds."),
        (51, "a minute."),
        (61, "2 minutes."),
        (5340, "89 minutes."),
        (5341, "2 hours."),
    ],
)
async def test_a_full_queue_tells_when_a_place_will_be_free(seconds: float, told: str) -> None:
    queue = JobQueue(1)
    queue.until_a_place = lambda: seconds
    admitted(queue, MINA, 1)
    with pytest.raises(QueueFull, match=f"Try again in about {told}"), queue.place():
        pass


async def test_a_stopped_job_gives_out_nothing_more() -> None:
    queue = JobQueue(2)
    job = admitted(queue, MINA, 3)
    work = await queue.take()
    queue.stop(job.id)
    assert queue.is_stopped(work)
    assert not queue.idle(job.id)
    queue.give_back(work)
    assert queue.idle(job.id)
    assert await at_once(queue) is None


async def test_an_item_given_back_is_next_again_and_costs_no_second_time() -> None:
    queue = JobQueue(2)
    admitted(queue, MINA, 8)
    admitted(queue, THEO, 8)
    work = await queue.take()
    for _ in range(5):
        queue.give_back(work)
        found = await queue.take()
        assert found == work
        work = found
    queue.put_down(work)
    assert Counter(await owners(queue, 7)) == {MINA.id: 3, THEO.id: 4}


async def test_items_given_back_keep_their_order() -> None:
    queue = JobQueue(2)
    admitted(queue, MINA, 4)
    works = [await queue.take() for _ in range(3)]
    for work in works:
        queue.give_back(work)
    assert [await queue.take() for _ in range(3)] == works


async def test_a_paused_job_gives_out_nothing_and_what_is_being_drawn_of_it_goes_on() -> None:
    queue = JobQueue(2)
    job = admitted(queue, MINA, 3)
    work = await queue.take()
    queue.pause(job.id)
    assert queue.is_paused(job.id)
    assert not queue.is_stopped(work)
    assert await at_once(queue) is None
    queue.put_down(work)
    assert not queue.idle(job.id)
    queue.resume(job.id)
    assert not queue.is_paused(job.id)
    assert (await asyncio.wait_for(queue.take(), 1)).job == job


async def test_paused_jobs_are_passed_over_by_their_owners_others() -> None:
    queue = JobQueue(4)
    first, second = admitted(queue, MINA, 2), admitted(queue, MINA, 2)
    queue.pause(first.id)
    assert (await queue.take()).job == second
    queue.resume(first.id)
    assert (await queue.take()).job == first


async def test_a_job_that_is_paused_when_it_comes_stays_so() -> None:
    queue = JobQueue(2)
    job = admitted(queue, MINA, 2, state=JobState.PAUSED)
    assert queue.is_paused(job.id)
    assert await at_once(queue) is None


async def test_a_new_lease_fences_off_what_is_drawn_under_the_old_one() -> None:
    queue = JobQueue(2)
    old = leased(MINA, 1)
    queue.admit(old)
    stale = await queue.take()
    new = again(old)
    queue.admit(new)
    assert queue.lease(old.job.id) == new.lease
    assert queue.is_stopped(stale)
    work = await queue.take()
    queue.put_down(stale)
    queue.give_back(stale)
    assert not queue.is_stopped(work)
    assert not queue.idle(old.job.id)
    queue.put_down(work)
    assert queue.idle(old.job.id)
    assert await at_once(queue) is None  # nothing came back under the old lease


async def test_an_item_put_down_twice_counts_once() -> None:
    queue = JobQueue(2)
    job = admitted(queue, MINA, 2)
    first, _ = [await queue.take() for _ in range(2)]
    queue.put_down(first)
    queue.put_down(first)
    assert not queue.idle(job.id)


async def test_what_is_asked_of_a_job_that_has_gone_does_nothing() -> None:
    queue = JobQueue(2)
    job = admitted(queue, MINA, 2)
    work = await queue.take()
    queue.remove(job.id)
    for act in (queue.stop, queue.pause, queue.resume, queue.cleared, queue.remove):
        act(job.id)
    queue.put_down(work)
    queue.give_back(work)
    queue.updated(job)
    assert (len(queue), queue.job(job.id), queue.lease(job.id), queue.leases()) == (0, None, None, [])
    assert (queue.position(job.id), queue.idle(job.id), queue.is_stopped(work)) == (None, True, True)


async def test_a_suspect_is_drawn_first_and_with_nothing_beside_it() -> None:
    queue = JobQueue(8)
    admitted(queue, THEO, 3, urgent=True)
    other = await queue.take()
    suspect = leased(MINA, 2)
    queue.admit(suspect, suspect=True)
    assert await at_once(queue) is None  # something is still being drawn
    queue.put_down(other)
    assert await at_once(queue, urgent_only=True) is None
    alone = await queue.take()
    assert alone.job == suspect.job
    assert await at_once(queue) is None
    assert await at_once(queue, urgent_only=True) is None
    queue.put_down(alone)
    assert (await queue.take()).job == suspect.job


async def test_a_suspect_that_is_cleared_is_drawn_like_all_others() -> None:
    queue = JobQueue(8)
    suspect = leased(MINA, 3)
    queue.admit(suspect, suspect=True)
    admitted(queue, THEO, 3)
    await queue.take()
    queue.cleared(suspect.job.id)
    assert Counter([(await at_once(queue)).job.owner.id for _ in range(4)]) == {MINA.id: 2, THEO.id: 2}


async def test_what_is_drawn_of_a_suspect_is_charged_like_all_else() -> None:
    queue = JobQueue(8)
    admitted(queue, MINA, 20)
    admitted(queue, THEO, 20)
    queue.admit(leased(MINA, 4), suspect=True)
    assert await owners(queue, 4) == [MINA.id] * 4
    assert Counter(await owners(queue, 12)) == {MINA.id: 4, THEO.id: 8}


async def test_of_several_suspects_one_is_drawn_at_a_time() -> None:
    queue = JobQueue(8)
    for owner in (MINA, THEO):
        queue.admit(leased(owner, 1), suspect=True)
    first = await queue.take()
    assert await at_once(queue) is None
    queue.put_down(first)
    assert (await queue.take()).job.owner == THEO


@pytest.mark.parametrize("act", [JobQueue.pause, JobQueue.stop, JobQueue.remove, JobQueue.cleared])
async def test_a_suspect_that_is_not_to_be_drawn_keeps_nobody_waiting(act: Callable[[JobQueue, int], None]) -> None:
    queue = JobQueue(8)
    admitted(queue, THEO, 2)
    await queue.take()
    suspect = leased(MINA, 1)
    queue.admit(suspect, suspect=True)
    lane = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not lane.done()
    act(queue, suspect.job.id)
    assert (await asyncio.wait_for(lane, 1)).job.owner in (THEO, MINA)


async def test_a_suspect_that_is_lost_while_it_is_drawn_keeps_nobody_waiting() -> None:
    queue = JobQueue(8)
    suspect = leased(MINA, 1)
    queue.admit(suspect, suspect=True)
    await queue.take()
    admitted(queue, THEO, 1)
    lane = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not lane.done()
    queue.remove(suspect.job.id)
    assert (await asyncio.wait_for(lane, 1)).job.owner == THEO


async def test_every_waiting_lane_wakes_when_work_arrives() -> None:
    queue = JobQueue(2)
    lanes = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    admitted(queue, MINA, 3)
    works = await asyncio.wait_for(asyncio.gather(*lanes), 1)
    assert len({work.item.number for work in works}) == 3


async def test_a_waiting_lane_wakes_when_a_paused_job_goes_on() -> None:
    queue = JobQueue(2)
    job = admitted(queue, MINA, 1, state=JobState.PAUSED)
    lane = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.resume(job.id)
    assert (await asyncio.wait_for(lane, 1)).job == job


async def test_a_waiting_lane_wakes_when_an_item_is_given_back() -> None:
    queue = JobQueue(2)
    admitted(queue, MINA, 1)
    work = await queue.take()
    lane = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.give_back(work)
    assert await asyncio.wait_for(lane, 1) == work


async def test_a_lane_that_is_cancelled_takes_nothing_with_it() -> None:
    queue = JobQueue(2)
    lane = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    admitted(queue, MINA, 1)
    lane.cancel()
    await asyncio.gather(lane, return_exceptions=True)
    assert await at_once(queue) is not None


async def test_the_position_counts_the_jobs_that_get_their_turn_before() -> None:
    queue = JobQueue(8)
    long, after = admitted(queue, MINA, 10), admitted(queue, MINA, 1)
    short, later = admitted(queue, THEO, 2), admitted(queue, THEO, 1)
    # Both begin with their first job; Theo is through with his after two images, Mina after ten.
    assert queue.jobs() == [long, short, later, after]
    assert [queue.position(job.id) for job in (long, short, later, after)] == [1, 2, 3, 4]
    await owners(queue, 1)
    works = [await queue.take() for _ in range(2)]
    assert {work.job for work in works} == {long, short}
    assert [queue.position(job.id) for job in (long, short, later, after)] == [1, 1, 3, 4]
    quick = admitted(queue, ADA, 1, urgent=True)
    assert [queue.position(job.id) for job in (long, short, quick, later, after)] == [1, 1, 3, 4, 5]
    queue.pause(later.id)
    assert queue.jobs() == [long, short, quick, after, later]
    assert [queue.position(job.id) for job in (quick, after, later)] == [3, 4, None]


async def test_the_position_heeds_weights() -> None:
    queue = JobQueue(8)
    jobs = [admitted(queue, MINA, images, weight=4.0) for images in (8, 1)]
    jobs += [admitted(queue, THEO, images) for images in (4, 1)]
    assert queue.jobs() == [jobs[0], jobs[2], jobs[1], jobs[3]]  # Mina's eight are over when Theo has had two


async def test_jobs_begin_in_the_order_of_their_positions() -> None:
    queue = JobQueue(16)
    for owner, weight in ((MINA, 1.0), (THEO, 2.0), (ADA, 1.0)):
        for images in (7, 2, 5):
            admitted(queue, owner, images, weight=weight)
    told = [job.id for job in queue.jobs()]
    begun: list[int] = []
    while work := await at_once(queue):
        queue.put_down(work)
        begun = [*begun, work.job.id] if work.job.id not in begun else begun
    moved = [abs(told.index(job_id) - place) for place, job_id in enumerate(begun)]
    assert sum(moved) <= 2, (told, begun)  # neighbours may change places where they begin at the same time
    assert sum(abs(sorted(told).index(job_id) - place) for place, job_id in enumerate(begun)) > 2  # unlike as admitted


async def test_a_newer_value_of_a_job_is_kept_and_its_place_left_alone() -> None:
    queue = JobQueue(4)
    first, second = admitted(queue, MINA, 1), admitted(queue, MINA, 1)
    newer = replace(first, state=JobState.RUNNING, turn=99)
    queue.updated(newer)
    assert queue.job(first.id) == newer
    assert queue.jobs() == [newer, second]
    assert (await queue.take()).job == newer


async def test_the_work_of_a_job_is_that_which_nobody_has_begun() -> None:
    queue = JobQueue(4)
    first, second = admitted(queue, MINA, 3), admitted(queue, MINA, 2)
    assert queue.waiting_work(first) == pytest.approx(3 * WORK)
    await queue.take()
    assert queue.waiting_work(first) == pytest.approx(2 * WORK)
    assert queue.drawing(first.id) == 1
    assert queue.ahead(second) == [first]
    queue.pause(first.id)
    assert queue.ahead(second) == []
    assert [(load.waiting, load.drawing) for load in queue.loads()] == [(0, WORK), (2 * WORK, 0)]


def small(owner: Member) -> Leased:
    """A job of five small images, as fast to make as can be."""
    each = leased(owner, 1)
    item = each.items[0]
    items = [Item(item.job_id, number, f"c{number}", number, item.recipe) for number in range(5)]
    return replace(each, items=tuple(items))


@pytest.mark.parametrize("members", [1, 1000])
async def test_a_thousand_jobs_are_not_looked_through_for_each_image(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    want = JobQueue._want

    def counted(queue: JobQueue, member: int) -> object:
        nonlocal asked
        asked += 1
        return want(queue, member)

    monkeypatch.setattr(JobQueue, "_want", counted)
    queue, taken = JobQueue(1000), 0
    for number in range(1000):
        queue.admit(small(Member(number % members, "a member")))
    lanes: list[Work] = []
    while work := await at_once(queue):
        taken += 1
        lanes.append(work)
        if len(lanes) > 32:
            queue.put_down(lanes.pop(0))
    assert taken == 5000
    assert asked < 4 * taken  # each time all members: 5,000,000

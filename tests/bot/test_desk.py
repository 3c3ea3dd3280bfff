"""The desk accepts a quote once, and lets nobody touch what is not theirs."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.domain.account import Rules
from bot.domain.errors import LimitReached, NotFound, NotYours, QueueFull, TooFewTokens, WrongState
from bot.domain.job import ItemState, Job, JobState, Member
from bot.jobs.desk import Desk
from bot.jobs.meter import Meter
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from bot.store.audit import Audit
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.orders import OrderStore
from bot.store.presence import Presence
from bot.store.schema import JobRow
from sweeps.plan import Prices
from tests.bot.album import add
from tests.bot.conftest import store_leased, store_quote
from tests.bot.drawer import Drawer
from tests.bot.warden import Warden

MINA, THEO = Member(1, "Mina", guild_id=11), Member(2, "Theo", guild_id=11)
OPERATOR, ELSEWHERE = Member(3, "Ada", True, guild_id=11), Member(4, "Eve", True, guild_id=2)


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    return Faces(tmp_path / "faces")


@pytest_asyncio.fixture
async def leases(jobs: Jobs, tmp_path: Path) -> AsyncIterator[LeaseStore]:
    async with LeaseStore(jobs._sessions, Presence(tmp_path / "workers"), 30).held() as store:
        yield store


@pytest.fixture
def audit(jobs: Jobs) -> Audit:
    return Audit(jobs._sessions)


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(2)


@pytest.fixture
def desk(jobs: Jobs, faces: Faces, leases: LeaseStore, queue: JobQueue, audit: Audit, tmp_path: Path) -> Desk:
    """A desk whose worker draws nothing, so that jobs stay where they are put."""
    worker = Worker(queue, leases, Images(tmp_path), faces, Drawer(), Warden(), Meter(), Prices(), lambda job: None)
    orders = OrderStore(jobs._sessions, leases.worker, 100)
    return Desk(jobs, orders, faces, queue, worker, Warden(), audit, Rules(weights={5: 2.5}, daily={5: 50}), Prices())


async def quoted(jobs: Jobs, tokens: int = 0) -> Job:
    return await store_quote(jobs, MINA, tokens=tokens)


@pytest.mark.parametrize("actor", [MINA, OPERATOR])
async def test_the_owner_and_an_operator_of_that_server_may_run_and_cancel(
    desk: Desk, jobs: Jobs, actor: Member
) -> None:
    job = await quoted(jobs)
    assert (await desk.run(job.id, actor)).state is JobState.QUEUED
    assert (await desk.cancel(job.id, actor)).state is JobState.CANCELLED


@pytest.mark.parametrize("actor", [THEO, ELSEWHERE])
async def test_nobody_else_may_not_even_an_operator_of_another_server(desk: Desk, jobs: Jobs, actor: Member) -> None:
    job = await quoted(jobs)
    for act in (desk.run, desk.cancel, desk.pause, desk.resume, desk.retry):
        with pytest.raises(NotYours):
            await act(job.id, actor)
    with pytest.raises(NotYours):
        await desk.move(job.id, actor, None)
    assert (await desk.find(job.id)).state is JobState.QUOTED


async def test_a_quote_runs_once(desk: Desk, jobs: Jobs) -> None:
    job = await quoted(jobs)
    await desk.run(job.id, MINA)
    with pytest.raises(WrongState, match="cannot be run: it is queued"):
        await desk.run(job.id, MINA)


async def test_a_full_queue_refuses_and_the_quote_stays(desk: Desk, jobs: Jobs) -> None:
    waiting = [await quoted(jobs) for _ in range(3)]
    for job in waiting[:2]:
        await desk.run(job.id, MINA)
    with pytest.raises(QueueFull):
        await desk.run(waiting[2].id, MINA)
    assert (await desk.find(waiting[2].id)).state is JobState.QUOTED
    await desk.cancel(waiting[0].id, MINA)
    assert (await desk.run(waiting[2].id, MINA)).state is JobState.QUEUED


async def test_a_job_that_is_not_there_is_said_so(desk: Desk) -> None:
    with pytest.raises(NotFound, match=r"^There is no job 99\. /queue shows what is waiting\.$"):
        await desk.run(99, MINA)


async def test_a_quote_with_somebody_whom_its_owner_may_not_draw_any_more_is_refused_and_stays(
    desk: Desk, jobs: Jobs, faces: Faces
) -> None:
    await add(faces, THEO, "nina")
    job = await store_quote(jobs, THEO, people="nina")
    await faces.remove(THEO, "nina")
    await add(faces, MINA, "nina")  # somebody else's photos, under the name of his
    for actor in (THEO, OPERATOR):
        with pytest.raises(NotFound, match=r'^You have no person named "nina", or no longer: '):
            await desk.run(job.id, actor)
    assert (await desk.find(job.id)).state is JobState.QUOTED
    await faces.share(MINA, "nina", True)
    assert (await desk.run(job.id, THEO)).state is JobState.QUEUED


async def test_who_is_shared_is_drawn_on_that_server_alone_and_only_while_they_are(
    desk: Desk, jobs: Jobs, faces: Faces
) -> None:
    await add(faces, MINA, "nina", shared=True)
    job = await store_quote(jobs, THEO, people="nina")
    await faces.share(MINA, "nina", False)
    with pytest.raises(NotFound):
        await desk.run(job.id, THEO)
    await faces.share(replace(MINA, guild_id=2), "nina", True)
    with pytest.raises(NotFound):
        await desk.run(job.id, THEO)


async def test_who_has_too_few_tokens_keeps_the_quote_and_the_queue_its_place(
    desk: Desk, jobs: Jobs, queue: JobQueue
) -> None:
    job = await quoted(jobs, tokens=101)
    with pytest.raises(TooFewTokens):
        await desk.run(job.id, MINA)
    assert (await desk.find(job.id)).state is JobState.QUOTED
    assert len(queue) == 0 and not queue.full


async def test_a_full_queue_refuses_before_anything_is_held(desk: Desk, jobs: Jobs) -> None:
    for _ in range(2):
        await desk.run((await quoted(jobs, tokens=10)).id, MINA)
    with pytest.raises(QueueFull):
        await desk.run((await quoted(jobs, tokens=10)).id, MINA)
    balance = await Ledger(jobs._sessions, 100).balance(MINA.id)
    assert (balance.available, balance.held) == (80, 20)


async def test_roles_decide_the_share_and_the_tokens_of_a_day(desk: Desk, jobs: Jobs) -> None:
    with_role = replace(MINA, roles=frozenset({5, 6}))
    assert (await desk.run((await quoted(jobs, tokens=50)).id, with_role)).weight == 2.5
    with pytest.raises(LimitReached, match="You may spend 50 tokens a day"):
        await desk.run((await quoted(jobs, tokens=1)).id, with_role)


async def test_where_an_operator_runs_a_members_job_neither_ones_limits_are_in_the_way(desk: Desk, jobs: Jobs) -> None:
    operator = replace(OPERATOR, roles=frozenset({5}))
    job = await desk.run((await quoted(jobs, tokens=60)).id, operator)
    assert job.weight == 1.0


async def test_pausing_going_on_and_moving_reach_the_queue(desk: Desk, jobs: Jobs, queue: JobQueue) -> None:
    first, second = [await desk.run((await quoted(jobs)).id, MINA) for _ in range(2)]
    assert (await desk.pause(first.id, MINA)).state is JobState.PAUSED
    assert queue.is_paused(first.id)
    assert (await queue.take()).job.id == second.id
    assert (await desk.resume(first.id, MINA)).state is JobState.QUEUED
    assert (await queue.take()).job.id == first.id
    await desk.move(second.id, MINA, None)
    assert (await queue.take()).job.id == second.id
    await desk.move(second.id, MINA, None)  # it is the first already
    with pytest.raises(NotFound):
        await desk.move(second.id, MINA, 99)


async def test_failed_images_are_tried_again_at_their_price(
    desk: Desk, jobs: Jobs, leases: LeaseStore, queue: JobQueue
) -> None:
    leased = await store_leased(jobs, MINA, 3, worker=leases.worker, tokens=3)
    await leases.settle(leased.lease, 1, ItemState.DRAWN, image="a" * 64, tokens=1)
    for number in (2, 3):
        await leases.settle(leased.lease, number, ItemState.FAILED, remark="no room")
    await leases.end(leased.lease)
    assert (await desk.retry(leased.job.id, MINA)).state is JobState.QUEUED
    assert [(await queue.take()).item.number for _ in range(2)] == [3, 2]
    balance = await Ledger(jobs._sessions, 100).balance(MINA.id)
    assert (balance.available, balance.held) == (997, 2)  # the account was opened with 1,000


async def test_what_was_set_aside_is_tried_again_by_operators_alone(desk: Desk, jobs: Jobs, leases: LeaseStore) -> None:
    leased = await store_leased(jobs, MINA, 1, worker=leases.worker)
    await leases.settle(leased.lease, 1, ItemState.FAILED)
    await leases.end(leased.lease)
    async with jobs._sessions.begin() as session:
        row = await session.get(JobRow, leased.job.id)
        assert row is not None
        row.state = JobState.DEAD.value
    with pytest.raises(NotYours, match="only an operator may try it again"):
        await desk.retry(leased.job.id, MINA)
    assert (await desk.retry(leased.job.id, OPERATOR)).state is JobState.QUEUED


async def test_what_an_operator_does_with_others_jobs_is_kept_and_what_members_do_with_their_own_is_not(
    desk: Desk, jobs: Jobs, audit: Audit
) -> None:
    mine, theirs = await quoted(jobs), await quoted(jobs)
    await desk.run(mine.id, MINA)
    await desk.cancel(mine.id, MINA)
    assert await audit.latest() == []
    await desk.run(theirs.id, OPERATOR)
    await desk.pause(theirs.id, OPERATOR)
    await desk.resume(theirs.id, OPERATOR)
    await desk.move(theirs.id, OPERATOR, None)
    await desk.cancel(theirs.id, OPERATOR)
    acts = [(act.actor_id, act.act, act.target) for act in await audit.latest()]
    assert acts == [(OPERATOR.id, act, theirs.name) for act in ("cancel", "move", "resume", "pause", "run")]


async def test_a_channel_that_takes_nothing_ends_a_job_and_an_ended_one_stays_as_it_is(
    desk: Desk, jobs: Jobs, queue: JobQueue
) -> None:
    job = await desk.run((await quoted(jobs)).id, MINA)
    for _ in range(2):
        await desk.give_up(job)
        assert (await desk.find(job.id)).state is JobState.CANCELLED
    assert len(queue) == 0

"""The desk accepts a quote once, and lets nobody touch what is not theirs."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import NotFound, NotYours, QueueFull, WrongState
from bot.domain.job import Job, JobState, Member
from bot.jobs.desk import Desk
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from tests.bot.album import add
from tests.bot.conftest import store_job
from tests.bot.drawer import Drawer

MINA, THEO = Member(1, "Mina", guild_id=11), Member(2, "Theo", guild_id=11)
OPERATOR, ELSEWHERE = Member(3, "Ada", True, guild_id=11), Member(4, "Eve", True, guild_id=2)


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    return Faces(tmp_path / "faces")


@pytest.fixture
def desk(jobs: Jobs, faces: Faces, tmp_path: Path) -> Desk:
    """A desk whose worker draws nothing, so that jobs stay where they are put."""
    queue = JobQueue(2)
    worker = Worker(queue, jobs, Images(tmp_path), faces, Drawer(), lambda job: None)
    return Desk(jobs, faces, queue, worker)


async def quoted(jobs: Jobs) -> Job:
    return await store_job(jobs, MINA, state=JobState.QUOTED)


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
    for act in (desk.run, desk.cancel):
        with pytest.raises(NotYours):
            await act(job.id, actor)
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
    job = await store_job(jobs, THEO, state=JobState.QUOTED, people="nina")
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
    job = await store_job(jobs, THEO, state=JobState.QUOTED, people="nina")
    await faces.share(MINA, "nina", False)
    with pytest.raises(NotFound):
        await desk.run(job.id, THEO)
    await faces.share(replace(MINA, guild_id=2), "nina", True)
    with pytest.raises(NotFound):
        await desk.run(job.id, THEO)

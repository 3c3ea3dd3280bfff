"""The worker records every outcome once, and neither a failing store nor a signal makes it lose one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import bot.jobs.worker as worker_module
from bot.domain.job import ItemState, Job, JobState
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from tests.bot.conftest import store_job
from tests.bot.drawer import Drawer


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "STORE_PAUSE_SECONDS", 0.01)


@asynccontextmanager
async def at_work(
    jobs: Jobs, folder: Path, drawer: Drawer | None = None
) -> AsyncIterator[tuple[Worker, JobQueue, Drawer]]:
    queue, drawer = JobQueue(8), drawer or Drawer()
    faces = Faces(folder / "faces")
    async with Worker(queue, jobs, Images(folder), faces, drawer, lambda job: None).working() as worker:
        yield worker, queue, drawer


async def admit(queue: JobQueue, jobs: Jobs, items: int = 3) -> Job:
    job = await store_job(jobs, items=items)
    queue.admit(job, await jobs.items(job.id))
    return job


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


async def state(jobs: Jobs, job: Job) -> JobState:
    stored = await jobs.get(job.id)
    assert stored is not None
    return stored.state


async def test_what_is_to_know_of_a_picture_is_kept_a_sentence_a_line(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer()
    drawer.notes = ("The prompt is too long.", "No face found.")
    async with at_work(jobs, tmp_path, drawer) as (_, queue, _):
        job = await admit(queue, jobs, 1)
        await until(lambda: len(queue) == 0)
    assert await jobs.remarks(job.id) == [("c001", "The prompt is too long.\nNo face found.")]


async def test_a_job_runs_to_its_end_and_frees_its_place(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as (_, queue, drawer):
        job = await admit(queue, jobs, 5)
        await until(lambda: len(queue) == 0)
    assert sorted(drawer.drawn) == [0, 1, 2, 3, 4]
    assert await state(jobs, job) is JobState.DONE
    assert {item.state for item in await jobs.items(job.id)} == {ItemState.DRAWN}


async def test_an_image_that_fails_leaves_its_neighbours_alone(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer()
    drawer.failing = {1}
    async with at_work(jobs, tmp_path, drawer) as (_, queue, _):
        job = await admit(queue, jobs, 3)
        await until(lambda: len(queue) == 0)
    assert await state(jobs, job) is JobState.DONE
    assert await jobs.remarks(job.id) == [("c002", "seed 1 cannot be drawn")]


async def test_a_job_of_which_nothing_could_be_drawn_has_failed(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer()
    drawer.failing = {0, 1}
    async with at_work(jobs, tmp_path, drawer) as (_, queue, _):
        job = await admit(queue, jobs, 2)
        await until(lambda: len(queue) == 0)
    assert await state(jobs, job) is JobState.FAILED


async def test_cancelling_stops_what_is_being_drawn_at_its_next_step(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as (worker, queue, drawer):
        drawer.hold.clear()
        job = await admit(queue, jobs, 4)
        await until(lambda: queue.waiting_work(job) < 8)
        await worker.cancel(job)
        await until(lambda: len(queue) == 0)
    assert drawer.drawn == []
    assert await state(jobs, job) is JobState.CANCELLED


async def test_a_queued_job_that_nobody_has_begun_ends_when_it_is_cancelled(jobs: Jobs, tmp_path: Path) -> None:
    queue = JobQueue(8)
    worker = Worker(queue, jobs, Images(tmp_path), Faces(tmp_path), Drawer(), lambda job: None)  # not at work
    job = await admit(queue, jobs, 2)
    await worker.cancel(job)
    assert len(queue) == 0
    assert await state(jobs, job) is JobState.CANCELLED


async def test_a_start_ends_a_job_that_has_all_its_outcomes(jobs: Jobs, tmp_path: Path) -> None:
    job = await store_job(jobs, items=1)
    await jobs.settle(job.id, 1, ItemState.DRAWN, image="a" * 64)
    async with at_work(jobs, tmp_path) as (worker, queue, drawer):
        await worker.resume()
        assert len(queue) == 0
    assert drawer.drawn == []
    assert await state(jobs, job) is JobState.DONE


async def test_draining_stores_what_is_done_and_leaves_the_rest_waiting(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as (_, queue, drawer):
        job = await admit(queue, jobs, 4)
        await until(lambda: len(drawer.drawn) >= 2)
        drawer.hold.clear()
    items = await jobs.items(job.id)
    drawn = [item for item in items if item.state is ItemState.DRAWN]
    assert len(drawn) == len(drawer.drawn)
    assert {item.state for item in items} == {ItemState.DRAWN, ItemState.WAITING}
    async with at_work(jobs, tmp_path) as (again, queue, more):
        await again.resume()
        await until(lambda: len(queue) == 0)
    assert sorted(drawer.drawn + more.drawn) == [0, 1, 2, 3]
    assert await state(jobs, job) is JobState.DONE


class Stumbling(Jobs):
    """A store that fails now and then, as a locked database does."""

    def __init__(self, jobs: Jobs, method: str, times: int) -> None:
        super().__init__(jobs._sessions)
        working = getattr(self, method)

        async def stumble(*arguments: object, **more: object) -> object:
            nonlocal times
            times -= 1
            if times >= 0:
                raise OSError("database is locked")
            return await working(*arguments, **more)

        setattr(self, method, stumble)


@pytest.mark.parametrize("method", ["settle", "move", "progress"])
async def test_a_store_that_fails_for_a_while_loses_nothing(jobs: Jobs, tmp_path: Path, method: str) -> None:
    async with at_work(Stumbling(jobs, method, times=6), tmp_path) as (_, queue, _):
        first, second = await admit(queue, jobs, 2), await admit(queue, jobs, 2)
        await until(lambda: len(queue) == 0)
    for job in (first, second):
        assert await state(jobs, job) is JobState.DONE
        assert {item.state for item in await jobs.items(job.id)} == {ItemState.DRAWN}


async def test_a_disk_that_is_full_for_a_while_loses_nothing(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError("no space left on device")] * 3
    put = Images.put

    async def sometimes(self: Images, png: bytes) -> str:
        if failures:
            raise failures.pop()
        return await put(self, png)

    monkeypatch.setattr(Images, "put", sometimes)
    async with at_work(jobs, tmp_path) as (_, queue, _):
        job = await admit(queue, jobs, 3)
        await until(lambda: len(queue) == 0)
    assert {item.state for item in await jobs.items(job.id)} == {ItemState.DRAWN}

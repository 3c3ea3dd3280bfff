"""The worker records every outcome once, and neither a failing store nor a signal makes it lose one."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import bot.jobs.worker as worker_module
from bot.domain.job import ItemState, Job, JobState, Member
from bot.domain.ports import NewItem
from bot.jobs.queue import JobQueue
from bot.jobs.sitters import MOST_KEPT, Sitters
from bot.jobs.worker import Worker
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from sweeps.recipe import resolve
from tests.bot.album import add, picture
from tests.bot.conftest import HERE, MINA, THEO, store_job
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


async def admit(queue: JobQueue, jobs: Jobs, items: int = 3, owner: Member = MINA, people: str = "") -> Job:
    job = await store_job(jobs, owner, items=items, people=people)
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


async def remark(jobs: Jobs, job: Job) -> str:
    ((_, said),) = await jobs.remarks(job.id)
    return said


async def test_somebody_whom_the_owner_may_not_draw_any_more_fails_that_picture_alone(
    jobs: Jobs, tmp_path: Path
) -> None:
    """Theo's job was accepted before the name became somebody else's; Mina's own goes on."""
    faces = Faces(tmp_path / "faces")
    await add(faces, MINA, "nina")
    async with at_work(jobs, tmp_path) as (_, queue, drawer):
        his, hers = await admit(queue, jobs, 1, THEO, "nina"), await admit(queue, jobs, 1, MINA, "nina")
        await until(lambda: len(queue) == 0)
    assert (await state(jobs, his), await state(jobs, hers)) == (JobState.FAILED, JobState.DONE)
    assert len(drawer.sitters) == 1
    assert await remark(jobs, his) == (
        'You have no person named "nina", or no longer: photos can be removed, and sharing can end.'
    )


async def test_who_is_removed_while_a_job_runs_is_in_no_further_picture(jobs: Jobs, tmp_path: Path) -> None:
    faces = Faces(tmp_path / "faces")
    await add(faces, MINA, "nina")
    async with at_work(jobs, tmp_path, Drawer(slots=1)) as (_, queue, drawer):
        drawer.hold.clear()
        job = await admit(queue, jobs, 3, MINA, "nina")
        await until(lambda: len(drawer.sitters) == 1)
        await faces.remove(MINA, "nina")
        drawer.hold.set()
        await until(lambda: len(queue) == 0)
    assert len(drawer.drawn) == len(drawer.sitters) == 1
    assert [item.state for item in await jobs.items(job.id)].count(ItemState.FAILED) == 2


async def test_a_photo_that_is_removed_while_a_job_runs_is_in_no_further_picture(jobs: Jobs, tmp_path: Path) -> None:
    faces = Faces(tmp_path / "faces")
    await add(faces, MINA, "nina", picture(1), picture(2))
    async with at_work(jobs, tmp_path, Drawer(slots=1)) as (_, queue, drawer):
        drawer.hold.clear()
        await admit(queue, jobs, 2, MINA, "nina")
        await until(lambda: len(drawer.sitters) == 1)
        await faces.remove(MINA, "nina", "photo 1")
        drawer.hold.set()
        await until(lambda: len(queue) == 0)
    assert [len(photos["nina"]) for photos in drawer.sitters] == [2, 1]


async def test_all_lanes_share_one_reading_of_a_persons_photos_and_let_it_go_with_the_job(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = Faces(tmp_path / "faces")
    await add(faces, MINA, "nina", picture(1), picture(2))
    reads: list[str] = []
    open_file = os.open

    def counted(path: Path, *more: object) -> int:
        reads.extend([str(path)] if str(path).endswith(".png") else [])
        return open_file(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", counted)
    async with at_work(jobs, tmp_path, Drawer(slots=16)) as (worker, queue, drawer):
        drawer.hold.clear()
        await admit(queue, jobs, 24, MINA, "nina")
        await until(lambda: len(drawer.sitters) == 16)
        drawer.hold.set()
        await until(lambda: len(queue) == 0)
        assert worker._sitters == {}
    assert all(each["nina"] is drawer.sitters[0]["nina"] for each in drawer.sitters)
    assert (len(drawer.sitters), len(reads)) == (24, 2)


async def test_of_many_people_few_are_kept_at_a_time(tmp_path: Path) -> None:
    faces = Faces(tmp_path / "faces")
    names = [f"person {number}" for number in range(MOST_KEPT + 2)]
    for name in names:
        await add(faces, MINA, name)
    sitters = Sitters(faces, MINA)
    assert list(await sitters.photos(names)) == names  # also where one picture shows more
    first = (await sitters.photos(names[-1:]))[names[-1]]
    for name in names[2:-1]:
        await sitters.photos([name])
    assert (await sitters.photos(names[-1:]))[names[-1]] is first
    assert len(sitters._kept) == MOST_KEPT


async def test_a_photo_that_may_not_be_read_fails_the_picture_and_is_not_tried_for_ever(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(Faces(tmp_path / "faces"), MINA, "nina")
    open_file = os.open

    def forbid(path: Path, *more: object) -> int:
        if str(path).endswith(".png"):
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", forbid)
    async with at_work(jobs, tmp_path) as (_, queue, _):
        job = await admit(queue, jobs, 1, MINA, "nina")
        await until(lambda: len(queue) == 0)
    assert await state(jobs, job) is JobState.FAILED
    assert (await remark(jobs, job)).startswith("nina's photo 1 (")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError("gone"), "The photo that this begins with is gone; upload it again."),
        (PermissionError("no"), "The photo that this begins with cannot be read on this machine: its file rights "),
    ],
)
async def test_an_uploaded_photo_that_cannot_be_read_fails_the_picture_with_a_sentence(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, sentence: str
) -> None:
    async def fail(self: Images, image: str) -> bytes:
        raise error

    monkeypatch.setattr(Images, "get", fail)
    recipe = replace(resolve({"prompt": "x"}, seed=1), photo="a" * 64)
    job = await jobs.create(
        kind="detail", title="x", owner=MINA, place=HERE, state=JobState.QUEUED, items=[NewItem("c001", 1, recipe)]
    )
    async with at_work(jobs, tmp_path) as (_, queue, _):
        queue.admit(job, await jobs.items(job.id))
        await until(lambda: len(queue) == 0)
    assert (await remark(jobs, job)).startswith(sentence)

"""The worker records every outcome once, and neither a failing store nor a signal makes it lose one."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import bot.jobs.worker as worker_module
from bot.domain.account import Terms
from bot.domain.errors import Unavailable
from bot.domain.job import ItemState, Job, JobState, Member
from bot.domain.ports import Drawn
from bot.domain.stores import NewItem
from bot.jobs.meter import Meter
from bot.jobs.queue import JobQueue
from bot.jobs.sitters import MOST_KEPT, Sitters
from bot.jobs.worker import Worker
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.orders import OrderStore
from bot.store.presence import Presence
from bot.store.schema import ItemRow, JobRow
from sweeps.plan import Prices
from sweeps.recipe import Recipe, resolve
from tests.bot.album import add, picture
from tests.bot.conftest import HERE, MINA, THEO, store_leased
from tests.bot.drawer import Drawer
from tests.bot.warden import Warden


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "STORE_PAUSE_SECONDS", 0.01)


@dataclass(frozen=True)
class Shop:
    """A worker at work, and what it works with."""

    worker: Worker
    queue: JobQueue
    drawer: Drawer
    leases: LeaseStore
    orders: OrderStore
    changed: list[Job]

    async def admit(self, jobs: Jobs, items: int = 3, owner: Member = MINA, people: str = "", **more: Any) -> Job:
        """A job that it draws from now on."""
        leased = await store_leased(jobs, owner, items, worker=self.leases.worker, people=people, **more)
        self.worker.admit(leased)
        return leased.job

    async def idle(self) -> None:
        """Until everything has ended."""
        await until(lambda: len(self.queue) == 0)


@asynccontextmanager
async def at_work(
    jobs: Jobs,
    folder: Path,
    drawer: Drawer | None = None,
    kind: type[LeaseStore] = LeaseStore,
    beat: float = 30.0,
    gate: Warden | None = None,
) -> AsyncIterator[Shop]:
    queue, drawer, changed = JobQueue(8), drawer or Drawer(), list[Job]()
    async with kind(jobs._sessions, Presence(folder / "workers"), 30.0).held() as leases:
        worker = Worker(
            queue,
            leases,
            Images(folder),
            Faces(folder / "faces"),
            drawer,
            gate or Warden(),
            Meter(),
            Prices(1, 1),
            changed.append,
        )
        async with worker.beating(beat), worker.working():
            yield Shop(worker, queue, drawer, leases, OrderStore(jobs._sessions, leases.worker, 1000), changed)


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
    async with at_work(jobs, tmp_path, drawer) as shop:
        job = await shop.admit(jobs, 1)
        await shop.idle()
    assert await jobs.remarks(job.id) == [("c001", "The prompt is too long.\nNo face found.")]


async def test_a_job_runs_to_its_end_and_frees_its_place(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as shop:
        job = await shop.admit(jobs, 5)
        await shop.idle()
    assert sorted(shop.drawer.drawn) == [0, 1, 2, 3, 4]
    assert await state(jobs, job) is JobState.DONE
    assert {item.state for item in await jobs.items(job.id)} == {ItemState.DRAWN}


async def test_an_image_that_fails_leaves_its_neighbours_alone(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer()
    drawer.failing = {1}
    async with at_work(jobs, tmp_path, drawer) as shop:
        job = await shop.admit(jobs, 3)
        await shop.idle()
    assert await state(jobs, job) is JobState.DONE
    assert await jobs.remarks(job.id) == [("c002", "seed 1 cannot be drawn")]


async def test_a_job_of_which_nothing_could_be_drawn_has_failed(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer()
    drawer.failing = {0, 1}
    async with at_work(jobs, tmp_path, drawer) as shop:
        job = await shop.admit(jobs, 2)
        await shop.idle()
    assert await state(jobs, job) is JobState.FAILED


async def test_cancelling_stops_what_is_being_drawn_at_its_next_step(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as shop:
        shop.drawer.hold.clear()
        job = await shop.admit(jobs, 4)
        await until(lambda: shop.queue.waiting_work(job) < 8)
        await shop.orders.cancel(job.id)
        shop.worker.let_go(job.id)
        await shop.idle()
        await until(lambda: not shop.drawer.at_it)
    assert shop.drawer.drawn == []
    assert await state(jobs, job) is JobState.CANCELLED


async def test_a_cancel_at_another_console_is_heard_of_at_the_next_beat(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path, beat=0.02) as shop:
        shop.drawer.hold.clear()
        job = await shop.admit(jobs, 4)
        await until(lambda: shop.drawer.at_it > 0)
        await shop.orders.cancel(job.id)
        await shop.idle()
        await until(lambda: not shop.drawer.at_it)
    assert shop.drawer.drawn == []


async def test_a_pause_lets_what_is_drawn_come_to_its_end_and_begins_nothing_more(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path, Drawer(slots=1)) as shop:
        shop.drawer.hold.clear()
        job = await shop.admit(jobs, 3)
        await until(lambda: shop.drawer.at_it == 1)
        await shop.orders.pause(job.id)  # as another console would: this one finds out when it begins the next
        shop.drawer.hold.set()
        await until(lambda: shop.queue.is_paused(job.id))
        assert len(shop.drawer.drawn) == 1
        await shop.orders.resume(job.id)
        shop.queue.resume(job.id)
        await shop.idle()
    assert sorted(shop.drawer.drawn) == [0, 1, 2]


async def test_pausing_and_going_on_at_another_console_are_heard_of(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path, Drawer(slots=1), beat=0.02) as shop:
        shop.drawer.hold.clear()
        job = await shop.admit(jobs, 2)
        await until(lambda: shop.drawer.at_it == 1)
        await shop.orders.pause(job.id)
        await until(lambda: shop.queue.is_paused(job.id))
        await shop.orders.resume(job.id)
        shop.drawer.hold.set()
        await shop.idle()
    assert await state(jobs, job) is JobState.DONE


async def test_a_start_ends_a_job_that_has_all_its_outcomes(jobs: Jobs, tmp_path: Path) -> None:
    leased = await store_leased(jobs, items=1)
    former = LeaseStore(jobs._sessions, Presence(tmp_path), 1)
    former.worker = leased.lease.worker
    await former.settle(leased.lease, 1, ItemState.DRAWN, image="a" * 64)
    async with at_work(jobs, tmp_path) as shop:
        await shop.worker.claim()
        assert len(shop.queue) == 0
    assert shop.drawer.drawn == []
    assert await state(jobs, leased.job) is JobState.DONE
    assert shop.changed[-1].state is JobState.DONE


async def test_draining_stores_what_is_done_and_leaves_the_rest_to_the_next_start(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as shop:
        job = await shop.admit(jobs, 4)
        await until(lambda: len(shop.drawer.drawn) >= 2)
        shop.drawer.hold.clear()
    items = await jobs.items(job.id)
    drawn = [item for item in items if item.state is ItemState.DRAWN]
    assert len(drawn) == len(shop.drawer.drawn)
    assert {item.state for item in items} == {ItemState.DRAWN, ItemState.WAITING}
    async with at_work(jobs, tmp_path) as again:
        await again.worker.claim()
        await again.idle()
    assert sorted(shop.drawer.drawn + again.drawer.drawn) == [0, 1, 2, 3]
    assert await state(jobs, job) is JobState.DONE


async def test_what_a_picture_really_took_is_billed(jobs: Jobs, tmp_path: Path) -> None:
    """One of two bases was remembered, and of three faces one was found."""
    drawer = Drawer(slots=1)
    drawer.took = {0: (1, 1), 1: (0, 0)}
    async with at_work(jobs, tmp_path, drawer) as shop:
        job = await shop.admit(jobs, 2, tokens=8)
        await shop.idle()
    assert (await jobs.progress(job.id)).spent == 2
    balance = await Ledger(jobs._sessions, 1000).balance(MINA.id)
    assert (balance.available, balance.held) == (998, 0)


async def test_what_costs_more_than_was_quoted_takes_no_more_than_was_held(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer()
    drawer.took = {0: (1, 9)}
    async with at_work(jobs, tmp_path, drawer) as shop:
        job = await shop.admit(jobs, 1, tokens=3)
        await shop.idle()
    assert (await jobs.progress(job.id)).spent == 3


async def test_who_lost_a_lease_lets_the_job_go_and_bills_nothing(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path) as shop:
        shop.drawer.hold.clear()
        job = await shop.admit(jobs, 2, tokens=2)
        await until(lambda: shop.drawer.at_it == 2)
        async with jobs._sessions.begin() as session:
            row = await session.get(JobRow, job.id)
            assert row is not None
            row.worker, row.fence = "x" * 32, row.fence + 1  # another took it over
        shop.drawer.hold.set()
        await until(lambda: len(shop.drawer.drawn) == 2)
        await shop.idle()
    assert {item.state for item in await jobs.items(job.id)} == {ItemState.WAITING}
    assert (await jobs.progress(job.id)).spent == 0


async def test_what_was_accepted_and_never_queued_is_drawn_after_two_beats(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path, beat=0.02) as shop:
        leased = await store_leased(jobs, items=2, worker=shop.leases.worker)
        await until(lambda: len(shop.drawer.drawn) == 2)
        await shop.idle()
    assert await state(jobs, leased.job) is JobState.DONE


async def test_what_the_dead_left_is_drawn_and_a_suspect_with_nothing_beside_it(jobs: Jobs, tmp_path: Path) -> None:
    drawer = Drawer(slots=4)
    suspect, other = await store_leased(jobs, MINA, 3), await store_leased(jobs, THEO, 6)
    async with jobs._sessions.begin() as session:
        row, item = await session.get(JobRow, suspect.job.id), await session.get(ItemRow, (suspect.job.id, 3))
        assert row is not None and item is not None
        row.deaths = item.deaths = 1
        item.fence = row.fence  # it was being drawn when its second worker died
    alone: list[int] = []
    draw = drawer.draw

    async def watched(recipe: Recipe, *, owner: str, **more: Any) -> Drawn:
        drawn = await draw(recipe, owner=owner, **more)
        if owner == str(MINA.id) and not alone:
            alone.append(drawer.at_it)
        return drawn

    drawer.draw = watched  # type: ignore[assignment, method-assign]
    async with at_work(jobs, tmp_path, drawer) as shop:
        await shop.worker.claim()
        await shop.idle()
    assert alone == [0]
    for job in (suspect.job, other.job):
        assert await state(jobs, job) is JobState.DONE


async def test_when_a_job_ends_those_next_in_line_hear_that_their_place_has_changed(jobs: Jobs, tmp_path: Path) -> None:
    async with at_work(jobs, tmp_path, Drawer(slots=1)) as shop:
        shop.drawer.hold.clear()
        first, second = await shop.admit(jobs, 1), await shop.admit(jobs, 1)
        await until(lambda: shop.drawer.at_it == 1)
        shop.changed.clear()
        shop.drawer.hold.set()
        await shop.idle()
    ended = next(place for place, job in enumerate(shop.changed) if job.state is JobState.DONE)
    assert shop.changed[ended].id == first.id
    assert shop.changed[ended + 1].id == second.id and not shop.changed[ended + 1].state.ended


async def test_nothing_is_begun_while_the_weights_load_so_no_job_is_blamed_for_a_death_at_it(
    jobs: Jobs, tmp_path: Path
) -> None:
    loaded = asyncio.Event()

    class Loading(Drawer):
        async def measured(self, patience: float) -> None:
            await loaded.wait()

    async with at_work(jobs, tmp_path, Loading()) as shop:
        job = await shop.admit(jobs, 1)
        await asyncio.sleep(0.05)
        async with jobs._sessions.reading() as session:
            row = await session.get(ItemRow, (job.id, 1))
            assert row is not None and row.fence is None
        loaded.set()
        await shop.idle()


async def test_closing_does_not_wait_for_the_weights(jobs: Jobs, tmp_path: Path) -> None:
    class Loading(Drawer):
        async def measured(self, patience: float) -> None:
            await asyncio.Event().wait()

    async with asyncio.timeout(10), at_work(jobs, tmp_path, Loading()) as shop:
        await shop.admit(jobs, 1)
    assert shop.drawer.drawn == []


async def test_every_job_that_is_taken_up_is_told_of_so_that_what_is_owed_of_it_is_brought(
    jobs: Jobs, tmp_path: Path
) -> None:
    leased = await store_leased(jobs, items=2)
    async with at_work(jobs, tmp_path) as shop:
        await shop.orders.pause(leased.job.id)
        await shop.worker.claim()
        assert [job.id for job in shop.changed] == [leased.job.id]


async def test_a_job_whose_end_could_not_be_stored_when_it_was_taken_up_ends_at_a_beat(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased, other = await store_leased(jobs, items=1), await store_leased(jobs, items=1)
    former = LeaseStore(jobs._sessions, Presence(tmp_path), 1)
    former.worker = leased.lease.worker
    await former.settle(leased.lease, 1, ItemState.DRAWN, image="a" * 64)
    monkeypatch.setattr(Stumbling, "failing", "end")
    monkeypatch.setattr(Stumbling, "times", 1)
    async with at_work(jobs, tmp_path, kind=Stumbling, beat=0.02) as shop:
        with pytest.raises(Unavailable):
            await shop.worker.claim()
        await shop.idle()
    for job in (leased.job, other.job):
        assert await state(jobs, job) is JobState.DONE


async def test_a_picture_that_could_not_be_stored_at_first_is_kept_and_billed_as_it_was_drawn(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Remembers(Drawer):
        async def draw(self, recipe: Recipe, **more: Any) -> Drawn:
            again = recipe.seed in self.drawn
            drawn = await super().draw(recipe, **more)
            return replace(drawn, bases=0) if again else drawn

    monkeypatch.setattr(Stumbling, "failing", "settle")
    monkeypatch.setattr(Stumbling, "times", 3)
    async with at_work(jobs, tmp_path, Remembers(), kind=Stumbling) as shop:
        job = await shop.admit(jobs, 2, tokens=2)
        await shop.idle()
    assert sorted(shop.drawer.drawn) == [0, 1]
    assert (await jobs.progress(job.id)).spent == 2


class Stumbling(LeaseStore):
    """Leases in a store that fails now and then, as a locked database does."""

    failing = ""
    times = 6

    def __getattribute__(self, name: str) -> Any:
        kind = type(self)
        if name == kind.failing and kind.times > 0:
            kind.times -= 1
            raise Unavailable("the database is locked")
        return super().__getattribute__(name)


class CommittedAndCutOff(LeaseStore):
    """A store whose connection is lost right after each commit, so that it never says so."""

    async def settle(self, *arguments: Any, **more: Any) -> bool:
        if await super().settle(*arguments, **more):
            raise Unavailable("the server closed the connection")
        return False


async def test_an_outcome_of_which_the_store_did_not_say_so_is_neither_lost_nor_billed_twice(
    jobs: Jobs, tmp_path: Path
) -> None:
    async with at_work(jobs, tmp_path, kind=CommittedAndCutOff) as shop:
        job = await shop.admit(jobs, 3, tokens=3)
        await shop.idle()
    assert await state(jobs, job) is JobState.DONE
    assert (await jobs.progress(job.id)).spent == 3
    assert sorted(shop.drawer.drawn) == [0, 1, 2]  # and none is drawn again


@pytest.mark.parametrize("method", ["begin", "settle", "end"])
async def test_a_store_that_fails_for_a_while_loses_nothing(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(Stumbling, "failing", method)
    monkeypatch.setattr(Stumbling, "times", 6)
    async with at_work(jobs, tmp_path, kind=Stumbling) as shop:
        first, second = await shop.admit(jobs, 2), await shop.admit(jobs, 2)
        await shop.idle()
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
    async with at_work(jobs, tmp_path) as shop:
        job = await shop.admit(jobs, 3)
        await shop.idle()
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
    async with at_work(jobs, tmp_path) as shop:
        his, hers = await shop.admit(jobs, 1, THEO, "nina"), await shop.admit(jobs, 1, MINA, "nina")
        await shop.idle()
    assert (await state(jobs, his), await state(jobs, hers)) == (JobState.FAILED, JobState.DONE)
    assert len(shop.drawer.sitters) == 1
    assert await remark(jobs, his) == (
        'You have no person named "nina", or no longer: photos can be removed, and sharing can end.'
    )


async def test_who_is_removed_while_a_job_runs_is_in_no_further_picture(jobs: Jobs, tmp_path: Path) -> None:
    faces = Faces(tmp_path / "faces")
    await add(faces, MINA, "nina")
    async with at_work(jobs, tmp_path, Drawer(slots=1)) as shop:
        shop.drawer.hold.clear()
        job = await shop.admit(jobs, 3, MINA, "nina")
        await until(lambda: len(shop.drawer.sitters) == 1)
        await faces.remove(MINA, "nina")
        shop.drawer.hold.set()
        await shop.idle()
    assert len(shop.drawer.drawn) == len(shop.drawer.sitters) == 1
    assert [item.state for item in await jobs.items(job.id)].count(ItemState.FAILED) == 2


async def test_a_photo_that_is_removed_while_a_job_runs_is_in_no_further_picture(jobs: Jobs, tmp_path: Path) -> None:
    faces = Faces(tmp_path / "faces")
    await add(faces, MINA, "nina", picture(1), picture(2))
    async with at_work(jobs, tmp_path, Drawer(slots=1)) as shop:
        shop.drawer.hold.clear()
        await shop.admit(jobs, 2, MINA, "nina")
        await until(lambda: len(shop.drawer.sitters) == 1)
        await faces.remove(MINA, "nina", "photo 1")
        shop.drawer.hold.set()
        await shop.idle()
    assert [len(photos["nina"]) for photos in shop.drawer.sitters] == [2, 1]


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
    async with at_work(jobs, tmp_path, Drawer(slots=16)) as shop:
        shop.drawer.hold.clear()
        await shop.admit(jobs, 24, MINA, "nina")
        await until(lambda: len(shop.drawer.sitters) == 16)
        shop.drawer.hold.set()
        await shop.idle()
        assert shop.worker._sitters == {}
    assert all(each["nina"] is shop.drawer.sitters[0]["nina"] for each in shop.drawer.sitters)
    assert (len(shop.drawer.sitters), len(reads)) == (24, 2)


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
    async with at_work(jobs, tmp_path) as shop:
        job = await shop.admit(jobs, 1, MINA, "nina")
        await shop.idle()
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
    job = await jobs.create(kind="detail", title="x", owner=MINA, place=HERE, items=[NewItem("c001", 1, recipe)])
    async with at_work(jobs, tmp_path) as shop:
        shop.worker.admit(await shop.orders.accept(job.id, Terms()))
        await shop.idle()
    assert (await remark(jobs, job)).startswith(sentence)


async def test_a_picture_whose_file_is_erased_before_it_is_recorded_is_written_again(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Images.put

    async def and_gone(images: Images, png: bytes) -> str:
        image = await put(images, png)
        await images.remove(image)  # the same one was erased on another console
        return image

    monkeypatch.setattr(Images, "put", and_gone)
    async with at_work(jobs, tmp_path) as shop:
        job = await shop.admit(jobs, 2)
        await shop.idle()
    assert all([await Images(tmp_path).get(item.image or "") for item in await jobs.items(job.id)])

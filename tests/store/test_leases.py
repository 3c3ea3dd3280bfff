"""One worker draws a job at a time: a living one keeps it, a dead one loses it, and who lost it can commit nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.domain.errors import Fenced, Unavailable
from bot.domain.job import ItemState, JobState, Lease, Start
from bot.store.database import Sessions
from bot.store.jobs import Jobs
from bot.store.leases import MOST_DEATHS, MOST_DEATHS_AT_AN_ITEM, LeaseStore
from bot.store.ledger import Ledger
from bot.store.orders import OrderStore
from bot.store.presence import Presence
from bot.store.schema import OutboxRow
from tests.store.conftest import MINA, STARTING, THEO, accepted, books

IMAGE = "a" * 64
SILENT = 0.2
Enrol = Callable[..., Awaitable[LeaseStore]]


@pytest_asyncio.fixture
async def enrol(sessions: Sessions, tmp_path: Path) -> AsyncIterator[Enrol]:
    """Enrols workers; each on its machine, which is a folder."""
    async with AsyncExitStack() as stack:

        async def enrolled(machine: str = "here") -> LeaseStore:
            store = LeaseStore(sessions, Presence(tmp_path / machine), SILENT)
            return await stack.enter_async_context(store.held())

        yield enrolled


def die(worker: LeaseStore) -> None:
    """What the kernel does when a process dies: it lets go of the lock, and the rows stay."""
    presence = worker._presence
    import os

    os.close(presence._held.pop(worker.worker))
    presence._held[worker.worker] = os.open(os.devnull, os.O_RDONLY)  # for the fixture to close


async def test_what_is_drawn_costs_and_is_owed_in_one_step(sessions: Sessions, enrol: Enrol) -> None:
    worker = await enrol()
    leased = await accepted(sessions, worker)
    assert [item.number for item in leased.items] == [1, 2, 3]
    assert await worker.begin(leased.lease, 2) is Start.BEGUN
    assert await worker.settle(leased.lease, 2, ItemState.DRAWN, image=IMAGE, remark="a note", tokens=1)
    job, items = await Jobs(sessions).get(leased.job.id), await Jobs(sessions).items(leased.job.id)
    assert job is not None and job.state is JobState.RUNNING
    assert (items[1].state, items[1].image, items[1].remark) == (ItemState.DRAWN, IMAGE, "a note")
    async with sessions.reading() as session:
        assert [row.number for row in await session.scalars(select(OutboxRow))] == [2]
    balance = await Ledger(sessions, STARTING).balance(MINA.id)
    assert (balance.available, balance.held) == (STARTING - 3, 2)
    assert (await Jobs(sessions).progress(leased.job.id)).spent == 1


async def test_an_outcome_is_recorded_once(sessions: Sessions, enrol: Enrol) -> None:
    worker = await enrol()
    leased = await accepted(sessions, worker)
    assert await worker.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    assert not await worker.settle(leased.lease, 1, ItemState.DRAWN, image="b" * 64, tokens=1)
    assert await worker.begin(leased.lease, 1) is Start.SETTLED
    assert (await Jobs(sessions).items(leased.job.id))[0].image == IMAGE
    assert (await Jobs(sessions).progress(leased.job.id)).spent == 1


async def test_a_failed_image_costs_nothing_and_is_owed_nobody(sessions: Sessions, enrol: Enrol) -> None:
    worker = await enrol()
    leased = await accepted(sessions, worker, items=1)
    assert await worker.settle(leased.lease, 1, ItemState.FAILED, remark="no face")
    ended = await worker.end(leased.lease)
    assert ended is not None and ended.state is JobState.FAILED
    async with sessions.reading() as session:
        assert list(await session.scalars(select(OutboxRow))) == []
    assert (await Ledger(sessions, STARTING).balance(MINA.id)).available == STARTING


async def test_a_job_ends_with_its_last_outcome_and_what_is_left_is_given_back(
    sessions: Sessions, enrol: Enrol
) -> None:
    worker = await enrol()
    leased = await accepted(sessions, worker, items=2)
    await worker.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    assert await worker.end(leased.lease) is None
    await worker.settle(leased.lease, 2, ItemState.DRAWN, image=IMAGE, tokens=0)  # remembered, so free
    ended = await worker.end(leased.lease)
    assert ended is not None and ended.state is JobState.DONE
    balance = await Ledger(sessions, STARTING).balance(MINA.id)
    assert (balance.available, balance.held) == (STARTING - 1, 0)
    assert await books(sessions) == []
    with pytest.raises(Fenced):
        await worker.settle(leased.lease, 2, ItemState.DRAWN, image=IMAGE, tokens=1)


async def test_the_living_keep_what_they_draw(sessions: Sessions, enrol: Enrol) -> None:
    first, second = await enrol(), await enrol("elsewhere")
    leased = await accepted(sessions, first)
    for _ in range(8):
        await asyncio.sleep(SILENT / 4)
        assert await first.beat() == {leased.job.id: (leased.lease.fence, JobState.QUEUED)}
        assert await second.claim() == ([], [])
    assert await first.begin(leased.lease, 1) is Start.BEGUN


async def test_what_the_dead_of_this_machine_drew_goes_on_at_once(sessions: Sessions, enrol: Enrol) -> None:
    first, second = await enrol(), await enrol()
    leased = await accepted(sessions, first)
    await first.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    await first.begin(leased.lease, 2)
    assert await second.claim() == ([], [])
    die(first)
    (again,), dead = await second.claim()
    assert dead == []
    assert again.lease == Lease(leased.job.id, second.worker, leased.lease.fence + 1)
    assert [item.number for item in again.items] == [2, 3]
    assert again.job.deaths == 1


async def test_the_silent_of_another_machine_are_dead_after_a_lease_and_fenced_when_they_wake(
    sessions: Sessions, enrol: Enrol
) -> None:
    """As one that was paused past its lease: it commits nothing, bills nothing, and gets new work at its next beat."""
    first, second = await enrol(), await enrol("elsewhere")
    leased = await accepted(sessions, first)
    await first.begin(leased.lease, 1)
    assert await second.claim() == ([], [])
    await asyncio.sleep(SILENT * 1.5)
    ((again,), _) = await second.claim()
    for late in (
        lambda: first.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1),
        lambda: first.begin(leased.lease, 2),
        lambda: first.end(leased.lease),
    ):
        with pytest.raises(Fenced):
            await late()
    assert (await Jobs(sessions).items(leased.job.id))[0].state is ItemState.WAITING
    assert (await Jobs(sessions).progress(leased.job.id)).spent == 0
    assert await second.settle(again.lease, 1, ItemState.DRAWN, image=IMAGE, tokens=1)
    assert await first.beat() == {}
    assert (await accepted(sessions, first, THEO)).lease.worker == first.worker
    assert await second.claim() == ([], [])  # it lives again


async def test_silence_does_not_count_while_nobody_gets_through_to_the_store(sessions: Sessions, enrol: Enrol) -> None:
    first, second = await enrol(), await enrol("elsewhere")
    leased = await accepted(sessions, first)
    await second.beat()
    assert await second.claim() == ([], [])
    await asyncio.sleep(SILENT * 1.5)  # as while somebody holds a lock: neither gets through
    await second.beat()
    assert await second.claim() == ([], [])
    async with asyncio.timeout(30):
        while not (claimed := (await second.claim())[0]):
            await asyncio.sleep(SILENT / 8)
            await second.beat()
    assert [each.job.id for each in claimed] == [leased.job.id]


async def test_a_worker_that_closes_leaves_its_work_to_others_at_once_and_is_blamed_for_nothing(
    sessions: Sessions, enrol: Enrol, tmp_path: Path
) -> None:
    second = await enrol("elsewhere")
    for _ in range(MOST_DEATHS + 1):
        async with LeaseStore(sessions, Presence(tmp_path / "third"), SILENT).held() as first:
            leased = [*(await first.claim())[0]] or [await accepted(sessions, first)]
            await first.begin(leased[0].lease, 1)
    ((again,), dead) = await second.claim()
    assert (again.job.deaths, dead) == (0, [])


async def test_a_job_at_which_workers_die_again_and_again_is_set_aside_and_its_neighbours_go_on(
    sessions: Sessions, enrol: Enrol
) -> None:
    poison = neighbour = None
    for death in range(MOST_DEATHS):
        worker = await enrol()
        if death == 0:
            poison, neighbour = await accepted(sessions, worker), await accepted(sessions, worker, THEO)
        else:
            claimed, dead = await worker.claim()
            assert dead == [] and [each.job.deaths for each in claimed] == [death, 0]
            poison, neighbour = claimed
        assert await worker.begin(poison.lease, 2) is Start.BEGUN
        die(worker)
    assert poison is not None and neighbour is not None
    last = await enrol()
    claimed, (dead,) = await last.claim()
    assert [each.job.id for each in claimed] == [neighbour.job.id]
    assert dead.state is JobState.DEAD
    assert dead.reason == (
        "The console died 3 times while it drew this (c002). What was reserved for it was given back."
    )
    assert (await Ledger(sessions, STARTING).balance(MINA.id)).held == 0
    assert {item.state for item in await Jobs(sessions).items(dead.id)} == {ItemState.FAILED}
    assert [job.id for job in await Jobs(sessions).dead(11)] == [dead.id]
    assert await books(sessions) == []


async def test_a_finished_image_clears_a_job_of_suspicion(sessions: Sessions, enrol: Enrol) -> None:
    leased = None
    for _ in range(MOST_DEATHS + 2):
        worker = await enrol()
        leased = (await worker.claim())[0][0] if leased else await accepted(sessions, worker, items=9)
        await worker.settle(leased.lease, leased.items[0].number, ItemState.DRAWN, image=IMAGE)
        await worker.begin(leased.lease, leased.items[1].number)
        die(worker)
    (again,), dead = await (await enrol()).claim()
    assert (again.job.deaths, dead) == (1, [])


async def test_an_image_at_which_workers_die_while_its_neighbours_get_on_fails_alone(
    sessions: Sessions, enrol: Enrol
) -> None:
    """A poison cell of a sweep, of which something else is finished each time."""
    leased = None
    for death in range(MOST_DEATHS_AT_AN_ITEM):
        worker = await enrol()
        leased = (await worker.claim())[0][0] if leased else await accepted(sessions, worker, items=9)
        poison = next(item for item in leased.items if item.number == 9)
        assert (poison.deaths, poison.suspect) == (death, death >= 2)
        for number in (9, leased.items[0].number):
            await worker.begin(leased.lease, number)
        await worker.settle(leased.lease, leased.items[0].number, ItemState.DRAWN, image=IMAGE)
        die(worker)
    (again,), told = await (await enrol()).claim()
    assert told == [] and [item.number for item in again.items] == [6, 7, 8]
    assert [item.deaths for item in again.items] == [0, 0, 0]
    failed = (await Jobs(sessions).items(again.job.id))[8]
    assert (failed.state, failed.remark) == (
        ItemState.FAILED,
        "The console died 5 times while it drew this, so it was given up.",
    )


async def test_an_end_by_an_error_releases_the_leases_too_and_is_nobodys_death(
    sessions: Sessions, enrol: Enrol, tmp_path: Path
) -> None:
    with pytest.raises(ConnectionError):
        async with LeaseStore(sessions, Presence(tmp_path / "here"), 60).held() as first:
            leased = await accepted(sessions, first)
            await first.begin(leased.lease, 1)
            raise ConnectionError("Discord closed the connection for good")
    (again,), _ = await (await enrol("elsewhere")).claim()
    assert (again.job.deaths, again.items[0].deaths) == (0, 0)


async def test_what_could_not_be_released_is_free_on_this_machine_at_once(
    sessions: Sessions, enrol: Enrol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(self: LeaseStore) -> None:
        raise Unavailable("the database is locked")

    with monkeypatch.context() as patch:  # closing ends well all the same
        async with LeaseStore(sessions, Presence(tmp_path / "here"), 60).held() as first:
            await accepted(sessions, first)
            patch.setattr(LeaseStore, "_release", locked)
    assert len((await (await enrol("here")).claim())[0]) == 1


async def test_what_the_dead_had_not_brought_to_its_channel_is_told_of(sessions: Sessions, enrol: Enrol) -> None:
    first, second = await enrol(), await enrol()
    leased = await accepted(sessions, first, items=1)
    await first.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE)
    await first.end(leased.lease)
    assert await second.claim() == ([], [])  # the first one lives, and brings it
    die(first)
    assert [job.id for job in (await second.claim())[1]] == [leased.job.id]
    assert await second.claim() == ([], [])


async def test_a_job_whose_acceptance_was_cut_short_is_found_again(sessions: Sessions, enrol: Enrol) -> None:
    worker = await enrol()
    leased = await accepted(sessions, worker)  # and nobody put it into the queue
    assert await worker.claim() == ([], [])
    (again,), _ = await worker.claim(lost=[leased.job.id])
    assert (again.lease.fence, again.job.deaths) == (leased.lease.fence + 1, 0)


async def test_nothing_of_a_paused_job_is_begun_and_what_was_begun_is_finished(
    sessions: Sessions, enrol: Enrol
) -> None:
    worker = await enrol()
    leased = await accepted(sessions, worker)
    orders = OrderStore(sessions, worker.worker, STARTING)
    await worker.begin(leased.lease, 1)
    await orders.pause(leased.job.id)
    assert await worker.begin(leased.lease, 2) is Start.PAUSED
    assert await worker.settle(leased.lease, 1, ItemState.DRAWN, image=IMAGE)
    assert (await worker.beat())[leased.job.id] == (leased.lease.fence, JobState.PAUSED)
    await orders.resume(leased.job.id)
    assert await worker.begin(leased.lease, 2) is Start.BEGUN


async def test_many_workers_at_once_lease_each_job_to_one(sessions: Sessions, enrol: Enrol) -> None:
    first = await enrol()
    for _ in range(6):
        await accepted(sessions, first, items=1)
    others = [await enrol() for _ in range(4)]
    die(first)
    claims = await asyncio.gather(*(each.claim() for each in others))
    jobs = [leased.job.id for leased, _ in claims for leased in leased]
    assert sorted(jobs) == sorted(set(jobs)) and len(jobs) == 6

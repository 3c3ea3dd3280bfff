"""What is erased is forgotten in one transaction; what channels and disk still have of it is noted down until done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from bot.domain.erasure import DISK, Erased, Withdrawal
from bot.domain.errors import Fenced
from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import ItemState, Job, JobState, Layout, Leased, Quote
from bot.domain.stores import NewItem
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.ledger import Ledger
from bot.store.orders import OrderStore
from bot.store.owed import NO_MESSAGE, OwedStore
from bot.store.presence import Presence
from bot.store.publications import PublicationStore
from bot.store.schema import IncidentRow, ItemRow, MarkRow, OutboxRow, SheetRow, WithdrawalRow
from sweeps.parameters import Value
from sweeps.recipe import resolve
from tests.store.conftest import HERE, MINA, STARTING, TERMS, THEO, books

REMARK = "It was deleted."
FIRST = "1" * 24


@pytest_asyncio.fixture
async def mine(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LeaseStore]:
    """A worker."""
    async with LeaseStore(sessions, Presence(tmp_path_factory.mktemp("workers")), 60.0).held() as store:
        yield store


@pytest.fixture
def owed(sessions: Sessions) -> OwedStore:
    return OwedStore(sessions)


@pytest.fixture
def erasures(sessions: Sessions) -> ErasureStore:
    return ErasureStore(sessions)


async def quoted(sessions: Sessions, *people: str, kind: str = "test", apart: bool = False, photo: str = "") -> Job:
    """A quote of a picture for each of these (lists of) people; each is a part of its own if they lie apart."""
    values: list[dict[str, Value]] = [
        {"prompt": "a test", "detail": bool(photo), "face_folder": each} for each in people
    ]
    recipes = [replace(resolve(each, seed=seed), photo=photo) for seed, each in enumerate(values)]
    axes = (("face_folder", people),) if apart else ()
    return await Jobs(sessions).create(
        kind=kind,
        title="a test",
        owner=MINA,
        place=HERE,
        layout=Layout(axes, apart="face_folder" if apart else None),
        items=[
            NewItem(f"c{number:03d}", number, recipe, {"face_folder": number - 1} if apart else None)
            for number, recipe in enumerate(recipes, start=1)
        ],
        quote=Quote(len(people), 0, len(people), 0, 1.0, None, "", 10 * len(people)),
    )


async def leased(sessions: Sessions, mine: LeaseStore, *people: str, **more: object) -> Leased:
    job = await quoted(sessions, *people, **more)  # type: ignore[arg-type]
    return await OrderStore(sessions, mine.worker, STARTING).accept(job.id, TERMS)


def image(number: int) -> str:
    return f"{number:064x}"


async def draw(mine: LeaseStore, job: Leased, *numbers: int, tokens: int = 0) -> None:
    """The pictures of these items are there, each with an image of its number."""
    for number in numbers:
        drawn = image(1000 * job.job.id + number)
        assert await mine.settle(job.lease, number, ItemState.DRAWN, image=drawn, tokens=tokens)


def images(job: Leased, *numbers: int) -> tuple[str, ...]:
    return tuple(image(1000 * job.job.id + number) for number in numbers)


def of(job: Leased, *numbers: int) -> list[tuple[int, int]]:
    return [(job.job.id, number) for number in numbers]


async def states(sessions: Sessions, job: Leased) -> list[tuple[str, str | None, str | None]]:
    return [(item.state.value, item.image, item.remark) for item in await Jobs(sessions).items(job.job.id)]


def told(withdrawals: Sequence[Withdrawal]) -> list[tuple[int, int, set[str] | None]]:
    return [(each.channel_id, each.message_id, None if each.files is None else set(each.files)) for each in withdrawals]


# --- whose pictures they are


async def test_pictures_of_a_person_are_those_that_name_them_alone_or_among_others(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    people = ("mina", "theo", "theo, mina", "mina b.", "Mina", "", "min%", "mina, theo")
    first = await leased(sessions, mine, *people)
    second = await leased(sessions, mine, "mina")
    await draw(mine, first, 1)
    assert await erasures.of_person("mina") == [*of(first, 1, 3, 8), *of(second, 1)]
    assert await erasures.of_person("min%") == of(first, 7)
    assert await erasures.of_person("nobody") == []


async def test_who_had_the_name_before_keeps_their_pictures(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    first = await leased(sessions, mine, "mina", "mina")
    await draw(mine, first, 1)
    await asyncio.sleep(0.01)
    since = datetime.now(UTC)
    second = await leased(sessions, mine, "mina")
    await draw(mine, second, 1)
    assert await erasures.of_person("mina", since) == [*of(first, 2), *of(second, 1)]  # what waits would show the new
    assert await erasures.of_person("mina", since - timedelta(days=1)) == [*of(first, 1, 2), *of(second, 1)]


async def test_a_quote_has_no_pictures_and_stays_as_it_is(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await quoted(sessions, "mina")
    assert await erasures.of_person("mina") == []
    assert await erasures.erase([(job.id, 1)], REMARK) == Erased()
    (item,) = await Jobs(sessions).items(job.id)
    assert item.state is ItemState.WAITING


# --- what is forgotten


async def test_what_is_drawn_loses_its_image_and_what_waits_fails_and_nothing_else_changes(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo", "mina", "theo")
    await draw(mine, job, 1, 2)
    erased = await erasures.erase(of(job, 1, 3), REMARK)
    assert (erased.pictures, erased.images, erased.jobs) == (1, images(job, 1), (job.job.id,))
    assert await states(sessions, job) == [
        ("drawn", None, REMARK),
        ("drawn", *images(job, 2), None),
        ("failed", None, REMARK),
        ("waiting", None, None),
    ]
    assert (await erasures.erase(of(job, 1, 3), REMARK)) == Erased()
    assert await erasures.erase([(9999, 1), (job.job.id, 77)], REMARK) == Erased()


async def test_a_job_of_which_nothing_waits_any_more_ends_and_what_was_held_comes_back(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "mina", "theo")
    await draw(mine, job, 1, tokens=10)
    ledger = Ledger(sessions, STARTING)
    await erasures.erase(of(job, 1, 2), REMARK)
    assert (await ledger.balance(MINA.id)).held == 20  # another one waits
    await erasures.erase(of(job, 3), REMARK)
    ended = await Jobs(sessions).get(job.job.id)
    assert ended is not None and ended.state is JobState.DONE
    balance = await ledger.balance(MINA.id)
    assert (balance.available, balance.held) == (STARTING - 10, 0)
    assert await books(sessions) == []
    with pytest.raises(Fenced):
        await mine.settle(job.lease, 2, ItemState.DRAWN, image=image(5))


async def test_wall_entries_go_with_their_marks_and_the_wall_learns_of_it(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "mina", "mina")
    await draw(mine, job, 1, 2, 3)
    wall = PublicationStore(sessions)
    assert await wall.publish(MINA, job.job.id) == 3
    await wall.take_down(job.job.id, [3])
    await wall.star(job.job.id, 1, THEO.id, True)
    await wall.rate(job.job.id, 2, THEO.id, 4)
    before = datetime.now(UTC)
    assert (await erasures.erase(of(job, 1, 3), REMARK)).wall_entries == 1
    assert {each.number for each in await wall.changed()} == {2}
    changed = [each for each in await wall.changed(before - timedelta(seconds=1)) if each.number == 1]
    assert [(each.image, each.stars) for each in changed] == [(None, 0)]
    assert changed[0].changed_at >= before - timedelta(milliseconds=5)
    async with sessions.reading() as session:
        assert [row.number for row in await session.scalars(select(MarkRow))] == [2]


async def test_what_was_withheld_is_not_kept_for_operators(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina")
    async with sessions.begin() as session:
        session.add(
            IncidentRow(
                cause="image",
                what="w",
                prompt="p",
                member_id=1,
                member="Mina",
                job_id=job.job.id,
                number=1,
                image=image(7),
                state="open",
            )
        )
    assert await mine.settle(job.lease, 1, ItemState.WITHHELD)
    erased = await erasures.erase(of(job, 1), REMARK)
    assert (erased.pictures, erased.images) == (1, (image(7),))
    async with sessions.reading() as session:
        (row,) = await session.scalars(select(IncidentRow))
        assert (row.image, row.state) == (None, "deleted")
    assert await states(sessions, job) == [("withheld", None, REMARK)]


# --- what stays on the disk


async def test_an_image_that_something_else_shows_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    first, second = await leased(sessions, mine, "mina", "mina"), await leased(sessions, mine, "mina")
    for job, number in ((first, 1), (first, 2), (second, 1)):
        assert await mine.settle(job.lease, number, ItemState.DRAWN, image=image(1))
    assert (await erasures.erase(of(first, 1, 2), REMARK)).images == ()
    assert (await erasures.erase(of(second, 1), REMARK)).images == (image(1),)


async def test_an_uploaded_photo_goes_with_the_last_picture_that_begins_with_it(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo", "mina", kind="detail", photo=image(9))
    await draw(mine, job, 1, 3)
    assert (await erasures.erase(of(job, 1, 3), REMARK)).images == images(job, 1, 3)
    assert set((await erasures.erase(of(job, 2), REMARK)).images) == {image(9)}


async def test_a_picture_that_a_recipe_begins_with_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina")
    await draw(mine, job, 1)
    other = await leased(sessions, mine, "", kind="detail", photo=images(job, 1)[0])
    assert (await erasures.erase(of(job, 1), REMARK)).images == ()
    assert (await erasures.erase(of(other, 1), REMARK)).images == images(job, 1)


async def test_what_is_to_go_off_the_disk_is_remembered_until_it_is_gone(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina")
    await draw(mine, job, 1)
    erased = await erasures.erase(of(job, 1), REMARK)
    assert erased.disk is not None
    assert told(await erasures.withdrawals()) == [(DISK, NO_MESSAGE, set(images(job, 1)))]
    await erasures.withdrawn(erased.disk)
    assert await erasures.withdrawals() == []


async def test_a_picture_that_comes_after_its_item_was_erased_is_not_kept(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo")
    await erasures.erase(of(job, 1), REMARK)
    assert not await mine.settle(job.lease, 1, ItemState.DRAWN, image=image(1))
    assert told(await erasures.withdrawals()) == [(DISK, NO_MESSAGE, {image(1)})]
    await erasures.erase(of(job, 2), REMARK)  # the job has ended, and with it the lease
    with pytest.raises(Fenced):
        await mine.settle(job.lease, 2, ItemState.DRAWN, image=image(2))
    assert told(await erasures.withdrawals())[1:] == [(DISK, NO_MESSAGE, {image(2)})]
    assert (await OwedStore(sessions).next_batch(job.job.id, 10)).items == []


async def test_what_another_worker_draws_again_or_shows_is_kept_when_a_lease_is_lost(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "theo", "theo")
    await draw(mine, job, 2)
    lost = replace(job.lease, fence=job.lease.fence - 1)
    for number, theirs in ((1, image(1)), (2, images(job, 2)[0])):
        with pytest.raises(Fenced):
            await mine.settle(lost, number, ItemState.DRAWN, image=theirs)
    assert not await mine.settle(job.lease, 2, ItemState.DRAWN, image=images(job, 2)[0])  # its answer was lost
    assert await erasures.withdrawals() == []


# --- what is in the channels


async def test_a_message_that_carries_erased_pictures_alone_goes_whole_and_others_lose_those_files(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "mina", "theo", "mina")
    await draw(mine, job, 1, 2, 3, 4)
    await owed.posted(job.job.id, [1], 71)
    await owed.posted(job.job.id, [2, 3], 72)
    erased = await erasures.erase(of(job, 1, 2, 4), REMARK)
    name = job.job.name
    assert told(erased.messages) == [(10, 71, None), (10, 72, {f"{name}-c002.png"})]
    assert [item.message_id for item in await Jobs(sessions).items(job.job.id)] == [0, 0, 72, 0]
    assert (await owed.next_batch(job.job.id, 10)).items == []  # the fourth was owed, and is not any more
    again = await erasures.erase(of(job, 3), REMARK)
    assert told(again.messages) == [(10, 72, None)]
    assert [each for each in told(await erasures.withdrawals()) if each[0] != DISK] == [(10, 71, None), (10, 72, None)]


async def test_what_a_message_is_to_lose_since_it_was_last_tried_is_not_forgotten(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo", "ada")
    await draw(mine, job, 1, 2, 3)
    await owed.posted(job.job.id, [1, 2, 3], 71)
    (tried,) = (await erasures.erase(of(job, 1), REMARK)).messages
    await erasures.erase(of(job, 2), REMARK)
    await erasures.withdrawn(tried)
    name = job.job.name
    left = [each for each in told(await erasures.withdrawals()) if each[0] != DISK]
    assert left == [(10, 71, {f"{name}-c001.png", f"{name}-c002.png"})]


@pytest.mark.parametrize("order", ["erased, then arrived", "arrived, then erased"])
async def test_a_message_that_is_on_its_way_during_an_erasure_is_withdrawn_when_it_arrives(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore, order: str
) -> None:
    job = await leased(sessions, mine, "mina", "theo")
    await draw(mine, job, 1, 2)
    assert await owed.trying(job.job.id, [1, 2], FIRST)
    if order == "erased, then arrived":
        assert (await erasures.erase(of(job, 1), REMARK)).messages == ()
        batch = await owed.next_batch(job.job.id, 10)
        assert [(item.number, item.image is None) for item in batch.items] == [(1, True), (2, False)]
    await owed.posted(job.job.id, [1, 2], 71)
    if order == "arrived, then erased":
        await erasures.erase(of(job, 1), REMARK)
    left = [each for each in told(await erasures.withdrawals()) if each[0] != DISK]
    assert left == [(10, 71, {f"{job.job.name}-c001.png"})]
    assert [item.message_id for item in await Jobs(sessions).items(job.job.id)] == [0, 71]


async def test_what_was_begun_with_an_erased_picture_loses_it_though_it_was_sent_without(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo")
    await draw(mine, job, 1, 2)
    assert await owed.trying(job.job.id, [1, 2], FIRST)
    await erasures.erase(of(job, 1), REMARK)
    await owed.withhold(job.job.id, 1, "its file is gone")
    assert (await states(sessions, job))[0] == ("drawn", None, REMARK)
    await owed.posted(job.job.id, [2], 71)  # Discord knew the nonce: it is the message with both
    left = [each for each in told(await erasures.withdrawals()) if each[0] != DISK]
    assert left == [(10, 71, {f"{job.job.name}-c001.png"})]


async def test_an_erased_picture_is_begun_in_no_message(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo")
    await draw(mine, job, 1, 2)
    await erasures.erase(of(job, 1), REMARK)
    assert not await owed.trying(job.job.id, [1, 2], FIRST)
    assert await owed.trying(job.job.id, [2], FIRST)


async def test_of_an_erasure_and_a_message_that_arrives_at_once_the_picture_never_stays(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    for message in range(71, 77):
        job = await leased(sessions, mine, "mina")
        await draw(mine, job, 1)
        assert await owed.trying(job.job.id, [1], FIRST)
        works = [erasures.erase(of(job, 1), REMARK), owed.posted(job.job.id, [1], message)]
        await asyncio.gather(*(works if message % 2 else works[::-1]))
        assert (10, message, None) in told(await erasures.withdrawals())


# --- sheets


async def finished(mine: LeaseStore, job: Leased) -> Job:
    ended = await mine.end(job.lease)
    assert ended is not None
    return ended


async def test_a_sheet_that_shows_an_erased_picture_is_withdrawn_and_those_of_other_parts_stay(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo", apart=True)
    await draw(mine, job, 1, 2)
    ended = await finished(mine, job)
    for part, message in (("mina", 81), ("theo", 82)):
        await owed.sheet_tried(ended.id, part)
        await owed.sheet_posted(ended, part, message)
    erased = await erasures.erase(of(job, 1), REMARK)
    assert (erased.sheets, told(erased.messages)) == (1, [(10, 81, None)])
    assert await owed.sheets(ended.id) == {"mina": NO_MESSAGE, "theo": 82}


async def test_a_sheet_that_was_on_its_way_is_withdrawn_when_it_arrives(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo")
    await draw(mine, job, 1, 2)
    ended = await finished(mine, job)
    await owed.sheet_tried(ended.id, "")
    assert (await erasures.erase(of(job, 1), REMARK)).sheets == 0
    assert await owed.sheets(ended.id) == {}  # it is still to be looked for
    assert (await owed.sheet_tried(ended.id, ""))[1]
    await owed.sheet_posted(ended, "", 81)
    assert [each for each in told(await erasures.withdrawals()) if each[0] != DISK] == [(10, 81, None)]
    assert await owed.sheets(ended.id) == {"": NO_MESSAGE}


async def test_sheets_of_earlier_attempts_are_known_and_withdrawn_too(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    orders = OrderStore(sessions, mine.worker, STARTING)
    job = await leased(sessions, mine, "mina", "theo", "theo")
    await draw(mine, job, 1)
    for number in (2, 3):
        await mine.settle(job.lease, number, ItemState.FAILED, remark="no")
    first = await finished(mine, job)
    await owed.sheet_tried(first.id, "")
    await owed.sheet_posted(first, "", 81)
    again = await orders.retry(first.id, TERMS, 0)
    for number in (2, 3):
        await mine.settle(again.lease, number, ItemState.FAILED, remark="no")
    second = await finished(mine, again)
    await owed.sheet_tried(second.id, "")
    third = await orders.retry(second.id, TERMS, 0)
    await owed.sheet_posted(second, "", 82)  # it came after the job was tried once more
    assert await owed.sheets(first.id) == {}
    erased = await erasures.erase(of(job, 1), REMARK)
    assert told(erased.messages) == [(10, 81, None), (10, 82, None)]
    assert third.job.attempt == 2


async def test_a_sheet_of_an_earlier_attempt_that_arrives_after_the_erasure_is_withdrawn(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "theo")
    await draw(mine, job, 1)
    await mine.settle(job.lease, 2, ItemState.FAILED, remark="no")
    first = await finished(mine, job)
    await owed.sheet_tried(first.id, "")
    await OrderStore(sessions, mine.worker, STARTING).retry(first.id, TERMS, 0)
    await erasures.erase(of(job, 1), REMARK)
    await owed.sheet_posted(first, "", 81)
    assert [each for each in told(await erasures.withdrawals()) if each[0] != DISK] == [(10, 81, None)]


# --- together


async def test_an_erasure_is_all_or_nothing(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await leased(sessions, mine, "mina", "mina")
    await draw(mine, job, 1)
    await owed.posted(job.job.id, [1], 71)

    async def fails(*_: object) -> None:
        raise RuntimeError("the last step")

    monkeypatch.setattr("bot.store.erasures.discard", fails)
    with pytest.raises(RuntimeError):
        await erasures.erase(of(job, 1, 2), REMARK)
    assert await states(sessions, job) == [("drawn", *images(job, 1), None), ("waiting", None, None)]
    assert await erasures.withdrawals() == []


async def test_many_pictures_of_many_jobs_are_erased_at_once(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    jobs = [await leased(sessions, mine, *["mina"] * 3, kind="imagine") for _ in range(3)]
    for job in jobs:
        await draw(mine, job, 1, 2, 3)
        await owed.posted(job.job.id, [1, 2, 3], 100 + job.job.id)
    pictures = await erasures.of_person("mina")
    assert len(pictures) == 9
    erased = await erasures.erase(pictures, REMARK)
    assert (erased.pictures, len(erased.images), len(erased.messages)) == (9, 9, 3)
    async with sessions.reading() as session:
        assert [row.message_id for row in await session.scalars(select(OutboxRow))] == [NO_MESSAGE] * 9
        assert (await session.scalars(select(SheetRow))).all() == []


async def test_an_older_item_without_a_moment_counts_by_its_job(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina")
    await draw(mine, job, 1)
    async with sessions.begin() as session:
        await session.execute(update(ItemRow).values(settled_at=None))
    moment = job.job.created_at
    assert await erasures.of_person("mina", moment - timedelta(seconds=1)) == of(job, 1)
    assert await erasures.of_person("mina", moment + timedelta(seconds=1)) == []


# --- files that come to life again


class Disk:
    """Files by their pictures; each that is deleted takes as long as `slow` says, before it goes."""

    def __init__(self, *there: str, slow: float = 0.0) -> None:
        self.files, self.slow = set(there), slow
        self.at_it = asyncio.Event()
        self.refuses: set[str] = set()

    async def remove(self, image: str) -> bool:
        self.at_it.set()
        await asyncio.sleep(self.slow)
        if image in self.refuses:
            raise PermissionError(image)
        there = image in self.files
        self.files.discard(image)
        return there

    async def keep(self, image: str) -> None:
        self.at_it.set()
        self.files.add(image)
        await asyncio.sleep(self.slow)


async def erased_one(sessions: Sessions, erasures: ErasureStore, mine: LeaseStore) -> tuple[str, Withdrawal]:
    """A picture whose file is noted down to be deleted."""
    job = await leased(sessions, mine, "mina")
    await draw(mine, job, 1)
    noted = (await erasures.erase(of(job, 1), REMARK)).disk
    assert noted is not None
    return images(job, 1)[0], noted


@pytest.mark.parametrize("state", [ItemState.DRAWN, ItemState.WITHHELD])
async def test_a_picture_that_is_drawn_again_before_its_file_went_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore, state: ItemState
) -> None:
    alive, noted = await erased_one(sessions, erasures, mine)
    job = await leased(sessions, mine, "theo")
    hit = Hit(Cause.IMAGE, Verdict.WITHHOLD, "nude", 0.9) if state is ItemState.WITHHELD else None
    assert await mine.settle(job.lease, 1, state, image=alive, hit=hit)
    assert await erasures.withdrawals() == []
    disk = Disk(alive)
    assert await erasures.clear(noted, disk.remove) == (0, 0)
    assert disk.files == {alive}


async def test_what_is_noted_down_beside_it_goes_all_the_same(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", "mina")
    await draw(mine, job, 1, 2)
    noted = (await erasures.erase(of(job, 1, 2), REMARK)).disk
    alive, gone = images(job, 1, 2)
    again = await leased(sessions, mine, "theo")
    assert await mine.settle(again.lease, 1, ItemState.DRAWN, image=alive)
    assert told(await erasures.withdrawals()) == [(DISK, NO_MESSAGE, {gone})]
    disk = Disk(alive, gone)
    assert noted is not None and await erasures.clear(noted, disk.remove) == (1, 0)
    assert (disk.files, await erasures.withdrawals()) == ({alive}, [])


async def test_a_photo_that_is_uploaded_again_before_its_file_went_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    alive, noted = await erased_one(sessions, erasures, mine)
    await quoted(sessions, "", kind="detail", photo=alive)
    disk = Disk(alive)
    assert await erasures.clear(noted, disk.remove) == (0, 0)
    assert (disk.files, await erasures.withdrawals()) == ({alive}, [])


async def test_a_file_that_somebody_refers_to_is_not_deleted_whatever_was_noted_down(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    gone, noted = await erased_one(sessions, erasures, mine)
    job = await leased(sessions, mine, "theo", "theo")
    await draw(mine, job, 1)
    alive = images(job, 1)[0]
    async with sessions.begin() as session:
        (await session.get_one(WithdrawalRow, noted.id)).files = [gone, alive]
    disk = Disk(gone, alive)
    assert await erasures.clear(noted, disk.remove) == (1, 0)
    assert (disk.files, await erasures.withdrawals()) == ({alive}, [])


async def test_the_photo_of_what_was_erased_goes_though_its_item_names_it(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina", kind="detail", photo=image(7))
    noted = (await erasures.erase(of(job, 1), REMARK)).disk
    disk = Disk(image(7))
    assert noted is not None and await erasures.clear(noted, disk.remove) == (1, 0)
    assert disk.files == set()


async def test_of_a_file_that_goes_and_a_picture_that_comes_at_once_the_picture_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    alive, noted = await erased_one(sessions, erasures, mine)
    job = await leased(sessions, mine, "theo")
    disk = Disk(alive, slow=0.1)
    clearing = asyncio.create_task(erasures.clear(noted, disk.remove))
    await asyncio.wait_for(disk.at_it.wait(), 10)
    assert await mine.settle(job.lease, 1, ItemState.DRAWN, image=alive, keep=lambda: disk.keep(alive))
    assert await clearing == (1, 0)
    assert disk.files == {alive}


async def test_of_a_picture_that_comes_and_its_file_that_goes_at_once_the_picture_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    first, second = await leased(sessions, mine, "mina"), await leased(sessions, mine, "theo")
    await draw(mine, first, 1)
    (alive,) = images(first, 1)
    disk = Disk(alive, slow=0.1)
    settling = asyncio.create_task(
        mine.settle(second.lease, 1, ItemState.DRAWN, image=alive, keep=lambda: disk.keep(alive))
    )
    await asyncio.wait_for(disk.at_it.wait(), 10)
    erased = await erasures.erase(of(first, 1), REMARK)
    assert await settling
    assert (erased.images, erased.disk) == ((), None)


async def test_many_files_go_a_few_at_a_time_and_what_is_refused_is_kept_for_later(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.erasures.FILES_AT_A_TIME", 2)
    job = await leased(sessions, mine, *["mina"] * 7)
    numbers = range(1, 8)
    await draw(mine, job, *numbers)
    noted = (await erasures.erase(of(job, *numbers), REMARK)).disk
    assert noted is not None
    disk = Disk(*images(job, *numbers))
    disk.refuses = set(images(job, 2, 3))
    assert await erasures.clear(noted, disk.remove) == (5, 2)
    assert told(await erasures.withdrawals()) == [(DISK, NO_MESSAGE, disk.refuses)]
    disk.refuses = set()
    assert await erasures.clear(noted, disk.remove) == (2, 0)
    assert (disk.files, await erasures.withdrawals()) == (set(), [])


# --- files that nothing refers to


async def test_orphans_are_what_no_item_no_incident_no_recipe_and_no_note_refers_to(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    noted, _ = await erased_one(sessions, erasures, mine)
    job = await leased(sessions, mine, "theo", "theo")
    await draw(mine, job, 1)
    hit = Hit(Cause.IMAGE, Verdict.WITHHOLD, "nude", 0.9)
    assert await mine.settle(job.lease, 2, ItemState.WITHHELD, image=image(8), hit=hit)
    await quoted(sessions, "", kind="detail", photo=image(9))
    known = [noted, *images(job, 1), image(8), image(9)]
    assert await erasures.orphans([*known, image(5), image(6)]) == [image(5), image(6)]
    disk = Disk(*known, image(5), image(6))
    assert await erasures.sweep([*known[1:], image(5), image(6)], disk.remove) == 2
    assert disk.files == set(known)


async def test_an_orphan_that_is_recorded_before_it_is_deleted_stays(
    sessions: Sessions, erasures: ErasureStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "theo")
    assert await erasures.orphans([image(5)]) == [image(5)]
    assert await mine.settle(job.lease, 1, ItemState.DRAWN, image=image(5))
    disk = Disk(image(5))
    assert await erasures.sweep([image(5)], disk.remove) == 0
    assert disk.files == {image(5)}


async def test_a_message_that_is_to_lose_something_has_its_address_in_discord(
    sessions: Sessions, erasures: ErasureStore, owed: OwedStore, mine: LeaseStore
) -> None:
    job = await leased(sessions, mine, "mina")
    await draw(mine, job, 1)
    await owed.posted(job.job.id, [1], 71)
    (message,) = (await erasures.erase(of(job, 1), REMARK)).messages
    assert message.link == "https://discord.com/channels/11/10/71"
    assert (await erasures.withdrawals())[0] == message

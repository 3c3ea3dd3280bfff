"""What is erased is gone from the disk at once, and from the channel as soon as it can be, whatever fails meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
import pytest_asyncio

import bot.jobs.erasure as erasure_module
from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import CannotDeliver, CannotPost, ConsentEnded, NotYours, Refusal, Unavailable
from bot.domain.job import ItemState, Job, JobState, Layout
from bot.domain.person import Person
from bot.domain.stores import NewItem
from bot.jobs.erasure import Erasure
from bot.jobs.removal import REVOKED, erase, finish, resuming, revoke
from bot.store.audit import GONE
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.ledger import Ledger
from bot.store.owed import OwedStore
from sweeps.recipe import resolve
from tests.bot.album import ADA, MINA, OPERATOR, THEO, add, picture, revoked
from tests.bot.channel import Posted, ShortMemory, delivered, until
from tests.bot.conftest import HERE, store_quote
from tests.bot.drawer import Drawer
from tests.bot.shift import Shift
from tests.bot.test_worker import at_work

pytestmark = pytest.mark.usefixtures("quick_rhythm")
REMARK = "It was deleted."


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_module, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(erasure_module, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 5.0)


class Bench:
    """An erasure on real stores, and who heard of what."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self.channel = ShortMemory()
        self.shift = Shift(sessions, folder)
        self.store = ErasureStore(sessions)
        self.forgotten: list[set[str]] = []
        self.changed: list[int] = []
        self.erasure = Erasure(self.store, self.shift.images, self.channel, self._forget, self._change)

    async def _forget(self, images: Collection[str]) -> None:
        self.forgotten.append(set(images))

    async def _change(self, job_id: int) -> None:
        self.changed.append(job_id)

    async def delivered(self, items: int) -> Job:
        """A job whose pictures and sheet are in the channel."""
        job = await self.shift.drawn(items)
        async with self.shift.outbox(self.channel).delivering() as outbox:
            outbox.changed(job)
            await delivered(self.shift.jobs, job)
        return job

    async def gone(self) -> None:
        """Until nothing is to be taken away any more."""
        async with asyncio.timeout(10):
            while await self.store.withdrawals():
                await asyncio.sleep(0.005)


@pytest.fixture
def bench(sessions: Sessions, tmp_path: Path) -> Bench:
    return Bench(sessions, tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "images").rglob("*.png"))


async def test_pictures_go_from_disk_wall_and_channel_and_the_receipt_counts_them(bench: Bench, tmp_path: Path) -> None:
    job = await bench.delivered(12)
    before = {item.number: item.image for item in await bench.shift.jobs.items(job.id)}
    receipt = await bench.erasure.pictures([(job.id, number) for number in range(1, 12)], REMARK)
    assert receipt == ErasureReceipt(pictures=11, wall_entries=0, files=11, messages=3, messages_left=0, sheets=1)
    assert bench.channel.names == [f"{job.name}-c012.png"]
    assert bench.channel.withdrawn == [(1, None), (2, frozenset({f"{job.name}-c011.png"})), (3, None)]
    assert files(tmp_path) == [before[12]]
    assert bench.forgotten == [{before[number] for number in range(1, 12)}]
    await until(lambda: bench.changed == [job.id])
    assert await bench.store.withdrawals() == []


async def test_a_channel_that_is_silent_is_told_in_the_receipt_and_tried_until_it_answers(bench: Bench) -> None:
    job = await bench.delivered(2)
    bench.channel.silent = True
    async with bench.erasure.withdrawing():
        receipt = await bench.erasure.pictures([(job.id, 1), (job.id, 2)], REMARK)
        assert (receipt.files, receipt.messages, receipt.messages_left) == (2, 0, 2)
        await asyncio.sleep(0.05)
        assert len(bench.channel.names) == 3
        bench.channel.silent = False
        await bench.gone()
    assert bench.channel.names == []


async def test_whoever_asked_does_not_wait_for_a_slow_channel(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await bench.delivered(1)
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.01)
    answers = asyncio.Event()
    withdraw = bench.channel.withdraw

    async def slowly(channel_id: int, message_id: int, names: Collection[str] | None) -> None:
        await answers.wait()
        await withdraw(channel_id, message_id, names)

    monkeypatch.setattr(bench.channel, "withdraw", slowly)
    receipt = await bench.erasure.pictures([(job.id, 1)], REMARK)
    assert (receipt.files, receipt.messages_left) == (1, 2)
    answers.set()
    async with bench.erasure.withdrawing():
        await bench.gone()
    assert bench.channel.names == []


async def test_after_a_restart_what_was_left_is_taken_away(bench: Bench, tmp_path: Path, sessions: Sessions) -> None:
    job = await bench.delivered(2)
    await bench.store.erase([(job.id, 1), (job.id, 2)], REMARK)  # and there the console died
    assert (len(files(tmp_path)), len(bench.channel.names)) == (2, 3)
    again = Bench(sessions, tmp_path)
    again.channel.messages = bench.channel.messages
    async with again.erasure.withdrawing():
        await again.gone()
    assert (files(tmp_path), again.channel.names) == ([], [])


async def test_a_message_that_can_never_be_reached_holds_no_other_up(bench: Bench) -> None:
    job = await bench.delivered(11)
    bench.channel.faults = [CannotDeliver("the channel is closed")]
    receipt = await bench.erasure.pictures([(job.id, number) for number in range(1, 12)], REMARK)
    assert (receipt.messages, receipt.messages_left) == (2, 0)
    assert receipt.stuck == (f"https://discord.com/channels/{HERE.guild_id}/{HERE.channel_id}/1",)
    assert len(bench.channel.names) == 10
    assert [each.message_id for each in await bench.store.withdrawals()] == [1]


async def test_a_message_that_can_never_be_reached_is_tried_again_at_the_next_start_and_hours_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.delivered(1)
    bench.channel.faults = [CannotDeliver("the channel is closed")] * 3
    async with bench.erasure.withdrawing():
        receipt = await bench.erasure.pictures([(job.id, 1)], REMARK)
        assert (receipt.messages, len(receipt.stuck)) == (0, 2)
        await asyncio.sleep(0.1)  # some looks later
        assert len(bench.channel.faults) == 1
    again = Erasure(bench.store, bench.shift.images, bench.channel, bench._forget, bench._change)
    async with again.withdrawing():
        await until(lambda: len(bench.channel.names) == 1)  # one is open to us again
        await asyncio.sleep(0.1)
        assert len(bench.channel.names) == 1
        monkeypatch.setattr(erasure_module, "STUCK_SECONDS", 0.0)
        await bench.gone()
    assert bench.channel.names == []


async def test_a_picture_that_is_drawn_again_while_its_file_is_to_go_is_kept(bench: Bench, tmp_path: Path) -> None:
    first, second = await bench.shift.drawn(1), await bench.shift.job(1)
    await bench.store.erase([(first.id, 1)], REMARK)  # and there the console died
    await bench.shift.draw(second, 1)  # the very same picture
    async with bench.erasure.withdrawing():
        await bench.gone()
    assert files(tmp_path) == [(await bench.shift.jobs.items(second.id))[0].image]


async def test_a_failure_at_one_message_leaves_the_others_alone(bench: Bench) -> None:
    job = await bench.delivered(11)
    bench.channel.faults = [ConnectionResetError(), CannotPost("nonsense")]
    receipt = await bench.erasure.pictures([(job.id, number) for number in range(1, 12)], REMARK)
    assert (receipt.messages, receipt.messages_left) == (1, 2)
    async with bench.erasure.withdrawing():
        await bench.gone()
    assert bench.channel.names == []


async def test_a_file_that_cannot_be_deleted_now_is_deleted_later(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.delivered(2)
    remove, refused = Images.remove, ["once"]

    async def refuse(images: Images, image: str) -> bool:
        if refused:
            raise PermissionError(refused.pop())
        return await remove(images, image)

    monkeypatch.setattr(Images, "remove", refuse)
    receipt = await bench.erasure.pictures([(job.id, 1), (job.id, 2)], REMARK)
    assert (receipt.files, receipt.files_left, len(files(tmp_path))) == (1, 1, 1)
    async with bench.erasure.withdrawing():
        await bench.gone()
    assert files(tmp_path) == []


async def test_who_fails_to_hear_of_it_holds_nothing_up(sessions: Sessions, tmp_path: Path, bench: Bench) -> None:
    async def deaf(_: object) -> None:
        raise Unavailable("nobody is there")

    job = await bench.delivered(1)
    erasure = Erasure(bench.store, bench.shift.images, bench.channel, deaf, deaf)
    assert (await erasure.pictures([(job.id, 1)], REMARK)).messages == 2
    assert (files(tmp_path), bench.channel.names) == ([], [])


async def test_a_store_that_is_away_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await bench.delivered(1)
    await bench.store.erase([(job.id, 1)], REMARK)
    withdrawals, away = bench.store.withdrawals, ["once", "twice"]

    async def absent() -> object:
        if away:
            raise Unavailable(away.pop())
        return await withdrawals()

    monkeypatch.setattr(bench.store, "withdrawals", absent)
    async with bench.erasure.withdrawing():
        await until(lambda: bench.channel.names == [])


# --- messages on their way


async def test_a_message_that_was_sent_without_an_answer_is_found_and_withdrawn(bench: Bench, tmp_path: Path) -> None:
    job = await bench.shift.drawn(2)
    bench.channel.faults, bench.channel.accepts_before_failing = [ConnectionResetError() for _ in range(1000)], True
    async with bench.shift.outbox(bench.channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: bench.channel.names)  # it is there, and we were not told
        await bench.store.erase([(job.id, 1)], REMARK)
        await until(lambda: bench.channel.found)  # it is looked for, though Discord knows its nonce still
        bench.channel.faults = []
        await delivered(bench.shift.jobs, job)
    async with bench.erasure.withdrawing():
        await bench.gone()
    assert bench.channel.names == [f"{job.name}-c002.png", f"{job.name}-sheet.png"]
    assert len(files(tmp_path)) == 1


async def test_an_erased_picture_that_was_never_sent_is_not_sent(bench: Bench) -> None:
    job = await bench.shift.drawn(2)
    bench.channel.faults = [ConnectionResetError() for _ in range(1000)]
    async with bench.shift.outbox(bench.channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: len(bench.channel.faults) < 1000)
        await bench.store.erase([(job.id, 1)], REMARK)
        await until(lambda: bench.channel.found)
        bench.channel.faults = []
        await delivered(bench.shift.jobs, job)
    assert bench.channel.names == [f"{job.name}-c002.png", f"{job.name}-sheet.png"]
    assert await bench.shift.jobs.remarks(job.id) == [("c001", REMARK)]


async def test_a_job_whose_every_picture_was_erased_before_it_was_delivered_ends_without_a_message(
    bench: Bench,
) -> None:
    job = await bench.shift.drawn(2)
    await bench.erasure.pictures([(job.id, 1), (job.id, 2)], REMARK)
    async with bench.shift.outbox(bench.channel, sheet=None).delivering() as outbox:
        outbox.changed(job)
        await delivered(bench.shift.jobs, job)
    assert bench.channel.names == []
    assert bench.channel.shown[-1] == ("done", False, [REMARK, REMARK])


async def test_a_sheet_that_is_posted_while_a_picture_of_it_is_erased_is_withdrawn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.shift.drawn(2)
    post = bench.channel.post_sheet

    async def slowly(job: Job, sheet: bytes, *args: object, **more: object) -> int:
        await bench.erasure.pictures([(job.id, 1)], REMARK)  # the sheet is made, and on its way
        return await post(job, sheet, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.channel, "post_sheet", slowly)
    async with bench.shift.outbox(bench.channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(bench.shift.jobs, job)
    async with bench.erasure.withdrawing():
        await bench.gone()
    assert bench.channel.names == [f"{job.name}-c002.png"]


# --- a revoked consent


@pytest_asyncio.fixture
async def sitters(faces: Faces) -> AsyncIterator[Faces]:
    await add(faces, MINA, "mina", picture(1), picture(2), shared=True)
    await add(faces, MINA, "olga", picture(3))
    yield faces


async def test_a_consent_is_revoked_only_when_that_is_confirmed_and_by_who_may(sitters: Faces) -> None:
    with pytest.raises(Refusal, match=r"^Nothing was deleted yet\. .* run it again with confirm: true\.$"):
        await revoke(sitters, MINA, "mina")
    with pytest.raises(NotYours):
        await revoke(sitters, THEO, "mina", confirmed=True)
    with pytest.raises(Refusal):
        await revoke(sitters, ADA, "mina", confirmed=True)
    assert sitters.names(None) == ["mina", "olga"]
    assert (await revoke(sitters, OPERATOR, "mina", confirmed=True)).name == "mina"
    assert sitters.names(None) == ["olga"]


async def test_what_waits_fails_what_is_drawn_is_gone_and_what_was_held_comes_back(
    sitters: Faces, bench: Bench, jobs: Jobs, tmp_path: Path, sessions: Sessions
) -> None:
    drawer = Drawer(slots=1)
    ledger = Ledger(sessions, 1000)
    async with at_work(jobs, tmp_path, drawer) as shop:
        both = await shop.admit(jobs, 2, people="mina, olga", tokens=6)
        alone = await shop.admit(jobs, 2, people="olga", tokens=6)
        await shop.idle()
        drawer.hold.clear()
        waiting = await shop.admit(jobs, 3, people="mina", tokens=6)
        await until(lambda: drawer.at_it == 1)
        person = await revoke(sitters, MINA, "mina", confirmed=True)
        erasure = Erasure(bench.store, Images(tmp_path), bench.channel, bench._forget, bench._change)
        receipt, erased = await erase(sitters, drawer, erasure, person)
        drawer.hold.set()
        await until(lambda: drawer.at_it == 0)
        await shop.idle()
    assert (len(receipt.photos), receipt.whole, erased.pictures) == (2, True, 2)
    assert [(item.state, item.image, item.remark) for item in await jobs.items(both.id)] == [
        (ItemState.DRAWN, None, REVOKED)
    ] * 2
    assert all(item.image for item in await jobs.items(alone.id))
    assert [(item.state, item.remark) for item in await jobs.items(waiting.id)] == [(ItemState.FAILED, REVOKED)] * 3
    ended = await jobs.get(waiting.id)
    assert ended is not None and ended.state is JobState.FAILED
    assert (await ledger.balance(1)).held == 0
    assert drawer.forgot == 1
    assert not (tmp_path / "faces" / "mina").exists()


async def test_a_picture_that_was_being_drawn_is_neither_posted_nor_kept(
    sitters: Faces, bench: Bench, jobs: Jobs, tmp_path: Path
) -> None:
    drawer = Drawer(slots=1)
    images = Images(tmp_path)
    async with at_work(jobs, tmp_path, drawer) as shop:
        drawer.hold.clear()
        job = await shop.admit(jobs, 2, people="mina")
        await until(lambda: drawer.at_it == 1)
        erasure = Erasure(bench.store, images, bench.channel, bench._forget, bench._change)
        await erase(sitters, drawer, erasure, await revoke(sitters, MINA, "mina", confirmed=True))
        drawer.hold.set()
        await until(lambda: drawer.at_it == 0)
        await shop.idle()
        async with erasure.withdrawing():
            await until(lambda: drawer.drawn or shop.queue.jobs() == [])
            await bench.gone()
    assert [item.image for item in await jobs.items(job.id)] == [None, None]
    assert (await OwedStore(jobs._sessions).next_batch(job.id, 10)).items == []
    assert [path.name for path in tmp_path.rglob("*.png") if "faces" not in path.parts] == []


async def test_the_name_goes_too_and_cards_that_told_it_are_shown_anew(sitters: Faces, bench: Bench) -> None:
    told = Layout(fixed=(("face_folder", "mina"),))
    quote, other = [await store_quote(bench.shift.jobs, items=1, people=who, layout=told) for who in ("mina", "olga")]
    await erase(sitters, Drawer(), bench.erasure, await revoke(sitters, MINA, "mina", confirmed=True))
    assert bench.changed == [quote.id]
    layouts = [job.layout.fixed for each in (quote, other) if (job := await bench.shift.jobs.get(each.id))]
    assert layouts == [(("face_folder", GONE),), (("face_folder", "mina"),)]


async def test_a_name_that_had_to_wait_goes_later_also_after_a_restart(
    sitters: Faces, bench: Bench, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.departures.LOOK_SECONDS", 0.02)
    recipe = resolve({"prompt": "x", "face_folder": "mina"}, seed=1)
    layout = Layout((("face_folder", ("mina",)),), apart="face_folder")
    job = await bench.shift.laid_out("test", [NewItem("c001", 1, recipe, {"face_folder": 0})], layout)
    await bench.shift.draw(job, 1)
    await bench.shift.owed.trying(job.id, [1], "1" * 24)  # and there the console died, with the message on its way
    bench.channel.messages.append(Posted((f"{job.name}-mina-c001.png",), "mina"))
    await erase(sitters, Drawer(), bench.erasure, await revoke(sitters, MINA, "mina", confirmed=True))
    assert (await bench.shift.jobs.get(job.id)).layout == layout  # type: ignore[union-attr]
    again = Bench(sessions, tmp_path)
    again.channel.messages = bench.channel.messages
    async with again.shift.outbox(again.channel, sheet=None).delivering() as outbox, again.erasure.withdrawing():
        outbox.changed(job)
        await until(lambda: again.changed == [job.id])
        await again.gone()
    assert again.channel.names == []  # found by the name that it had
    assert (await again.shift.jobs.get(job.id)).layout.labels("face_folder") == (GONE,)  # type: ignore[union-attr]


async def test_a_quote_of_who_was_revoked_is_not_drawn(
    sitters: Faces, bench: Bench, jobs: Jobs, tmp_path: Path
) -> None:
    drawer = Drawer()
    async with at_work(jobs, tmp_path, drawer) as shop:
        await revoke(sitters, MINA, "mina", confirmed=True)
        job = await shop.admit(jobs, 2, people="mina")  # accepted at the very moment
        await shop.idle()
    assert drawer.drawn == []
    assert {item.state for item in await jobs.items(job.id)} == {ItemState.FAILED}
    assert "The consent for mina was revoked" in (await jobs.remarks(job.id))[0][1]


async def test_whoever_has_the_name_afterwards_is_somebody_else(
    sitters: Faces, bench: Bench, jobs: Jobs, tmp_path: Path
) -> None:
    erasure = Erasure(bench.store, Images(tmp_path), bench.channel, bench._forget, bench._change)
    async with at_work(jobs, tmp_path) as shop:
        job = await shop.admit(jobs, 1, people="mina")
        await shop.idle()
        await sitters.remove(MINA, "mina")
        await asyncio.sleep(1.1)  # a record counts in seconds
        await add(sitters, THEO, "mina", picture(7), shared=True)
        later = await shop.admit(jobs, 1, people="mina", owner=THEO)
        await shop.idle()
        person = await revoke(sitters, THEO, "mina", confirmed=True)
        _, erased = await erase(sitters, shop.drawer, erasure, person)
    assert erased.pictures == 1
    assert (await jobs.items(job.id))[0].image is not None
    assert (await jobs.items(later.id))[0].image is None


async def test_an_erasure_that_was_cut_off_is_finished_at_the_next_start(
    sitters: Faces, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawer = Drawer()
    person = await revoke(sitters, MINA, "mina", confirmed=True)
    of_person, away = bench.store.of_person, ["once", "twice"]

    async def absent(*args: object) -> object:
        if away:
            raise Unavailable(away.pop())
        return await of_person(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "of_person", absent)
    with pytest.raises(Unavailable):
        await erase(sitters, drawer, bench.erasure, person)
    with pytest.raises(ConsentEnded):
        await sitters.drawable("mina", MINA)
    assert await finish(sitters, drawer, bench.erasure, await revoked(sitters)) == 1  # the store is still away
    assert await revoked(sitters) == [person]
    monkeypatch.setattr("bot.jobs.removal.AGAIN_SECONDS", 0.01)
    away.append("a third time")
    async with resuming(sitters, drawer, bench.erasure):
        await until(lambda: drawer.forgot == 1)
    assert [each.name for each in await sitters.everybody()] == ["olga"]
    assert await finish(sitters, drawer, bench.erasure, await revoked(sitters)) == 0
    assert drawer.forgot == 1


async def test_an_erasure_that_is_cut_off_while_the_console_runs_is_finished_too(
    sitters: Faces, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.removal.LOOK_SECONDS", 0.02)
    drawer = Drawer()
    async with resuming(sitters, drawer, bench.erasure):
        await asyncio.sleep(0.05)
        await revoke(sitters, MINA, "mina", confirmed=True)  # and there it was cut off, or on another console
        await until(lambda: not (sitters._folder / "mina").exists())
    assert [each.name for each in await sitters.everybody()] == ["olga"]


async def test_whoever_is_being_erased_at_the_first_look_at_them_is_left_to_who_does_it(
    sitters: Faces, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = 0, Faces.everybody

    async def counted(faces: Faces) -> list[Person]:
        nonlocal looks
        found = await look(faces)
        if any(person.revoked for person in found):
            looks += 1
            monkeypatch.setattr("bot.jobs.removal.LOOK_SECONDS", 30.0)
        return found

    monkeypatch.setattr("bot.jobs.removal.LOOK_SECONDS", 0.02)
    monkeypatch.setattr(Faces, "everybody", counted)
    async with resuming(sitters, Drawer(), bench.erasure):
        await asyncio.sleep(0.05)
        await revoke(sitters, MINA, "mina", confirmed=True)
        await until(lambda: looks == 1)
        await asyncio.sleep(0.05)
        assert [each.name for each in await revoked(sitters)] == ["mina"]


async def test_what_is_revoked_or_removed_on_another_console_is_forgotten_here_and_once_more_for_what_was_being_drawn(
    sitters: Faces, bench: Bench, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("bot.jobs.removal.LOOK_SECONDS", 0.02)
    drawer, other = Drawer(), Faces(folder)
    async with resuming(sitters, drawer, bench.erasure):
        await add(other, THEO, "theo", picture(8))
        await asyncio.sleep(0.1)
        assert drawer.forgot == 0
        await other.remove(MINA, "mina", "photo 1")
        await until(lambda: drawer.forgot == 2)
        await asyncio.sleep(0.1)
        assert drawer.forgot == 2
        person = await revoke(other, MINA, "olga", confirmed=True)
        await erase(other, Drawer(), bench.erasure, person)
        await until(lambda: drawer.forgot >= 4)

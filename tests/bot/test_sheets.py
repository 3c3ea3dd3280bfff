"""What is deleted is on no sheet that stays: another one takes its place, or none where there is nothing to show."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bot.jobs.erasure as erasure_module
from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Item, Job
from bot.jobs.delivery import Post
from bot.jobs.erasure import Erasure
from bot.jobs.sheets import renewed
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from tests.bot.channel import ShortMemory, delivered, until
from tests.bot.shift import Shift

pytestmark = pytest.mark.usefixtures("quick_rhythm")
REMARK = "It was deleted."


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_module, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(erasure_module, "LOOK_SECONDS", 0.02)


def sheet(job: Job, items: Sequence[Item], read: Callable[[str], bytes]) -> bytes | None:
    """The names of the pictures that are shown, and those of which there is none."""
    shown = [item.name if item.image and read(item.image) else f"no {item.name}" for item in items]
    return " ".join(shown).encode() if any(item.image for item in items) else None


class Bench:
    """An erasure on real stores that makes sheets anew."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self.channel, self.shift, self.store = ShortMemory(), Shift(sessions, folder), ErasureStore(sessions)
        shift = self.shift
        self.post = Post(shift.jobs, shift.owed, shift.images, self.channel, sheet, self._nothing)
        self.erasure = Erasure(
            self.store,
            shift.images,
            self.channel,
            self._nothing,
            self._nothing,
            lambda stands: renewed(self.post, stands),
        )

    @staticmethod
    async def _nothing(_: object) -> None:
        pass

    async def delivered(self, items: int) -> Job:
        """A job whose pictures are in message 1, and whose sheet is in message 2."""
        job = await self.shift.drawn(items)
        async with self.shift.outbox(self.channel).delivering() as outbox:
            outbox.changed(job)
            await delivered(self.shift.jobs, job)
        assert self.channel.sizes == [items, 1]
        return job

    async def delete(self, job: Job, *numbers: int) -> Any:
        return await self.erasure.pictures([(job.id, number) for number in numbers], REMARK, renewing=True)


@pytest.fixture
def bench(sessions: Sessions, tmp_path: Path) -> Bench:
    return Bench(sessions, tmp_path)


async def test_a_sheet_without_the_deleted_picture_takes_the_place_of_the_one_that_shows_it(bench: Bench) -> None:
    job = await bench.delivered(3)
    receipt = await bench.delete(job, 2)
    assert (receipt.messages, receipt.messages_left, receipt.stuck) == (2, 0, ())
    assert bench.channel.renewed == [(2, b"c001 no c002 c003")]
    assert bench.channel.withdrawn == [(1, frozenset({f"{job.name}-c002.png"}))]
    assert bench.channel.names == [f"{job.name}-c001.png", f"{job.name}-c003.png", f"{job.name}-sheet.png"]
    assert await bench.store.withdrawals() == []


async def test_a_sheet_that_would_show_nothing_goes(bench: Bench) -> None:
    job = await bench.delivered(2)
    await bench.delete(job, 1, 2)
    assert (bench.channel.names, bench.channel.renewed) == ([], [])
    assert await bench.shift.owed.sheets(job.id) == {"": 0}


async def test_a_sheet_that_the_channel_does_not_take_leaves_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.delivered(2)

    async def refuse(*_: object) -> None:
        raise CannotPost("too large")

    monkeypatch.setattr(bench.channel, "renew_sheet", refuse)
    receipt = await bench.delete(job, 1)
    assert receipt.messages == 2
    assert (bench.channel.names, bench.channel.renewed) == ([f"{job.name}-c002.png"], [])


async def test_a_picture_that_is_deleted_while_the_sheet_is_sent_is_not_on_the_one_that_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.delivered(3)
    renew = bench.channel.renew_sheet

    async def meanwhile(*what: Any) -> None:
        if not bench.channel.renewed:
            await bench.store.erase([(job.id, 2)], REMARK, renewing=True)  # by another console, which is fast
            for each in await bench.store.withdrawals():
                await bench.store.withdrawn(each)
        await renew(*what)

    monkeypatch.setattr(bench.channel, "renew_sheet", meanwhile)
    await bench.delete(job, 1)
    assert bench.channel.renewed == [(2, b"no c001 c002 c003"), (2, b"no c001 no c002 c003")]


@pytest.mark.parametrize("fault", [ConnectionResetError(), CannotDeliver("it is closed")], ids=["passing", "for good"])
async def test_a_sheet_that_cannot_be_reached_is_tried_until_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr(erasure_module, "STUCK_SECONDS", 0.0)
    job = await bench.delivered(2)
    renew, faults = bench.channel.renew_sheet, [fault]

    async def at_first_not(*what: Any) -> None:
        if faults:
            raise faults.pop()
        await renew(*what)

    monkeypatch.setattr(bench.channel, "renew_sheet", at_first_not)
    receipt = await bench.delete(job, 1)
    assert receipt.messages_left + len(receipt.stuck) == 1
    async with bench.erasure.withdrawing():
        await until(lambda: bench.channel.renewed)
    assert bench.channel.renewed == [(2, b"no c001 c002")]


async def test_what_is_noted_is_seen_to_as_soon_as_that_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_module, "LOOK_SECONDS", 3600.0)
    job = await bench.delivered(2)
    async with bench.erasure.withdrawing():
        await bench.store.erase([(job.id, 1)], REMARK, renewing=True)
        bench.erasure.look()
        await until(lambda: bench.channel.renewed)
    assert bench.channel.renewed == [(2, b"no c001 c002")]


async def test_one_picture_behind_a_spoiler_keeps_the_sheet_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.delivered(2)
    items = bench.shift.jobs.items

    async def hidden(job_id: int) -> list[Item]:
        return [replace(item, spoiler=item.number == 1) for item in await items(job_id)]

    monkeypatch.setattr(bench.shift.jobs, "items", hidden)
    await bench.delete(job, 1)
    assert bench.channel.names == [f"{job.name}-c002.png", f"SPOILER_{job.name}-sheet.png"]

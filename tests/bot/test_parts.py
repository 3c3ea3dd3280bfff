"""The parts of a job share no message, and each has one sheet, sent once, as soon as the part is complete."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.domain.errors import CannotPost
from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import Item, ItemState, Job, JobState, Layout
from bot.domain.stores import NewItem
from bot.jobs.delivery import Delivery, Post
from bot.jobs.line import Line
from bot.jobs.outbox import Outbox
from bot.store.database import Sessions
from bot.store.erasures import ErasureStore
from sweeps.recipe import resolve
from tests.bot.channel import ShortMemory, delivered, until
from tests.bot.shift import Shift

pytestmark = pytest.mark.usefixtures("quick_rhythm")


@pytest.fixture
def shift(sessions: Sessions, tmp_path: Path) -> Shift:
    return Shift(sessions, tmp_path)


async def two_people(shift: Shift, settled: int = 24, people: tuple[str, str] = ("mina", "theo")) -> Job:
    """A face test of two, twelve pictures each; with all 24 settled it is finished, drawn in turn."""
    layout = Layout((("face_folder", people), ("seed", tuple(map(str, range(12))))), None, "seed", "face_folder")
    recipe = resolve({"prompt": "x"}, seed=1)
    cells = [{"face_folder": person, "seed": seed} for person in (0, 1) for seed in range(12)]
    items = [NewItem(f"c{number:03d}", number, recipe, at) for number, at in enumerate(cells, start=1)]
    job = await shift.laid_out("test", items, layout)
    await shift.draw(job, *sorted(range(1, settled + 1), key=lambda number: number % 12))
    return await shift.end(job) if settled == 24 else job


async def give_nothing_up(job: Job) -> None:
    raise AssertionError(f"{job.name} was given up")


def post_to(shift: Shift, channel: ShortMemory, made: list[list[str]] | None = None) -> Post:
    """What a delivery works with; `made` is told which items each sheet shows."""

    def sheet_of(job: Job, items: Sequence[Item], read: object) -> bytes | None:
        if made is not None:
            made.append([item.name for item in items])
        return b"sheet"

    return Post(shift.jobs, shift.owed, shift.images, channel, sheet_of, give_nothing_up)


async def test_parts_share_no_message_and_have_a_sheet_each(shift: Shift) -> None:
    channel, made = ShortMemory(), []
    job = await two_people(shift)
    async with Outbox(post_to(shift, channel, made)).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    shown = [(message.part, len(message.names)) for message in channel.messages]
    assert shown == [("mina", 10), ("mina", 2), ("theo", 10), ("theo", 2), ("mina", 1), ("theo", 1)]
    pictures = [f"{job.name}-{'mina' if number < 13 else 'theo'}-c{number:03d}.png" for number in range(1, 25)]
    assert channel.names == [*pictures, f"{job.name}-mina-sheet.png", f"{job.name}-theo-sheet.png"]
    assert [(names[0], names[-1]) for names in made] == [("c001", "c012"), ("c013", "c024")]
    assert channel.named == ["theo"]  # who asked is called once, with the last of all


@pytest.mark.parametrize("end", [JobState.DONE, JobState.CANCELLED])
async def test_a_part_that_is_complete_has_its_sheet_while_others_are_drawn(shift: Shift, end: JobState) -> None:
    channel = ShortMemory()
    job = await two_people(shift, settled=13)
    async with Outbox(post_to(shift, channel)).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: f"{job.name}-mina-sheet.png" in channel.names)
        async with asyncio.timeout(30):
            while not await shift.owed.sheets(job.id):
                await asyncio.sleep(0.01)
        assert (channel.named, await shift.owed.sheets(job.id)) == ([], {"mina": len(channel.messages)})
        last = 24 if end is JobState.DONE else 23
        await shift.draw(job, *range(14, last + 1))
        outbox.changed(job)
        await until(lambda: f"{job.name}-theo-c0{last}.png" in channel.names)
        await asyncio.sleep(0.1)
        assert channel.names[-1] == f"{job.name}-theo-c0{last}.png"  # the last sheet waits for the end, and tells of it
        ended = await (shift.end(job) if end is JobState.DONE else shift.cancel(job))
        assert ended.state is end
        outbox.changed(ended)
        await delivered(shift.jobs, job)
    assert channel.names[-1] == f"{job.name}-theo-sheet.png"
    assert channel.named == ["theo"]


async def test_where_nothing_of_the_others_is_drawn_the_only_sheet_tells_of_the_end(shift: Shift) -> None:
    channel = ShortMemory()
    job = await two_people(shift, settled=12)
    async with Outbox(post_to(shift, channel)).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: f"{job.name}-mina-c012.png" in channel.names)
        await asyncio.sleep(0.1)
        await shift.fail(job, *range(13, 25))
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    assert channel.named == ["mina"]


async def test_a_sheet_that_was_sent_is_not_sent_again_for_the_sake_of_the_next(shift: Shift) -> None:
    class Falters(ShortMemory):
        """Takes every sheet but the first one at its second try only."""

        def __init__(self) -> None:
            super().__init__()
            self.calls: list[str] = []

        async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
            self.calls.append(part)
            if self.calls == ["mina", "theo"]:
                raise ConnectionError("lost")
            return await super().post_sheet(job, sheet, nonce, part, last=last)

    channel = Falters()
    job = await two_people(shift)
    async with Outbox(post_to(shift, channel)).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.calls == ["mina", "theo", "theo"]


async def test_a_sheet_that_was_sent_is_not_sent_again_after_a_restart(shift: Shift) -> None:
    """Discord forgets a nonce within minutes: the second channel here knows nothing of the first."""

    class Ends(ShortMemory):
        async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
            if part == "theo":
                raise ConnectionError("the console ends here")
            return await super().post_sheet(job, sheet, nonce, part, last=last)

    before, after = Ends(), ShortMemory()
    job = await two_people(shift)
    for channel in (before, after):
        delivery = Delivery(job, post_to(shift, channel), Line(channel.answers))
        delivery.drain()
        await delivery.run()
    assert before.names[-1] == f"{job.name}-mina-sheet.png"
    assert after.names == [f"{job.name}-theo-sheet.png"]
    assert (await shift.jobs.get(job.id)).delivered  # type: ignore[union-attr]


async def test_a_sheet_that_was_refused_is_not_tried_again_after_a_restart(shift: Shift) -> None:
    channel = ShortMemory()
    channel.faults = [CannotPost("too large")]
    job = await two_people(shift)
    await shift.owed.posted(job.id, range(1, 25), 7)
    await Delivery(job, post_to(shift, channel), Line(channel.answers))._bring(pausing=False)
    assert await shift.owed.sheets(job.id) == {"mina": 0, "theo": 1}
    assert channel.names == [f"{job.name}-theo-sheet.png"]


async def test_parts_whose_sheets_have_one_name_are_not_taken_for_each_other(shift: Shift) -> None:
    class Loses(ShortMemory):
        """Accepts the second sheet and says nothing; the nonces are forgotten by the time it is tried again."""

        async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
            message = await super().post_sheet(job, sheet, nonce, part, last=last)
            if part == "小":
                raise ConnectionError("the console ends here")
            return message

    channel = Loses()
    job = await two_people(shift, people=("大", "小"))
    for _ in range(2):
        channel.forget()
        delivery = Delivery(job, post_to(shift, channel), Line(channel.answers))
        delivery.drain()
        await delivery.run()
    sheets = [(message.names, message.part) for message in channel.messages if len(message.names) == 1]
    assert sheets == [((f"{job.name}-sheet.png",), "大"), ((f"{job.name}-sheet.png",), "小")]
    assert await shift.owed.sheets(job.id) == {"大": 5, "小": 6}


async def test_what_lies_on_no_part_has_messages_of_its_own(shift: Shift) -> None:
    layout = Layout((("seed+steps", ("1", "2")),), None, "seed+steps", "seed+steps")
    recipe = resolve({"prompt": "x"}, seed=1)
    places = [{"seed+steps": 1}, None, {"seed+steps": 0}, {}, {"seed+steps": 1}]
    items = [NewItem(f"c{number:03d}", number, recipe, at) for number, at in enumerate(places, start=1)]
    job = await shift.laid_out("sweep", items, layout)
    await shift.draw(job, *range(1, 6))
    batches = []
    while batch := (await shift.owed.next_batch(job.id, 10, layout.apart)).items:
        batches.append([item.number for item in batch])
        await shift.owed.posted(job.id, batches[-1], 77)
    assert batches == [[1, 5], [2, 4], [3]]
    parts = job.parted(await shift.jobs.items(job.id))
    assert {part: [item.number for item in items] for part, items in parts.items()} == {
        "1": [3],
        "2": [1, 5],
        "": [2, 4],
    }


async def test_a_sheet_is_looked_for_by_the_name_it_had_though_what_was_behind_a_spoiler_is_erased(
    shift: Shift, sessions: Sessions
) -> None:
    class Loses(ShortMemory):
        """Accepts the first sheet and says nothing; the nonces are forgotten by the time it is tried again."""

        async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
            message = await super().post_sheet(job, sheet, nonce, part, last=last)
            if len(self.named) == 1:
                raise ConnectionError("the console ends here")
            return message

    channel, erasures = Loses(), ErasureStore(sessions)
    job = await shift.job(2)
    drawn = await shift.images.put(b"to be hidden")
    hit = Hit(Cause.IMAGE, Verdict.SPOILER, "nude", 0.5)
    assert await shift._worker.settle(shift._leases[job.id], 1, ItemState.DRAWN, image=drawn, hit=hit)
    await shift.draw(job, 2)
    job = await shift.end(job)
    for _ in range(2):
        channel.forget()
        delivery = Delivery(job, post_to(shift, channel), Line(channel.answers))
        delivery.drain()
        await delivery.run()
        await erasures.erase([(job.id, 1)], "It was deleted.")
    sheet = f"SPOILER_{job.name}-sheet.png"
    assert (channel.found[-1], channel.names.count(sheet), len(channel.named)) == ((sheet,), 1, 1)
    assert [each.message_id for each in await erasures.withdrawals() if each.channel_id and each.files is None] == [2]

"""The parts of a job share no message, and each has one sheet, sent once, as soon as the part is complete."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.domain.errors import CannotPost
from bot.domain.job import Item, ItemState, Job, JobState, Layout
from bot.domain.ports import NewItem
from bot.jobs.delivery import Delivery, Post
from bot.jobs.outbox import Outbox
from bot.store.database import open_database
from bot.store.images import Images
from bot.store.jobs import Jobs
from sweeps.recipe import resolve
from tests.bot.channel import ShortMemory, delivered
from tests.bot.conftest import HERE, MINA, store_job

pytestmark = pytest.mark.usefixtures("quick_rhythm")


async def two_people(jobs: Jobs, images: Images, settled: int = 24) -> Job:
    """A face test of mina and theo, twelve pictures each; with all 24 settled it is finished, drawn in turn."""
    layout = Layout(
        (("face_folder", ("mina", "theo")), ("seed", tuple(map(str, range(12))))), None, "seed", "face_folder"
    )
    recipe = resolve({"prompt": "x"}, seed=1)
    cells = [{"face_folder": person, "seed": seed} for person in (0, 1) for seed in range(12)]
    job = await jobs.create(
        kind="test",
        title="a test",
        owner=MINA,
        place=HERE,
        state=JobState.QUEUED,
        items=[NewItem(f"c{number:03d}", number, recipe, at) for number, at in enumerate(cells, start=1)],
        layout=layout,
    )
    for number in sorted(range(1, settled + 1), key=lambda number: number % 12):
        await jobs.settle(job.id, number, ItemState.DRAWN, image=await images.put(b"%d" % number))
    if settled == 24:
        await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
    return job


def sheet_of(job: Job, items: Sequence[Item], read: object) -> bytes:
    return f"sheet of {items[0].name} to {items[-1].name}".encode()


async def give_nothing_up(job: Job) -> None:
    raise AssertionError(f"{job.name} was given up")


async def test_parts_share_no_message_and_have_a_sheet_each(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await two_people(jobs, images)
    async with Outbox(Post(jobs, images, channel, sheet_of, give_nothing_up)).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    shown = [(part, len(channel.messages[nonce])) for nonce, part in channel.parts.items()]
    assert shown == [("mina", 10), ("mina", 2), ("theo", 10), ("theo", 2), ("mina", 1), ("theo", 1)]
    pictures = [f"{job.name}-{'mina' if number < 13 else 'theo'}-c{number:03d}.png" for number in range(1, 25)]
    assert channel.names == [*pictures, "sheet of c001 to c012", "sheet of c013 to c024"]
    assert channel.named == ["theo"]  # who asked is called once, with the last of all


@pytest.mark.parametrize("end", [JobState.DONE, JobState.CANCELLED])
async def test_a_part_that_is_complete_has_its_sheet_while_others_are_drawn(
    jobs: Jobs, images: Images, end: JobState
) -> None:
    channel = ShortMemory()
    job = await two_people(jobs, images, settled=13)
    async with Outbox(Post(jobs, images, channel, sheet_of, give_nothing_up)).delivering() as outbox:
        outbox.changed(job)
        async with asyncio.timeout(5):
            while "sheet of c001 to c012" not in channel.names:
                await asyncio.sleep(0.01)
        assert (channel.named, await jobs.sheets(job.id)) == ([], {"mina"})
        for number in range(14, 25):
            await jobs.settle(job.id, number, ItemState.DRAWN, image=await images.put(b"%d" % number))
        outbox.changed(job)
        async with asyncio.timeout(5):
            while f"{job.name}-theo-c024.png" not in channel.names:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert channel.names[-1] == f"{job.name}-theo-c024.png"  # the last sheet waits for the end, and tells of it
        await jobs.move(job.id, to=end, only_from=[JobState.QUEUED])
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names[-1] == "sheet of c013 to c024"
    assert channel.named == ["theo"]


async def test_where_nothing_of_the_others_is_drawn_the_only_sheet_tells_of_the_end(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await two_people(jobs, images, settled=12)
    async with Outbox(Post(jobs, images, channel, sheet_of, give_nothing_up)).delivering() as outbox:
        outbox.changed(job)
        async with asyncio.timeout(5):
            while f"{job.name}-mina-c012.png" not in channel.names:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        for number in range(13, 25):
            await jobs.settle(job.id, number, ItemState.FAILED, remark="no")
        await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.named == ["mina"]


async def test_a_sheet_that_was_sent_is_not_sent_again_for_the_sake_of_the_next(jobs: Jobs, images: Images) -> None:
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
    job = await two_people(jobs, images)
    async with Outbox(Post(jobs, images, channel, sheet_of, give_nothing_up)).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.calls == ["mina", "theo", "theo"]


async def test_a_sheet_that_was_sent_is_not_sent_again_after_a_restart(jobs: Jobs, images: Images) -> None:
    """Discord forgets a nonce within minutes: the second channel here knows nothing of the first."""

    class Ends(ShortMemory):
        async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
            if part == "theo":
                raise ConnectionError("the console ends here")
            return await super().post_sheet(job, sheet, nonce, part, last=last)

    before, after = Ends(), ShortMemory()
    job = await two_people(jobs, images)
    for channel in (before, after):
        delivery = Delivery(job.id, Post(jobs, images, channel, sheet_of, give_nothing_up))
        delivery.drain()
        await delivery.run()
    assert before.names[-1] == "sheet of c001 to c012"
    assert after.names == ["sheet of c013 to c024"]
    assert (await jobs.get(job.id)).delivered  # type: ignore[union-attr]


async def test_a_sheet_that_was_refused_is_not_tried_again_after_a_restart(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    channel.faults = [CannotPost("too large")]
    job = await two_people(jobs, images)
    for item in await jobs.items(job.id):
        await jobs.posted(job.id, [item.number], 7)
    await Delivery(job.id, Post(jobs, images, channel, sheet_of, give_nothing_up))._bring(pausing=False)
    assert await jobs.sheets(job.id) == {"mina", "theo"}
    assert channel.names == ["sheet of c013 to c024"]


async def test_a_database_from_before_there_was_a_table_of_sheets_gets_one(tmp_path: Path, images: Images) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/old.db"
    async with open_database(url) as sessions, sessions.begin() as session:
        await session.execute(text("DROP TABLE sheets"))
    async with open_database(url) as sessions:
        job = await store_job(Jobs(sessions))
        await Jobs(sessions).sheet_posted(job.id, "", 5)
        assert await Jobs(sessions).sheets(job.id) == {""}


async def test_what_lies_on_no_part_has_messages_of_its_own(jobs: Jobs, images: Images) -> None:
    layout = Layout((("seed+steps", ("1", "2")),), None, "seed+steps", "seed+steps")
    recipe = resolve({"prompt": "x"}, seed=1)
    places = [{"seed+steps": 1}, None, {"seed+steps": 0}, {}, {"seed+steps": 1}]
    job = await jobs.create(
        kind="sweep",
        title="a test",
        owner=MINA,
        place=HERE,
        state=JobState.QUEUED,
        items=[NewItem(f"c{number:03d}", number, recipe, at) for number, at in enumerate(places, start=1)],
        layout=layout,
    )
    for number in range(1, 6):
        await jobs.settle(job.id, number, ItemState.DRAWN, image=await images.put(b"%d" % number))
    batches = []
    while batch := await jobs.next_batch(job.id, 10, layout.apart):
        batches.append([item.number for item in batch])
        await jobs.posted(job.id, batches[-1], 77)
    assert batches == [[1, 5], [2, 4], [3]]
    parts = job.parted(await jobs.items(job.id))
    assert {part: [item.number for item in items] for part, items in parts.items()} == {
        "1": [3],
        "2": [1, 5],
        "": [2, 4],
    }

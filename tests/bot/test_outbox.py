"""The outbox posts each image once, ten a message at most, whatever fails in between."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

import bot.jobs.delivery as delivery_module
from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Item, ItemState, Job, JobState, Layout, Progress
from bot.domain.ports import NewItem
from bot.jobs.delivery import Delivery, Post
from bot.jobs.outbox import Outbox
from bot.store.database import open_database
from bot.store.images import Images
from bot.store.jobs import Jobs
from sweeps.recipe import resolve
from tests.bot.conftest import HERE, MINA, store_job


class ShortMemory:
    """A channel that, like Discord, keeps one message a nonce; `faults` strike the next calls."""

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}
        self.parts: dict[str, str] = {}
        self.named: list[str] = []
        self.shown: list[tuple[str, bool, list[str]]] = []
        self.faults: list[Exception] = []
        self.accepts_before_failing = False

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        if self.accepts_before_failing or not self.faults:
            self.messages.setdefault(nonce, [name for name, _ in files])
            self.parts.setdefault(nonce, part)
        if self.faults:
            raise self.faults.pop(0)
        return list(self.messages).index(nonce) + 1

    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
        self.named += [part] * last
        return await self.post_results(job, [(sheet.decode(), sheet)], nonce, part)

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None:
        self.shown.append((job.state.value, pausing, [remark for _, remark in remarks]))

    @property
    def names(self) -> list[str]:
        return [name for names in self.messages.values() for name in names]


@pytest.fixture(autouse=True)
def quick_rhythm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "RHYTHM_SECONDS", 0.02)
    monkeypatch.setattr(delivery_module, "GATHER_SECONDS", 0.01)


async def drawn_job(jobs: Jobs, images: Images, items: int) -> Job:
    job = await store_job(jobs, items=items)
    for item in await jobs.items(job.id):
        image = await images.put(f"picture {item.number}".encode())
        await jobs.settle(job.id, item.number, ItemState.DRAWN, image=image)
    await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
    return job


def outbox_of(jobs: Jobs, images: Images, channel: ShortMemory, sheet: bytes | None = b"sheet") -> Outbox:
    async def give_up(job: Job) -> None:
        await jobs.cancel_waiting(job.id)
        await jobs.move(job.id, to=JobState.CANCELLED, only_from=[JobState.QUEUED])

    return Outbox(Post(jobs, images, channel, lambda *_: sheet, give_up))


async def delivered(jobs: Jobs, job: Job) -> None:
    async with asyncio.timeout(5):
        while not (await jobs.get(job.id)).delivered:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)


def expected(job: Job, items: int) -> list[str]:
    return [*(f"{job.name}-c{n:03d}.png" for n in range(1, items + 1)), "sheet"]


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path / "images")


async def test_images_come_in_messages_of_at_most_ten_and_the_sheet_last(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await drawn_job(jobs, images, 23)
    async with outbox_of(jobs, images, channel, b"sheet").delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert [len(names) for names in channel.messages.values()] == [10, 10, 3, 1]
    assert channel.names == expected(job, 23)


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_failed_post_is_tried_again_as_the_same_message(jobs: Jobs, images: Images, accepted: bool) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("lost"), ConnectionError("lost again")]
    channel.accepts_before_failing = accepted
    job = await drawn_job(jobs, images, 4)
    async with outbox_of(jobs, images, channel, b"sheet").delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names == expected(job, 4)


async def test_what_is_drawn_between_two_tries_does_not_change_the_first_message(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("accepted, and then lost")]
    channel.accepts_before_failing = True
    job = await store_job(jobs, items=3)
    await jobs.settle(job.id, 2, ItemState.DRAWN, image=await images.put(b"2"))
    async with outbox_of(jobs, images, channel, None).delivering() as outbox:
        outbox.changed(job)
        async with asyncio.timeout(5):
            while channel.faults:
                await asyncio.sleep(0)
        for number in (1, 3):
            await jobs.settle(job.id, number, ItemState.DRAWN, image=await images.put(b"%d" % number))
        await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
        outbox.changed(job)
        await delivered(jobs, job)
    assert sorted(channel.names) == expected(job, 3)[:-1]


async def test_draining_posts_what_is_drawn_and_leaves_the_rest(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await store_job(jobs, items=3)
    async with outbox_of(jobs, images, channel, b"sheet").delivering() as outbox:
        outbox.changed(job)
        await asyncio.sleep(0.05)
        await jobs.settle(job.id, 1, ItemState.DRAWN, image=await images.put(b"1"))
    assert channel.names == [f"{job.name}-c001.png"]
    assert channel.shown[-1] == ("queued", True, [])
    assert not (await jobs.get(job.id)).delivered  # type: ignore[union-attr]


async def test_a_crash_after_a_post_was_accepted_does_not_post_it_again(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("accepted, and then the console was killed")] * 9
    channel.accepts_before_failing = True
    job = await store_job(jobs, items=3)
    await jobs.settle(job.id, 2, ItemState.DRAWN, image=await images.put(b"2"))
    async with outbox_of(jobs, images, channel).delivering() as outbox:
        outbox.changed(job)
        await asyncio.sleep(0.05)
    channel.faults.clear()
    for number in (1, 3):
        await jobs.settle(job.id, number, ItemState.DRAWN, image=await images.put(b"%d" % number))
    await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
    async with outbox_of(jobs, images, channel).delivering() as another:
        await another.resume()
        await delivered(jobs, job)
    assert sorted(channel.names) == expected(job, 3)


async def test_a_channel_that_is_gone_calls_the_job_off_and_says_so(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    channel.faults = [CannotDeliver("the channel was deleted")]
    job = await store_job(jobs, items=2)
    await jobs.settle(job.id, 1, ItemState.DRAWN, image=await images.put(b"1"))
    async with outbox_of(jobs, images, channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names == []
    assert channel.shown == [("cancelled", False, [delivery_module.REFUSED])]
    assert [item.state for item in await jobs.items(job.id)] == [ItemState.DRAWN, ItemState.CANCELLED]


async def test_files_refused_together_are_tried_apart_and_the_guilty_one_is_held_back(
    jobs: Jobs, images: Images
) -> None:
    channel = ShortMemory()
    channel.faults = [CannotPost("together"), CannotPost("the first one")]
    job = await drawn_job(jobs, images, 3)
    async with outbox_of(jobs, images, channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names == expected(job, 3)[1:]
    assert channel.shown[-1][2] == ["Discord refused its picture; it is kept on disk."]


async def test_pictures_too_large_or_gone_are_held_back_and_the_rest_is_posted(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await store_job(jobs, items=3)
    large = await images.put(b"x" * (delivery_module.BYTES_A_FILE + 1))
    for number, image in ((1, large), (2, "f" * 64), (3, await images.put(b"3"))):
        await jobs.settle(job.id, number, ItemState.DRAWN, image=image)
    await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
    async with outbox_of(jobs, images, channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names == [f"{job.name}-c003.png", "sheet"]
    assert [remark.split(";")[0] for remark in channel.shown[-1][2]] == [
        "It is too large for Discord (10 MiB)",
        "Its file is gone from the images folder.",
    ]


async def test_a_message_stays_below_discords_bytes(
    jobs: Jobs, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "BYTES_A_MESSAGE", 2 * len(b"picture 1"))
    channel = ShortMemory()
    job = await drawn_job(jobs, images, 5)
    async with outbox_of(jobs, images, channel, None).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert [len(names) for names in channel.messages.values()] == [2, 2, 1]
    assert channel.names == expected(job, 5)[:-1]


async def test_after_a_message_of_one_the_next_may_hold_ten(
    jobs: Jobs, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "RHYTHM_SECONDS", 2.0)  # all ten are stored within one pause
    channel = ShortMemory()
    job = await store_job(jobs, items=11)
    await jobs.settle(job.id, 1, ItemState.DRAWN, image=await images.put(b"1"))
    async with outbox_of(jobs, images, channel, None).delivering() as outbox:
        outbox.changed(job)
        async with asyncio.timeout(5):
            while not channel.shown:  # the card follows when nothing more is owed
                await asyncio.sleep(0.001)
        for number in range(2, 12):
            await jobs.settle(job.id, number, ItemState.DRAWN, image=await images.put(b"%d" % number))
        await jobs.move(job.id, to=JobState.DONE, only_from=[JobState.QUEUED])
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names == expected(job, 11)[:-1]
    assert [len(names) for names in channel.messages.values()] == [1, 10]


async def test_a_job_of_a_new_database_is_not_taken_for_one_of_the_old(tmp_path: Path, images: Images) -> None:
    channel = ShortMemory()
    for name in ("old", "new"):
        async with open_database(f"sqlite+aiosqlite:///{tmp_path}/{name}.db") as sessions:
            jobs = Jobs(sessions)
            job = await drawn_job(jobs, images, 1)
            async with outbox_of(jobs, images, channel, None).delivering() as outbox:
                outbox.changed(job)
                await delivered(jobs, job)
    assert channel.names == ["S1-c001.png", "S1-c001.png"]


async def test_what_was_wholly_delivered_is_not_delivered_again(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await drawn_job(jobs, images, 2)
    await jobs.delivered(job.id)
    async with outbox_of(jobs, images, channel, b"sheet").delivering() as outbox:
        outbox.changed(job)
    assert (channel.names, channel.shown) == ([], [])


async def test_a_job_of_which_nothing_was_drawn_has_no_sheet(jobs: Jobs, images: Images) -> None:
    channel = ShortMemory()
    job = await store_job(jobs, items=2)
    for number in (1, 2):
        await jobs.settle(job.id, number, ItemState.FAILED, remark="no")
    await jobs.move(job.id, to=JobState.FAILED, only_from=[JobState.QUEUED])
    async with outbox_of(jobs, images, channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(jobs, job)
    assert channel.names == []
    assert channel.shown[-1][:2] == ("failed", False)


async def test_two_messages_begun_apart_are_not_thrown_together(jobs: Jobs, images: Images) -> None:
    job = await drawn_job(jobs, images, 3)
    await jobs.into_batch(job.id, [2], "a former message")
    await jobs.into_batch(job.id, [3], "another one")
    assert [item.number for item in await jobs.next_batch(job.id, 10)] == [2]


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
    job = await two_people(jobs, images, settled=12)
    async with Outbox(Post(jobs, images, channel, sheet_of, give_nothing_up)).delivering() as outbox:
        outbox.changed(job)
        async with asyncio.timeout(5):
            while "sheet of c001 to c012" not in channel.names:
                await asyncio.sleep(0.01)
        assert (channel.named, await jobs.sheets(job.id)) == ([], {"mina"})
        for number in range(13, 25):
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

"""The outbox posts each image once, ten a message at most, whatever fails in between."""

import asyncio
from pathlib import Path

import pytest

import bot.jobs.delivery as delivery_module
from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import ItemState, Job, JobState
from bot.jobs.delivery import Post
from bot.jobs.outbox import Outbox
from bot.store.database import open_database
from bot.store.images import Images
from bot.store.jobs import Jobs
from tests.bot.channel import ShortMemory, delivered
from tests.bot.conftest import store_job

pytestmark = pytest.mark.usefixtures("quick_rhythm")


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


def expected(job: Job, items: int) -> list[str]:
    return [*(f"{job.name}-c{n:03d}.png" for n in range(1, items + 1)), "sheet"]


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

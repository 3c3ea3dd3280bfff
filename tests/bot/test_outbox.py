"""The outbox posts each image once, ten a message at most, whatever goes wrong beside it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bot.jobs.delivery as delivery_module
import bot.jobs.line as line_module
import bot.jobs.outbox as outbox_module
from bot.domain.erasure import DISK
from bot.domain.errors import CannotDeliver, CannotPost, Unavailable
from bot.domain.job import ItemState, Job, Member
from bot.jobs.outbox import Outbox
from bot.store.database import Sessions, open_database
from bot.store.erasures import ErasureStore
from bot.store.incidents import IncidentStore
from tests.bot.channel import ShortMemory, delivered, expected, until
from tests.bot.conftest import HERE
from tests.bot.shift import Shift

pytestmark = pytest.mark.usefixtures("quick_rhythm")


@pytest.fixture
def shift(sessions: Sessions, tmp_path: Path) -> Shift:
    return Shift(sessions, tmp_path)


async def test_images_come_in_messages_of_at_most_ten_and_the_sheet_last(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.drawn(23)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.sizes == [10, 10, 3, 1]
    assert channel.names == expected(job, 23)
    assert channel.found == []  # nothing went wrong, so nothing was looked for


async def test_draining_posts_what_is_drawn_and_leaves_the_rest(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.job(3)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: channel.shown)
        await shift.draw(job, 1)
    assert channel.names == [f"{job.name}-c001.png"]
    assert channel.shown[-1] == ("queued", True, [])
    assert not (await shift.jobs.get(job.id)).delivered  # type: ignore[union-attr]


async def test_a_channel_that_is_gone_calls_the_job_off_and_says_so(shift: Shift) -> None:
    channel = ShortMemory()
    channel.faults = [CannotDeliver("the channel was deleted")]
    job = await shift.job(2)
    await shift.draw(job, 1)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == []
    assert channel.shown == [("cancelled", False, [delivery_module.REFUSED])]
    assert [item.state for item in await shift.jobs.items(job.id)] == [ItemState.DRAWN, ItemState.CANCELLED]


async def test_files_refused_together_are_tried_apart_and_the_guilty_one_is_held_back(shift: Shift) -> None:
    channel = ShortMemory()
    channel.faults = [CannotPost("together"), CannotPost("the first one")]
    job = await shift.drawn(3)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 3)[1:]
    assert channel.shown[-1][2] == ["Discord refused its picture; it is kept on disk."]


async def test_pictures_too_large_or_gone_are_held_back_and_the_rest_is_posted(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.job(3)
    large = await shift.images.put(b"x" * (delivery_module.BYTES_A_FILE + 1))
    for number, image in ((1, large), (2, "f" * 64)):
        await shift.store(job, number, image)
    await shift.draw(job, 3)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    assert channel.names == [f"{job.name}-c003.png", f"{job.name}-sheet.png"]
    assert [remark.split(";")[0] for remark in channel.shown[-1][2]] == [
        "It is too large for Discord (10 MiB)",
        "Its file is gone from the images folder.",
    ]


async def test_a_picture_that_may_not_be_read_is_held_back_and_the_rest_is_posted(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ShortMemory()
    job = await shift.drawn(3)
    locked, get = (await shift.jobs.items(job.id))[1].image, shift.images.get

    async def get_(image: str) -> bytes:
        if image == locked:
            raise PermissionError(13, "Permission denied")
        return await get(image)

    monkeypatch.setattr(shift.images, "get", get_)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == [f"{job.name}-c001.png", f"{job.name}-c003.png", f"{job.name}-sheet.png"]
    assert channel.shown[-1][2] == [delivery_module.UNREADABLE]


async def test_a_message_stays_below_discords_bytes(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "BYTES_A_MESSAGE", 2 * len(b"picture 1"))
    channel = ShortMemory()
    job = await shift.drawn(5)
    async with shift.outbox(channel, None).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.sizes == [2, 2, 1]
    assert channel.names == expected(job, 5)[:-1]


async def test_after_a_message_of_one_the_next_may_hold_ten(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "RHYTHM_SECONDS", 2.0)  # all ten are stored within one pause
    channel = ShortMemory()
    job = await shift.job(11)
    await shift.draw(job, 1)
    async with shift.outbox(channel, None).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: channel.shown)  # the card follows when nothing more is owed
        await shift.draw(job, *range(2, 12))
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 11)[:-1]
    assert channel.sizes == [1, 10]


async def test_a_job_of_a_new_database_is_not_taken_for_one_of_the_old(tmp_path: Path) -> None:
    channel = ShortMemory()
    for name in ("old", "new"):
        async with open_database(f"sqlite+aiosqlite:///{tmp_path}/{name}.db") as sessions:
            shift = Shift(sessions, tmp_path / name)
            job = await shift.drawn(1)
            async with shift.outbox(channel, None).delivering() as outbox:
                outbox.changed(job)
                await delivered(shift.jobs, job)
    assert channel.names == ["S1-c001.png", "S1-c001.png"]


async def test_of_what_was_wholly_delivered_nothing_but_the_card_is_brought_up_to_date(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.drawn(2)
    await shift.owed.posted(job.id, [1, 2], 1)
    assert await shift.owed.delivered(job)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
    assert channel.names == [] and len(channel.shown) == 1


async def test_a_job_of_which_nothing_was_drawn_has_no_sheet(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.job(2)
    await shift.fail(job, 1, 2)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    assert channel.names == []
    assert channel.shown[-1][:2] == ("failed", False)


async def half_withheld(shift: Shift) -> Job:
    """A job that has ended: one picture was drawn, and the other waits for an operator."""
    job = await shift.job(2)
    await shift.draw(job, 1)
    await shift.withhold(job, 2)
    return await shift.end(job)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_sheet_in_the_place_of_one_that_was_taken_away_is_another_message_though_its_nonce_is_remembered(
    shift: Shift, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    job, channel, erasures = await half_withheld(shift), ShortMemory(), ErasureStore(sessions)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    await erasures.erase([(job.id, 1)], "It was deleted.")  # and with it the only sheet, which is message 2
    for each in await erasures.withdrawals():
        if each.channel_id != DISK:
            await channel.withdraw(each.channel_id, each.message_id, each.files)
    incidents = IncidentStore(sessions)
    (incident,) = await incidents.open(HERE.guild_id)
    await incidents.release(Member(4, "Olga", True, HERE.guild_id), incident.id)
    post = channel.post_sheet

    async def cut_off(*what: Any, **more: Any) -> int:
        channel.faults = [ConnectionResetError("its answer is lost")] * (interrupted and not tries)
        tries.append(1)
        return await post(*what, **more)

    tries, channel.accepts_before_failing = list[int](), True
    monkeypatch.setattr(channel, "post_sheet", cut_off)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == [f"{job.name}-c002.png", f"{job.name}-sheet.png"]
    assert (await shift.owed.sheets(job.id), len(tries)) == ({"": 4}, 1 + interrupted)


async def test_in_the_place_of_a_sheet_that_goes_when_it_arrives_there_is_another(
    shift: Shift, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, channel = await half_withheld(shift), ShortMemory()
    erasures, incidents = ErasureStore(sessions), IncidentStore(sessions)
    post = channel.post_sheet

    async def meanwhile(*what: Any, **more: Any) -> int:
        for incident in await incidents.open(HERE.guild_id):
            await erasures.erase([(job.id, 1)], "It was deleted.")
            await incidents.release(Member(4, "Olga", True, HERE.guild_id), incident.id)
        return await post(*what, **more)

    monkeypatch.setattr(channel, "post_sheet", meanwhile)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert [each.message_id for each in await erasures.withdrawals() if each.channel_id != DISK] == [1, 2]
    assert channel.names[2:] == [f"{job.name}-c002.png", f"{job.name}-sheet.png"]
    assert await shift.owed.sheets(job.id) == {"": 4}


async def test_in_the_place_of_a_sheet_that_a_former_process_sent_and_that_goes_there_is_another(
    shift: Shift, sessions: Sessions
) -> None:
    job, channel = await half_withheld(shift), ShortMemory()
    erasures, incidents = ErasureStore(sessions), IncidentStore(sessions)
    await shift.owed.sheet_tried(job.id, "")
    await channel.post_sheet(job, b"sheet", "its nonce")  # and nobody heard of it
    await erasures.erase([(job.id, 1)], "It was deleted.")
    (incident,) = await incidents.open(HERE.guild_id)
    await incidents.release(Member(4, "Olga", True, HERE.guild_id), incident.id)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert [each.message_id for each in await erasures.withdrawals() if each.channel_id != DISK] == [1]
    assert channel.names[1:] == [f"{job.name}-c002.png", f"{job.name}-sheet.png"]
    assert await shift.owed.sheets(job.id) == {"": 3}


async def test_a_job_that_is_tried_again_has_a_second_sheet_and_nothing_else_twice(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.job(3)
    await shift.draw(job, 1, 3)
    await shift.fail(job, 2)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
        outbox.changed(await shift.retry(job))
        await shift.draw(job, 2)
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    first, second, third, sheet = expected(job, 3)
    assert channel.names == [first, third, sheet, second, f"{job.name}-sheet-2.png"]


async def test_a_job_that_is_tried_again_while_its_sheet_goes_out_is_delivered_once_more(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.job(2)
    await shift.draw(job, 1)
    await shift.fail(job, 2)
    post: Callable[..., Awaitable[int]] = channel.post_sheet
    pressed: list[Job] = []

    async def post_sheet(posted: Job, *what: object, **more: object) -> int:
        message = await post(posted, *what, **more)
        if not pressed:
            pressed.append(await shift.retry(job))
            outbox.changed(pressed[0])
        return message

    channel.post_sheet = post_sheet  # type: ignore[method-assign]
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(await shift.end(job))
        await until(lambda: pressed)
        await shift.draw(job, 2)
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    first, second, sheet = expected(job, 2)
    assert channel.names == [first, sheet, second, f"{job.name}-sheet-2.png"]


async def test_a_change_that_comes_as_a_delivery_ends_is_not_lost(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.job(2)
    await shift.draw(job, 1)
    await shift.fail(job, 2)
    store: Callable[[Job], Awaitable[bool]] = shift.owed.delivered
    pressed: list[Job] = []

    async def delivered_then_tried_again(ended: Job) -> bool:
        wholly = await store(ended)
        if not pressed:
            pressed.append(await shift.retry(job))
            await shift.draw(job, 2)
            outbox.changed(await shift.end(job))
        return wholly

    shift.owed.delivered = delivered_then_tried_again  # type: ignore[method-assign]
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(await shift.end(job))
        await until(lambda: len(channel.messages) == 4)
    first, second, sheet = expected(job, 2)
    assert channel.names == [first, sheet, second, f"{job.name}-sheet-2.png"]


async def test_while_the_channel_is_silent_all_wait_and_then_go_in_the_order_they_were_queued(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "ASK_SECONDS", 0.05)
    channel = ShortMemory()
    asked: list[bool] = []
    answers = channel.answers

    async def counted() -> bool:
        asked.append(await answers())
        return asked[-1]

    channel.answers = counted  # type: ignore[method-assign]
    first, second, third = [await shift.job(12) for _ in range(3)]
    async with shift.outbox(channel).delivering() as outbox:
        channel.silent = True
        for job in (third, first, second):  # noticed in another order
            await shift.draw(job, *range(12, 0, -1))
            outbox.changed(await shift.end(job))
            await asyncio.sleep(0.03)
        await until(lambda: len(asked) > 3)
        assert channel.names == []
        channel.silent = False
        await delivered(shift.jobs, first, second, third)
    assert channel.names == [*expected(first, 12), *expected(second, 12), *expected(third, 12)]
    assert channel.sizes == [10, 2, 1] * 3


async def test_what_a_former_process_left_comes_in_the_order_it_was_queued(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "ASK_SECONDS", 0.5)  # they all stand in the line before the channel is asked
    channel = ShortMemory()
    left = [await shift.drawn(12) for _ in range(3)]
    async with shift.outbox(channel).delivering() as outbox:
        await outbox.resume()
        await delivered(shift.jobs, *left)
    assert channel.names == [name for job in left for name in expected(job, 12)]


async def test_a_store_that_does_not_say_what_is_owed_is_asked_again(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(line_module, "ASK_SECONDS", 0.01)
    silent, undelivered = [True, True], shift.owed.undelivered

    async def at_first_not() -> list[Job]:
        if silent:
            raise Unavailable(f"the database is locked ({silent.pop()})")
        return await undelivered()

    monkeypatch.setattr(shift.owed, "undelivered", at_first_not)
    channel, left = ShortMemory(), await shift.drawn(2)
    async with shift.outbox(channel).delivering() as outbox:
        await outbox.resume()
        await delivered(shift.jobs, left)
    assert channel.names == expected(left, 2)


async def test_a_job_that_fails_by_itself_holds_no_other_up(shift: Shift) -> None:
    channel = ShortMemory()
    broken, other = await shift.drawn(2), await shift.drawn(2)
    show: Callable[..., Awaitable[None]] = channel.show

    async def refuses(job: Job, *what: object, **more: object) -> None:
        if job.id == broken.id:
            raise RuntimeError("the card is broken")
        await show(job, *what, **more)

    channel.show = refuses  # type: ignore[method-assign]
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(broken)
        outbox.changed(other)
        await delivered(shift.jobs, other)
        channel.show = show  # type: ignore[method-assign]
        await delivered(shift.jobs, broken)


async def test_closing_during_an_outage_waits_for_nothing(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "ASK_SECONDS", 3600.0)
    channel = ShortMemory()
    channel.silent = True
    job = await shift.drawn(2)
    async with asyncio.timeout(30), shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        while not outbox._line._silent:
            await asyncio.sleep(0.001)
    channel.silent = False
    async with shift.outbox(channel).delivering() as another:
        monkeypatch.setattr(line_module, "ASK_SECONDS", 0.01)
        await another.resume()
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 2)


def elsewhere(shift: Shift, channel: ShortMemory) -> Outbox:
    """What brings jobs to a channel on a console that draws none of them."""
    return Outbox(replace(shift.outbox(channel)._post, drawn_here=lambda _: False))


async def test_of_a_job_that_another_console_draws_what_changes_here_is_shown_and_nobody_waits_for_its_end(
    shift: Shift,
) -> None:
    channel = ShortMemory()
    job = await shift.job(3)
    await shift.draw(job, 1)
    async with elsewhere(shift, channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: not outbox._deliveries)
        assert channel.names == [f"{job.name}-c001.png"]  # what is owed already, e.g. since it was released here
        assert channel.shown == [("queued", False, [])]
        outbox.changed(job)  # and at once this console closes
    assert channel.shown == [("queued", False, [])]  # the card does not say that nobody goes on with it


async def test_what_another_console_drew_to_its_end_is_delivered_here_all_the_same(shift: Shift) -> None:
    channel = ShortMemory()
    job = await shift.drawn(2)
    async with elsewhere(shift, channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 2)

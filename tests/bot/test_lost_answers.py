"""A post whose answer was lost may have arrived: it is tried again as the same message, or found, never sent twice."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

import bot.jobs.delivery as delivery_module
import bot.jobs.outbox as outbox_module
from bot.jobs.delivery import NONCE_SECONDS
from bot.store.database import Sessions
from bot.store.schema import now
from tests.bot.channel import ShortMemory, delivered, expected, until
from tests.bot.shift import Shift

pytestmark = pytest.mark.usefixtures("quick_rhythm")


@pytest.fixture
def shift(sessions: Sessions, tmp_path: Path) -> Shift:
    return Shift(sessions, tmp_path)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time go by for deliveries, as both of their clocks tell it."""
    gone = 0.0

    def go_by(seconds: float) -> None:
        nonlocal gone
        gone += seconds

    monkeypatch.setattr(delivery_module, "_clocks", lambda: (time.time() + gone, time.monotonic() + gone))
    return go_by


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_failed_post_is_tried_again_as_the_same_message(shift: Shift, accepted: bool) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("lost"), ConnectionError("lost again")]
    channel.accepts_before_failing = accepted
    job = await shift.drawn(4)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 4)


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_post_that_failed_before_its_nonce_was_forgotten_is_looked_for_first(
    shift: Shift, later: Callable[[float], None], accepted: bool
) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("lost")]
    channel.accepts_before_failing = accepted
    job = await shift.drawn(4)
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: not channel.faults)
        later(NONCE_SECONDS + 1)
        channel.forget()
        await delivered(shift.jobs, job)
    assert channel.found == [tuple(expected(job, 4)[:-1])]
    assert channel.names == expected(job, 4)


async def test_a_clock_that_was_set_back_is_not_trusted(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("lost")]
    channel.accepts_before_failing = True
    job = await shift.drawn(2)
    async with shift.outbox(channel, None).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: not channel.faults)
        monkeypatch.setattr(delivery_module, "_clocks", lambda: (time.time() - 3600, time.monotonic()))
        channel.forget()
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 2)[:-1]


async def test_a_look_that_fails_is_no_leave_to_post(shift: Shift, later: Callable[[float], None]) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("lost")]
    channel.accepts_before_failing = True
    refusals = [ConnectionError("no answer")] * 2
    find = channel.find

    async def falters(*asked: Any, **more: Any) -> int | None:
        if refusals:
            raise refusals.pop()
        return await find(*asked, **more)

    channel.find = falters  # type: ignore[method-assign]
    job = await shift.drawn(2)
    async with shift.outbox(channel, None).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: not channel.faults)
        later(NONCE_SECONDS + 1)
        channel.forget()
        await delivered(shift.jobs, job)
    assert refusals == []
    assert channel.names == expected(job, 2)[:-1]


async def test_a_sheet_that_was_accepted_and_then_forgotten_is_not_posted_twice(
    shift: Shift, later: Callable[[float], None]
) -> None:
    channel = ShortMemory()
    job = await shift.drawn(2)
    begun = now()
    post, lost = channel.post_sheet, [ConnectionError("accepted, and then lost")]

    async def post_sheet(*what: object, **more: object) -> int:
        message = await post(*what, **more)  # type: ignore[arg-type]
        if lost:
            raise lost.pop()
        return message

    channel.post_sheet = post_sheet  # type: ignore[method-assign, assignment]
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: not lost)
        later(NONCE_SECONDS + 1)
        channel.forget()
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 2)
    assert await shift.owed.sheets(job.id) == {"": 2}
    (since,) = channel.sought
    assert since is not None and since >= begun  # it is not looked for among all that was said since the job began


async def test_what_is_drawn_between_two_tries_does_not_change_the_first_message(shift: Shift) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("accepted, and then lost")]
    channel.accepts_before_failing = True
    job = await shift.job(3)
    await shift.draw(job, 2)
    async with shift.outbox(channel, None).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: not channel.faults)
        await shift.draw(job, 1, 3)
        outbox.changed(await shift.end(job))
        await delivered(shift.jobs, job)
    assert sorted(channel.names) == expected(job, 3)[:-1]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_crash_after_a_post_was_accepted_does_not_post_it_again(shift: Shift, forgotten: bool) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("accepted, and then the console was killed")] * 9
    channel.accepts_before_failing = True
    job = await shift.job(3)
    await shift.draw(job, 2)
    begun = now()
    async with shift.outbox(channel).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: len(channel.faults) < 8)
    killed = now()
    channel.faults.clear()
    if forgotten:
        channel.forget()
    await shift.draw(job, 1, 3)
    await shift.end(job)
    async with shift.outbox(channel).delivering() as another:
        await another.resume()
        await delivered(shift.jobs, job)
    assert sorted(channel.names) == expected(job, 3)
    assert channel.found == [(f"{job.name}-c002.png",)]  # what another process tried is always looked for
    (since,) = channel.sought
    assert since is not None and begun <= since <= killed  # and not among all that was said since the job began


async def test_a_message_whose_files_were_lost_since_it_was_posted_is_there_all_the_same(
    shift: Shift, tmp_path: Path
) -> None:
    channel = ShortMemory()
    channel.faults = [ConnectionError("accepted, and then the console was killed")] * 2
    channel.accepts_before_failing = True
    job = await shift.drawn(3)
    async with shift.outbox(channel, None).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: len(channel.faults) < 2)
    channel.faults.clear()
    channel.forget()
    rmtree(tmp_path / "images")
    async with shift.outbox(channel, None).delivering() as another:
        another.changed(job)
        await delivered(shift.jobs, job)
    assert channel.names == expected(job, 3)[:-1]
    assert [item.message_id for item in await shift.jobs.items(job.id)] == [1, 1, 1]


async def test_closing_does_not_wait_for_a_channel_that_hangs(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hangs(ShortMemory):
        async def post_results(self, *what: Any, **more: Any) -> int:
            await super().post_results(*what, **more)
            return await asyncio.Event().wait()

    monkeypatch.setattr(outbox_module, "LAST_SECONDS", 0.1)
    before, after = Hangs(), ShortMemory()
    job = await shift.drawn(2)
    async with shift.outbox(before).delivering() as outbox:
        outbox.changed(job)
        await until(lambda: before.messages)
    after.messages = before.messages
    async with shift.outbox(after).delivering() as another:
        await another.resume()
        await delivered(shift.jobs, job)
    assert after.names == expected(job, 2)

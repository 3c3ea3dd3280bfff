"""Nobody waits in line while the channel answers; after an outage the job that was queued first goes first."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import bot.jobs.line as line_module
from bot.domain.job import Job, JobState, Member, Place
from bot.jobs.line import Line

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUOTE = Job(1, "sweep", "a test", Member(1, "Mina"), Place(10), JobState.QUOTED, NOON)
FIRST, SECOND, THIRD = (
    replace(QUOTE, id=number, state=JobState.DONE, queued_at=NOON + timedelta(seconds=minute))
    for number, minute in ((3, 1), (1, 2), (2, 3))
)


class Talk:
    """A channel that answers or not, and who went there."""

    def __init__(self) -> None:
        self.answering = False
        self.asked = 0
        self.line = Line(self.answers)
        self.went: list[int] = []

    async def answers(self) -> bool:
        self.asked += 1
        return self.answering

    async def go(self, job: Job, *, fails: bool = False) -> None:
        async with self.line.turn(job):
            self.went.append(job.id)
            await asyncio.sleep(0.001)
            if fails:
                raise ConnectionError
            assert self.went[-1] == job.id  # nobody came in between


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    monkeypatch.setattr(line_module, "ASK_SECONDS", 0.005)
    return Talk()


async def test_while_it_answers_all_go_at_once(talk: Talk) -> None:
    talk.answering = True
    assert not await talk.line.away()
    async with talk.line.turn(THIRD), talk.line.turn(FIRST), talk.line.turn(SECOND):
        pass


async def test_after_an_outage_one_after_another_goes_in_the_order_they_were_queued(talk: Talk) -> None:
    assert await talk.line.away()
    going = asyncio.gather(*map(talk.go, (THIRD, FIRST, SECOND)))
    while talk.asked < 4:
        await asyncio.sleep(0.001)
    assert (talk.went, going.done()) == ([], False)
    talk.answering = True
    await going
    assert talk.went == [FIRST.id, SECOND.id, THIRD.id]
    await talk.go(THIRD)


async def test_one_that_fails_or_is_cancelled_makes_room_for_the_next(talk: Talk) -> None:
    await talk.line.away()
    cancelled, failing = asyncio.create_task(talk.go(FIRST)), asyncio.create_task(talk.go(SECOND, fails=True))
    last = asyncio.create_task(talk.go(THIRD))
    await asyncio.sleep(0)
    cancelled.cancel()
    talk.answering = True
    await last
    assert talk.went == [SECOND.id, THIRD.id]
    with pytest.raises(ConnectionError):
        await failing


async def test_when_it_falls_silent_again_the_others_go_on_waiting(talk: Talk) -> None:
    async def goes_and_finds_it_silent() -> None:
        async with talk.line.turn(FIRST):
            talk.answering = False
            assert await talk.line.away()

    await talk.line.away()
    first, second = asyncio.create_task(goes_and_finds_it_silent()), asyncio.create_task(talk.go(SECOND))
    talk.answering = True
    await first
    asked = talk.asked
    while talk.asked < asked + 3:
        await asyncio.sleep(0.001)
    assert talk.went == []
    talk.answering = True
    await second


async def test_once_it_is_open_for_good_nobody_waits_or_asks(talk: Talk) -> None:
    await talk.line.away()
    going = asyncio.gather(*map(talk.go, (FIRST,)))
    await asyncio.sleep(0)
    talk.line.open_for_good()
    await going
    asked = talk.asked
    assert not await talk.line.away()
    talk.line.close()
    await talk.go(SECOND)
    assert talk.asked == asked

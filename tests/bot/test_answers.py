"""Everybody is answered: with a sentence when something fails, and also while the console closes."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bot.domain.errors import Refusal
from bot.ui.answers import CLOSING, Answers


@dataclass
class Response:
    """The first answer of an interaction."""

    said: list[tuple[str, bool]] = field(default_factory=list)

    def is_done(self) -> bool:
        return bool(self.said)

    async def send_message(self, text: str, *, ephemeral: bool, allowed_mentions: object) -> None:
        self.said.append((text, ephemeral))


@dataclass
class Asked:
    """An interaction nobody has answered yet."""

    response: Response = field(default_factory=Response)


async def failing(error: Exception) -> None:
    raise error


async def test_a_refusal_is_told_to_the_member_alone() -> None:
    asked = Asked()
    await Answers().give(asked, lambda: failing(Refusal("Not now.")))  # type: ignore[arg-type]
    assert asked.response.said == [("Not now.", True)]


async def test_a_fault_of_ours_is_an_incident_without_its_innards() -> None:
    asked = Asked()
    await Answers().give(asked, lambda: failing(KeyError("secret innards")))  # type: ignore[arg-type]
    ((text, private),) = asked.response.said
    assert private
    assert text.startswith("Something failed on our side. It was noted as incident ")
    assert "innards" not in text


async def test_while_closing_the_new_are_told_so_and_the_old_are_waited_for() -> None:
    answers, going_on, late = Answers(), asyncio.Event(), Asked()
    running = asyncio.create_task(answers.give(Asked(), going_on.wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    finishing = asyncio.create_task(answers.finish(5))
    await asyncio.sleep(0)
    await answers.give(late, lambda: failing(AssertionError("it was run")))  # type: ignore[arg-type]
    assert late.response.said == [(CLOSING, True)]
    assert not finishing.done()
    going_on.set()
    await asyncio.wait_for(asyncio.gather(running, finishing), 1)


async def test_closing_does_not_wait_for_ever() -> None:
    answers = Answers()
    stuck = asyncio.create_task(answers.give(Asked(), asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await answers.finish(0.01)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck

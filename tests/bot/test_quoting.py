"""A quote that is run without a Run: its card promises nothing before it is accepted, and stays true if it is not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bot.cogs.quoting import QuotingCog
from bot.domain.errors import LimitReached, Unavailable, WrongState
from bot.domain.job import Job, Member
from tests.bot.test_cards import SWEEP, TEST

IMAGINE = replace(TEST, kind="imagine", title="a hat", quote=SWEEP.quote)


class Interaction:
    """A slash command's interaction, as far as it is answered: what stands in the channel, and what was whispered."""

    def __init__(self) -> None:
        self.card: tuple[str, list[str]] | None = None
        self.whispered: list[str] = []
        self.response = SimpleNamespace(is_done=lambda: self.card is not None, send_message=self.show)
        self.followup = SimpleNamespace(send=self.whisper)

    async def show(self, *, embed: Any, components: Any, allowed_mentions: Any) -> None:
        labels = [button.label for row in components for button in row.children]
        self.card = embed.description.splitlines()[-1], labels

    async def original_response(self) -> SimpleNamespace:
        return SimpleNamespace(id=77)

    async def edit_original_response(self, **shown: Any) -> SimpleNamespace:
        await self.show(**shown)
        return SimpleNamespace(id=77)

    async def delete_original_response(self) -> None:
        self.card = None

    async def whisper(self, text: str, *, ephemeral: bool, allowed_mentions: Any) -> None:
        assert ephemeral
        self.whispered.append(text)


class Desk:
    """A desk that answers as it is told to; `seen` is the card as it stood when a quote was brought to it."""

    def __init__(self, inter: Interaction, answer: Exception | None, too_late: bool = False) -> None:
        self._inter = inter
        self._answer = answer
        self._too_late = too_late
        self.seen: tuple[str, list[str]] | None = None
        self.cancelled: list[int] = []

    async def run(self, job_id: int, actor: Member) -> None:
        self.seen = self._inter.card
        if self._answer:
            raise self._answer

    async def cancel(self, job_id: int, actor: Member) -> None:
        self.cancelled.append(job_id)
        if self._too_late:
            raise WrongState("it is cancelled already")


async def asked(answer: Exception | None, *, too_late: bool = False) -> tuple[Interaction, Desk, list[tuple[int, int]]]:
    """What became of an /imagine at a desk that answers so, and the cards that were remembered."""
    inter = Interaction()
    desk, remembered = Desk(inter, answer, too_late), []

    async def set_card(job_id: int, card_id: int) -> None:
        remembered.append((job_id, card_id))

    services: Any = SimpleNamespace(desk=desk, jobs=SimpleNamespace(set_card=set_card))
    job: Job = IMAGINE
    await QuotingCog(services)._run_at_once(inter, job.owner, job)  # type: ignore[arg-type]
    return inter, desk, remembered


async def test_before_it_is_accepted_a_card_is_there_and_promises_nothing() -> None:
    inter, desk, remembered = await asked(None)
    assert desk.seen == ("Being queued …", ["Cancel"])
    assert remembered == [(42, 77)]
    assert inter.card == desk.seen  # the job's delivery edits it from here on
    assert inter.whispered == desk.cancelled == []


@pytest.mark.parametrize("too_late", [False, True])
async def test_what_is_refused_is_told_to_the_member_alone_and_leaves_neither_card_nor_quote(too_late: bool) -> None:
    inter, desk, _ = await asked(LimitReached("You have 16 jobs."), too_late=too_late)
    assert inter.whispered == ["You have 16 jobs."]
    assert inter.card is None
    assert desk.cancelled == [42]


async def test_where_nobody_knows_whether_it_was_taken_the_card_is_a_quote_that_can_be_run() -> None:
    inter, desk, _ = await asked(Unavailable("the database does not answer: 10.0.0.7"))
    assert inter.card == ("About 1 min 1 s. 24 tokens.", ["Run 24 images", "Cancel"])
    assert len(inter.whispered) == 1 and "whether a job was taken, /queue shows then" in inter.whispered[0]
    assert desk.cancelled == []


async def test_a_fault_of_ours_is_left_to_those_who_explain_it() -> None:
    with pytest.raises(ZeroDivisionError):
        await asked(ZeroDivisionError())

"""What the console posts to a channel pings nobody, and a retry of it is no second message."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import disnake
import pytest

from bot.console import Console
from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Job, JobState, Outlook, Place
from bot.store.jobs import Jobs
from bot.ui.announcer import A_PAGE, CLOCKS_APART, Announcer
from bot.ui.answers import Answers
from tests.bot.conftest import store_job

US, THEM = 7, 8


class Recorder:
    """Discord's HTTP, as far as the announcer uses it: keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.names: list[list[str]] = []
        self.error: Exception | None = None
        self.shown: list[dict[str, Any]] = []
        self.pages: list[int] = []

    async def request(self, route: Any, *, form: Sequence[dict[str, Any]] = (), files: Any = ()) -> dict[str, str]:
        if self.error:
            raise self.error
        self.sent += [json.loads(part["value"]) for part in form if part["name"] == "payload_json"]
        self.names.append([file.filename for file in files])
        return {"id": "1"}

    async def edit_message(self, channel: int, message: int, **payload: Any) -> None:
        if self.error:
            raise self.error
        self.sent.append(payload)

    async def logs_from(self, channel: int, limit: int, after: int) -> list[dict[str, Any]]:
        """The `limit` messages that follow `after`, of these the newest first."""
        if self.error:
            raise self.error
        self.pages.append(after)
        following = [message for message in self.shown if int(message["id"]) > after]
        return following[:limit][::-1]

    def show(self, id: int, *names: str, author: int = US) -> None:
        """A message stands in the channel."""
        files = [{"filename": name} for name in names]
        self.shown.append({"id": str(id), "author": {"id": str(author)}, "attachments": files})


def announcer_on(http: Recorder) -> Announcer:
    client: Any = SimpleNamespace(http=http, user=SimpleNamespace(id=US))
    return Announcer(client, lambda *_: Outlook(None, None))


async def carded(jobs: Jobs, card: int = 5) -> Job:
    """A job whose card is that message."""
    job = await store_job(jobs)
    await jobs.set_card(job.id, card)
    return replace(job, place=Place(job.place.channel_id, job.place.guild_id, card))


def refusal(kind: type[disnake.HTTPException], status: int, code: int = 0) -> disnake.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="no")
    return kind(response, {"code": code, "message": "no"} if code else "no")


async def test_nothing_that_is_posted_mentions_anybody_and_every_post_enforces_its_nonce(jobs: Jobs) -> None:
    http = Recorder()
    announcer, job = announcer_on(http), await carded(jobs)
    await announcer.post_results(job, [(f"{job.name}-c001.png", b"1")], "nonce 1")
    await announcer.post_sheet(job, b"sheet", "nonce 2")
    await announcer.show(job, await jobs.progress(job.id), [])
    assert [sent["allowed_mentions"] for sent in http.sent] == [{"parse": []}] * 3
    assert [(sent["nonce"], sent["enforce_nonce"]) for sent in http.sent[:2]] == [("nonce 1", True), ("nonce 2", True)]


async def test_a_message_says_which_part_of_the_job_it_shows(jobs: Jobs) -> None:
    http = Recorder()
    announcer, job = announcer_on(http), replace(await store_job(jobs), state=JobState.DONE)
    files = [(f"{job.name}-c00{number}.png", b"1") for number in (1, 2, 4)]
    await announcer.post_results(job, files, "1", "mina *b.*")
    await announcer.post_results(job, files, "2")
    await announcer.post_sheet(job, b"sheet", "3", "mina *b.*")
    await announcer.post_sheet(job, b"sheet", "4")
    await announcer.post_sheet(job, b"sheet", "5", "Zoé 小", last=False)
    for number, state in enumerate((JobState.CANCELLED, JobState.DEAD), start=6):
        await announcer.post_sheet(replace(job, state=state), b"sheet", str(number), "mina")
    assert [sent["content"] for sent in http.sent] == [
        f"-# **{job.name}** · mina \\*b.\\* · c001 – c002, c004",
        f"-# **{job.name}** · c001 – c002, c004",
        f"**{job.name}** · mina \\*b.\\*: the contact sheet. {job.name} is done, <@1>.",
        f"**{job.name}**: the contact sheet. {job.name} is done, <@1>.",
        f"**{job.name}** · Zoé 小: the contact sheet.",
        f"**{job.name}** · mina: the contact sheet of what was drawn. {job.name} was cancelled, <@1>.",
        f"**{job.name}** · mina: the contact sheet of what was drawn. {job.name} was set aside, <@1>.",
    ]
    assert http.names[2:] == [
        [f"{job.name}-mina-b-sheet.png"],
        [f"{job.name}-sheet.png"],
        [f"{job.name}-Zoe-sheet.png"],
        [f"{job.name}-mina-sheet.png"],
        [f"{job.name}-mina-sheet.png"],
    ]


async def test_the_console_mentions_nobody_unless_it_says_so() -> None:
    allowed = Console(Answers()).allowed_mentions
    assert allowed is not None
    assert allowed.to_dict()["parse"] == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refusal(disnake.Forbidden, 403, 50013), CannotDeliver),
        (refusal(disnake.Forbidden, 403, 50001), CannotDeliver),
        (refusal(disnake.NotFound, 404, 10003), CannotDeliver),
        (refusal(disnake.HTTPException, 400, 50035), CannotPost),
        (refusal(disnake.HTTPException, 413), CannotPost),
        (refusal(disnake.Forbidden, 403), disnake.Forbidden),  # of a wall before Discord, which says so in HTML
        (refusal(disnake.Forbidden, 403, 40333), disnake.Forbidden),
        (refusal(disnake.NotFound, 404), disnake.NotFound),
        (refusal(disnake.HTTPException, 401), disnake.HTTPException),
        (refusal(disnake.HTTPException, 429), disnake.HTTPException),
        (refusal(disnake.DiscordServerError, 503), disnake.HTTPException),
        (ConnectionRefusedError(), ConnectionRefusedError),
        (TimeoutError(), TimeoutError),
    ],
    ids=repr,
)
async def test_a_refusal_says_whether_it_concerns_the_files_the_channel_or_the_moment(
    jobs: Jobs, error: Exception, raised: type[Exception]
) -> None:
    http = Recorder()
    http.error = error
    with pytest.raises(raised) as caught:
        await announcer_on(http).post_sheet(await store_job(jobs), b"sheet", "nonce")
    assert type(caught.value) is (raised if raised in (CannotDeliver, CannotPost) else type(error))


async def test_a_post_ends_before_its_nonce_is_forgotten(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hangs(Recorder):
        async def request(self, route: Any, **_: Any) -> dict[str, str]:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr("bot.ui.announcer.POST_SECONDS", 0.01)
    with pytest.raises(TimeoutError):
        await announcer_on(Hangs()).post_sheet(await store_job(jobs), b"sheet", "nonce")


@pytest.mark.parametrize(
    "error",
    [
        refusal(disnake.NotFound, 404, 10008),
        refusal(disnake.Forbidden, 403, 50001),
        refusal(disnake.HTTPException, 400, 160005),
    ],
)
async def test_a_card_that_was_deleted_or_whose_thread_was_locked_holds_nothing_up(
    jobs: Jobs, error: disnake.HTTPException
) -> None:
    http = Recorder()
    http.error = error
    job = await carded(jobs)
    await announcer_on(http).show(job, await jobs.progress(job.id), [])


@pytest.mark.parametrize(
    "error", [refusal(disnake.HTTPException, 502), refusal(disnake.Forbidden, 403), refusal(disnake.NotFound, 404)]
)
async def test_a_card_that_is_refused_by_what_stands_before_discord_is_edited_later(
    jobs: Jobs, error: disnake.HTTPException
) -> None:
    http = Recorder()
    http.error = error
    job = await carded(jobs)
    with pytest.raises(disnake.HTTPException):
        await announcer_on(http).show(job, await jobs.progress(job.id), [])


async def test_a_message_is_found_by_its_files_however_much_was_said_since(jobs: Jobs) -> None:
    http = Recorder()
    for number in range(6, 6 + 3 * A_PAGE):
        http.show(number, "S1-c001.png" if number % 2 else "", author=THEM)
    http.show(1000, "S1-c001.png", "S1-c002.png")
    for number in range(1001, 1000 + A_PAGE):
        http.show(number)
    job = await carded(jobs, card=5)
    announcer = announcer_on(http)
    assert await announcer.find(job, ["S1-c001.png", "S1-c002.png"]) == 1000
    assert await announcer.find(job, ["S1-c002.png"]) == 1000
    assert await announcer.find(job, ["S1-c001.png", "S1-c002.png"], known={1000}) is None
    assert await announcer.find(job, ["S1-c001.png", "S1-c003.png"]) is None
    assert http.pages[:4] == [5, 5 + A_PAGE, 5 + 2 * A_PAGE, 5 + 3 * A_PAGE]


async def test_an_older_jobs_message_of_the_same_name_is_not_taken_for_this_ones(jobs: Jobs) -> None:
    http = Recorder()
    http.show(4, "S1-c001.png")
    assert await announcer_on(http).find(await carded(jobs, card=5), ["S1-c001.png"]) is None
    job = await store_job(jobs)  # without a card, its own time tells
    for before, found in ((CLOCKS_APART + timedelta(minutes=1), False), (timedelta(), True)):
        http.show(disnake.utils.time_snowflake(job.created_at - before), "S2-c001.png")
        assert bool(await announcer_on(http).find(job, ["S2-c001.png"])) is found


async def test_what_was_said_before_a_message_was_first_tried_is_not_read_again(jobs: Jobs) -> None:
    tried = datetime(2030, 1, 20, tzinfo=UTC)
    start, long_ago = (disnake.utils.time_snowflake(moment) for moment in (tried - CLOCKS_APART, tried.replace(day=1)))
    http = Recorder()
    for number in range(1, 3 * A_PAGE):
        http.show(long_ago + number, "S1-sheet.png", author=THEM)
    http.show(start + 1, "S1-sheet.png")
    announcer, job = announcer_on(http), await carded(jobs, card=long_ago)
    assert await announcer.find(job, ["S1-sheet.png"], since=tried) == start + 1
    assert http.pages == [start]

    card = start + 2  # a clock of ours that is behind does not lead before the job
    assert await announcer.find(await carded(jobs, card), ["S1-sheet.png"], since=tried) is None
    assert http.pages[1:] == [card]


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (refusal(disnake.Forbidden, 403, 50001), False),
        (refusal(disnake.NotFound, 404, 10003), False),
        (refusal(disnake.Forbidden, 403), True),
        (refusal(disnake.DiscordServerError, 503), True),
        (ConnectionRefusedError(), True),
    ],
    ids=repr,
)
async def test_a_channel_that_may_not_be_read_has_no_such_message_but_trouble_that_passes_says_nothing(
    jobs: Jobs, error: Exception, passes: bool
) -> None:
    http = Recorder()
    http.error = error
    finding = announcer_on(http).find(await carded(jobs), ["S1-c001.png"])
    if passes:
        with pytest.raises(type(error)):
            await finding
    else:
        assert await finding is None


async def test_discord_answers_when_it_does() -> None:
    http = Recorder()
    assert await announcer_on(http).answers()
    for http.error in (
        refusal(disnake.DiscordServerError, 503),
        refusal(disnake.HTTPException, 401),
        ConnectionRefusedError(),
        TimeoutError(),
    ):
        assert not await announcer_on(http).answers()

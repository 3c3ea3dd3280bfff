"""What the console posts to a channel pings nobody, and a retry of it is no second message."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import disnake
import pytest

from bot.console import Console
from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import JobState
from bot.store.jobs import Jobs
from bot.ui.announcer import Announcer
from bot.ui.answers import Answers
from tests.bot.conftest import store_job


class Recorder:
    """Discord's HTTP, as far as the announcer uses it: keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.names: list[list[str]] = []
        self.error: Exception | None = None

    async def request(self, route: Any, *, form: list[dict[str, Any]], files: Any) -> dict[str, str]:
        if self.error:
            raise self.error
        self.sent.append(json.loads(next(part["value"] for part in form if part["name"] == "payload_json")))
        self.names.append([file.filename for file in files])
        return {"id": "1"}

    async def edit_message(self, channel: int, message: int, **payload: Any) -> None:
        if self.error:
            raise self.error
        self.sent.append(payload)


async def test_nothing_that_is_posted_mentions_anybody_and_every_post_enforces_its_nonce(jobs: Jobs) -> None:
    http: Any = Recorder()
    announcer = Announcer(SimpleNamespace(http=http), lambda *_: None)  # type: ignore[arg-type]
    job = await store_job(jobs)
    await jobs.set_card(job.id, 5)
    job = await jobs.get(job.id)  # type: ignore[assignment]
    await announcer.post_results(job, [(f"{job.name}-c001.png", b"1")], "nonce 1")
    await announcer.post_sheet(job, b"sheet", "nonce 2")
    await announcer.show(job, await jobs.progress(job.id), [])
    assert [sent["allowed_mentions"] for sent in http.sent] == [{"parse": []}] * 3
    assert [(sent["nonce"], sent["enforce_nonce"]) for sent in http.sent[:2]] == [("nonce 1", True), ("nonce 2", True)]


async def test_a_message_says_which_part_of_the_job_it_shows(jobs: Jobs) -> None:
    http: Any = Recorder()
    announcer = Announcer(SimpleNamespace(http=http), lambda *_: None)  # type: ignore[arg-type]
    job = await store_job(jobs, state=JobState.DONE)
    files = [(f"{job.name}-c00{number}.png", b"1") for number in (1, 2, 4)]
    await announcer.post_results(job, files, "1", "mina *b.*")
    await announcer.post_results(job, files, "2")
    await announcer.post_sheet(job, b"sheet", "3", "mina *b.*")
    await announcer.post_sheet(job, b"sheet", "4")
    await announcer.post_sheet(job, b"sheet", "5", "Zoé 小", last=False)
    await announcer.post_sheet(replace(job, state=JobState.CANCELLED), b"sheet", "6", "mina")
    assert [sent["content"] for sent in http.sent] == [
        f"-# **{job.name}** · mina \\*b.\\* · c001 – c002, c004",
        f"-# **{job.name}** · c001 – c002, c004",
        f"**{job.name}** · mina \\*b.\\*: the contact sheet. {job.name} is done, <@1>.",
        f"**{job.name}**: the contact sheet. {job.name} is done, <@1>.",
        f"**{job.name}** · Zoé 小: the contact sheet.",
        f"**{job.name}** · mina: the contact sheet of what was drawn. {job.name} was cancelled, <@1>.",
    ]
    assert http.names[2:] == [
        [f"{job.name}-mina-b-sheet.png"],
        [f"{job.name}-sheet.png"],
        [f"{job.name}-Zoe-sheet.png"],
        [f"{job.name}-mina-sheet.png"],
    ]


async def test_the_console_mentions_nobody_unless_it_says_so() -> None:
    allowed = Console(Answers()).allowed_mentions
    assert allowed is not None
    assert allowed.to_dict()["parse"] == []


@pytest.mark.parametrize(
    ("kind", "status", "raised"),
    [
        (disnake.Forbidden, 403, CannotDeliver),
        (disnake.NotFound, 404, CannotDeliver),
        (disnake.HTTPException, 400, CannotPost),
        (disnake.HTTPException, 413, CannotPost),
        (disnake.HTTPException, 401, disnake.HTTPException),
        (disnake.HTTPException, 429, disnake.HTTPException),
        (disnake.DiscordServerError, 503, disnake.HTTPException),
    ],
)
async def test_a_refusal_says_whether_it_concerns_the_files_the_channel_or_the_moment(
    jobs: Jobs, kind: type[disnake.HTTPException], status: int, raised: type[Exception]
) -> None:
    http: Any = Recorder()
    http.error = kind(SimpleNamespace(status=status, reason="no"), "no")  # type: ignore[arg-type]
    announcer = Announcer(SimpleNamespace(http=http), lambda *_: None)  # type: ignore[arg-type]
    with pytest.raises(raised):
        await announcer.post_sheet(await store_job(jobs), b"sheet", "nonce")


async def test_a_card_that_was_deleted_holds_nothing_up(jobs: Jobs) -> None:
    http: Any = Recorder()
    http.error = disnake.NotFound(SimpleNamespace(status=404, reason="gone"), "gone")  # type: ignore[arg-type]
    announcer = Announcer(SimpleNamespace(http=http), lambda *_: None)  # type: ignore[arg-type]
    job = await store_job(jobs)
    await jobs.set_card(job.id, 5)
    await announcer.show(await jobs.get(job.id), await jobs.progress(job.id), [])  # type: ignore[arg-type]

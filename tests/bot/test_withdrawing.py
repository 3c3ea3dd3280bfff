"""What is withdrawn from a channel, or replaced, is gone, however often that is asked for, or it is said why not."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import disnake
import pytest

from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Job, JobState, Member, Outlook, Place
from bot.domain.ports import Channel
from bot.ui.announcer import ARCHIVED, Announcer
from tests.bot.channel import Posted, ShortMemory
from tests.bot.test_announcer import refusal

CHANNEL = 10
ALL = {"a.png", "b.png", "c.png"}
JOB = Job(7, "sweep", "x", Member(1, "Mina"), Place(CHANNEL), JobState.DONE, datetime(2026, 7, 1, tzinfo=UTC))


class Shelf:
    """Discord's HTTP as far as messages are taken back: keeps their files by message, and can be told to refuse."""

    def __init__(self) -> None:
        self.messages = {1: ["a.png", "b.png", "c.png"], 2: ["d.png"]}
        self.refusing: dict[str, list[Exception]] = {}
        self.asked: list[str] = []

    async def get_message(self, channel: int, message: int) -> dict[str, Any]:
        self._asked("get")
        return {"attachments": [{"id": f"id of {name}", "filename": name} for name in self._there(message)]}

    async def edit_message(
        self, channel: int, message: int, *, attachments: Any, allowed_mentions: Any, files: Any = ()
    ) -> None:
        self._asked("edit")
        assert allowed_mentions == {"parse": []}
        self._there(message)
        stay = [each["id"].removeprefix("id of ") for each in attachments]
        self.messages[message] = stay + [file.filename for file in files if file.fp.read() == b"sheet"]

    async def delete_message(self, channel: int, message: int) -> None:
        self._asked("delete")
        self._there(message)
        del self.messages[message]

    async def edit_channel(self, channel: int, *, archived: bool) -> None:
        self._asked("unarchive")

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        if self.refusing.get(what):
            raise self.refusing[what].pop(0)

    def _there(self, message: int) -> list[str]:
        if message not in self.messages:
            raise refusal(disnake.NotFound, 404, 10008)
        return self.messages[message]

    @property
    def names(self) -> list[str]:
        return [name for names in self.messages.values() for name in names]


def on_discord() -> tuple[Channel, Shelf]:
    shelf = Shelf()
    client: Any = SimpleNamespace(http=shelf, user=SimpleNamespace(id=7))
    return Announcer(client, lambda *_: Outlook(None, None)), shelf


def in_memory() -> tuple[Channel, ShortMemory]:
    channel = ShortMemory()
    channel.messages = [Posted(("a.png", "b.png", "c.png"), ""), Posted(("d.png",), "")]
    return channel, channel


@pytest.mark.parametrize("open_channel", [on_discord, in_memory])
@pytest.mark.parametrize(
    ("files", "left"),
    [
        (None, []),
        ({"b.png"}, ["a.png", "c.png"]),
        ({"a.png", "c.png", "e.png"}, ["b.png"]),
        (ALL, []),
        ({"d.png", "e.png"}, ["a.png", "b.png", "c.png"]),
        (set(), ["a.png", "b.png", "c.png"]),
    ],
)
async def test_what_is_named_is_gone_and_nothing_else_however_often(
    open_channel: Any, files: set[str] | None, left: list[str]
) -> None:
    channel, kept = open_channel()
    for _ in range(3):
        await channel.withdraw(CHANNEL, 1, files)
        assert kept.names == [*left, "d.png"]


async def test_nothing_is_edited_that_would_stay_as_it_is() -> None:
    channel, shelf = on_discord()
    await channel.withdraw(CHANNEL, 1, {"e.png"})
    await channel.withdraw(CHANNEL, 3, {"e.png"})
    await channel.withdraw(CHANNEL, 3, None)
    assert shelf.asked == ["get", "get", "delete"]


@pytest.mark.parametrize("gone", [refusal(disnake.NotFound, 404, 10008), refusal(disnake.NotFound, 404, 10003)])
async def test_a_message_or_a_channel_that_is_gone_is_well(gone: Exception) -> None:
    for what, files in (("delete", None), ("get", {"a.png"}), ("edit", {"a.png"})):
        channel, shelf = on_discord()
        shelf.refusing = {what: [gone]}
        await channel.withdraw(CHANNEL, 1, files)
        assert shelf.asked[-1] == what


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refusal(disnake.Forbidden, 403, 50001), CannotDeliver),
        (refusal(disnake.HTTPException, 400, 50035), CannotDeliver),
        (refusal(disnake.Forbidden, 403), disnake.Forbidden),  # of a wall before Discord
        (refusal(disnake.NotFound, 404), disnake.NotFound),
        (refusal(disnake.HTTPException, 429), disnake.HTTPException),
        (refusal(disnake.DiscordServerError, 502), disnake.DiscordServerError),
        (ConnectionRefusedError(), ConnectionRefusedError),
    ],
    ids=repr,
)
@pytest.mark.parametrize(("what", "files"), [("delete", None), ("edit", {"a.png"})])
async def test_a_refusal_for_good_is_told_from_trouble_that_passes(
    what: str, files: set[str] | None, error: Exception, raised: type[Exception]
) -> None:
    channel, shelf = on_discord()
    shelf.refusing = {what: [error]}
    with pytest.raises(raised) as caught:
        await channel.withdraw(CHANNEL, 1, files)
    assert type(caught.value) is raised
    assert shelf.names == ["a.png", "b.png", "c.png", "d.png"]


async def test_what_may_not_be_read_is_deleted_whole() -> None:
    channel, shelf = on_discord()
    shelf.refusing = {"get": [refusal(disnake.Forbidden, 403, 50001)]}
    await channel.withdraw(CHANNEL, 1, {"a.png"})
    assert shelf.names == ["d.png"]


@pytest.mark.parametrize(("files", "left"), [(None, []), ({"a.png"}, ["b.png", "c.png"])])
async def test_an_archived_thread_is_opened_for_it(files: set[str] | None, left: list[str]) -> None:
    channel, shelf = on_discord()
    archived = refusal(disnake.HTTPException, 400, ARCHIVED)
    shelf.refusing = {"delete": [archived], "edit": [archived]}
    await channel.withdraw(CHANNEL, 1, files)
    assert shelf.names == [*left, "d.png"]
    assert shelf.asked.count("unarchive") == 1
    shelf.refusing = {"delete": [archived], "unarchive": [refusal(disnake.Forbidden, 403, 50001)]}
    with pytest.raises(CannotDeliver):
        await channel.withdraw(CHANNEL, 2, None)


# --- a sheet in the place of another


@pytest.mark.parametrize("open_channel", [on_discord, in_memory])
async def test_of_the_sheet_that_was_there_nothing_is_left(open_channel: Any) -> None:
    channel, there = open_channel()
    for _ in range(2):
        await channel.renew_sheet(JOB, 1, b"sheet", "mina")
        assert there.names == ["S7-mina-sheet.png", "d.png"]


async def test_no_sheet_comes_where_somebody_has_deleted_the_message() -> None:
    channel, shelf = on_discord()
    await channel.renew_sheet(JOB, 3, b"sheet")
    assert (shelf.asked, shelf.names) == (["edit"], ["a.png", "b.png", "c.png", "d.png"])


async def test_an_archived_thread_is_opened_for_a_sheet() -> None:
    channel, shelf = on_discord()
    shelf.refusing = {"edit": [refusal(disnake.HTTPException, 400, ARCHIVED)]}
    await channel.renew_sheet(JOB, 1, b"sheet")
    assert (shelf.asked, shelf.names) == (["edit", "unarchive", "edit"], ["S7-sheet.png", "d.png"])


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refusal(disnake.HTTPException, 400, 50035), CannotPost),
        (refusal(disnake.HTTPException, 413), CannotPost),
        (refusal(disnake.HTTPException, 400), disnake.HTTPException),  # of a wall before Discord
        (refusal(disnake.Forbidden, 403, 50001), CannotDeliver),
        (refusal(disnake.DiscordServerError, 502), disnake.DiscordServerError),
        (ConnectionRefusedError(), ConnectionRefusedError),
    ],
    ids=repr,
)
async def test_a_sheet_that_is_refused_is_told_from_a_channel_that_is_closed_and_from_trouble_that_passes(
    error: Exception, raised: type[Exception]
) -> None:
    channel, shelf = on_discord()
    shelf.refusing = {"edit": [error]}
    with pytest.raises(raised) as caught:
        await channel.renew_sheet(JOB, 1, b"sheet")
    assert type(caught.value) is raised
    assert shelf.names == ["a.png", "b.png", "c.png", "d.png"]

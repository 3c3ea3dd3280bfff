"""The sandbox goes away and comes back, as Discord does: what was posted stays, and no nonce is remembered."""

from pathlib import Path

import aiohttp
import disnake
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import GENERAL, STUDIO
from tests.sandbox import small_bot
from tests.sandbox.conftest import Raw
from tests.sandbox.small_bot import picture, running
from tests.sandbox.strict import opened

POST = f"/channels/{STUDIO}/messages"
ONCE = {"content": "x", "nonce": "job-1", "enforce_nonce": True}


async def ask(sandbox: Sandbox, method: str, path: str, **more: object) -> tuple[int, object]:
    """One request on a connection of its own."""
    headers = {"Authorization": f"Bot {sandbox.token}", "User-Agent": "DiscordBot (https://example.org, 1.0)"}
    async with aiohttp.ClientSession(headers=headers) as session:
        return await Raw(sandbox, session).ask(method, path, **more)  # type: ignore[arg-type]


async def test_while_it_is_off_nothing_gets_through_and_then_everything_is_as_it_was(sandbox: Sandbox) -> None:
    port = sandbox.port
    _, posted = await ask(sandbox, "POST", POST, body=ONCE)
    await sandbox.off()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(sandbox, "GET", POST)
    await sandbox.on()
    assert sandbox.port == port
    status, found = await ask(sandbox, "GET", POST)
    assert (status, found) == (200, [posted])


async def test_an_outage_breaks_the_connections_and_the_client_comes_back_by_itself(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        [before] = sandbox.gateway.sessions
        await sandbox.off()
        await sandbox.until(lambda: not sandbox.gateway.connected)
        with pytest.raises(aiohttp.ClientError):
            await bot.get_channel(int(STUDIO)).send("lost")  # type: ignore[union-attr]
        await sandbox.on()
        await sandbox.until(lambda: sandbox.gateway.connected, timeout=30)
        assert before not in sandbox.gateway.sessions
        assert (await sandbox.members["mina"].run("echo", text="back")).content == "back (plain)"
    assert sandbox.duplicates() == []


async def test_what_is_kept_in_a_file_outlives_the_sandbox_but_for_the_nonces(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.db"
    async with opened(state=state) as sandbox:
        port = sandbox.port
        _, first = await ask(sandbox, "POST", POST, body=ONCE)
    async with opened(state=state, port=port) as sandbox:
        _, second = await ask(sandbox, "POST", POST, body=ONCE)
        _, found = await ask(sandbox, "GET", POST)
    assert [each["id"] for each in found] == [second["id"], first["id"]]  # type: ignore[attr-defined, index]
    assert int(second["id"]) > int(first["id"])  # type: ignore[index]


async def test_a_nonce_that_was_forgotten_makes_a_second_message_and_the_sandbox_counts_it(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        studio, general = bot.get_channel(int(STUDIO)), bot.get_channel(int(GENERAL))
        assert isinstance(studio, disnake.TextChannel) and isinstance(general, disnake.TextChannel)
        await general.send(file=picture("a.png"))
        await studio.send(files=[picture("a.png"), picture("b.png")])
        assert sandbox.duplicates() == []  # another channel is another matter
        for _ in range(2):
            await studio.send(file=picture("a.png"))
        assert sandbox.duplicates() == ["a.png", "a.png"]
    _, first = await ask(sandbox, "POST", POST, body=ONCE)
    assert (await ask(sandbox, "POST", POST, body=ONCE))[1] == first
    sandbox.faults.forget_nonces()
    assert (await ask(sandbox, "POST", POST, body=ONCE))[1] != first


async def test_a_nonce_is_remembered_for_as_long_as_it_is_told() -> None:
    async with opened(nonces_s=0.0) as sandbox:
        _, first = await ask(sandbox, "POST", POST, body=ONCE)
        assert (await ask(sandbox, "POST", POST, body=ONCE))[1] != first


async def test_a_channels_messages_are_read_page_by_page_in_both_directions(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        studio = bot.get_channel(int(STUDIO))
        assert isinstance(studio, disnake.TextChannel)
        ids = [(await studio.send(file=picture(f"{number}.png"))).id for number in range(7)]
        said = sandbox.members["theo"].say("nice")
        oldest = studio.history(limit=None, after=disnake.Object(ids[1]), oldest_first=True)
        assert [message.id async for message in oldest] == [*ids[2:], int(said["id"])]
        pages = [await bot.http.logs_from(studio.id, 3, after=id) for id in (ids[0], ids[3], ids[6], int(said["id"]))]
        latest = await bot.http.logs_from(studio.id, 2, before=ids[4])
        assert (await bot.http.logs_from(studio.id, 1))[0]["author"]["username"] == "theo"
    assert (
        [[int(message["id"]) for message in page] for page in pages]
        == [
            ids[3:0:-1],  # of the page that follows, the newest comes first
            ids[6:3:-1],
            [int(said["id"])],
            [],
        ]
    )
    assert [int(message["id"]) for message in latest] == [ids[3], ids[2]]
    message = pages[0][0]
    assert [file["filename"] for file in message["attachments"]] == ["3.png"]
    assert int(message["author"]["id"]) == bot.user.id


@pytest.mark.parametrize("wrong", ["after=yesterday", "before=-1", "limit=101", "limit=0"])
async def test_a_page_that_cannot_be_asked_for_is_refused(raw: Raw, wrong: str) -> None:
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("GET", f"{POST}?{wrong}")
    assert (status, list(answer["errors"])) == (400, [wrong.partition("=")[0]])

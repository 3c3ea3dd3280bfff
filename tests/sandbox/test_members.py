"""Members act as the Discord client lets them: what it would not send is answered with a sentence."""

from typing import Any

import aiohttp
import disnake
import pytest

from bot.sandbox import File, NoAnswer, Rejected, Sandbox
from bot.sandbox.world import GENERAL, STUDIO
from tests.sandbox import small_bot
from tests.sandbox.small_bot import running


async def test_nothing_runs_while_the_application_is_away(sandbox: Sandbox) -> None:
    with pytest.raises(Rejected, match=r"There is no command /echo\. Commands here: none yet\."):
        await sandbox.members["mina"].run("echo", text="x")


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown command": ("eco", {}, "There is no command /eco. Commands here: /buttons, "),
    "a missing option": ("echo", {}, "text: this option is required. Specify a value."),
    "an unknown option": ("echo", {"text": "x", "size": 1}, "There is no option size. Options: text, times"),
    "a number out of range": ("echo", {"text": "x", "times": 6}, "times: 6 is more than 5."),
    "a text for a number": ("echo", {"text": "x", "times": "two"}, "times: expected an integer, got 'two'."),
    "a fraction for an integer": ("echo", {"text": "x", "times": 1.5}, "times: expected an integer, got 1.5."),
    "a word for a switch": ("echo", {"text": "x", "loud": "very"}, "loud: expected True or False, got 'very'."),
    "no listed choice": ("echo", {"text": "x", "tone": "cold"}, "tone: choose one of plain, warm."),
    "a text for a file": ("measure", {"file": "x"}, "file: expected a file."),
    "nobody whom one could mean": ("greet", {"whom": "zoe"}, "whom: there is no member 'zoe'."),
    "a command with halves": ("halves", {}, "/halves needs one of its subcommands: left."),
    "a half that is not there": ("halves right", {}, "/halves has no subcommand right."),
    "a file above 10 MiB": (
        "measure",
        {"file": File("big.bin", bytes(10 * 2**20 + 1))},
        "big.bin is too large: files may have at most 10 MiB.",
    ),
}


async def test_a_wrong_command_is_a_sentence_and_never_sent(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        for name, (path, values, sentence) in WRONG.items():
            with pytest.raises(Rejected) as caught:
                await sandbox.members["mina"].run(path, **values)
            assert str(caught.value).startswith(sentence), name
        assert not any("/interactions/" in each for each in sandbox.rest.requests)


async def test_a_member_is_named_to_a_command_by_name_or_id(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        mina, theo = sandbox.members["mina"], sandbox.members["theo"]
        for whom in ("theo", theo.id):
            shown = await mina.run("greet", whom=whom)
            assert shown.content == f"{theo.id} Theo, 2 roles"  # everyone's, and artists


async def test_a_button_that_cannot_be_pressed_is_a_sentence(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        mina, theo = sandbox.members["mina"], sandbox.members["theo"]
        shown = await mina.run("buttons")
        for label, sentence in (("Draw", "No button begins with 'Draw'"), ("Later", "Later is disabled.")):
            with pytest.raises(Rejected, match=sentence):
                await mina.press(shown, label)
        with pytest.raises(Rejected, match="'blue' is not offered"):
            await mina.select(shown, ["blue"])
        with pytest.raises(Rejected, match="Choose 1 to 1 of them, not 2"):
            await mina.select(shown, ["red", "green"])
        secret = await mina.run("whisper")
        with pytest.raises(Rejected, match="not there for you"):
            await theo.press(secret, "Run")


async def test_an_application_that_stays_silent_failed(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        sandbox.interactions._answer_s = 0.1
        with pytest.raises(NoAnswer, match="The application did not respond to silent"):
            await sandbox.members["mina"].run("silent")


async def test_a_promised_answer_that_never_comes_is_no_answer(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        shown = await sandbox.members["mina"].run("think", seconds=0.5)
        with pytest.raises(NoAnswer, match=r"think had no answer after 0\.1 s"):
            await shown.reply(timeout=0.1)
        assert (await shown.reply())["embeds"]


async def test_a_command_is_answered_where_it_was_run(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        await sandbox.members["ada"].run("echo", to=GENERAL, text="x")
        assert [each["content"] for each in sandbox.messages(GENERAL)] == ["x (plain)"]
        assert sandbox.messages(STUDIO) == []


async def test_commands_and_messages_and_their_files_survive_a_restart(tmp_path: Any) -> None:
    state = tmp_path / "deep" / "sandbox.db"
    async with Sandbox(state=state) as sandbox:
        bot = small_bot.make()
        async with running(sandbox, bot):
            shown = await sandbox.members["mina"].run("think")
            await shown.reply()
            await sandbox.until(lambda: shown.followups)
            kind = disnake.ChannelType.public_thread
            thread = await bot.get_channel(int(STUDIO)).create_thread(name="t", type=kind)
            before, commands = sandbox.messages(), sandbox.world.all_commands()
    async with Sandbox(state=state) as sandbox:
        assert [each["id"] for each in sandbox.messages()] == [each["id"] for each in before]
        assert sandbox.world.all_commands() == commands
        assert sandbox.world.channel(str(thread.id))["name"] == "t"
        [file] = sandbox.messages()[1]["attachments"]
        async with aiohttp.ClientSession() as browser, browser.get(file["url"]) as response:
            assert await response.read() == small_bot.PNG
        async with running(sandbox, small_bot.make()):
            posted = await sandbox.members["mina"].run("echo", text="x")
            assert int((posted.message or {})["id"]) > int(before[-1]["id"])
        assert not any(each.startswith("PUT") for each in sandbox.rest.requests)  # nothing changed: no new sync


async def test_a_changed_command_keeps_its_id_and_gets_a_new_version(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        before = {each["name"]: each for each in sandbox.world.all_commands()}
    bot = small_bot.make()
    bot.get_slash_command("echo").body.description = "Echoes"
    async with running(sandbox, bot):
        await sandbox.until(lambda: any(each["description"] == "Echoes" for each in sandbox.world.all_commands()))
    after = {each["name"]: each for each in sandbox.world.all_commands()}
    assert after["echo"]["id"] == before["echo"]["id"]
    assert int(after["echo"]["version"]) > int(before["echo"]["version"])
    assert after["think"] == before["think"]

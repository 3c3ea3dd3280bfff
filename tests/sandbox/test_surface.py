"""A real, unmodified disnake client over real sockets: everything the console calls, no schema violation."""

import aiohttp
import disnake
import pytest

from bot.sandbox import File, NoAnswer, Sandbox
from bot.sandbox.gateway import GUILD_MESSAGES, GUILDS
from bot.sandbox.world import STUDIO
from tests.sandbox import small_bot
from tests.sandbox.small_bot import picture, running
from tests.sandbox.strict import SPECIFICATION, opened


async def test_a_command_is_answered(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        answer = await sandbox.members["mina"].run("echo", text="hi", times=2, loud=True, tone="warm")
        assert answer.content == "HI HI (warm)"
        assert answer.first_answer_s is not None
        assert 0 < answer.first_answer_s < 3
        assert (await answer.reply())["interaction_metadata"]["user"]["username"] == "mina"
        left = await sandbox.members["theo"].run("/halves left", name="x")
        assert left.content == "left x"


async def test_a_deferred_answer_is_edited_and_followed_up_with_files(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        shown = await sandbox.members["mina"].run("think", seconds=0.05)
        assert shown.deferred
        assert shown.content == ""
        reply = await shown.reply()
        assert reply["embeds"][0]["title"] == "Thought"
        assert reply["attachments"] == []  # the picture stands in the embed
        await sandbox.until(lambda: shown.followups)
        [more] = [each for each in sandbox.messages() if each["content"] == "one more thing"]
        assert (more["type"], more["message_reference"]["message_id"]) == (19, reply["id"])
        [file] = more["attachments"]
        assert (file["width"], file["height"], file["description"]) == (2, 1, "the picture more.png")
        async with aiohttp.ClientSession() as browser:
            for url in (file["url"], reply["embeds"][0]["image"]["url"]):
                async with browser.get(url) as response:
                    assert (response.status, response.content_type) == (200, "image/png")
                    assert await response.read() == small_bot.PNG
            async with browser.get(file["url"][:-1] + "x") as response:
                assert response.status == 403


async def test_the_first_follow_up_after_a_defer_is_the_answer_and_not_ephemeral(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        shown = await sandbox.members["mina"].run("hurry")
        reply = await shown.reply()
        assert reply["content"] == "meant to be ephemeral"
        assert reply["flags"] == 0
        assert shown.followups == []


async def test_what_is_ephemeral_is_seen_by_its_addressee_only(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        shown = await sandbox.members["theo"].run("whisper")
        await sandbox.until(lambda: len(sandbox.messages()) == 2)
        async with aiohttp.ClientSession() as page:
            seen = {}
            for name in ("theo", "ada"):
                async with page.get(f"{sandbox.url}/sandbox/state", params={"member": name}) as response:
                    seen[name] = [each["content"] for each in (await response.json())["messages"]]
        assert seen == {"theo": ["only for you", "and this too"], "ada": []}
        assert shown.ephemeral


async def test_an_uploaded_file_reaches_the_command(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        shown = await sandbox.members["ada"].run("measure", file=File("my grid.yaml", b"x" * 1234))
        assert shown.content == "my_grid.yaml 1234"


async def test_autocomplete_sees_the_other_options(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        choices = await sandbox.members["mina"].complete("suggest", "word", "t", kind="big")
        assert choices == [("big t0", "big t0"), ("big t1", "big t1"), ("big t2", "big t2")]


async def test_more_than_25_choices_are_refused_and_the_member_sees_none(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        sandbox.interactions._answer_s = 0.3
        with sandbox.expect_refusals() as refused, pytest.raises(NoAnswer):
            await sandbox.members["mina"].complete("suggest", "word", "many", kind="big")
        assert "BASE_TYPE_MAX_LENGTH" in refused[0]


async def test_buttons_and_selects_work(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        mina = sandbox.members["mina"]
        shown = await mina.run("buttons")
        chosen = await mina.select(shown, ["green"])
        assert chosen.content == "chose ['green']"
        slow = await mina.press(shown, "Slow")
        assert (await slow.reply())["content"] == "slowly done"
        cancelled = await sandbox.members["theo"].press(shown, "Cancel")
        assert cancelled.ephemeral
        await mina.press(shown, "Run")
        assert shown.content == "running"
        assert (shown.message or {})["components"] == []


async def test_layout_components_show_their_files(sandbox: Sandbox) -> None:
    async with running(sandbox, small_bot.make()):
        shown = await sandbox.members["mina"].run("layout")
        [container] = (shown.message or {})["components"]
        gallery = next(each for each in container["components"] if each["type"] == 12)
        assert gallery["items"][0]["media"]["url"].startswith(sandbox.url)


async def test_a_channel_is_posted_to_edited_read_and_cleaned() -> None:
    async with opened(intents=GUILDS | GUILD_MESSAGES) as sandbox:
        bot = small_bot.make()
        bot._connection._intents = disnake.Intents(guilds=True, guild_messages=True)
        async with running(sandbox, bot):
            channel = bot.get_channel(int(STUDIO))
            assert isinstance(channel, disnake.TextChannel)
            assert channel.name == "studio"
            posted = await channel.send("ten", files=[picture(f"{n}.png") for n in range(10)], nonce="n-1")
            assert len(posted.attachments) == 10
            edited = await posted.edit(content="one", attachments=posted.attachments[:1])
            assert [each.filename for each in edited.attachments] == ["0.png"]
            added = await posted.edit(file=picture("new.png"), attachments=edited.attachments)
            assert [each.filename for each in added.attachments] == ["0.png", "new.png"]
            reply = await channel.send("a reply", reference=posted)
            assert reply.reference is not None
            assert (await channel.fetch_message(posted.id)).content == "one"
            assert [each.content async for each in channel.history(limit=5)] == ["a reply", "one"]
            async with channel.typing():
                pass
            await reply.delete()
            assert [each["content"] for each in sandbox.messages(STUDIO)] == ["one"]
            with pytest.raises(disnake.NotFound):
                await channel.fetch_message(reply.id)
            said = sandbox.members["theo"].say("hello")
            await sandbox.until(lambda: ("message_delete") in {each[0] for each in bot.seen})
            assert str(bot.cached_messages[-1].id) == said["id"] or said["content"] == "hello"
            with pytest.raises(disnake.Forbidden):
                await (await channel.fetch_message(int(said["id"]))).edit(content="mine now")


async def test_threads_are_opened_joined_renamed_and_archived(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        channel = bot.get_channel(int(STUDIO))
        assert isinstance(channel, disnake.TextChannel)
        posted = await channel.send("start")
        thread = await posted.create_thread(name="results", auto_archive_duration=60)
        assert thread.id == posted.id
        await thread.join()
        assert (await thread.send("inside")).channel.id == thread.id
        assert (await thread.edit(name="results 2")).name == "results 2"
        await thread.edit(archived=True)
        assert sandbox.world.channels[str(thread.id)]["thread_metadata"]["archived"]
        await thread.leave()
        other = await channel.create_thread(name="apart", type=disnake.ChannelType.public_thread)
        assert str(other.id) in sandbox.world.channels
        fetched = await bot.fetch_channel(channel.id)
        assert fetched.id == channel.id
        assert (await channel.edit(topic="pictures")).topic == "pictures"


async def test_the_application_tells_who_owns_it(sandbox: Sandbox) -> None:
    bot = small_bot.make()
    async with running(sandbox, bot):
        assert (await bot.application_info()).owner.name == "mina"


async def test_everything_was_held_against_discords_schemas(sandbox: Sandbox) -> None:
    if sandbox.specification.folder is None:
        pytest.skip(f"Discord's specification is not in {SPECIFICATION}: set DISCORD_SPEC_DIR to check against it")
    async with running(sandbox, small_bot.make()):
        await (await sandbox.members["mina"].run("think")).reply()
        await sandbox.until(lambda: len(sandbox.messages()) == 2)
    assert set(sandbox.checked) == {"requests", "responses", "dispatches", "gateway payloads"}
    assert min(sandbox.checked.values()) >= 2
    print(sandbox.specification.status)

"""A small real disnake bot with a command for everything a console does, so that the sandbox meets a client."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import disnake
from disnake.ext import commands

from bot.sandbox import Sandbox

NONE = disnake.AllowedMentions.none()
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd0000000e49444154789c63f8cfc0c0f01f000802017f"
) + bytes.fromhex("44a8a5b70000000049454e44ae426082")


def picture(name: str) -> disnake.File:
    return disnake.File(io.BytesIO(PNG), name, description=f"the picture {name}")


def make(**settings: Any) -> commands.InteractionBot:
    """The bot; what happened to it is in `bot.seen`."""
    bot = commands.InteractionBot(
        intents=disnake.Intents(guilds=True), guild_ready_timeout=0.05, allowed_mentions=NONE, **settings
    )
    bot.seen = []

    @bot.slash_command(description="Answers with what it was given")
    async def echo(
        inter: disnake.ApplicationCommandInteraction,
        text: str,
        times: commands.Range[int, 1, 5] = 1,
        loud: bool = False,
        tone: str = commands.Param("plain", choices=["plain", "warm"]),
    ) -> None:
        await inter.response.send_message(" ".join([text.upper() if loud else text] * times) + f" ({tone})")

    @bot.slash_command(description="Whispers")
    async def whisper(inter: disnake.ApplicationCommandInteraction) -> None:
        await inter.response.send_message("only for you", ephemeral=True)
        await inter.followup.send("and this too", ephemeral=True)

    @bot.slash_command(description="Thinks first")
    async def think(inter: disnake.ApplicationCommandInteraction, seconds: float = 0.0) -> None:
        await inter.response.defer()
        await asyncio.sleep(seconds)
        embed = disnake.Embed(title="Thought", description="deeply", color=0x5865F2)
        embed.add_field("how", "slowly").set_footer(text="done").set_image(url="attachment://thought.png")
        await inter.edit_original_response(embed=embed, file=picture("thought.png"))
        await inter.followup.send("one more thing", file=picture("more.png"))

    @bot.slash_command(description="Follows up instead of editing")
    async def hurry(inter: disnake.ApplicationCommandInteraction) -> None:
        await inter.response.defer()
        await inter.followup.send("meant to be ephemeral", ephemeral=True)

    @bot.slash_command(description="Never answers")
    async def silent(inter: disnake.ApplicationCommandInteraction) -> None:
        bot.seen.append("silent")

    @bot.slash_command(description="Reads a file")
    async def measure(inter: disnake.ApplicationCommandInteraction, file: disnake.Attachment) -> None:
        await inter.response.send_message(f"{file.filename} {len(await file.read())}")

    @bot.slash_command(description="Says who somebody is")
    async def greet(inter: disnake.ApplicationCommandInteraction, whom: disnake.User) -> None:
        roles = len(whom.roles) if isinstance(whom, disnake.Member) else "no"
        await inter.response.send_message(f"{whom.id} {whom.display_name}, {roles} roles")

    @bot.slash_command(description="Has two halves")
    async def halves(inter: disnake.ApplicationCommandInteraction) -> None:
        pass

    @halves.sub_command(description="The left one")
    async def left(inter: disnake.ApplicationCommandInteraction, name: str) -> None:
        await inter.response.send_message(f"left {name}")

    @bot.slash_command(description="Suggests")
    async def suggest(
        inter: disnake.ApplicationCommandInteraction, kind: str, word: str = commands.Param(autocomplete=True)
    ) -> None:
        await inter.response.send_message(f"{kind} {word}")

    @suggest.autocomplete("word")
    async def words(inter: disnake.ApplicationCommandInteraction, typed: str) -> list[str]:
        if typed == "many":
            return [f"word {n}" for n in range(26)]
        return [f"{inter.filled_options['kind']} {typed}{n}" for n in range(3)]

    @bot.slash_command(description="Shows buttons")
    async def buttons(inter: disnake.ApplicationCommandInteraction) -> None:
        select = disnake.ui.StringSelect(custom_id="pick", options=["red", "green"], placeholder="A colour")
        rows = [
            disnake.ui.ActionRow(
                disnake.ui.Button(label="Run 3 images", custom_id="run", emoji="▶"),
                disnake.ui.Button(label="Cancel", custom_id="cancel", style=disnake.ButtonStyle.red),
                disnake.ui.Button(label="Later", custom_id="later", disabled=True),
                disnake.ui.Button(label="Slow", custom_id="slow"),
                disnake.ui.Button(label="Site", url="https://example.org"),
            ),
            disnake.ui.ActionRow(select),
        ]
        await inter.response.send_message("choose", components=rows)

    @bot.listen("on_button_click")
    async def clicked(inter: disnake.MessageInteraction) -> None:
        if inter.component.custom_id == "run":
            await inter.response.edit_message(content="running", components=[])
        elif inter.component.custom_id == "slow":
            await inter.response.defer()
            await inter.edit_original_response(content="slowly done")
        else:
            await inter.response.send_message("cancelled", ephemeral=True)

    @bot.listen("on_dropdown")
    async def chosen(inter: disnake.MessageInteraction) -> None:
        await inter.response.send_message(f"chose {inter.values}")

    @bot.slash_command(description="Lays things out")
    async def layout(inter: disnake.ApplicationCommandInteraction) -> None:
        await inter.response.send_message(
            components=[
                disnake.ui.Container(
                    disnake.ui.TextDisplay("# Wall"),
                    disnake.ui.Section(
                        disnake.ui.TextDisplay("a text"),
                        accessory=disnake.ui.Thumbnail("attachment://a.png"),
                    ),
                    disnake.ui.MediaGallery(
                        disnake.MediaGalleryItem("attachment://b.png", description="b"),
                    ),
                    disnake.ui.Separator(),
                    disnake.ui.File("attachment://c.txt"),
                    disnake.ui.ActionRow(disnake.ui.Button(label="Again", custom_id="again")),
                    accent_colour=disnake.Colour(0x3BA55D),
                )
            ],
            files=[picture("a.png"), picture("b.png"), disnake.File(io.BytesIO(b"text"), "c.txt")],
        )

    for event in ("message", "message_edit", "message_delete", "thread_create", "resumed", "disconnect"):
        _note(bot, event)
    return bot


def _note(bot: commands.InteractionBot, event: str) -> None:
    async def note(*things: Any) -> None:
        bot.seen.append((event, *things))

    bot.add_listener(note, f"on_{event}")


@asynccontextmanager
async def running(sandbox: Sandbox, bot: commands.InteractionBot) -> AsyncIterator[commands.InteractionBot]:
    """The bot, logged in and ready; the API's address is the only thing it is told."""
    before, disnake.http.Route.BASE = disnake.http.Route.BASE, sandbox.api_url
    task = asyncio.create_task(bot.start(sandbox.token))
    try:
        await sandbox.ready()
        await asyncio.wait_for(bot.wait_until_ready(), 10)
        yield bot
    finally:
        await bot.close()
        await asyncio.gather(task, return_exceptions=True)
        disnake.http.Route.BASE = before

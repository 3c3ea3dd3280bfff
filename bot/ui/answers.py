"""Answers: every interaction gets one, also when something failed and while the console is closing."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import aiohttp
import disnake
import structlog
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction

from bot.domain.errors import Refusal
from bot.ui.words import sentence

log = structlog.get_logger("atelier.answers")

AnyInteraction = ApplicationCommandInteraction | MessageInteraction
CLOSING = "The console is restarting. Nothing was lost; try again in a minute."


class Answers:
    """Turns what fails while answering into a sentence, and knows who still waits for one."""

    def __init__(self) -> None:
        self._open = 0
        self._none_open = asyncio.Event()
        self._none_open.set()
        self.closing = False

    async def give(self, inter: AnyInteraction, answer: Callable[[], Awaitable[None]]) -> None:
        """Run `answer`; what it raises becomes a sentence for the member. While closing, say so instead."""
        self._open += 1
        self._none_open.clear()
        try:
            if self.closing:
                await self.explain(inter, Refusal(CLOSING))
            else:
                await answer()
        except Exception as error:
            await self.explain(inter, error)
        finally:
            self._open -= 1
            if not self._open:
                self._none_open.set()

    async def explain(self, inter: AnyInteraction, error: Exception) -> None:
        """Say what went wrong: what a member can mend as it is, a fault of ours as a number in the log."""
        cause = error.original if isinstance(error, commands.CommandInvokeError) else error
        text = sentence(cause)
        if text is None:
            incident = uuid4().hex[:8]
            log.error("an interaction failed", incident=incident, exc_info=cause)
            text = f"Something failed on our side. It was noted as incident {incident}; please try again."
        try:
            await _say(inter, text)
        except (disnake.DiscordException, aiohttp.ClientError, OSError) as unreachable:
            log.warning("a member could not be answered", reason=str(unreachable), text=text)

    async def finish(self, seconds: float) -> None:
        """Refuse what comes now and wait, at most this long, until everybody has their answer."""
        self.closing = True
        try:
            await asyncio.wait_for(self._none_open.wait(), seconds)
        except TimeoutError:
            log.warning("closing although some interactions were not answered", count=self._open)


async def _say(inter: AnyInteraction, text: str) -> None:
    nobody = disnake.AllowedMentions.none()
    if not inter.response.is_done():
        await inter.response.send_message(text, ephemeral=True, allowed_mentions=nobody)
    elif isinstance(inter, MessageInteraction):
        await inter.followup.send(text, ephemeral=True, allowed_mentions=nobody)
    else:
        # After a defer the first follow-up edits the original and cannot be private, so edit it openly.
        await inter.edit_original_response(text, embed=None, components=[], allowed_mentions=nobody)

"""What every cog needs of the console, and who is asking."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.base import Interaction

from bot.cogs.upload import Uploads
from bot.domain.account import Rules
from bot.domain.errors import Refusal
from bot.domain.job import Member, Place
from bot.domain.ports import FaceStore, Renderer
from bot.domain.stores import Accounts, AuditLog, JobStore, SessionRepository, SettingsStore
from bot.jobs.desk import Desk
from bot.jobs.erasure import Erasure
from bot.jobs.forecast import Forecast
from bot.jobs.moderation import Moderation
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import Quotes
from bot.jobs.showing import Showing
from bot.ui.answers import Answers

AnyInteraction = Interaction[Any]
Found = TypeVar("Found")

DEFER_AFTER_SECONDS = 0.5


@dataclass(frozen=True)
class Services:
    """The use cases and stores the cogs delegate to; made once, in `bot/wiring.py`."""

    desk: Desk
    quotes: Quotes
    forecast: Forecast
    queue: JobQueue
    jobs: JobStore
    settings: SettingsStore
    renderer: Renderer
    uploads: Uploads
    answers: Answers
    faces: FaceStore
    operator_roles: frozenset[int]
    accounts: Accounts
    web_sessions: SessionRepository
    audit: AuditLog
    rules: Rules
    showing: Showing
    wall_address: str
    erasure: Erasure
    moderation: Moderation
    people_changed: Callable[[], Awaitable[None]]

    def member(self, inter: AnyInteraction) -> Member:
        """Who acts. Rights are judged on our side: OPERATOR_ROLES, or administrators where none is set."""
        held = frozenset(role.id for role in getattr(inter.author, "roles", ()))
        roles = self.operator_roles
        operator = bool(held & roles) if roles else inter.permissions.administrator
        return Member(inter.author.id, inter.author.display_name, operator, inter.guild_id, held)


class Cog(commands.Cog):
    """A cog whose failing commands are explained to the member before the command counts as answered."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def cog_slash_command_error(  # type: ignore[override]  # disnake reads the result, its stub does not
        self, inter: ApplicationCommandInteraction, error: Exception
    ) -> bool:
        """disnake awaits this, where its error event would run on a task of its own; True ends the matter."""
        await self.services.answers.explain(inter, error)
        return True

    @staticmethod
    async def _promptly(
        inter: ApplicationCommandInteraction, finding: Coroutine[None, None, Found], *, openly: bool = False
    ) -> Found:
        """What the answer needs. What takes long is deferred, for the member alone unless the answer is for everybody.

        Discord gives three seconds for a first answer, and a busy database may take longer.
        """
        task = asyncio.create_task(finding)
        done, _ = await asyncio.wait((task,), timeout=DEFER_AFTER_SECONDS)
        if not done:
            await inter.response.defer(ephemeral=not openly)
        return await task

    async def _tell(
        self, inter: ApplicationCommandInteraction, finding: Coroutine[None, None, str | disnake.Embed]
    ) -> None:
        """Answer the member alone with what is found, however long that takes."""
        found = await self._promptly(inter, finding)
        nobody = disnake.AllowedMentions.none()
        text, embeds = (None, [found]) if isinstance(found, disnake.Embed) else (found, [])
        if inter.response.is_done():
            await inter.edit_original_response(text, embeds=embeds, allowed_mentions=nobody)
        else:
            await inter.response.send_message(text, embeds=embeds, ephemeral=True, allowed_mentions=nobody)


def place(inter: AnyInteraction) -> Place:
    """Where the answer goes: the channel of the interaction. Raises Refusal when images cannot be posted there."""
    granted = inter.app_permissions
    if granted.value and not (granted.attach_files or granted.administrator):
        raise Refusal("I may not post images here; a server administrator must allow me to attach files.")
    return Place(inter.channel_id or 0, inter.guild_id)

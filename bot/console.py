"""The console: the Discord client with its commands, unmodified disnake below it."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import aiohttp
import disnake
import disnake.client
import structlog
from disnake.backoff import ExponentialBackoff
from disnake.ext import commands
from disnake.http import Route
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Services
from bot.cogs.detail import DetailCog
from bot.cogs.draw import DrawCog
from bot.cogs.faces import FacesCog
from bot.cogs.facetest import FaceTestCog
from bot.cogs.help import HelpCog
from bot.cogs.moderation import ModerationCog
from bot.cogs.queue import QueueCog
from bot.cogs.settings import SettingsCog
from bot.cogs.tokens import TokensCog
from bot.cogs.wall import WallCog
from bot.settings import BadSettings
from bot.ui.answers import Answers

log = structlog.get_logger("atelier.console")

LONGEST_RECONNECT_SECONDS = 20.0


class Backoff(ExponentialBackoff[Literal[False]]):
    """disnake's pauses between two attempts to connect, which grow to 17 minutes, with an end to their growth.

    After an outage of ten minutes nobody could use the console for about as long again.
    """

    def delay(self) -> float:
        """Seconds until the next attempt."""
        return min(super().delay(), LONGEST_RECONNECT_SECONDS)


# `Client.connect` makes its own and takes none; this is the name it finds it by.
disnake.client.ExponentialBackoff = Backoff  # type: ignore[misc, assignment]

COGS: Sequence[Callable[[Services], commands.Cog]] = (
    SettingsCog,
    DrawCog,
    FaceTestCog,
    DetailCog,
    QueueCog,
    FacesCog,
    TokensCog,
    WallCog,
    ModerationCog,
    HelpCog,
)


class Console(commands.InteractionBot):
    """Logs in, publishes its commands (a refusal is fatal), and hands interactions to the cogs."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(
            intents=disnake.Intents(guilds=True),
            command_sync_flags=commands.CommandSyncFlags.none(),
            allowed_mentions=disnake.AllowedMentions.none(),
            guild_ready_timeout=0.05,
            default_contexts=disnake.InteractionContextTypes(guild=True),
        )
        self._answers = answers

    def offer(self, services: Services) -> None:
        """Load every cog."""
        for cog in COGS:
            self.add_cog(cog(services))

    async def open(self, api_url: str, token: str) -> None:
        """Log in at `api_url` and publish the commands. Raises BadSettings with what to mend."""
        Route.BASE = api_url
        try:
            await self.login(token)
        except disnake.LoginFailure as error:
            raise BadSettings("DISCORD_TOKEN was refused by Discord. Copy the bot's token anew.") from error
        except (aiohttp.ClientError, OSError, disnake.HTTPException) as error:
            raise BadSettings(f"DISCORD_API_URL: {api_url} could not be reached ({error}).") from error
        await self._publish()

    async def stay(self) -> None:
        """Stay connected until closed; passing trouble is disnake's to mend. Raises BadSettings on what is final."""
        try:
            await self.connect()
        except disnake.ConnectionClosed as error:
            raise BadSettings(f"Discord closed the connection for good (code {error.code}).") from error
        except (disnake.GatewayNotFound, disnake.SessionStartLimitReached, aiohttp.ClientError) as error:
            raise BadSettings(f"Discord gave no connection: {error}") from error

    async def _publish(self) -> None:
        """Register the commands. disnake's own sync only warns and stays up with none, so it is done here."""
        body = [command.body.to_dict() for command in self.slash_commands]
        try:
            application = await self.application_info()
            await self.http.bulk_upsert_global_commands(application.id, body)
        except (disnake.HTTPException, aiohttp.ClientError, OSError) as error:
            raise BadSettings(f"Discord refused the console's commands: {error}") from error
        log.info("commands published", count=len(body))

    async def on_ready(self) -> None:
        log.info("connected", user=str(self.user), guilds=len(self.guilds))

    async def on_application_command(self, inter: ApplicationCommandInteraction) -> None:
        """Let every command run where its failure becomes a sentence."""
        await self._answers.give(inter, lambda: self.process_application_commands(inter))

    async def on_error(self, event_method: str, *args: Any, **kwargs: Any) -> None:
        """A listener failed outside any answer; the log keeps it."""
        log.exception("a listener failed", listener=event_method)

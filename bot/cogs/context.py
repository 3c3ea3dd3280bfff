"""What every cog needs of the console, and who is asking."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from disnake.interactions.base import Interaction

from bot.cogs.upload import Uploads
from bot.domain.job import Member, Place
from bot.domain.ports import JobStore, Renderer, SettingsStore
from bot.jobs.desk import Desk
from bot.jobs.queue import JobQueue
from bot.ui.answers import Answers

AnyInteraction = Interaction[Any]


@dataclass(frozen=True)
class Services:
    """The use cases and stores the cogs delegate to; made once, in `__main__`."""

    desk: Desk
    queue: JobQueue
    jobs: JobStore
    settings: SettingsStore
    renderer: Renderer
    uploads: Uploads
    answers: Answers
    faces: Callable[[], Sequence[str]]
    operator_roles: frozenset[int]

    def member(self, inter: AnyInteraction) -> Member:
        """Who acts. Rights are judged on our side: OPERATOR_ROLES, or administrators where none is set."""
        held = {role.id for role in getattr(inter.author, "roles", ())}
        roles = self.operator_roles
        operator = bool(held & roles) if roles else inter.permissions.administrator
        return Member(inter.author.id, inter.author.display_name, operator)


def place(inter: AnyInteraction) -> Place:
    """Where the answer goes: the channel of the interaction."""
    return Place(inter.channel_id or 0, inter.guild_id)

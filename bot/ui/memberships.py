"""Who somebody is on the servers that the console is on, asked of Discord for each of them and remembered for a minute.

`GET /guilds/{guild}/members/{user}` asks for one member by their id, which takes no privileged intent; only the list of
all members (and the gateway's member events) take GUILD_MEMBERS.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import aiohttp
import disnake
import structlog

from bot.domain.errors import Unavailable
from bot.domain.job import Member

FRESH_SECONDS = 60.0
KNOWN_SECONDS = 300.0
"""How long what Discord said last still counts while it does not answer."""

PATIENCE_SECONDS = 5.0
"""How long one answer may take: disnake itself would try for half a minute."""

QUIET_SECONDS = 10.0
"""How long nobody is asked for after Discord did not answer, so that not each visitor waits for it."""

MOST = 10_000
AT_ONCE = 8
GONE = {10004, 10007, 10013, 50001}
"""Codes of what says that they are no member: unknown server, member, user; the console is not on the server."""

log = structlog.get_logger("atelier.memberships")


@dataclass(frozen=True)
class Said:
    """What Discord said of somebody on one server, and when; no member: they are not on it."""

    at: float
    member: Member | None


class Memberships:
    """The Memberships port on Discord; `operator_roles` are OPERATOR_ROLES."""

    def __init__(
        self,
        client: disnake.Client,
        operator_roles: Collection[int],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._operator_roles = frozenset(operator_roles)
        self._clock = clock
        self._said: OrderedDict[tuple[int, int], Said] = OrderedDict()
        self._asking: dict[tuple[int, int], asyncio.Task[Said | None]] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._quiet_until = float("-inf")

    async def of(self, member_id: int) -> tuple[Member, ...]:
        """The user as a member of each server; empty where they are on none of them.

        Raises Unavailable where Discord does not answer and nothing is remembered, or while the console is not
        connected to it yet and does not know its servers.
        """
        if not self._client.is_ready():
            raise Unavailable("the console is not connected to Discord yet")
        guilds = list(self._client.guilds)
        answers = await asyncio.gather(*(self._of(guild, member_id) for guild in guilds))
        if guilds and not any(answers):
            raise Unavailable("Discord does not answer, and nothing is remembered of them")
        return tuple(answer.member for answer in answers if answer is not None and answer.member is not None)

    async def _of(self, guild: disnake.Guild, member_id: int) -> Said | None:
        """What is known of somebody on one server; None where nothing is."""
        key = (guild.id, member_id)
        said, now = self._said.get(key), self._clock()
        if said is not None and now - said.at < FRESH_SECONDS:
            return said
        # Of a server that is away its roles are not known either, by which operators are judged.
        if now >= self._quiet_until and not guild.unavailable:
            asking = self._asking.get(key)
            if asking is None:
                asking = self._asking[key] = asyncio.create_task(self._ask(guild, member_id))
                asking.add_done_callback(lambda _: self._asking.pop(key, None))
            # One visitor who goes away does not take the answer from the others.
            if (new := await asyncio.shield(asking)) is not None:
                return new
        return said if said is not None and now - said.at < KNOWN_SECONDS else None

    async def _ask(self, guild: disnake.Guild, member_id: int) -> Said | None:
        """Ask Discord, and remember what it says; None where it says nothing."""
        try:
            async with self._at_once, asyncio.timeout(PATIENCE_SECONDS):
                told = await self._client.http.get_member(guild.id, member_id)
            said = Said(self._clock(), self._member(guild, member_id, told))
        except (disnake.NotFound, disnake.Forbidden) as error:
            if error.code not in GONE:  # a wall before Discord
                self._no_answer(error)
                return None
            said = Said(self._clock(), None)
        except (disnake.HTTPException, aiohttp.ClientError, TimeoutError, OSError) as error:
            self._no_answer(error)
            return None
        self._said[guild.id, member_id] = said
        self._said.move_to_end((guild.id, member_id))
        if len(self._said) > MOST:
            self._said.popitem(last=False)
        return said

    def _no_answer(self, error: Exception) -> None:
        self._quiet_until = self._clock() + QUIET_SECONDS
        log.warning("Discord does not say who somebody is", reason=str(error) or type(error).__name__)

    def _member(self, guild: disnake.Guild, member_id: int, told: Any) -> Member:
        """The member, with the rights that `Services.member` gives them when they use a command there."""
        user = told["user"]
        held = frozenset({guild.id, *map(int, told["roles"])})  # everyone's role has the server's own id
        if self._operator_roles:
            operator = bool(held & self._operator_roles)
        else:
            roles = (guild.get_role(role) for role in held)
            administrators = any(role is not None and role.permissions.administrator for role in roles)
            operator = administrators or guild.owner_id == member_id
        name = told.get("nick") or user.get("global_name") or user["username"]
        return Member(member_id, name, operator, guild.id, held)

"""Who somebody is on the console's servers: as Discord says, for a minute, and without it for a few more."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import aiohttp
import disnake
import pytest

from bot.domain.errors import Unavailable
from bot.domain.job import Member
from bot.sandbox import Sandbox
from bot.sandbox.world import ARTISTS, GUILD, OPERATORS
from bot.ui import memberships
from bot.ui.memberships import FRESH_SECONDS, KNOWN_SECONDS, QUIET_SECONDS, Memberships
from tests.sandbox import small_bot
from tests.sandbox.small_bot import running
from tests.sandbox.strict import opened

ASKED = "GET /guilds/{guild_id}/members/{user_id}"
MINA, THEO = 1, 2
ADMINISTRATOR = disnake.Permissions(administrator=True)


def refused(status: int, code: int) -> disnake.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="no")
    kinds = {404: disnake.NotFound, 403: disnake.Forbidden}
    return kinds.get(status, disnake.HTTPException)(response, {"code": code, "message": "no"})


class Discord:
    """A client whose servers say what a test has them say."""

    def __init__(self, *guilds: int, administrators: int = 90) -> None:
        self.asked: list[tuple[int, int]] = []
        self.says: dict[tuple[int, int], Any] = {}
        self.now = 1000.0
        self.ready = True
        self.gate: asyncio.Event | None = None
        self.most = self.under_way = 0
        rights = {administrators: ADMINISTRATOR}
        self.guilds = [
            SimpleNamespace(
                id=guild,
                owner_id=99,
                unavailable=False,
                get_role=lambda role: SimpleNamespace(permissions=rights.get(role, disnake.Permissions.none())),
            )
            for guild in guilds
        ]
        self.http = self

    def is_ready(self) -> bool:
        return self.ready

    def clock(self) -> float:
        return self.now

    def is_member(self, guild: int, member: int, *roles: int, nick: str | None = None) -> None:
        user = {"id": str(member), "username": "theo", "global_name": "Theo"}
        self.says[guild, member] = {"user": user, "nick": nick, "roles": [str(role) for role in roles]}

    async def get_member(self, guild: int, member: int) -> Any:
        self.asked.append((guild, member))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
        finally:
            self.under_way -= 1
        said = self.says.get((guild, member), refused(404, 10007))
        if isinstance(said, BaseException):
            raise said
        return said


def of(discord: Any, *operator_roles: int) -> Memberships:
    return Memberships(discord, operator_roles, clock=discord.clock)


async def test_somebody_is_a_member_of_each_server_that_knows_them() -> None:
    discord = Discord(10, 11, 12)
    discord.is_member(10, THEO, 7)
    discord.is_member(12, THEO, nick="Thé")
    assert await of(discord).of(THEO) == (
        Member(THEO, "Theo", False, 10, frozenset({7, 10})),
        Member(THEO, "Thé", False, 12, frozenset({12})),
    )
    assert await of(discord).of(MINA) == ()


@pytest.mark.parametrize(
    ("named", "held", "member", "operator"),
    [
        ((), (7,), THEO, False),
        ((), (90,), THEO, True),  # a role of administrators
        ((), (), 99, True),  # whose server it is
        ((7, 8), (8,), THEO, True),
        ((7, 8), (90,), THEO, False),  # an administrator without a named role
        ((7, 8), (), 99, False),
        ((10,), (), THEO, True),  # everyone's role
    ],
)
async def test_operators_are_judged_as_they_are_for_a_command(
    named: tuple[int, ...], held: tuple[int, ...], member: int, operator: bool
) -> None:
    discord = Discord(10)
    discord.is_member(10, member, *held)
    (told,) = await of(discord, *named).of(member)
    assert told.operator is operator


async def test_everyones_role_may_make_administrators_of_all() -> None:
    discord = Discord(10, administrators=10)
    discord.is_member(10, THEO)
    (told,) = await of(discord).of(THEO)
    assert told.operator


async def test_an_answer_counts_for_a_minute_also_that_somebody_is_no_member() -> None:
    discord = Discord(10)
    known = of(discord)
    discord.is_member(10, THEO)
    for _ in range(3):
        assert len(await known.of(THEO)) == 1 and await known.of(MINA) == ()
    assert discord.asked == [(10, THEO), (10, MINA)]
    discord.says.clear()
    discord.now += FRESH_SECONDS
    assert await known.of(THEO) == ()
    assert discord.asked[2:] == [(10, THEO)]


async def test_many_at_once_are_one_question_and_one_who_goes_away_takes_no_answer_from_the_others() -> None:
    discord = Discord(10)
    discord.is_member(10, THEO)
    discord.gate = asyncio.Event()
    known = of(discord)
    waiting = [asyncio.create_task(known.of(THEO)) for _ in range(20)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    await asyncio.sleep(0)
    discord.gate.set()
    answers = await asyncio.gather(*waiting[1:])
    assert len(discord.asked) == 1 and all(len(answer) == 1 for answer in answers)


async def test_of_many_servers_few_are_asked_at_one_time() -> None:
    discord = Discord(*range(100, 140))
    for guild in range(100, 140):
        discord.is_member(guild, THEO)
    assert len(await of(discord).of(THEO)) == 40
    assert discord.most == memberships.AT_ONCE


@pytest.mark.parametrize(
    "trouble",
    [
        refused(503, 0),
        refused(401, 0),
        refused(429, 0),
        refused(403, 40333),  # a wall before Discord
        refused(404, 0),  # a proxy that knows no such page
        aiohttp.ClientConnectionError("refused"),
        TimeoutError(),
        ConnectionResetError(),
    ],
    ids=str,
)
async def test_while_discord_does_not_answer_what_it_said_last_counts_for_a_few_minutes(trouble: Exception) -> None:
    discord = Discord(10)
    discord.is_member(10, THEO)
    known = of(discord)
    before = await known.of(THEO)
    discord.says[10, THEO] = trouble
    discord.now += FRESH_SECONDS
    assert await known.of(THEO) == before
    discord.now += KNOWN_SECONDS - FRESH_SECONDS
    with pytest.raises(Unavailable, match="Discord does not answer"):
        await known.of(THEO)
    discord.now += QUIET_SECONDS
    discord.is_member(10, THEO)
    assert await known.of(THEO) == before


async def test_a_server_that_the_console_was_thrown_off_has_no_members() -> None:
    discord = Discord(10)
    discord.says[10, THEO] = refused(403, 50001)
    assert await of(discord).of(THEO) == ()


async def test_after_a_failure_nobody_waits_for_discord_again_at_once() -> None:
    discord = Discord(10)
    discord.says[10, THEO] = refused(503, 0)
    known = of(discord)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await known.of(THEO)
    assert len(discord.asked) == 1
    discord.now += QUIET_SECONDS
    with pytest.raises(Unavailable):
        await known.of(THEO)
    assert len(discord.asked) == 2


async def test_an_answer_that_does_not_come_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "PATIENCE_SECONDS", 0.01)
    discord = Discord(10)
    discord.is_member(10, THEO)
    discord.gate = asyncio.Event()
    with pytest.raises(Unavailable):
        await of(discord).of(THEO)


async def test_of_two_servers_one_that_answers_is_told() -> None:
    discord = Discord(10, 11)
    discord.is_member(10, THEO)
    discord.says[11, THEO] = refused(503, 0)
    assert [member.guild_id for member in await of(discord).of(THEO)] == [10]


async def test_before_the_console_is_connected_nobody_is_taken_for_no_member() -> None:
    discord = Discord()
    discord.ready = False
    with pytest.raises(Unavailable, match="not connected"):
        await of(discord).of(THEO)
    discord.ready = True
    assert await of(discord).of(THEO) == (), "a console on no server"


async def test_of_a_server_that_is_away_nobody_is_asked() -> None:
    discord = Discord(10)
    discord.is_member(10, THEO, 90)
    discord.guilds[0].unavailable = True
    with pytest.raises(Unavailable):
        await of(discord).of(THEO)
    assert discord.asked == []


async def test_it_remembers_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "MOST", 3)
    discord = Discord(10)
    known = of(discord)
    for member in (1, 2, 3, 4):
        await known.of(member)
    assert len(known._said) == 3
    await known.of(4)
    await known.of(1)
    assert discord.asked[4:] == [(10, 1)]


async def test_the_real_client_asks_a_sandbox_with_no_intent_but_guilds() -> None:
    async with opened() as sandbox, running(sandbox, small_bot.make()) as client:
        mina, theo = (int(sandbox.members[name].id) for name in ("mina", "theo"))
        known = Memberships(client, ())
        (told,) = await known.of(mina)
        held = frozenset(map(int, (GUILD, OPERATORS, ARTISTS)))
        assert told == Member(mina, "Mina", True, int(GUILD), held)
        (told,) = await known.of(theo)
        assert (told.name, told.operator) == ("Theo", False)
        assert await known.of(1) == ()
        await _as_a_role_says(sandbox, client, theo)


async def _as_a_role_says(sandbox: Sandbox, client: Any, theo: int) -> None:
    """With a named role its holders are operators, from the moment that they hold it."""
    (told,) = await Memberships(client, (int(ARTISTS),)).of(theo)
    assert told.operator
    profile = sandbox.world.members[str(theo)]
    sandbox.world.members[str(theo)] = replace(profile, roles=())
    (told,) = await Memberships(client, (int(ARTISTS),)).of(theo)
    assert not told.operator
    del sandbox.world.members[str(theo)]
    assert await Memberships(client, ()).of(theo) == ()
    sandbox.faults.storm(ASKED, status=503)
    with pytest.raises(Unavailable):
        await Memberships(client, ()).of(theo)

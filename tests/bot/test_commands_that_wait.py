"""A command that takes long is deferred, and one that two consoles are sent at once is carried out once."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bot.cogs.tokens import TokensCog
from bot.domain.account import Balance
from bot.store.audit import Audit
from bot.store.database import Sessions
from bot.store.ledger import Ledger
from tests.bot.conftest import MINA


class Command:
    """A slash command's interaction, as far as it is answered: what Discord is told, in order."""

    def __init__(self, id: int = 1) -> None:
        self.id = id
        self.author = SimpleNamespace(id=MINA.id)
        self.told: list[tuple[str, Any]] = []
        self.response = SimpleNamespace(is_done=lambda: bool(self.told), defer=self.defer, send_message=self.send)

    async def defer(self, *, ephemeral: bool) -> None:
        self.told.append(("wait", ephemeral))

    async def send(self, text: str | None, *, embeds: list[Any], ephemeral: bool, allowed_mentions: Any) -> None:
        assert ephemeral and allowed_mentions.to_dict() == {"parse": []}
        self.told.append(("at once", text or embeds[0].title))

    async def edit_original_response(self, text: str | None, *, embeds: list[Any], allowed_mentions: Any) -> None:
        assert allowed_mentions.to_dict() == {"parse": []}
        self.told.append(("later", text or embeds[0].title))


def cog(sessions: Sessions, audit: Any = None) -> TokensCog:
    operator = SimpleNamespace(id=MINA.id, name=MINA.name, operator=True, roles=frozenset())
    services: Any = SimpleNamespace(
        member=lambda _: operator, accounts=Ledger(sessions, 100), audit=audit or Audit(sessions)
    )
    return TokensCog(services)


@pytest.mark.parametrize("slow", [False, True])
async def test_what_takes_long_to_read_is_deferred_for_the_member_alone(sessions: Sessions, slow: bool) -> None:
    inter, ready = Command(), asyncio.Event()

    async def latest() -> list[Any]:
        await ready.wait()
        return []

    if not slow:
        ready.set()
    audit: Any = SimpleNamespace(latest=latest)
    answering = asyncio.create_task(TokensCog.audit.callback(cog(sessions, audit), inter))  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        while not inter.told:
            await asyncio.sleep(0.001)
        ready.set()
        await answering
    assert inter.told == ([("wait", True), ("later", "Audit log")] if slow else [("at once", "Audit log")])


async def test_a_grant_that_two_consoles_are_sent_is_made_once(sessions: Sessions) -> None:
    member: Any = SimpleNamespace(id=2, display_name="Theo")
    old, new, again = Command(7), Command(7), Command(8)
    for inter in (old, new, again):
        await TokensCog.grant.callback(cog(sessions), inter, member, 5, "a prize")  # type: ignore[arg-type]
    assert [said for _, said in old.told + new.told] == ["Granted 5 tokens to **Theo**; they have 105 free now."] * 2
    assert again.told == [("at once", "Granted 5 tokens to **Theo**; they have 110 free now.")]
    assert await Ledger(sessions, 100).balance(2) == Balance(110, 0)
    acts = await Audit(sessions).latest()
    assert [act.act for act in acts] == ["grant"] * 2

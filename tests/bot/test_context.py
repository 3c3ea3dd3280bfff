"""Who is an operator is judged by the roles that the operator named, and by Discord's rights only without them."""

from types import SimpleNamespace
from typing import Any

import pytest
from disnake import Permissions

from bot.cogs.context import Services, place
from bot.domain.account import Rules
from bot.domain.errors import Refusal
from bot.domain.job import Place

NOBODY: Any = None


@pytest.mark.parametrize(
    ("named", "held", "administrator", "operator"),
    [
        ((), (7,), False, False),
        ((), (), True, True),
        ((7, 8), (8,), False, True),
        ((7, 8), (9,), True, False),  # an administrator without a named role
    ],
)
def test_an_operator_holds_a_named_role_or_is_an_administrator_where_none_is_named(
    named: tuple[int, ...], held: tuple[int, ...], administrator: bool, operator: bool
) -> None:
    services = Services(
        desk=NOBODY,
        quotes=NOBODY,
        forecast=NOBODY,
        queue=NOBODY,
        jobs=NOBODY,
        settings=NOBODY,
        renderer=NOBODY,
        uploads=NOBODY,
        answers=NOBODY,
        faces=NOBODY,
        operator_roles=frozenset(named),
        accounts=NOBODY,
        web_sessions=NOBODY,
        audit=NOBODY,
        rules=Rules(),
        showing=NOBODY,
        wall_address="",
        erasure=NOBODY,
        moderation=NOBODY,
        people_changed=NOBODY,
    )
    inter: Any = SimpleNamespace(
        author=SimpleNamespace(id=1, display_name="Mina", roles=[SimpleNamespace(id=role) for role in held]),
        permissions=SimpleNamespace(administrator=administrator),
        guild_id=1,
    )
    member = services.member(inter)
    assert member.operator is operator
    assert member.roles == set(held)  # what they may is judged by all of their roles


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        (Permissions(attach_files=True), True),
        (Permissions.all(), True),
        (Permissions(), True),  # nothing at all means that Discord did not say
        (Permissions(send_messages=True), False),
    ],
)
def test_images_are_not_promised_where_they_cannot_be_posted(granted: Permissions, allowed: bool) -> None:
    inter: Any = SimpleNamespace(app_permissions=granted, channel_id=5, guild_id=6)
    if allowed:
        assert place(inter) == Place(5, 6)
    else:
        with pytest.raises(Refusal, match="attach files"):
            place(inter)

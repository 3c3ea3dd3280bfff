"""Who may draw where, and what goes behind spoilers: the first rule that fits counts; operators may draw anywhere."""

import pytest

from bot.domain.errors import Refusal
from bot.domain.job import Member
from bot.gate.rules import Rule, Rules

GUILD, ARTISTS, GUESTS = 100, 11, 12
STUDIO, LOUNGE, NEWS = 21, 22, 23


def member(*roles: int, operator: bool = False, guild: int | None = GUILD) -> Member:
    return Member(1, "mina", operator, guild, frozenset(roles))


def ids(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


HOUSE = Rules(
    [
        Rule(ids(ARTISTS), ids(NEWS), draw=False),
        Rule(ids(ARTISTS), None, draw=True),
        Rule(None, ids(STUDIO), draw=True, spoiler=True),
        Rule(ids(GUESTS), ids(LOUNGE), draw=True),
        Rule(None, None, draw=False, spoiler=False),
    ]
)


@pytest.mark.parametrize(
    ("roles", "channel", "may", "hidden"),
    [
        ((), STUDIO, True, True),
        ((), LOUNGE, False, False),
        ((GUESTS,), LOUNGE, True, False),
        ((GUESTS,), NEWS, False, False),
        ((ARTISTS,), LOUNGE, True, False),
        ((ARTISTS,), NEWS, False, False),
        ((ARTISTS, GUESTS), STUDIO, True, True),
        ((ARTISTS,), 99, True, False),
        ((), 99, False, False),
    ],
)
def test_the_first_rule_that_fits_counts_for_each_of_draw_and_spoiler(
    roles: tuple[int, ...], channel: int, may: bool, hidden: bool
) -> None:
    somebody = member(*roles)
    assert HOUSE.spoiler(somebody, channel) is hidden
    if may:
        HOUSE.place(somebody, channel)
    else:
        with pytest.raises(Refusal):
            HOUSE.place(somebody, channel)


def test_operators_may_draw_anywhere_and_their_spoilers_are_those_of_others() -> None:
    HOUSE.place(member(operator=True), NEWS)
    assert HOUSE.spoiler(member(operator=True), STUDIO) is True


def test_without_a_rule_that_fits_everyone_may_draw_without_a_spoiler() -> None:
    for rules in (Rules(), Rules([Rule(ids(GUESTS), None, draw=False, spoiler=True)])):
        rules.place(member(ARTISTS), STUDIO)
        assert rules.spoiler(member(ARTISTS), STUDIO) is False


def test_the_role_with_the_servers_id_is_everyones() -> None:
    rules = Rules([Rule(ids(GUILD), None, draw=False)])
    rules.place(member(guild=200), STUDIO)
    with pytest.raises(Refusal):
        rules.place(member(), STUDIO)


def test_a_member_of_no_server_has_no_role() -> None:
    rules = Rules([Rule(ids(GUILD, ARTISTS), None, draw=False)])
    rules.place(member(guild=None), STUDIO)


@pytest.mark.parametrize(
    ("rules", "roles", "sentence"),
    [
        (HOUSE, (), "Your roles do not allow you to draw in <#23>. Draw in <#21>."),
        (HOUSE, (GUESTS,), "Your roles do not allow you to draw in <#23>. Draw in <#21> or <#22>."),
        (
            HOUSE,
            (ARTISTS,),
            "Your roles do not allow you to draw in <#23>. Draw in <#21>, <#22> or any channel that no rule names.",
        ),
        (
            Rules([Rule(None, ids(NEWS), draw=False)]),
            (),
            "Your roles do not allow you to draw in <#23>. Draw in any other channel.",
        ),
        (
            Rules([Rule(draw=False)]),
            (),
            "Your roles do not allow you to draw in <#23>, nor in another channel. Ask an operator of this server if "
            "that should change.",
        ),
        (
            Rules([Rule(None, ids(*range(1, 14)), draw=True), Rule(draw=False)]),
            (),
            "Your roles do not allow you to draw in <#23>. Draw in "
            + ", ".join(f"<#{channel}>" for channel in range(1, 11))
            + " or 3 more.",
        ),
    ],
)
def test_who_may_not_draw_is_told_where_they_may(rules: Rules, roles: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        rules.place(member(*roles), NEWS)
    assert str(caught.value) == sentence

"""What members may is written by role in two variables, and of several roles the most generous counts."""

import pytest

from bot.domain.account import Rules, Terms
from bot.settings import BadSettings, read


def rules(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Rules:
    """The rules of an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name.upper(), value)
    return read(_env_file=None).rules


def test_without_rules_everybody_has_an_equal_share_and_any_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules(monkeypatch).terms({7}) == Terms(weight=1.0, daily=None, queued=16)


def test_rules_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    read_rules = rules(
        monkeypatch,
        role_daily_tokens=" everyone:200, 1234567890:1000 ,8: 0",
        role_weights="1234567890:2,8:0.5",
        member_queued="3",
    )
    assert read_rules == Rules(
        queued=3, daily_for_all=200, daily={1234567890: 1000, 8: 0}, weights={1234567890: 2.0, 8: 0.5}
    )


def test_of_several_roles_the_most_generous_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    by_role = rules(monkeypatch, role_daily_tokens="everyone:200,5:50,6:70", role_weights="5:0.5,6:3")
    assert by_role.terms({5, 6, 99}) == Terms(weight=3.0, daily=70, queued=16)


def test_a_role_that_is_named_stands_before_everyone_also_where_it_allows_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_role = rules(monkeypatch, role_daily_tokens="everyone:200,5:50", role_weights="5:0.5")
    assert by_role.terms({5}) == Terms(weight=0.5, daily=50, queued=16)
    assert by_role.terms({99}) == by_role.terms(()) == Terms(weight=1.0, daily=200, queued=16)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "ROLE_DAILY_TOKENS",
            "artists:200",
            'expected role ids, each with its number, as in everyone:200,1234567890:1000; got "artists:200"',
        ),
        (
            "ROLE_DAILY_TOKENS",
            "everyone",
            'expected role ids, each with its number, as in everyone:200,1234567890:1000; got "everyone"',
        ),
        ("ROLE_DAILY_TOKENS", "everyone:-1", 'everyone: expected a whole number of tokens, 0 or more, got "-1"'),
        ("ROLE_DAILY_TOKENS", "7:2.5", '7: expected a whole number of tokens, 0 or more, got "2.5"'),
        ("ROLE_DAILY_TOKENS", "7:1,7:2", "7 stands there twice; give it one number"),
        ("ROLE_DAILY_TOKENS", "everyone:1,Everyone:2", "Everyone stands there twice; give it one number"),
        ("ROLE_WEIGHTS", "everyone:2", 'expected role ids, each with its number, as in 1234567890:2; got "everyone:2"'),
        ("ROLE_WEIGHTS", "7:0", '7: expected a number above 0 and at most 100, got "0"'),
        ("ROLE_WEIGHTS", "7:101", '7: expected a number above 0 and at most 100, got "101"'),
        ("ROLE_WEIGHTS", "7:nan", '7: expected a number above 0 and at most 100, got "nan"'),
        ("ROLE_WEIGHTS", "7:much", '7: expected a number above 0 and at most 100, got "much"'),
    ],
)
def test_a_rule_that_cannot_be_read_is_named_with_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    with pytest.raises(BadSettings) as caught:
        rules(monkeypatch, **{name.lower(): value})
    assert str(caught.value) == f"{name}: {sentence}"

"""wall.yaml says who is shown, in order; what is wrong in it is told in sentences, and nothing in it reaches a path."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.person import checked_name
from bot.wall.whitelist import Whitelist, read_whitelist
from sweeps.errors import SweepError


@pytest.mark.parametrize(
    ("text", "title", "people"),
    [
        ("", "", []),
        ("title: Our wall\n", "Our wall", []),
        ("people: [theo, Mina]\n", "", [("theo", "theo"), ("Mina", "Mina")]),
        ("people:\n  theo:\n  mina: The first\n", "", [("theo", "theo"), ("mina", "The first")]),
        ("people:\n  mina: {title: The first}\n  grace: {}\n", "", [("mina", "The first"), ("grace", "grace")]),
        ("people: {'2001': null, 1984: Orwell}\n", "", [("2001", "2001"), ("1984", "Orwell")]),
        ("people: ['Zoe\u0308']\n", "", [("Zo\u00eb", "Zo\u00eb")]),
    ],
)
def test_people_are_shown_in_the_order_of_the_file(text: str, title: str, people: list[tuple[str, str]]) -> None:
    read = read_whitelist(text.encode())
    assert (read.title, list(read.people.items())) == (title, people)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- mina", "expected a mapping of names to values"),
        ("poeple: [mina]", "poeple: no such key; did you mean people?"),
        ("people: mina", 'people: expected people by name, or a list of names, got "mina"'),
        ("people: [mina, 2001]", "people[1]: expected a person's name, got 2001 (names of digits need quotes)"),
        ("people: [mina, mina]", 'people[1]: "mina" stands twice; keep one of them'),
        ("people: {mina: 3}", "people.mina: expected a title, got 3 (put it in quotes)"),
        ("people: {mina: {titel: x}}", "people.mina.titel: no such key; did you mean title?"),
        ("people: [../etc]", 'people[0]: "../etc" cannot be a person\'s name'),
        ("people: ['.ssh']", "cannot be a person's name"),
        ("people: [none]", "it says that nobody is meant"),
        ("title: [a]", "title: expected a title"),
        (f"title: {'x' * 101}", "expected a title of one line, at most 100 characters"),
        ('title: "a\\nb"', "expected a title of one line"),
        ("people: &a [x]\ntitle: *a", "anchors and aliases are not allowed"),
        ("people: [x", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_whitelist(text.encode())
    assert sentence in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="peopltimna: {}[],'\"\n-&*!./\\~0", max_size=80).map(str.encode))
def test_no_file_whatever_is_more_than_a_sentence_or_names_that_are_names(text: bytes) -> None:
    try:
        read = read_whitelist(text)
    except SweepError as error:
        assert str(error)
        return
    assert isinstance(read, Whitelist)
    for name, title in read.people.items():
        assert checked_name(name) == name
        assert title and title.isprintable() and len(title) <= 100

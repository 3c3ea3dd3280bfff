"""Braces in prompts make every combination, and nothing else in a prompt is touched."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.errors import SweepError
from sweeps.prompts import distinct, expand_prompt, read_prompt


def prompts(text: str) -> list[str]:
    read = read_prompt(text, "base.prompt")
    found = expand_prompt(read)
    assert read.count >= len(found)
    return list(found)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a {red|green} hat", ["a red hat", "a green hat"]),
        ("{a|b} {c|d}", ["a c", "a d", "b c", "b d"]),
        ("a {very {big|small}|plain} hat", ["a very big hat", "a very small hat", "a plain hat"]),
        ("{2$$red|blue|green}", ["red, blue", "red, green", "blue, green"]),
        ("{2$$ and $$red|blue|green}", ["red and blue", "red and green", "blue and green"]),
        ("{1-2$$a|b}", ["a", "b", "a, b"]),
        ("{2$$a|{b|c}|d}", ["a, b", "a, c", "a, d", "b, d", "c, d"]),
        ("{very |}big", ["very big", "big"]),
        ("{ red | green } hat", ["red hat", "green hat"]),
        ("{a|a|b}", ["a", "b"]),
        ("{0.3::red|0.7::green}", ["red", "green"]),
        ("50% off, {$5|10#}, //sale", ["50% off, $5, //sale", "50% off, 10#, //sale"]),
        ("smile :} and {a|b", ["smile :} and {a|b"]),
        ("{a|{b", ["{a|{b"]),
        ("{red, green} hat", ["red, green hat"]),
        ("(red:1.2), [blue]  \\ two  spaces", ["(red:1.2), [blue]  \\ two  spaces"]),
        ("snake_case __ and _x_", ["snake_case __ and _x_"]),
    ],
)
def test_a_prompt_makes_these(text: str, meant: list[str]) -> None:
    assert prompts(text) == meant


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a __hat__", 'wildcards are not allowed, got "__hat__"; list the words as {red|green}'),
        ("{a|__b/c__}", 'wildcards are not allowed, got "__b/c__"; list the words as {red|green}'),
        ("${x=red}", 'variables are not allowed, got "${x=red}"'),
        ("{3$$a|b}", '3 of 2 alternatives cannot be picked, got "{3$$a|b}"'),
        ("{2-1$$a|b}", '2-1 of 2 alternatives cannot be picked, got "{2-1$$a|b}"'),
        ("{x$$a|b}", 'expected a count before $$, as in {2$$red|blue|green}, got "{x$$a|b}"'),
        (
            "{2$$" + "|".join("abcdefghijklmnopqrstuvwxyzABCDEFG") + "}",
            "at most 32 alternatives fit into one pair of braces, "
            'got "{2$$a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z|A|B…"',
        ),
        ("{" * 9 + "}" * 9, 'braces are nested more than 8 deep, got "{}"'),
    ],
)
def test_what_is_not_offered_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        read_prompt(text, "base.prompt")
    assert str(caught.value) == f"base.prompt: {sentence}"


def test_eight_levels_of_braces_are_read() -> None:
    assert prompts("{" * 8 + "a|b" + "}" * 8) == ["a", "b"]


def test_a_bomb_of_braces_is_counted_without_being_built() -> None:
    assert read_prompt("{a|b}" * 300, "p").count == 10**9
    assert read_prompt("{16$$" + "|".join("abcdefghijklmnopqrstuvwxyzABCDEF") + "}", "p").count == 601_080_390


words = st.text("ab ", min_size=0, max_size=3)
templates = st.recursive(
    words,
    lambda inner: st.lists(st.lists(inner, min_size=1, max_size=2).map("".join), min_size=1, max_size=3).map(
        lambda options: "{" + "|".join(options) + "}"
    ),
    max_leaves=8,
)


def by_hand(text: str) -> list[str]:
    """All readings of a template without counts, the plain way: expand the first innermost braces, and again."""
    close = text.find("}")
    if close < 0:
        return [text]
    begin = text.rfind("{", 0, close)
    return [
        reading
        for option in text[begin + 1 : close].split("|")
        for reading in by_hand(text[:begin] + option + text[close + 1 :])
    ]


@settings(deadline=None)
@given(st.lists(templates, min_size=1, max_size=3).map(" ".join))
def test_every_reading_of_nested_braces_is_made_once(text: str) -> None:
    meant = {" ".join(reading.split()) for reading in by_hand(text)}
    got = [" ".join(prompt.split()) for prompt in prompts(text)]
    assert set(got) == meant
    assert len(got) == len(set(got))


@pytest.mark.parametrize(
    ("several", "labels"),
    [
        (["a red hat", "a green hat"], ("red", "green")),
        (["a hat", "a big hat"], ("(nothing)", "big")),
        (["one"], ("one",)),
        (["x", "x"], ("(nothing)", "(nothing)")),
        ([], ()),
    ],
)
def test_labels_are_what_tells_prompts_apart(several: list[str], labels: tuple[str, ...]) -> None:
    assert distinct(several) == labels

"""The grammar's ideas differ, come again by their seed, are about their theme, and hold nothing that means more."""

import re
from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.mecene.grammar import MOST_THEME_LETTERS, MOST_THEME_WORDS, MOST_WORDS, ORDER, Grammar, clean_theme
from bot.mecene.phrases import OPPOSITES, Phrase, read_list, read_themes
from sweeps.parameters import CATALOGUE
from sweeps.recipe import has_trigger

GRAMMAR = Grammar()
LISTS = {name: read_list(name) for name in (*ORDER, "negatives")}
SOMEBODY = re.compile(r"\b(img|man|woman|men|women|boy|girl|person|people|he|she|his|her)\b", re.IGNORECASE)
SYNTAX = re.compile(r"[{}|$<>()\[\]\\^*_`~#\"\n]")


async def told(theme: str = "", count: int = 20, seed: int = 1) -> list[str]:
    return [idea.prompt for idea in await GRAMMAR.ideas(theme, count, seed)]


def place_of(idea: str) -> Phrase:
    scene = idea.split(", wearing")[0]
    return max((place for place in LISTS["places"] if place.text in scene), key=lambda place: len(place.text))


@pytest.mark.parametrize("theme", ["", "noir", "space", "a wedding at sea"])
async def test_five_hundred_ideas_all_read_differently(theme: str) -> None:
    ideas = await told(theme, 500)
    assert len(set(ideas)) == 500
    parts = [set(idea.split(", ")) for idea in ideas]
    assert all(len(one ^ other) > 4 for one, other in combinations(parts, 2))  # in three parts or more
    assert max(Counter(place_of(idea).text for idea in ideas).values()) <= 50


async def test_what_came_up_does_not_come_up_again_at_once() -> None:
    for theme in ("", "noir", "space"):
        for one, other in pairwise(await told(theme, 100)):
            assert place_of(one) != place_of(other)


async def test_equal_theme_and_seed_are_equal_ideas_and_another_seed_is_others() -> None:
    assert await told("noir") == [idea.prompt for idea in await Grammar().ideas("noir", 20, 1)]
    assert not set(await told("noir", seed=1)) & set(await told("noir", seed=2))
    assert await told("noir") != await told("winter")


async def test_the_ideas_of_a_seed_stay_what_they_are() -> None:
    """Who draws a seed again, on another machine or another day, gets the same pictures: change this knowingly."""
    (idea,) = await GRAMMAR.ideas("noir", 1, 42)
    assert idea.prompt == (
        "waiting with quiet patience on a rain-slick street below neon signs, inspired by noir, wearing a belted "
        "trench coat, sodium street light, smoke curling past, a tense, listening look, seen through a rainy pane, "
        "black and white film, high contrast"
    )


@given(st.text(max_size=60), st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
async def test_fewer_ideas_are_the_first_of_more(theme: str, seed: int, few: int, more: int) -> None:
    few, more = sorted((few, more))
    assert await told(theme, few, seed) == (await told(theme, more, seed))[:few]


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ["{a|b}", "${x}", "__w__", "img", "IMG", "i{m}g", "im img g", "(a:1.5)", "<lora:x>", "\n", "\0"]
        ),
        max_size=12,
    ).map(" ".join),
    st.lists(st.text("{}|img ", max_size=9), max_size=9).map("".join),
)


@given(HOSTILE)
@settings(max_examples=120, deadline=None)
async def test_a_theme_is_plain_words_whatever_is_typed(theme: str) -> None:
    clean = clean_theme(theme)
    assert len(clean) <= MOST_THEME_LETTERS and len(clean.split()) <= MOST_THEME_WORDS
    assert clean_theme(clean) == clean
    for idea in await told(theme, 2):
        assert not SYNTAX.search(idea) and not has_trigger(idea)
        assert idea == CATALOGUE["prompt"].check(idea)
        assert clean in idea
        assert ", ," not in idea and "  " not in idea


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("  winter\n in  Prague ", "winter in Prague"),
        ("{noir|space} ${x}", "noirspace x"),
        ("a man img at sea, IMG", "a man at sea"),
        ("hidden​ word", "hidden word"),
        ("é" * 200, "é" * 80),
        ("word " * 30, " ".join(["word"] * 8)),
    ],
)
def test_of_a_theme_the_words_are_kept(typed: str, clean: str) -> None:
    assert clean_theme(typed) == clean


@pytest.mark.parametrize(
    ("theme", "tag"), [("noir", "noir"), ("an astronaut", "space"), ("Winter", "cold"), ("jazz!", "music")]
)
async def test_a_theme_stands_in_each_idea_and_draws_what_is_about_it(theme: str, tag: str) -> None:
    about, others = await GRAMMAR.ideas(theme, 60, 1), await GRAMMAR.ideas("", 60, 1)
    assert all(clean_theme(theme) in idea.prompt for idea in about)
    often, seldom = (sum(tag in idea.tags for idea in ideas) for ideas in (about, others))
    assert often >= 50 and often > seldom
    there, elsewhere = (sum(tag in place_of(idea.prompt).tags for idea in ideas) for ideas in (about, others))
    assert there >= 2 * elsewhere


async def test_ideas_are_long_enough_to_be_pictures_and_short_enough_to_be_read() -> None:
    for theme in ("", "noir", "word " * 10):
        lengths = [len(idea.split()) for idea in await told(theme, 300)]
        assert min(lengths) >= 15 and max(lengths) <= MOST_WORDS


async def test_what_is_chosen_goes_together() -> None:
    for idea in await GRAMMAR.ideas("", 300, 1):
        assert not [pair for pair in OPPOSITES if set(pair) <= set(idea.tags)]
        assert not {"photo", "drawn"} <= set(idea.tags)
        kept_out = idea.negative_prompt.split(", ")
        assert ("painting" in kept_out) is ("photo" in idea.tags)
        assert ("photo" in kept_out) is ("drawn" in idea.tags)
        place = place_of(idea.prompt)
        weather = [phrase for phrase in LISTS["weathers"] if f", {phrase.text}," in idea.prompt]
        assert all("out" in place.tags and "space" not in place.tags for _ in weather)


async def test_no_idea_at_all_is_no_trouble() -> None:
    assert await told("noir", 0) == []


@pytest.mark.parametrize("name", LISTS)
def test_a_list_holds_plain_phrases_that_name_nobody(name: str) -> None:
    phrases = LISTS[name]
    texts = [phrase.text for phrase in phrases]
    assert len(set(texts)) == len(texts) >= 12
    for text in texts:
        assert text == " ".join(text.split()) and not SYNTAX.search(text)
        assert name == "negatives" or not SOMEBODY.search(text)
    known = {tag for others in LISTS.values() for phrase in others for tag in phrase.tags}
    for phrase in phrases:
        assert phrase.avoids <= known
        if name != "negatives":
            assert phrase.tags
        assert not [pair for pair in OPPOSITES if set(pair) <= phrase.tags]
        if name == "places":
            assert len({"in", "out"} & phrase.tags) == 1


def test_each_list_has_something_for_every_place() -> None:
    for name in set(ORDER) - {"places", "weathers"}:
        for place in LISTS["places"]:
            fitting = [phrase for phrase in LISTS[name] if phrase.fits(place.tags, place.tags)]
            assert len(fitting) >= 5, f"{name} has too little for {place.text}"


def test_every_theme_calls_for_tags_that_some_phrase_has() -> None:
    known = {tag for phrases in LISTS.values() for phrase in phrases for tag in phrase.tags}
    themes = read_themes()
    assert len(themes) > 200
    assert {tag for tags in themes.values() for tag in tags} <= known


def test_a_line_says_what_its_place_must_have_and_must_not() -> None:
    phrase = Phrase.read("catching snowflakes | out +snow -city cold")
    assert phrase == Phrase(
        "catching snowflakes", frozenset({"out", "snow", "cold"}), frozenset({"snow"}), frozenset({"city"})
    )
    assert phrase.fits(frozenset({"out", "snow"}), frozenset({"night"}))
    assert not phrase.fits(frozenset({"out"}), frozenset())
    assert not phrase.fits(frozenset({"out", "snow", "city"}), frozenset())
    assert not phrase.fits(frozenset({"snow"}), frozenset({"hot"}))

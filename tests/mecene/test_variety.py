"""Five hundred ideas read differently: measured in scenes, in shared parts and in how often a word list repeats."""

import re
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest

from bot.domain.ports import Idea
from bot.mecene.grammar import Grammar
from bot.mecene.lists import built_in

COUNT = 500
SCENES = 400
"""Of five hundred ideas so many tell of a place and a doing that no other tells of."""
PLACES, OUTFITS = 20, 10
ALIKE = 0.8
"""The share of their words, of both, that no two ideas have in common."""
OFTENEST = 0.2
"""No phrase stands in a greater share of the ideas."""

TYPED = (
    *("", "circus", "space opera", "grandmother", "deep sea", "winter sports", "baroque court", "zyxqu"),
    *("la boulangerie de mon village", "кошка на крыше"),
)
PHRASES = frozenset(
    phrase.text for name in built_in().phrases if name != "negatives" for phrase in built_in().phrases[name]
)

DRAWN = frozenset(medium.text for medium in built_in().phrases["media"] if "drawn" in medium.tags)
"""Of these a theme asks for a few alone."""


def parts(idea: Idea) -> frozenset[str]:
    """The scene (doing and place), what is worn, the light, … without the theme, which all of them share."""
    scene, *rest = idea.prompt.split(", ")
    return frozenset({scene, *(part for part in rest if part in PHRASES)})


def themes() -> list[str]:
    """A word for each kind of place that words call for, and what else somebody may type."""
    lists = built_in()
    kinds = frozenset(tag for place in lists.phrases["places"] for tag in place.tags)
    long = {tag for tag in kinds if len(tag) > 3} - set(lists.themes)
    words = {frozenset({tag}): tag for tag in sorted(long)}
    words |= {called.sites & kinds: word for word, called in reversed(lists.themes.items())}
    return sorted({*words.values(), *TYPED})


def likeness(ideas: list[Idea]) -> float:
    """How many of their words the two ideas have in common that have most: the Jaccard index of the sets of words."""
    said = [frozenset(re.findall(r"[\w'-]+", idea.prompt.casefold())) for idea in ideas]
    at = {word: number for number, word in enumerate(sorted(frozenset[str]().union(*said)))}
    stands = np.zeros((len(said), len(at)), np.float32)  # [ideas, words]
    for row, words in enumerate(said):
        stands[row, [at[word] for word in words]] = 1
    both = stands @ stands.T
    each = stands.sum(1)
    return float(np.triu(both / (each[:, None] + each[None, :] - both), 1).max())


@pytest.mark.parametrize("theme", themes())
async def test_five_hundred_ideas_of_any_theme_are_five_hundred_pictures(theme: str) -> None:
    ideas = await Grammar().ideas(theme, COUNT, 1)
    assert len({idea.prompt for idea in ideas}) == COUNT
    scenes = {idea.prompt.split(", ")[0] for idea in ideas}
    assert len(scenes) >= SCENES
    lists = built_in().phrases
    places = sorted((place.text for place in lists["places"]), key=len, reverse=True)
    assert len({next(place for place in places if scene.endswith(place)) for scene in scenes}) >= PLACES
    said = Counter(part for idea in ideas for part in idea.prompt.split(", ") if part in PHRASES)
    assert sum(phrase.text in said for phrase in lists["clothes"]) >= OUTFITS
    oftenest = max(count for part, count in said.items() if part not in DRAWN)
    assert oftenest <= COUNT * OFTENEST, said.most_common(1)
    assert likeness(ideas) <= ALIKE


@pytest.mark.parametrize(
    ("theme", "person"),
    [
        ("", ""),
        ("", "woman"),
        ("noir", ""),
        ("space", "man"),
        ("office", ""),
        ("winter in Prague", "woman"),
        ("a wedding at sea", ""),
        ("jazz club", ""),
        ("western", ""),
        ("western", "an old man in a wheelchair"),
        ("boxing", "child"),
    ],
)
async def test_of_five_hundred_no_two_share_more_than_a_few_parts(theme: str, person: str) -> None:
    ideas = await Grammar().ideas(theme, COUNT, 1, person)
    told = [parts(idea) for idea in ideas]
    assert len(ideas) == COUNT == len(set(told))
    shared = [len(one & other) for one, other in combinations(told, 2)]
    assert max(shared) <= 5  # of six to eight, and seldom so many
    assert sum(count >= 4 for count in shared) / len(shared) < 0.015
    assert sum(shared) / len(shared) < 1
    assert sum(count >= 3 for count in shared) / len(shared) < 0.05
    kinds = Counter(idea.prompt.split(", ")[0] for idea in ideas)
    assert len(kinds) >= SCENES and max(kinds.values()) <= 3
    assert all(one.prompt.split(", ")[0] != other.prompt.split(", ")[0] for one, other in pairwise(ideas))


async def test_nothing_is_done_twice_in_a_place_before_all_that_fits_there_is_done_once() -> None:
    for theme in ("office", "western"):
        told = Counter(idea.prompt.split(", ")[0] for idea in await Grammar().ideas(theme, 400, 3))
        assert max(told.values()) == 1


async def test_a_kind_of_few_places_is_told_in_their_neighbourhood_too_and_in_its_own_the_oftenest() -> None:
    own = {place.text for place in built_in().phrases["places"] if "darkroom" in place.tags}
    ideas = await Grammar().ideas("darkroom", COUNT, 1)
    told = Counter(next((place for place in own if idea.prompt.split(", ")[0].endswith(place)), "") for idea in ideas)
    elsewhere = told.pop("")
    assert 2 <= len(told) == len(own) < 6 and elsewhere > 0
    assert min(told.values()) > 2 * elsewhere / (PLACES - len(own))
    assert all({"art", "work", "study"} & set(idea.tags) for idea in ideas)


@pytest.mark.parametrize(
    ("typed", "there", "not_there"),
    [("space opera", "space", "theatre"), ("A Sci-Fi portrait", "neon", "lab"), ("deep sea", "undersea", "beach")],
)
async def test_two_words_may_mean_something_together(typed: str, there: str, not_there: str) -> None:
    ideas = await Grammar().ideas(typed, 60, 1)
    assert sum(there in idea.tags for idea in ideas) >= 45
    assert not any(not_there in idea.tags for idea in ideas)


async def test_without_a_theme_most_of_all_lists_comes_up() -> None:
    ideas = await Grammar().ideas("", COUNT, 1)
    said = " | ".join(idea.prompt for idea in ideas)
    for name, share in (("moods", 0.9), ("frames", 0.9), ("lights", 0.8)):
        phrases = [each for each in built_in().phrases[name] if not any("wedding" in need for need in each.needs)]
        assert sum(phrase.text in said for phrase in phrases) / len(phrases) >= share, name
    assert sum(place.text in said for place in built_in().phrases["places"]) >= COUNT * 0.9


async def test_the_measure_sees_ideas_that_are_alike() -> None:
    (idea,) = await Grammar().ideas("", 1, 1)
    alike = Idea(idea.prompt.rpartition(", ")[0] + ", candid photo", "", ())
    assert len(parts(idea) & parts(alike)) >= len(parts(idea)) - 1 > 4
    assert likeness([idea, alike]) > ALIKE

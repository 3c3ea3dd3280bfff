"""Five hundred ideas read differently: measured in scenes, in shared parts and in how often a word list repeats."""

from collections import Counter
from itertools import combinations, pairwise

import pytest

from bot.domain.ports import Idea
from bot.mecene.grammar import Grammar
from bot.mecene.lists import built_in

COUNT = 500
PHRASES = frozenset(
    phrase.text for name in built_in().phrases if name != "negatives" for phrase in built_in().phrases[name]
)


def parts(idea: Idea) -> frozenset[str]:
    """The scene (doing and place), what is worn, the light, … without the theme, which all of them share."""
    scene, *rest = idea.prompt.split(", ")
    return frozenset({scene, *(part for part in rest if part in PHRASES)})


@pytest.mark.parametrize(
    ("theme", "person", "scenes"),
    [
        ("", "", 450),
        ("", "woman", 450),
        ("noir", "", 200),
        ("space", "man", 150),
        ("office", "", 120),
        ("winter in Prague", "woman", 120),
        ("a wedding at sea", "", 120),
        ("jazz club", "", 90),
        ("western", "", 90),
    ],
)
async def test_of_five_hundred_no_two_share_more_than_a_few_parts(theme: str, person: str, scenes: int) -> None:
    ideas = await Grammar().ideas(theme, COUNT, 1, person)
    told = [parts(idea) for idea in ideas]
    assert len(ideas) == COUNT == len(set(told))
    shared = [len(one & other) for one, other in combinations(told, 2)]
    assert max(shared) <= 5  # of six to eight, and seldom so many
    assert sum(count >= 4 for count in shared) / len(shared) < 0.015
    assert sum(shared) / len(shared) < 1
    assert sum(count >= 3 for count in shared) / len(shared) < 0.05
    kinds = Counter(idea.prompt.split(", ")[0] for idea in ideas)
    assert len(kinds) >= scenes and max(kinds.values()) <= COUNT * 0.08
    assert all(one.prompt.split(", ")[0] != other.prompt.split(", ")[0] for one, other in pairwise(ideas))


async def test_without_a_theme_most_of_all_lists_comes_up() -> None:
    said = " | ".join(idea.prompt for idea in await Grammar().ideas("", COUNT, 1))
    for name, share in (("places", 0.85), ("moods", 0.9), ("frames", 0.9), ("lights", 0.8)):
        phrases = [each for each in built_in().phrases[name] if not any("wedding" in need for need in each.needs)]
        assert sum(phrase.text in said for phrase in phrases) / len(phrases) >= share, name


async def test_the_measure_sees_ideas_that_are_alike() -> None:
    (idea,) = await Grammar().ideas("", 1, 1)
    alike = Idea(idea.prompt.rpartition(", ")[0] + ", candid photo", "", ())
    assert len(parts(idea) & parts(alike)) >= len(parts(idea)) - 1 > 4

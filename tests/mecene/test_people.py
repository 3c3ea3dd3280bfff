"""For whom an idea is: it suits them, contradicts nothing about them, and names nobody."""

import re

import pytest

from bot.mecene.grammar import Grammar
from bot.mecene.lists import ORDER, built_in

GRAMMAR = Grammar()
THEMES = (
    "",
    "noir",
    "western",
    "a wedding at sea",
    "winter in Prague",
    "space",
    "jazz club",
    "medieval fantasy",
    "beach",
)
CONTRADICTIONS = {
    "woman": "tuxedo|groom|trilby|cravat|velvet doublet|morning coat|duffel coat and striped|teddy|walking stick",
    "man": r"dress\b|dress,|gown|skirt|blouse|bridesmaid|teddy|walking stick|paper crown|rubber boots",
    "a little girl": r"cigarette|whisky|cards|banknotes|(?<!ramen )\bbar\b|saloon|tuxedo|evening outfit|evening suit"
    "|boxing|swim|bed,|bathrobe|dressing gown|pyjamas|brooding|sequinned|toast|interrogation|walking stick"
    "|wedding dress|wedding suit|wedding attire|open linen",
    "an elderly woman": "skates|skate park|trainers|boxing vest|teddy|stripy|surfboard|running along",
    "a bald man": r"(?<!camel-)\bhair",
    "a man in a wheelchair": r"\bstanding|walking towards|walking without|striding|strolling|skates|skis|dancing|stairc"
    "|steps of|ladder|mountain ridge|wading|barefoot|deckchair|sofa|armchair|walking stick|legs crossed",
}


@pytest.mark.parametrize("person", CONTRADICTIONS)
async def test_nothing_in_an_idea_contradicts_the_person(person: str) -> None:
    for theme in THEMES:
        for idea in await GRAMMAR.ideas(theme, 150, 4, person):
            prompt = idea.prompt.replace(theme, "") if theme else idea.prompt
            assert not re.search(CONTRADICTIONS[person], prompt), (person, idea.prompt)


async def test_the_check_sees_what_is_only_for_others() -> None:
    for person, theme, worn in (
        ("woman", "a wedding at sea", "dress"),
        ("man", "gala", "tuxedo"),
        ("girl", "", "teddy"),
    ):
        assert any(worn in idea.prompt for idea in await GRAMMAR.ideas(theme, 150, 4, person))
    assert any("wheelchair" in idea.prompt for idea in await GRAMMAR.ideas("", 60, 4, "a man in a wheelchair"))
    assert any("hair" in idea.prompt for idea in await GRAMMAR.ideas("", 150, 4, "man"))


@pytest.mark.parametrize("person", ["", "Bruno", "somebody in a hat", "{woman}"])
async def test_a_person_of_whom_nothing_is_known_changes_nothing_or_what_the_word_says(person: str) -> None:
    ideas = await GRAMMAR.ideas("noir", 40, 2, person)
    assert (ideas == await GRAMMAR.ideas("noir", 40, 2)) is ("woman" not in person)


async def test_a_person_stands_in_no_idea() -> None:
    for idea in await GRAMMAR.ideas("noir", 100, 2, "a red-haired woman named Ottilie"):
        assert not re.search(r"woman|Ottilie|red-haired", idea.prompt, re.IGNORECASE)


async def test_equal_person_equal_ideas_and_another_person_gets_others() -> None:
    woman = await GRAMMAR.ideas("noir", 60, 2, "woman")
    assert woman == await Grammar().ideas("noir", 60, 2, "a lady") != await GRAMMAR.ideas("noir", 60, 2, "man")
    assert all("woman" in idea.tags for idea in woman)


@pytest.mark.parametrize(
    "person", ["woman", "man", "girl", "grandfather", "a bald woman in a wheelchair", "a child in a wheelchair"]
)
async def test_whoever_it_is_for_the_ideas_differ_and_are_whole(person: str) -> None:
    for theme in ("", "noir", "office"):
        ideas = await GRAMMAR.ideas(theme, 200, 1, person)
        assert len({idea.prompt for idea in ideas}) == 200
        assert all(15 <= len(idea.prompt.split()) <= 40 for idea in ideas)
        assert all(not built_in().clashes.among(idea.tags, idea.tags) for idea in ideas)


def test_a_phrase_is_never_for_and_against_the_same_people() -> None:
    for name in ORDER:
        for phrase in built_in().phrases[name]:
            assert not any(need <= phrase.avoids for need in phrase.needs), phrase

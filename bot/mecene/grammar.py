"""The built-in grammar: a theme in, ideas out, made of word lists; no model, no network.

An idea is a place and what fits it: a doing, clothes, light, weather, a mood, a framing and a medium. The theme
stands in each idea as plain words, its first eight at most, and they make the phrases likelier that are about them.
"""

import asyncio
import random
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence

from bot.domain.ports import Idea
from bot.mecene.lists import NEGATIVES, ORDER, Called, Lists, built_in
from bot.mecene.phrases import Clashes, Phrase
from bot.mecene.plain import plain_start

OPTIONAL = ("lights", "weathers", "moods", "frames")
"""What is left out, the last first, where an idea would become longer than `MOST_WORDS`."""

MOST_THEME_WORDS = 8
MOST_THEME_LETTERS = 80
MOST_WORDS = 40
ABOUT_THE_THEME, ABOUT_THE_SCENE = 40, 2
"""How much likelier a phrase becomes by each word of the theme that it is about, and each tag of the scene."""

A_FEW = 3
ENOUGH_PLACES = 6
"""A theme is told in the places that most of its words call for, where there are so many."""

NEARLY_ALIKE = 4
"""Two ideas of which all parts but two are the same, and so four stand in one of them alone."""
PATIENCE = 50
"""How often a new idea is sought before one that is nearly alike an earlier one will do."""
EXHAUSTED = 1_000
"""How often in a row nothing new comes up before a few short lists are taken for told out."""

SHORT_THEME = ("{} mood", "{} atmosphere", "{} aesthetic", "{} style", "inspired by {}")
LONG_THEME = ("{}", "inspired by {}")


class Grammar:
    """The Ideas port on word lists, those that ship or others: equal theme and seed, equal ideas, on every machine."""

    def __init__(self, lists: Lists | None = None) -> None:
        self._lists = lists or built_in()
        places = self._lists.phrases["places"]
        self._kinds = frozenset(tag for place in places for tag in place.tags if len(tag) > 3)

    def theme(self, typed: str) -> str:
        """The theme as it stands in the ideas."""
        return clean_theme(typed)

    async def ideas(self, theme: str, count: int, seed: int, person: str = "") -> list[Idea]:
        """`count` ideas of which no two are equal; fewer of the same theme and seed are the first of more.

        Of `person` ("woman", "an old man in a wheelchair") nothing stands in the ideas, and nothing contradicts it.
        A few lists of one's own may hold fewer ideas than were asked for.
        """
        return await asyncio.to_thread(self._ideas, clean_theme(theme), count, seed, self._brought(person))

    def _ideas(self, theme: str, count: int, seed: int, person: frozenset[str]) -> list[Idea]:
        told: dict[frozenset[str], Idea] = {}
        tries = 0
        endless = self._endless(theme, random.Random(f"{seed} {theme}"), person)
        while len(told) < count and tries < EXHAUSTED:
            idea = next(endless)
            parts = frozenset(idea.prompt.split(", "))
            tries += 1
            if parts in told or (tries < PATIENCE and any(len(parts ^ others) <= NEARLY_ALIKE for others in told)):
                continue
            told[parts] = idea
            tries = 0
        return list(told.values())

    def _endless(self, theme: str, dice: random.Random, person: frozenset[str]) -> Iterator[Idea]:
        clashes = self._lists.clashes
        wanted = self._wanted(theme)
        given = _agreeing(wanted, clashes)
        given -= clashes.among(given, person)
        given |= person | (given & {"drawn"} or {"photo"})
        called, sites = [call.about for call in wanted], [call.sites for call in wanted]
        lists = {name: [phrase for phrase in self._told_of(name, person) if not _says(phrase, theme)] for name in ORDER}
        fitting = [place for place in lists["places"] if clashes.allow(place, given)]
        lists["places"] = _nearest(fitting or lists["places"], sites)
        choices = {name: _Choice(lists[name], sites if name == "places" else called, clashes, dice) for name in ORDER}
        said = frozenset(_words(theme))
        short = len(theme.split()) <= 2
        forms = [form for form in (SHORT_THEME if short else LONG_THEME) if said.isdisjoint(form.split())] or ["{}"]
        while True:
            chosen: dict[str, Phrase] = {}
            scene = given
            for name in ORDER:
                stems = frozenset[str]().union(*(phrase.stems for phrase in chosen.values()))
                if phrase := choices[name].next(scene, stems, strict=name == "clothes"):
                    chosen[name] = phrase
                    scene |= phrase.tags
            woven = dice.choice(forms).replace("{}", theme) if theme else ""
            if "places" in chosen and _words(chosen["places"].text)[-1:] == _words(woven)[:1]:
                woven = f"inspired by {theme}"
            prompt = _told({name: phrase.text for name, phrase in chosen.items()}, woven)
            yield Idea(prompt, self._negative(scene, said), tuple(sorted(scene)))

    def _wanted(self, theme: str) -> list[Called]:
        """What each of a theme's words calls for; a word that is itself a kind of place calls for that."""
        calls = (self._lists.themes.get(word, Called(kinds=frozenset({word}) & self._kinds)) for word in _words(theme))
        return [call for call in calls if call.about]

    def _brought(self, person: str) -> frozenset[str]:
        """The tags that a person brings to every picture of them."""
        return frozenset[str]().union(*(self._lists.people.get(word, ()) for word in _words(person)))

    def _told_of(self, name: str, person: frozenset[str]) -> list[Phrase]:
        """The phrases of a list without those that are about people of another kind."""
        other = self._lists.of_people - person
        return [phrase for phrase in self._lists.phrases[name] if not any(need <= other for need in phrase.needs)]

    def _negative(self, scene: frozenset[str], said: frozenset[str]) -> str:
        """What to keep out: nothing that the medium is, and nothing that the theme names."""
        kept_out = (phrase for phrase in self._lists.phrases[NEGATIVES] if phrase.tags <= scene)
        return ", ".join(phrase.text for phrase in kept_out if said.isdisjoint(phrase.text.split()))


class _Choice:
    """Draws phrases of one list: those about the theme oftener, none that came up lately."""

    def __init__(
        self, phrases: Sequence[Phrase], called: Sequence[frozenset[str]], clashes: Clashes, dice: random.Random
    ) -> None:
        self._phrases = phrases
        self._clashes = clashes
        self._about = {phrase: 1 + ABOUT_THE_THEME * _words_about(phrase, called) for phrase in phrases}
        self._dice = dice
        self._uses: Counter[Phrase] = Counter()
        hits = sum(about > 1 for about in self._about.values())
        # Few phrases are about a theme; were all of them to rest, it would be lost for a while.
        self._lately: deque[Phrase] = deque(maxlen=min(len(phrases) // 4, hits // 2 or len(phrases)))

    def next(self, scene: frozenset[str], said: frozenset[str], strict: bool = False) -> Phrase | None:
        """A phrase that fits the scene, and repeats no word of it where one does not; None when none fits.

        A strict choice is about the theme where a few phrases that fit are.
        """
        fitting = [phrase for phrase in self._phrases if self._clashes.allow(phrase, scene)]
        if not fitting:
            return None
        fitting = [phrase for phrase in fitting if not phrase.stems & said] or fitting
        about = [phrase for phrase in fitting if self._about[phrase] > 1]
        if strict and len(about) >= A_FEW:
            fitting = about
        fresh = [phrase for phrase in fitting if phrase not in self._lately] or fitting
        weights = [
            self._about[phrase] * (1 + ABOUT_THE_SCENE * len(phrase.about & scene)) / (1 + self._uses[phrase]) ** 0.5
            for phrase in fresh
        ]
        (phrase,) = self._dice.choices(fresh, weights)
        self._uses[phrase] += 1
        self._lately.append(phrase)
        return phrase


def _words(text: str) -> list[str]:
    """The words as the lists spell them, whatever the typed letters are made of."""
    return re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())


def _agreeing(wanted: Sequence[Called], clashes: Clashes) -> frozenset[str]:
    """The tags without those that exclude each other: a theme of day and night leaves the hour open."""
    named = frozenset[str]().union(*(call.tags for call in wanted))
    return named - clashes.among(named, named)


def _words_about(phrase: Phrase, called: Sequence[frozenset[str]]) -> int:
    """How many of the theme's words a phrase is about."""
    return sum(bool(phrase.about & tags) for tags in called)


def _nearest(places: Sequence[Phrase], called: Sequence[frozenset[str]]) -> list[Phrase]:
    """The places that most of the theme's words call for, and of fewer until there are enough."""
    about = {place: _words_about(place, called) for place in places}
    least = sorted(about.values(), reverse=True)[:ENOUGH_PLACES][-1]
    return [place for place in places if about[place] >= max(least, min(1, max(about.values())))]


def _says(phrase: Phrase, theme: str) -> bool:
    """Whether a phrase and the theme would say the same words twice in one idea."""
    text, typed = phrase.text.casefold(), theme.casefold()
    return f" {text} " in f" {typed} " or (" " in typed and f" {typed} " in f" {text} ")


def clean_theme(theme: str) -> str:
    """The theme as plain words on one line: without marks that make an axis or a weight, and without the trigger.

    Of a long one the first words: at most `MOST_THEME_WORDS`, in at most `MOST_THEME_LETTERS`.
    """
    return plain_start(theme, MOST_THEME_WORDS, MOST_THEME_LETTERS)


def _told(parts: Mapping[str, str], theme: str) -> str:
    """The idea as a prompt: what stands for sure, and of the rest as much as leaves it readable."""
    scene = " ".join(parts[name] for name in ("doings", "places") if name in parts)
    kept = {"scene": scene, "theme": theme, **{name: parts.get(name, "") for name in ("clothes", "media")}}
    for name in OPTIONAL:
        longer = kept | {name: parts.get(name, "")}
        if len(" ".join(longer.values()).split()) <= MOST_WORDS:
            kept = longer
    order = ("scene", "theme", "clothes", "lights", "weathers", "moods", "frames", "media")
    return ", ".join(kept[name] for name in order if kept.get(name))

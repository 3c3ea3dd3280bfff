"""The built-in grammar: a theme in, ideas out, made of word lists; no model, no network.

An idea is a place and what fits it: a doing, clothes, light, weather, a mood, a framing and a medium. The theme
stands in each idea as plain words, its first eight at most, and they make the phrases likelier that are about them.
"""

import asyncio
import random
import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import fsum

from bot.domain.ports import Idea
from bot.mecene.lists import NEGATIVES, ORDER, Called, Lists, built_in
from bot.mecene.phrases import Clashes, Phrase, stems_of
from bot.mecene.plain import plain_start

OPTIONAL = ("lights", "weathers", "moods", "frames")
"""What is left out, the last first, where an idea would become longer than `MOST_WORDS`."""

NAMING = ("places", "media")
"""The lists in which a theme's own words may come again: an office is told in offices, a charcoal drawing is one."""

MOST_THEME_WORDS = 8
MOST_THEME_LETTERS = 80
MOST_WORDS = 40
ABOUT_THE_THEME, ABOUT_THE_SCENE = 40, 2
"""How much likelier a phrase becomes by each word of the theme that it is about, and each tag of the scene."""

WEARINESS = 2
"""How fast a phrase becomes less likely as it is used: each one is, then, about as often as its likelihood's cube root.
"""

A_FEW = 5
"""Where so many outfits that are about the theme fit, one of them is worn."""
ENOUGH_PLACES = 24
"""A theme is told in so many places at least: where its words call for fewer, those that are most like them join."""

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
        places, lights, weathers = (self._lists.phrases[name] for name in ("places", "lights", "weathers"))
        self._passing = frozenset[str]().union(*(phrase.tags for phrase in (*lights, *weathers)))
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
        about = {name: {phrase: _words_about(phrase, called) for phrase in lists[name]} for name in ORDER}
        about["places"] = _nearest(fitting or lists["places"], sites, self._passing)
        choices = {name: _Choice(about[name], clashes, dice) for name in ORDER}
        spent: defaultdict[Phrase | None, set[Phrase | None]] = defaultdict(set)  # what was done in each place
        said, typed = frozenset(_words(theme)), stems_of(theme)
        short = len(theme.split()) <= 2
        forms = [form for form in (SHORT_THEME if short else LONG_THEME) if said.isdisjoint(form.split())] or ["{}"]
        while True:
            chosen: dict[str, Phrase] = {}
            scene = given
            stems = frozenset[str]()
            for name in ORDER:
                done = spent[chosen.get("places")] if name == "doings" else ()
                heard = stems if name in NAMING else stems | typed
                if phrase := choices[name].next(scene, heard, done, strict=name == "clothes"):
                    chosen[name] = phrase
                    scene |= phrase.tags
                    stems |= phrase.stems
            spent[chosen.get("places")].add(chosen.get("doings"))
            woven = dice.choice(forms).replace("{}", theme) if theme else ""
            if "places" in chosen and _words(chosen["places"].text)[-1:] == _words(woven)[:1]:
                woven = f"inspired by {theme}"
            prompt = _told({name: phrase.text for name, phrase in chosen.items()}, woven)
            yield Idea(prompt, self._negative(scene, said), tuple(sorted(scene)))

    def _wanted(self, theme: str) -> list[Called]:
        """What each of a theme's words calls for, or two in a row that mean something together (`space-opera`).

        A word that is itself a kind of place calls for that.
        """
        themes, words = self._lists.themes, _words(theme)
        calls = []
        while words:
            word = words.pop(0)
            if words and (pair := f"{word}-{words[0]}") in themes:
                word = pair
                del words[0]
            calls.append(themes.get(word, Called(kinds=frozenset({word}) & self._kinds)))
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
    """Draws phrases of one list: those about the theme oftener, by how many of its words, none that came up lately."""

    def __init__(self, about: Mapping[Phrase, int], clashes: Clashes, dice: random.Random) -> None:
        self._of = [(phrase, clashes.against(phrase), 1 + ABOUT_THE_THEME * words) for phrase, words in about.items()]
        self._dice = dice
        self._uses: Counter[str] = Counter()
        hits = sum(map(bool, about.values()))
        # Few phrases are about a theme; were all of them to rest, it would be lost for a while.
        self._lately: deque[str] = deque(maxlen=min(len(about) // 4, hits // 2 or len(about)))

    def next(
        self, scene: frozenset[str], said: frozenset[str], spent: Collection[Phrase | None] = (), strict: bool = False
    ) -> Phrase | None:
        """A phrase that fits the scene, and repeats no word of it where one does not; None when none fits.

        One that is spent comes when all others that fit are. A strict choice is about the theme where `A_FEW` that fit
        are.
        """
        fitting = [each for each in self._of if each[1].isdisjoint(scene) and each[0].is_met_by(scene)]
        if not fitting:
            return None
        fitting = [each for each in fitting if each[0] not in spent] or fitting if spent else fitting
        fitting = [each for each in fitting if each[0].stems.isdisjoint(said)] or fitting
        about = [each for each in fitting if each[2] > 1]
        if strict and len(about) >= A_FEW:
            fitting = about
        fresh = [each for each in fitting if each[0].text not in self._lately] or fitting
        weights = [
            weight * (1 + ABOUT_THE_SCENE * len(phrase.about & scene)) / (1 + self._uses[phrase.text]) ** WEARINESS
            for phrase, _, weight in fresh
        ]
        ((phrase, _, _),) = self._dice.choices(fresh, weights)
        self._uses[phrase.text] += 1
        self._lately.append(phrase.text)
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


def _nearest(places: Sequence[Phrase], called: Sequence[frozenset[str]], passing: frozenset[str]) -> dict[Phrase, int]:
    """The places that most of the theme's words, and most of their tags, call for; where these are few, their
    neighbours too, which are not themselves about the theme.

    Neighbours are what the next most words and tags call for, and what shares the rarest tags with the places called
    for and has few others. Those that are `passing` do not count: an hour or a season makes no neighbours.
    """
    about = {place: (_words_about(place, called), sum(len(place.about & tags) for tags in called)) for place in places}
    most = max(about.values())
    own = [place for place in places if about[place] == most]
    if len(own) >= ENOUGH_PLACES:
        return dict.fromkeys(own, 1)
    with_tag = Counter(tag for place in places for tag in place.tags)

    def kinship(place: Phrase) -> float:  # by fsum the same in whatever order the tags come
        shared = (tag for other in own for tag in (place.tags & other.tags) - passing)
        return fsum(1 / with_tag[tag] for tag in shared) / len(place.tags)

    others = {place: (*about[place], kinship(place)) for place in places if about[place] < most}
    nearest = sorted((place for place in others if others[place][-1]), key=others.__getitem__, reverse=True)
    return dict.fromkeys(own, 1) | dict.fromkeys(nearest[: ENOUGH_PLACES - len(own)], 0)


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

"""The built-in grammar: a theme in, ideas out, made of word lists; no model, no network.

An idea is a place and what fits it: a doing, clothes, light, weather, a mood, a framing and a medium. The theme
stands in each idea as it was typed, and its words make the phrases likelier that are about them.
"""

import asyncio
import random
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from bot.domain.ports import Idea
from bot.mecene.phrases import Phrase, read_list, read_themes
from sweeps.recipe import without_trigger

ORDER = ("places", "doings", "clothes", "lights", "weathers", "moods", "frames", "media")
"""The lists in the order in which an idea is put together: each choice has to fit those before."""

OPTIONAL = ("moods", "frames", "weathers")
"""What is left out, the last first, where an idea would become longer than `MOST_WORDS`."""

MOST_THEME_WORDS = 8
MOST_THEME_LETTERS = 80
MOST_WORDS = 40
ABOUT_THE_THEME, ABOUT_THE_PLACE, ABOUT_THE_SCENE = 60, 8, 1
"""How much likelier a phrase becomes by each tag that it shares with the theme, the place, and all chosen before."""

NEARLY_ALIKE = 4
"""Two ideas of which all parts but two are the same, and so four stand in one of them alone."""
PATIENCE = 50
"""How often a new idea is sought before one that is nearly alike an earlier one will do."""

SHORT_THEME = ("{} mood", "{} atmosphere", "{} aesthetic", "{} style", "inspired by {}")
LONG_THEME = ("{}", "inspired by {}")
MARKS = re.compile(r"[{}|$<>()\[\]\\^*_`~#\"]")
"""What some prompt language gives a meaning to; here a theme is plain words."""


class Grammar:
    """The Ideas port on word lists: equal theme and seed, equal ideas, on every machine."""

    def __init__(self) -> None:
        self._lists = {name: read_list(name) for name in (*ORDER, "negatives")}
        self._themes = read_themes()
        self._tags = frozenset(tag for phrases in self._lists.values() for phrase in phrases for tag in phrase.tags)

    async def ideas(self, theme: str, count: int, seed: int) -> list[Idea]:
        """`count` ideas of which no two are equal; fewer of the same theme and seed are the first of more."""
        return await asyncio.to_thread(self._ideas, clean_theme(theme), count, seed)

    def _ideas(self, theme: str, count: int, seed: int) -> list[Idea]:
        told: dict[frozenset[str], Idea] = {}
        tries = 0
        endless = self._endless(theme, random.Random(f"{seed} {theme}"))
        while len(told) < count:
            idea = next(endless)
            parts = frozenset(idea.prompt.split(", "))
            tries += 1
            if parts in told or (tries < PATIENCE and any(len(parts ^ others) <= NEARLY_ALIKE for others in told)):
                continue
            told[parts] = idea
            tries = 0
        return list(told.values())

    def _endless(self, theme: str, dice: random.Random) -> Iterator[Idea]:
        wanted = self._wanted(theme)
        choices = {name: _Choice(self._lists[name], wanted, dice) for name in ORDER}
        forms = SHORT_THEME if len(theme.split()) <= 2 else LONG_THEME
        while True:
            chosen: dict[str, Phrase] = {}
            scene: frozenset[str] = frozenset()
            for name in ORDER:
                place = chosen["places"].tags if chosen else None
                if phrase := choices[name].next(place, scene):
                    chosen[name] = phrase
                    scene |= phrase.tags
            woven = dice.choice(forms).format(theme) if theme else ""
            prompt = _told({name: phrase.text for name, phrase in chosen.items()}, woven)
            yield Idea(prompt, self._negative(scene), tuple(sorted(scene)))

    def _wanted(self, theme: str) -> frozenset[str]:
        """The tags that a theme's words call for."""
        words = re.findall(r"\w+", theme.lower())
        own = self._tags.intersection(words)
        return own.union(*(self._themes.get(word, frozenset()) for word in words))

    def _negative(self, scene: frozenset[str]) -> str:
        return ", ".join(phrase.text for phrase in self._lists["negatives"] if phrase.tags <= scene)


class _Choice:
    """Draws phrases of one list: those about the theme oftener, none that came up lately."""

    def __init__(self, phrases: Sequence[Phrase], wanted: frozenset[str], dice: random.Random) -> None:
        self._phrases = phrases
        self._about = {phrase: 1 + ABOUT_THE_THEME * len(phrase.tags & wanted) for phrase in phrases}
        self._dice = dice
        self._uses: Counter[Phrase] = Counter()
        hits = sum(about > 1 for about in self._about.values())
        # Few phrases are about a theme; were all of them to rest, it would be lost for a while.
        self._lately: deque[Phrase] = deque(maxlen=min(len(phrases) // 4, hits // 2 or len(phrases)))

    def next(self, place: frozenset[str] | None, scene: frozenset[str]) -> Phrase | None:
        """A phrase that fits; None when there is none. Before there is a place, every phrase does."""
        fitting = [phrase for phrase in self._phrases if place is None or phrase.fits(place, scene)]
        if not fitting:
            return None
        fresh = [phrase for phrase in fitting if phrase not in self._lately] or fitting
        weights = [
            self._about[phrase]
            * (1 + ABOUT_THE_PLACE * len(phrase.tags & (place or scene)) + ABOUT_THE_SCENE * len(phrase.tags & scene))
            / (1 + self._uses[phrase]) ** 0.5
            for phrase in fresh
        ]
        (phrase,) = self._dice.choices(fresh, weights)
        self._uses[phrase] += 1
        self._lately.append(phrase)
        return phrase


def clean_theme(theme: str) -> str:
    """The theme as plain words on one line: without marks that make an axis or a weight, and without the trigger."""
    printable = "".join(letter if letter.isprintable() else " " for letter in theme)
    words = without_trigger(MARKS.sub("", printable)).split()
    text = ""
    for word in words[:MOST_THEME_WORDS]:
        longer = f"{text} {word}".strip()
        if len(longer) > MOST_THEME_LETTERS:
            return text or word[:MOST_THEME_LETTERS]
        text = longer
    return text.strip(" ,;")


def _told(parts: dict[str, str], theme: str) -> str:
    """The idea as a prompt: what stands for sure, and of the rest as much as leaves it readable."""
    kept = {"scene": f"{parts['doings']} {parts['places']}", "theme": theme}
    kept |= {name: parts[name] for name in ("clothes", "lights", "media")}
    for name in OPTIONAL:
        longer = kept | {name: parts.get(name, "")}
        if len(" ".join(longer.values()).split()) <= MOST_WORDS:
            kept = longer
    order = ("scene", "theme", "clothes", "lights", "weathers", "moods", "frames", "media")
    return ", ".join(kept[name] for name in order if kept.get(name))

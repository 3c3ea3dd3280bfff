"""Phrases: the word lists of the grammar, plain text files that an operator can read and change."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path

WORDS = Path(__file__).parent / "words"
EXCLUSIVE = (
    "in out",
    "photo drawn",
    "watercolour oil charcoal pencil pastel ink comic anime print illustration render",
    "day dusk night",
    "clear cloud",
    "clear rain snowfall fog",
    "fog cloud",
    "spring summer autumn winter",
    "hot cold",
    "hot winter",
    "hot snow",
    "hot snowfall",
    "summer cold",
    "summer snow",
    "summer snowfall",
    "spring snow",
    "spring snowfall",
    "autumn snow",
    "autumn snowfall",
    "spring cold",
    "snow rain",
    "winter rain",
    "wind fog",
    "desert rain",
    "desert fog",
    "desert snowfall",
    "desert spring",
    "desert autumn",
    *(f"planet {other}" for other in ("spring", "summer", "autumn", "winter", "wind", "rain")),
    "medieval old now future",
    "quest now",
    "quest future",
    "western now",
    "noir bright",
    "noir hot",
    "noir summer",
    "happy drama",
    "happy noir",
    "happy sad",
    "wedding noir",
    "calm motion",
    "seat motion",
)
"""Tags of which one picture has one at most, line by line."""

AGAINST: Mapping[str, frozenset[str]] = {
    tag: frozenset(two for line in EXCLUSIVE for one, two in permutations(line.split(), 2) if one == tag)
    for tag in {tag for line in EXCLUSIVE for tag in line.split()}
}

SMALL_WORDS = frozenset({"wearing", "with", "from", "into", "over", "under", "behind", "through", "between", "front"})


@dataclass(frozen=True)
class Phrase:
    """A piece of a prompt: what it brings to the scene (`tags`), and what has to be there or must not be.

    Of each set in `needs` the scene must have one tag.
    """

    text: str
    tags: frozenset[str]
    needs: tuple[frozenset[str], ...] = ()
    avoids: frozenset[str] = frozenset()

    @classmethod
    def read(cls, line: str) -> "Phrase":
        """One line of a list: `text | tag +needed/or_this -avoided`."""
        text, _, tags = line.partition("|")
        words = tags.split()
        return cls(
            text.strip(),
            frozenset(word for word in words if word[0] not in "+-"),
            tuple(frozenset(word[1:].split("/")) for word in words if word[0] == "+"),
            frozenset(word[1:] for word in words if word[0] == "-"),
        )

    @cached_property
    def about(self) -> frozenset[str]:
        """What it has to do with: the tags that it brings, and those of which it needs one."""
        return self.tags.union(*self.needs)

    @cached_property
    def stems(self) -> frozenset[str]:
        """How its words begin: two phrases that share one would repeat each other."""
        words = re.findall(r"\w{4,}", self.text.lower())
        return frozenset(word[:4] for word in words if word not in SMALL_WORDS)

    def fits(self, scene: frozenset[str]) -> bool:
        """Whether it goes with all the tags that the picture has so far."""
        if self.avoids & scene or not all(need & scene for need in self.needs):
            return False
        return not clashing(self.tags, scene)


def clashing(tags: Iterable[str], scene: Iterable[str]) -> set[str]:
    """Those of the tags that do not go with the scene."""
    present = frozenset(scene)
    return {tag for tag in tags if AGAINST.get(tag, frozenset()) & present}


def read_list(name: str) -> tuple[Phrase, ...]:
    """The phrases of `words/<name>.txt`, in their order; empty lines and lines that begin with # are left out."""
    return tuple(Phrase.read(line) for line in _lines(name))


def read_themes() -> dict[str, frozenset[str]]:
    """The tags that each word of a theme calls for: the lines `tag tag: word word` of `words/themes.txt`, turned round.

    A kind of place keeps its @.
    """
    calls: dict[str, set[str]] = {}
    for line in _lines("themes"):
        tags, _, words = line.partition(":")
        for word in words.split():
            calls.setdefault(word, set()).update(tags.split())
    return {word: frozenset(tags) for word, tags in calls.items()}


def _lines(name: str) -> Iterable[str]:
    text = (WORDS / f"{name}.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]

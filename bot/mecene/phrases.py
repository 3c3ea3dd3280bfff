"""Phrases: the word lists of the grammar, plain text files that an operator can read and change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

WORDS = Path(__file__).parent / "words"
OPPOSITES = (
    ("in", "out"),
    ("day", "night"),
    ("hot", "cold"),
    ("hot", "snow"),
    ("happy", "drama"),
    ("happy", "noir"),
    ("calm", "motion"),
    ("clear", "grey"),
)
"""Tags that do not go together in one picture."""

_AGAINST: Mapping[str, frozenset[str]] = {
    tag: frozenset(other for pair in OPPOSITES if tag in pair for other in pair if other != tag)
    for tag in {tag for pair in OPPOSITES for tag in pair}
}


@dataclass(frozen=True)
class Phrase:
    """A piece of a prompt: what it is about (`tags`), and which tags its place must have and must not have."""

    text: str
    tags: frozenset[str]
    needs: frozenset[str] = frozenset()
    avoids: frozenset[str] = frozenset()

    @classmethod
    def read(cls, line: str) -> "Phrase":
        """One line of a list: `text | tag +needed -avoided`; what is needed is a tag too."""
        text, _, tags = line.partition("|")
        words = tags.split()
        needs = frozenset(word[1:] for word in words if word.startswith("+"))
        avoids = frozenset(word[1:] for word in words if word.startswith("-"))
        return cls(text.strip(), frozenset(word for word in words if word[0] not in "+-") | needs, needs, avoids)

    def fits(self, place: frozenset[str], scene: frozenset[str]) -> bool:
        """Whether it goes with a place's tags and with all tags that the picture has so far."""
        if not self.needs <= place or self.avoids & place:
            return False
        return not any(_AGAINST.get(tag, frozenset()) & scene for tag in self.tags)


def read_list(name: str) -> tuple[Phrase, ...]:
    """The phrases of `words/<name>.txt`, in their order; empty lines and lines that begin with # are left out."""
    return tuple(Phrase.read(line) for line in _lines(name))


def read_themes() -> dict[str, frozenset[str]]:
    """The tags that each word of a theme calls for: the lines `tag: word word` of `words/themes.txt`, turned round."""
    calls: dict[str, set[str]] = {}
    for line in _lines("themes"):
        tag, _, words = line.partition(":")
        for word in words.split():
            calls.setdefault(word, set()).add(tag.strip())
    return {word: frozenset(tags) for word, tags in calls.items()}


def _lines(name: str) -> Iterable[str]:
    text = (WORDS / f"{name}.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]

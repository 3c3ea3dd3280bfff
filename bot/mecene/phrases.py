"""Phrases: pieces of a prompt, with what each brings to a picture, and which tags do not go together."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

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
    def read(cls, text: str, marks: str) -> "Phrase":
        """A line of a list: the words, and `tag +needed/or_this -avoided` behind their colon."""
        words = marks.split()
        return cls(
            text,
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
        return stems_of(self.text)

    def is_met_by(self, scene: frozenset[str]) -> bool:
        """Whether the scene has what it needs."""
        return not any(map(scene.isdisjoint, self.needs))


def stems_of(text: str) -> frozenset[str]:
    """The first four letters of each longer word."""
    words = re.findall(r"\w{4,}", text.lower())
    return frozenset(word[:4] for word in words if word not in SMALL_WORDS)


class Clashes:
    """Which tags exclude which: of each group one picture has one at most."""

    def __init__(self, groups: Iterable[str]) -> None:
        against: dict[str, set[str]] = {}
        for group in groups:
            for one, other in permutations(group.split(), 2):
                against.setdefault(one, set()).add(other)
        self._against: Mapping[str, frozenset[str]] = {tag: frozenset(others) for tag, others in against.items()}

    @property
    def tags(self) -> frozenset[str]:
        """All tags that exclude some other."""
        return frozenset(self._against)

    def among(self, tags: Iterable[str], scene: Iterable[str]) -> set[str]:
        """Those of the tags that do not go with the scene."""
        present = frozenset(scene)
        return {tag for tag in tags if self._against.get(tag, frozenset()) & present}

    def allow(self, phrase: Phrase, scene: frozenset[str]) -> bool:
        """Whether a phrase goes with all the tags that the picture has so far."""
        return self.against(phrase).isdisjoint(scene) and phrase.is_met_by(scene)

    def against(self, phrase: Phrase) -> frozenset[str]:
        """The tags of which a picture must have none, for this phrase to go with it."""
        return phrase.avoids.union(*(self._against.get(tag, frozenset()) for tag in phrase.tags))

"""The word list: which of an operator's words and phrases stand in a prompt, as whole words."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bot.domain.gate import Verdict
from bot.gate.folding import Token, likeness, readings, words

LONGEST = 200
BETWEEN = " -‐‑–'’.,&/_"  # noqa: RUF001
"""What may stand between the words of a phrase; it is not matched."""


@dataclass(frozen=True)
class Entry:
    """A word or phrase as the operator wrote it (`*` at its end: beginnings), and what becomes of pictures of it."""

    written: str
    verdict: Verdict


@dataclass
class _Node:
    """What may follow the words so far: further words, the end of entries, or the beginning of an entry's last word."""

    next: dict[str, "_Node"] = field(default_factory=dict)
    alike: dict[str, list["_Node"]] = field(default_factory=dict)
    ends: Entry | None = None
    beginnings: dict[str, Entry] = field(default_factory=dict)
    beginnings_alike: dict[str, Entry] = field(default_factory=dict)
    lengths: set[int] = field(default_factory=set)

    def follow(self, token: Token) -> Iterable["_Node"]:
        word, alike = token
        if alike is not None:
            return self.alike.get(alike, ())
        return (self.next[word],) if word in self.next else ()

    def begun(self, token: Token) -> Iterator[Entry]:
        word, alike = token
        text, known = (word, self.beginnings) if alike is None else (alike, self.beginnings_alike)
        for length in self.lengths:
            if (entry := known.get(text[:length])) is not None:
                yield entry


class WordList:
    """Finds entries in a text, in time proportional to the text however many there are (a tree of words)."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._root = _Node()
        self._empty = True
        for entry in entries:
            self._add(entry)

    def find(self, text: str) -> Entry | None:
        """The entry that counts most: one that withholds before one that hides, else the first in the text."""
        hidden: Entry | None = None
        for entry in self._all(text):
            if entry.verdict is Verdict.WITHHOLD:
                return entry
            hidden = hidden or entry
        return hidden

    def _all(self, text: str) -> Iterator[Entry]:
        if self._empty:
            return
        for tokens in readings(text):
            for start in range(len(tokens)):
                yield from self._at(tokens, start)

    def _at(self, tokens: list[Token], start: int) -> Iterator[Entry]:
        """The entries that stand at one word; walks no further than the longest of them."""
        nodes = [self._root]
        for at in range(start, len(tokens)):
            for node in nodes:
                yield from node.begun(tokens[at])
            nodes = [after for node in nodes for after in node.follow(tokens[at])]
            for node in nodes:
                if node.ends is not None:
                    yield node.ends
            if not nodes:
                return

    def _add(self, entry: Entry) -> None:
        self._empty = False
        *before, last = words(entry.written)
        node = self._root
        for word in before:
            node = _step(node, word)
        if entry.written.endswith("*"):
            node.lengths.add(len(last))
            _weightier(node.beginnings, last, entry)
            if not any(map(str.isdigit, last)):
                _weightier(node.beginnings_alike, likeness(last), entry)
            return
        node = _step(node, last)
        if node.ends is None or entry.verdict is Verdict.WITHHOLD:
            node.ends = entry


def _step(node: _Node, word: str) -> _Node:
    if word not in node.next:
        after = node.next[word] = _Node()
        if not any(map(str.isdigit, word)):  # 1 in r1 is no disguise of i
            node.alike.setdefault(likeness(word), []).append(after)
    return node.next[word]


def _weightier(entries: dict[str, Entry], word: str, entry: Entry) -> None:
    if word not in entries or entry.verdict is Verdict.WITHHOLD:
        entries[word] = entry


def mistake(written: str) -> str | None:
    """Why this cannot be an entry, as the end of a sentence that begins with "expected"; None where it can."""
    text = written.removesuffix("*")
    if len(written) > LONGEST:
        return f"a word or phrase of at most {LONGEST} characters"
    if "*" in text:
        return "a word or phrase with a * at its end at most"
    for sign in text:
        folds = (
            (sign.isascii() and sign.isalnum())
            or sign in BETWEEN
            or words(sign)
            or sign.isspace()
            or unicodedata.category(sign)[0] in "MC"
        )
        if not folds:
            return (
                f"letters, digits and blanks without {sign} (write the word itself; $ for s and the like are seen "
                "through)"
            )
    if not words(text):
        return "a word or phrase with a letter or a digit in it"
    return None

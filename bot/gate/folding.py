"""Folding: a text as the words that a reader sees in it, whatever it is decorated with.

Letter by letter, through tables: a whole text is never normalised at once, as runs of combining marks make that slow.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

ACCENTS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05BD), (0x05BF, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640),
    (0x064B, 0x065F), (0x0670, 0x0670), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
)  # fmt: skip
"""Marks that a word is read the same without. Other scripts' vowels are marks too, and stay."""
INVISIBLE = ((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Fillers and variation selectors: nothing is seen of them, and Unicode counts them among letters and marks."""
UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17B3), (0x17B6, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Scripts without blanks between words: each of their letters counts as a word, and a word as a phrase of them."""
STROKES = {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ƀ": "b", "ı": "i", "æ": "ae", "œ": "oe"}  # noqa: RUF001
SIGNS = "@$€!|"
"""Signs that stand for letters inside of words; elsewhere they part words, as other signs do."""
LIKENESS = str.maketrans(
    {
        **dict(zip("013456789@$€!|", "oieasgtbgaseii", strict=True)),
        # Cyrillic and Greek letters that look like Latin ones, and l, which 1 stands for as much as for i.
        **dict(zip("авекмнорстухсѕіјһԁԛԝ", "abekmhopctyxcsijhdqw", strict=True)),
        **dict(zip("αβεικνορτυχ", "abeikvoptux", strict=True)),
        "l": "i",
    }
)
TWINS = frozenset("аеорсухѕіјһԁԛԝο")  # noqa: RUF001
"""Letters of other scripts that nobody can tell from Latin ones."""
WEIGHT = re.compile(r":[0-9.]{1,8}(?=[)\]])")
"""What some prompt languages weigh a word with: "(blood:1.2) bath" is a blood bath."""
Token = tuple[str, str | None]
"""A word as it stands, and what it looks like where it is disguised."""


@lru_cache(maxsize=1 << 16)
def _folded(code: int) -> str:
    """One character folded: its letters, nothing where it is a decoration, a blank where it parts words."""
    spelled = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
    return "".join(map(_plain, spelled))


def _plain(letter: str) -> str:
    code = ord(letter)
    category = unicodedata.category(letter)
    if _in(code, ACCENTS) or _in(code, INVISIBLE) or category == "Cf" or (category == "Cc" and not letter.isspace()):
        return ""
    if category[0] not in "LMN":
        return " "
    if _in(code, UNSPACED):
        return f" {letter} "
    return STROKES.get(letter, letter)


def _in(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


class _Words:
    """A table for `str.translate`."""

    def __getitem__(self, code: int) -> str:
        return _folded(code)


class _PartedWords:
    """The same, where what nothing is seen of parts words: text encoders take some of it for a blank."""

    def __getitem__(self, code: int) -> str:
        return _folded(code) or (" " if unicodedata.category(chr(code)) in ("Cf", "Cc") else "")


class _SignedWords:
    """The same, where signs stay that may stand for letters."""

    def __getitem__(self, code: int) -> str:
        return chr(code) if chr(code) in SIGNS else _folded(code)


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    return text.translate(_Words()).split()


def likeness(word: str) -> str:
    """What a folded word looks like: i for l, o for 0, Latin letters for their likes. One form for all disguises."""
    return word.translate(LIKENESS)


def readings(text: str) -> Iterator[list[Token]]:
    """The ways in which a text may be read as words; each takes time in proportion to the text."""
    unweighted = WEIGHT.sub(" ", text)
    plain = words(unweighted)
    yield [(word, None) for word in plain]
    if unweighted != text:
        yield [(word, None) for word in words(text)]
    text = unweighted
    parted = text.translate(_PartedWords()).split()
    if parted != plain:
        yield [(word, None) for word in parted]
    if any(not word.isalpha() and not word.isdigit() for word in plain):
        lettered = "".join(" " if letter.isdigit() else letter for letter in " ".join(plain)).split()
        yield [(word, None) for word in lettered]  # "1girl" is a girl to a text encoder
    chunks = (chunk.strip("!|") for chunk in text.translate(_SignedWords()).split())
    signed: list[Token] = [(chunk, _disguised(chunk)) for chunk in chunks if chunk]
    if any(alike is not None for _, alike in signed):
        yield signed
    for kept in (0, 1):  # "a n u d e": the first letter may be a word of its own
        joined = _joined(plain, kept)
        if joined != plain:
            yield [(word, None) for word in joined]


def _disguised(word: str) -> str | None:
    """What a word looks like, where signs, digits or another script's letters stand for some of its letters."""
    alike = likeness(word)
    if alike == word.replace("l", "i") or not alike.isascii():
        return None
    letters = [letter for letter in word if letter.isalpha()]
    if len(letters) <= sum(map(str.isdigit, word)):
        return None  # 50s, 4k, 35mm: digits are digits
    # In a word of another script alone, letters stand for themselves, unless all of them are a Latin letter's twins.
    return alike if any(map(str.isascii, letters)) or set(letters) <= TWINS else None


def _joined(plain: list[str], kept: int) -> list[str]:
    """The words with runs of three and more single letters made one word, but for the first `kept` of each."""
    found: list[str] = []
    run: list[str] = []
    for word in [*plain, ""]:
        if len(word) == 1 and word.isalpha() and not _in(ord(word), UNSPACED):
            run.append(word)
            continue
        if len(run) >= 3 + kept:
            run = [*run[:kept], "".join(run[kept:])]
        found += [*run, word] if word else run
        run = []
    return found

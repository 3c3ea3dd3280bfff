"""Folding: a text as the words that a reader sees in it, whatever it is decorated with.

Letter by letter, through tables: a whole text is never normalised at once, as runs of combining marks make that slow.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

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
ALONE = frozenset("aeiouyавикосуя")  # noqa: RUF001
"""Letters that are words: a, I, the Spanish y, the Russian в. Beside "n u d e" they are no part of it."""
SHORT = 2
"""Of so many letters at most are the pieces of a word that signs cut up."""
LEAST = 3
"""Of so many letters at least is a word that is put together."""
APOSTROPHES = "'’"  # noqa: RUF001
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


class _CutWords:
    """The same, where a - stands for signs that join; apostrophes do not, or "he'll" were "hell"."""

    def __getitem__(self, code: int) -> str:
        folded, sign = _folded(code), chr(code)
        joins = folded and not folded.strip() and not sign.isspace() and sign not in APOSTROPHES
        return "-" if joins else folded


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    return text.translate(_Words()).split()


def likeness(word: str) -> str:
    """What a folded word looks like: i for l, o for 0, Latin letters for their likes. One form for all disguises."""
    return word.translate(LIKENESS)


def readings(text: str) -> Iterator[list[Token]]:
    """The ways in which a text may be read as words; each takes time in proportion to the text."""
    unweighted = WEIGHT.sub("", text)
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
    runs = _runs(text)
    told = [plain]
    for first, last in ((False, False), (True, False), (False, True), (True, True)):
        joined = _joined(runs, first, last)
        if joined not in told:
            told.append(joined)
            yield [(word, _disguised(word)) for word in joined]


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


def _runs(text: str) -> list[list[str]]:
    """The words of a text; pieces of what may be one word that was cut up stand together, each other word alone."""
    runs: list[list[str]] = []
    for chunk in text.translate(_CutWords()).split():
        for piece, together in groupby(filter(None, chunk.split("-")), _is_piece):
            run = list(together)
            if not piece:
                runs += [[word] for word in run]
            elif runs and _are_letters(runs[-1]) and _are_letters(run):
                runs[-1] += run
            else:
                runs.append(run)
    return runs


def _is_piece(word: str) -> bool:
    return len(word) <= SHORT and word.isalpha() and not _in(ord(word[0]), UNSPACED)


def _are_letters(run: list[str]) -> bool:
    """Whether they are single letters, which blanks do not part."""
    return _is_piece(run[0]) and max(map(len, run)) == 1


def _joined(runs: list[list[str]], first: bool, last: bool) -> list[str]:
    """The runs as words. With `first` and `last`, a letter at that end of one is left out where it may be a word."""
    found: list[str] = []
    for run in runs:
        start = int(first and run[0] in ALONE)
        end = len(run) - int(last and run[-1] in ALONE)
        whole = "".join(run[start:end])
        found += [*run[:start], whole, *run[end:]] if len(whole) >= LEAST else run
    return found

"""How a sentence names what somebody wrote, and the nearest name that they may have meant."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Misread:
    """A YAML scalar that YAML reads otherwise than people mean it: its text, and why it is a trap."""

    text: str
    why: str


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, or None when nothing is close."""
    folded = {known.lower().replace("_", ""): known for known in names}
    plain = re.sub(r"[\s_-]", "", name.lower()[:60])
    close = get_close_matches(plain, folded, n=1, cutoff=0.6)
    if close:
        return folded[close[0]]
    starts = [known for fold, known in folded.items() if len(plain) >= 3 and (plain in fold or fold in plain)]
    return min(starts, key=len) if starts else None


def quote(value: object) -> str:
    """How a value that somebody wrote is named in a sentence: one line, at most 60 characters of it."""
    match value:
        case None:
            return "nothing"
        case Misread(text=text):
            return shorten(text)
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(shorten(value), ensure_ascii=False)
        case float():
            return number(value)
        case int() if value.bit_length() > 200:
            return "a number of more than 60 digits"
        case Mapping():
            return f"a mapping ({{{shorten(', '.join(map(str, value)))}}})" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
    return shorten(str(value))


def shorten(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def number(value: float) -> str:
    """A number without a needless `.0`: 8, 7.5, 4294967295."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)


def either(words: Iterable[str]) -> str:
    """Words as a choice: "ays, karras or uniform"."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def unknown(what: str, name: str, names: Iterable[str]) -> str:
    """The sentence for a name that does not exist, with the nearest one that does."""
    known = tuple(names)
    meant = nearest(name, known)
    return f"no such {what}; did you mean {meant}?" if meant else f"no such {what}; there are {', '.join(known)}"


def below(path: str, key: str) -> str:
    """The path of a key: as it is when plain, else quoted, never long."""
    name = key if re.fullmatch(r"[\w$!*&+-]{1,40}", key) else quote(shorten(key, 40))
    return f"{path}.{name}" if path else name

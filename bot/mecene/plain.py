"""Plain words: what an idea is made of. Nothing in it means more than it says, to us or to a prompt language."""

import re

from sweeps.recipe import without_trigger

MARKS = re.compile(r"[{}|$<>()\[\]\\^*_`~#\"]")
"""What some prompt language gives a meaning to: choices, variables, weights, wildcards, embeddings."""

JOINERS = re.compile(r"(?<=[^\W\x00-\x7f])[\u200c\u200d](?=[^\W\x00-\x7f])")
"""Letters of no width that Persian and other words are spelled with; elsewhere they would hide something."""


def plain(text: str) -> str:
    """The text as plain words on one line: no marks, no control characters, no trigger word, blanks single."""
    joined = {found.start() for found in JOINERS.finditer(text)}
    printable = "".join(letter if letter.isprintable() or at in joined else " " for at, letter in enumerate(text))
    return " ".join(without_trigger(MARKS.sub("", printable)).split())


def plain_start(text: str, most_words: int, most_letters: int) -> str:
    """The first of its plain words: as many as fit, without a comma at either end."""
    start = ""
    words = plain(text).split()
    for word in words[:most_words]:
        longer = f"{start} {word}".strip()
        if len(longer) > most_letters:
            return start or word[:most_letters]
        start = longer
    return start.strip(" ,;")


def is_plain(text: str) -> bool:
    """Whether the text is plain words as it stands."""
    return plain(text) == text

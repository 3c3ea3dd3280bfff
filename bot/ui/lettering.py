"""Lettering: text on pictures, measured, cut and broken to the room that there is.

Pillow's built-in font has the letters of ASCII and few others. Text that needs more is set in DejaVu Sans where the
system has it. A letter that no font here has is spelled without its accents, or stands as an ellipsis: never as a box.
"""

import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from PIL import ImageDraw, ImageFont

WIDE = "DejaVuSans.ttf"
WIDE_SCALE = 0.92
"""DejaVu Sans runs wider and larger than the built-in font of the same size."""
NOWHERE = "\U0010ffff"
"""A character that no font has: how it looks is how every missing one looks."""

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Font:
    """Letters of one size, in pixels; with `wide` also plain text is set in the font of all other letters."""

    size: int
    wide: bool = False

    def suiting(self, text: str) -> "Font":
        """The font of a whole text, for its lines to look alike."""
        return replace(self, wide=self.wide or not all(_has(_plain(self.size), letter) for letter in text))


def length(font: Font, text: str) -> int:
    """How long one line is, in pixels."""
    face, spelled = _set(font, text)
    return round(face.getlength(spelled))


def write(pen: ImageDraw.ImageDraw, where: tuple[int, int], text: str, ink: tuple[int, int, int], font: Font) -> None:
    """One line of text, its top left corner at `where`; lines of the same size share their base line."""
    face, spelled = _set(font, text)
    x, y = where
    pen.text((x, y + _base(font.size)), spelled, ink, face, anchor="ls")


def fit(font: Font, text: str, room: int) -> str:
    """The text in one line, cut with an ellipsis to `room` pixels."""
    text = " ".join(text.split())
    if length(font, text) <= room:
        return text
    while text and length(font, text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def wrapped(font: Font, text: str, room: int) -> list[str]:
    """The text in lines of at most `room` pixels, broken between words; a word that is too long is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and length(font, f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(font, word, room))
    return lines


@lru_cache(maxsize=4096)
def _set(font: Font, text: str) -> tuple[Face, str]:
    """The font that a text is set in, and how it is spelled in it."""
    plain, wide = _plain(font.size), _wide(font.size)
    text = unicodedata.normalize("NFC", text)
    if wide is None or not font.suiting(text).wide:
        return plain, _spelled(plain, text)
    return wide, _spelled(wide, text)


def _spelled(face: Face, text: str) -> str:
    """The text in letters that the font has; each run of those that it lacks is one ellipsis."""
    letters = []
    for letter in text:
        bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        if _has(face, letter):
            letters.append(letter)
        elif unicodedata.category(letter) != "Cf" and not unicodedata.combining(letter):  # such are seen nowhere
            letters.append(bare if bare and all(_has(face, part) for part in bare) else "")
    return "".join("".join(run) or "…" for _, run in groupby(letters, bool))


@lru_cache(maxsize=64)
def _plain(size: int) -> Face:
    return ImageFont.load_default(size)


@lru_cache(maxsize=64)
def _wide(size: int) -> Face | None:
    """DejaVu Sans, where the system has it."""
    try:
        return ImageFont.truetype(WIDE, round(size * WIDE_SCALE))
    except OSError:
        return None


@lru_cache(maxsize=64)
def _base(size: int) -> int:
    """From the top of a line down to its base line."""
    plain = _plain(size)
    return plain.getmetrics()[0] if isinstance(plain, ImageFont.FreeTypeFont) else size


@lru_cache(maxsize=8192)
def _has(face: Face, letter: str) -> bool:
    """Whether the font has a letter, by how it looks: a missing one looks like any other that is missing."""
    if letter.isascii():
        return letter.isprintable()
    drawn, missing = face.getmask(letter), face.getmask(NOWHERE)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)

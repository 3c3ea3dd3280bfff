"""Lettering: text on pictures, measured, cut and broken to the room that there is."""

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def length(font: Font, text: str) -> int:
    """How long one line is, in pixels."""
    return round(font.getlength(text))


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

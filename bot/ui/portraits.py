"""The portraits: a person's photos side by side as one PNG, with the faces that were found and what to say of each."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from PIL import Image, ImageDraw

from bot.domain.errors import BadUpload
from bot.domain.person import FaceSeen, PhotoSeen, Verdict
from bot.pictures import open_picture
from bot.ui.lettering import Font, fit, length, wrapped, write
from bot.ui.sheet import FAINT, GAP, HOLLOW, INK, MARGIN, PAPER
from bot.ui.words import count

LARGEST_BYTES = 8 * 2**20
SIDES = (480, 320, 240, 160, 96)
LARGE = 2
ACROSS = 4
CAPTION_LINES = 3

Colour = tuple[int, int, int]
MARKS: dict[Verdict, Colour] = {
    Verdict.GOOD: (64, 176, 112),
    Verdict.FLAWED: (236, 160, 40),
    Verdict.USELESS: (217, 72, 80),
}
# Words need more contrast against the paper than a box needs against a photo.
WORDS: dict[Verdict, Colour] = {
    Verdict.GOOD: (30, 110, 64),
    Verdict.FLAWED: (146, 90, 0),
    Verdict.USELESS: (178, 38, 46),
}
BESIDE: Colour = (236, 234, 230)


@dataclass(frozen=True)
class Portrait:
    """One photo with what was seen in it (None: it cannot be opened), its verdict, and that in a few words."""

    name: str
    photo: bytes
    seen: PhotoSeen | None
    verdict: Verdict
    words: str


def portraits(title: str, shown: Sequence[Portrait]) -> bytes:
    """PNG bytes, at most 8 MiB. The face that counts has a solid box in its verdict's colour, others a dashed one."""
    for side in SIDES if len(shown) <= LARGE else SIDES[1:]:
        png = io.BytesIO()
        _draw(title, shown, side).save(png, "PNG", compress_level=6)
        if png.tell() <= LARGEST_BYTES:
            break
    return png.getvalue()


def _draw(title: str, shown: Sequence[Portrait], side: int) -> Image.Image:
    font, bold, small = (Font(size) for size in (max(12, side // 17), 27, max(11, side // 20)))
    line = round(small.size * 1.4)
    across = min(ACROSS, max(1, ceil(sqrt(len(shown) * 1.3))))
    rows = [shown[start : start + across] for start in range(0, len(shown), across)]
    captions = [max(len(_caption(small, each, side)) for each in row) * line for row in rows]
    header, pitch = MARGIN + 72, side + GAP + 8
    below = round(font.size * 1.5)
    paper_width = max(2 * MARGIN + across * pitch - GAP - 8, 480)
    paper_height = header + sum(side + 12 + below + caption + 16 for caption in captions) + MARGIN - 16
    paper = Image.new("RGB", (paper_width, paper_height), PAPER)
    pen, room = ImageDraw.Draw(paper), paper_width - 2 * MARGIN
    write(pen, (MARGIN, MARGIN - 10), fit(bold, title, room), INK, bold)
    write(pen, (MARGIN, MARGIN + 28), fit(small, _summary(shown), room), FAINT, small)
    top = header
    for row, caption in zip(rows, captions, strict=True):
        for column, portrait in enumerate(row):
            left = MARGIN + column * pitch
            _paste(paper, pen, portrait, left, top, side)
            write(pen, (left, top + side + 12), fit(font, portrait.name, side), INK, font)
            for number, text in enumerate(_caption(small, portrait, side)):
                write(pen, (left, top + side + 12 + below + number * line), text, WORDS[portrait.verdict], small)
        top += side + 12 + below + caption + 16
    return paper


def _summary(shown: Sequence[Portrait]) -> str:
    numbers = {each: sum(portrait.verdict is each for portrait in shown) for each in Verdict}
    said = {Verdict.GOOD: "good", Verdict.FLAWED: "to improve", Verdict.USELESS: "not usable"}
    parts = [
        f"{count(len(shown), 'photo')}: "
        + ", ".join(f"{numbers[each]} {said[each]}" for each in Verdict if numbers[each])
    ]
    if any(portrait.seen is not None and len(portrait.seen.faces) > 1 for portrait in shown):
        parts.append("solid box: the face that counts, dashed: others")
    return " · ".join(parts)


def _caption(font: Font, portrait: Portrait, room: int) -> list[str]:
    lines = wrapped(font, portrait.words, room)
    if len(lines) > CAPTION_LINES:
        lines[CAPTION_LINES - 1 :] = [fit(font, " ".join(lines[CAPTION_LINES - 1 :]), room)]
    return lines


def _paste(paper: Image.Image, pen: ImageDraw.ImageDraw, portrait: Portrait, left: int, top: int, side: int) -> None:
    """The photo in the middle of its square, with its boxes, and a bar in its verdict's colour below."""
    pen.rectangle((left, top, left + side - 1, top + side - 1), HOLLOW)
    pen.rectangle((left, top + side, left + side - 1, top + side + 4), MARKS[portrait.verdict])
    try:
        photo = open_picture(portrait.photo)
    except BadUpload:
        text = "cannot be opened"
        font = Font(max(11, side // 20))
        write(pen, (left + (side - length(font, text)) // 2, top + side // 2 - 8), text, FAINT, font)
        return
    scale = side / max(photo.size)
    fitted = photo.resize(
        (max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), Image.Resampling.LANCZOS
    )
    x, y = left + (side - fitted.width) // 2, top + (side - fitted.height) // 2
    paper.paste(fitted, (x, y))
    if portrait.seen is None:
        return
    largest = portrait.seen.largest
    for face in sorted(portrait.seen.faces, key=lambda face: face is largest):
        box = _box(face, portrait.seen, x, y, fitted.size)
        if face is largest:
            thick = max(2, side // 90)
            pen.rectangle(_grown(box, 1), outline=PAPER)
            pen.rectangle(box, outline=MARKS[portrait.verdict], width=thick)
            pen.rectangle(_grown(box, -thick), outline=PAPER)
        else:
            for dash in _dashes(box, max(4, side // 40)):
                pen.rectangle(_grown(dash, 2), INK)
                pen.rectangle(_grown(dash, 1), BESIDE)


def _box(face: FaceSeen, seen: PhotoSeen, x: int, y: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A face's box on the paper, cut to the photo."""
    across, down = size[0] / seen.width, size[1] / seen.height
    x1, y1, x2, y2 = face.box
    left, right = (x + min(max(round(value * across), 1), size[0] - 2) for value in (x1, x2))
    top, bottom = (y + min(max(round(value * down), 1), size[1] - 2) for value in (y1, y2))
    return left, top, right, bottom


def _grown(box: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return left - by, top - by, max(right + by, left - by), max(bottom + by, top - by)


def _dashes(box: tuple[int, int, int, int], length: int) -> Iterator[tuple[int, int, int, int]]:
    """The lines of a dashed rectangle, with gaps as long as the dashes."""
    left, top, right, bottom = box
    for start in range(left, right, 2 * length):
        end = min(start + length, right)
        yield from ((start, top, end, top), (start, bottom, end, bottom))
    for start in range(top, bottom, 2 * length):
        end = min(start + length, bottom)
        yield from ((left, start, left, end), (right, start, right, end))

"""The contact sheet: a job's pictures on its axes, as one PNG.

Two axes span a grid; further axes each open a grid of their own below it; cells off the grid
(an `include`, a random draw) follow as a gallery with their names.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import ceil, sqrt

from PIL import Image, ImageDraw, ImageFont

from bot.domain.job import Item, ItemState, Job, Layout
from sweeps.parameters import CATALOGUE

PAPER, INK, FAINT, HOLLOW = (250, 248, 244), (38, 36, 34), (128, 122, 114), (235, 231, 223)
GAP = 8
MARGIN = 40
LARGEST_SIDE = 6000
LARGEST_BYTES = 9 * 2**20
THUMBNAIL = (48, 320)


@dataclass(frozen=True)
class Block:
    """One grid: a heading, labels along its sides, and an item (or None) at each [row][column].

    Without column labels each item stands over a caption of its own, by item number.
    """

    heading: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Item | None, ...], ...]
    captions: Mapping[int, str] = field(default_factory=dict)


def contact_sheet(job: Job, items: Sequence[Item], read: Callable[[str], bytes]) -> bytes | None:
    """The sheet as PNG bytes of at most 9 MiB; None when nothing was drawn. `read` gives an image's bytes."""
    items = [item for item in items if item.state is not ItemState.CANCELLED]
    drawn = [item for item in items if item.image]
    if not drawn:
        return None
    blocks = _blocks(job.layout, items)
    native, aspect = drawn[0].recipe.width, drawn[0].recipe.height / drawn[0].recipe.width
    width = _thumbnail_width(blocks, native, aspect)
    while True:
        sheet = _draw(job, blocks, read, width, round(width * aspect))
        png = io.BytesIO()
        sheet.save(png, "PNG", compress_level=6)
        if png.tell() <= LARGEST_BYTES or width <= THUMBNAIL[0]:
            return png.getvalue()
        width = max(THUMBNAIL[0], round(width * 0.8))


def _blocks(layout: Layout, items: Sequence[Item]) -> list[Block]:
    names = [name for name, _ in layout.axes]
    on_grid = [item for item in items if item.at is not None and set(item.at) >= set(names) and names]
    blocks: list[Block] = []
    columns = layout.columns or (names[-1] if names else None)
    rows = layout.rows if layout.rows != columns else None
    if on_grid and columns:
        others = [name for name in names if name not in (rows, columns)]
        copies: dict[tuple[int, ...], list[Item]] = {}
        for item in on_grid:
            copies.setdefault(tuple((item.at or {})[name] for name in names), []).append(item)
        repeats = max(len(same) for same in copies.values())
        for places in product(*(range(len(layout.labels(name))) for name in others)):
            for repeat in range(repeats):
                heading = [f"{n}: {layout.labels(n)[i]}" for n, i in zip(others, places, strict=True)]
                if repeats > 1:
                    heading.append(f"repeat {repeat + 1}")
                fixed = dict(zip(others, places, strict=True))
                blocks.append(_grid(layout, names, rows, columns, fixed, copies, repeat, ", ".join(heading)))
    loose = [item for item in items if item not in on_grid]
    if loose:
        varied = [name for axis in names for name in axis.split("+") if name in CATALOGUE]
        captions = {item.number: _caption_of(item, varied) for item in loose}
        blocks.append(_gallery(loose, ("beside the grid: " if on_grid else "") + " · ".join(varied), captions))
    if len(blocks) == 1 and not rows and on_grid and len(blocks[0].columns) > 8:
        # One long row reads badly; let it wrap, each picture under its value.
        labels = layout.labels(columns or "")
        captions = {item.number: labels[(item.at or {})[columns or ""]] for item in on_grid}
        return [_gallery(on_grid, columns or "", captions)]
    return [block for block in blocks if any(item for row in block.cells for item in row)]


def _grid(
    layout: Layout,
    names: Sequence[str],
    rows: str | None,
    columns: str,
    fixed: dict[str, int],
    copies: dict[tuple[int, ...], list[Item]],
    repeat: int,
    heading: str,
) -> Block:
    def cell(row: int, column: int) -> Item | None:
        place = {**fixed, columns: column} | ({rows: row} if rows else {})
        same = copies.get(tuple(place[name] for name in names), [])
        return same[repeat] if repeat < len(same) else None

    along, down = layout.labels(columns), layout.labels(rows) if rows else ("",)
    cells = [[cell(row, column) for column in range(len(along))] for row in range(len(down))]
    taken = [row for row, line in enumerate(cells) if any(line)]  # a cancelled sweep leaves whole rows empty
    return Block(
        heading,
        tuple(f"{rows} {down[row]}" if rows else "" for row in taken),
        tuple(f"{columns} {label}" for label in along),
        tuple(tuple(cells[row]) for row in taken),
    )


def _caption_of(item: Item, varied: Sequence[str]) -> str:
    """What a cell off the grid was drawn with, in the order of the heading."""
    values = item.recipe.as_dict()
    shown = [CATALOGUE[name].show(round(v, 2) if isinstance(v := values[name], float) else v) for name in varied]
    return " · ".join(shown) or item.name


def _gallery(items: Sequence[Item], heading: str, captions: Mapping[int, str]) -> Block:
    """Items in reading order in a nearly square grid, each over its caption."""
    across = max(1, ceil(sqrt(len(items) * 1.5)))
    rows = [items[start : start + across] for start in range(0, len(items), across)]
    padded = tuple(tuple(list(row) + [None] * (across - len(row))) for row in rows)
    return Block(heading, ("",) * len(rows), (), padded, captions)


def _thumbnail_width(blocks: Sequence[Block], native: int, aspect: float) -> int:
    """As large as the pictures are, as long as the sheet stays within its largest side."""
    across = max(len(block.cells[0]) for block in blocks)
    down = sum(len(block.cells) for block in blocks)
    room_across = (LARGEST_SIDE - 2 * MARGIN) // across - GAP
    room_down = int(((LARGEST_SIDE - 4 * MARGIN) / down - GAP - 20) / aspect)
    least, most = THUMBNAIL
    return max(least, min(most, max(native, 160), room_across, room_down))


def _draw(job: Job, blocks: Sequence[Block], read: Callable[[str], bytes], width: int, height: int) -> Image.Image:
    size = max(12, min(20, width // 9))
    font, bold = ImageFont.load_default(size), ImageFont.load_default(size + 8)
    line = size + 8
    side = max((_width(font, label) for block in blocks for label in block.rows if label), default=0)
    side = min(side + 16, 420) if side else 0
    across = max(len(block.cells[0]) for block in blocks)
    header = MARGIN + 2 * line + 16
    tall = [
        (line if b.heading else 0) + (line if b.columns else 0) + len(b.cells) * (height + GAP + _caption(b, line))
        for b in blocks
    ]
    total_width = max(2 * MARGIN + side + across * (width + GAP) - GAP, 480)
    sheet = Image.new("RGB", (total_width, header + sum(tall) + MARGIN + (len(blocks) - 1) * line), PAPER)
    pen = ImageDraw.Draw(sheet)
    title = _fit(bold, f"{job.name} · {job.title}", total_width - 2 * MARGIN)
    pen.text((MARGIN, MARGIN - 8), title, INK, bold)
    drawn = sum(1 for block in blocks for row in block.cells for item in row if item and item.image)
    below = f"{drawn} images · {job.owner.name} · {job.created_at:%Y-%m-%d %H:%M} UTC"
    pen.text((MARGIN, MARGIN + line), _fit(font, below, total_width - 2 * MARGIN), FAINT, font)
    top = header
    for block, block_height in zip(blocks, tall, strict=True):
        _draw_block(sheet, pen, font, block, read, (MARGIN + side, top), (width, height), line)
        top += block_height + line
    return sheet


def _draw_block(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    block: Block,
    read: Callable[[str], bytes],
    corner: tuple[int, int],
    thumbnail: tuple[int, int],
    line: int,
) -> None:
    left, top = corner
    width, height = thumbnail
    if block.heading:
        pen.text((MARGIN, top), _fit(font, block.heading, sheet.width - 2 * MARGIN), INK, font)
        top += line
    for column, label in enumerate(block.columns):
        text = _fit(font, _bare(label, width, font), width)
        x = left + column * (width + GAP) + (width - _width(font, text)) // 2
        pen.text((x, top), text, INK, font)
    top += line if block.columns else 0
    for row, label in enumerate(block.rows):
        y = top + row * (height + GAP + _caption(block, line))
        text = _fit(font, label, left - MARGIN - 12)
        if text:
            pen.text((left - 12 - _width(font, text), y + (height - line) // 2), text, INK, font)
        for column, item in enumerate(block.cells[row]):
            if item is None:
                continue
            x = left + column * (width + GAP)
            _place(sheet, pen, font, item, read, (x, y), thumbnail)
            if not block.columns:
                small = ImageFont.load_default(max(11, line // 2))
                caption = _fit(small, block.captions[item.number], width)
                pen.text((x + (width - _width(small, caption)) // 2, y + height + 3), caption, FAINT, small)


def _place(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    item: Item,
    read: Callable[[str], bytes],
    corner: tuple[int, int],
    thumbnail: tuple[int, int],
) -> None:
    x, y = corner
    width, height = thumbnail
    if item.image:
        try:
            with Image.open(io.BytesIO(read(item.image))) as picture:
                sheet.paste(picture.convert("RGB").resize(thumbnail, Image.Resampling.LANCZOS), corner)
            return
        except FileNotFoundError:
            pass  # somebody tidied the images folder; its place stays hollow
    pen.rectangle((x, y, x + width - 1, y + height - 1), HOLLOW)
    word = "failed" if item.state is ItemState.FAILED else ""
    pen.text((x + (width - _width(font, word)) // 2, y + height // 2 - 8), word, FAINT, font)


def _caption(block: Block, line: int) -> int:
    return 0 if block.columns else line


def _bare(label: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """A column's label without its axis's name where both do not fit over a picture."""
    return label if _width(font, label) <= width else label.split(" ", 1)[-1]


def _width(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> int:
    return round(font.getlength(text))


def _fit(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str, width: int) -> str:
    """The text in one line, cut with an ellipsis to `width` pixels."""
    text = " ".join(text.split())
    if _width(font, text) <= width:
        return text
    while text and _width(font, text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""

"""The contact sheet: the pictures of a job, or of one part of it, on its axes, as one PNG.

Two axes span a grid; further axes each open a grid of their own below it; cells off the grid
(an `include`, a random draw) follow as a gallery, each with what it was drawn with.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import ceil, sqrt

from PIL import Image, ImageDraw

from bot.domain.job import Item, ItemState, Job, Layout
from bot.ui.lettering import Font, fit, length, wrapped, write
from bot.ui.words import count
from sweeps.parameters import CATALOGUE

PAPER, INK, FAINT, HOLLOW = (250, 248, 244), (38, 36, 34), (128, 122, 114), (235, 231, 223)
GAP = 8
MARGIN = 40
LARGEST_SIDE = 6000
LARGEST_BYTES = 9 * 2**20
THUMBNAIL = (48, 320)
WORDS = {ItemState.FAILED: "failed", ItemState.WITHHELD: "withheld"}
DELETED = "deleted"
FIXED = {"seed": "first seed"}
"""What all cells share and a sheet tells, in words."""


@dataclass(frozen=True)
class Block:
    """One grid: a heading, labels along its sides, and an item (or None) at each [row][column].

    Where there are captions, by item number, each item stands over its own.
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
    parts = [part for part in job.parted(items) if part]
    blocks = _blocks(job.layout, items, job.layout.apart if len(parts) == 1 else None)
    if job.kind == "test":  # compared one by one: each picture leads to its file
        blocks = [
            replace(block, captions=block.captions or {item.number: item.name for item in items}) for block in blocks
        ]
    title = " · ".join([job.name, *(parts if len(parts) == 1 else ()), job.title])
    native, aspect = drawn[0].recipe.width, drawn[0].recipe.height / drawn[0].recipe.width
    width = _thumbnail_width(blocks, native, aspect)
    while True:
        sheet = _draw(job, title, blocks, read, width, round(width * aspect))
        png = io.BytesIO()
        sheet.save(png, "PNG", compress_level=6)
        if png.tell() <= LARGEST_BYTES or width <= THUMBNAIL[0]:
            return png.getvalue()
        width = max(THUMBNAIL[0], round(width * 0.8))


def _blocks(layout: Layout, items: Sequence[Item], titled: str | None) -> list[Block]:
    """The grids of a sheet; `titled` is an axis on which all items lie at one place, told in the sheet's title."""
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
                fixed = dict(zip(others, places, strict=True))
                heading = [f"{name}: {layout.labels(name)[i]}" for name, i in fixed.items() if name != titled]
                if repeats > 1:
                    heading.append(f"repeat {repeat + 1}")
                blocks.append(_grid(layout, names, rows, columns, fixed, copies, repeat, ", ".join(heading)))
    loose = [item for item in items if item not in on_grid]
    if loose:
        varied = [name for axis in names for name in axis.split("+") if name in CATALOGUE]
        captions = {item.number: _caption_of(item, varied) for item in loose}
        blocks.append(_gallery(loose, ("beside the grid: " if on_grid else "") + " · ".join(varied), captions))
    blocks = [block for block in blocks if any(item for row in block.cells for item in row)]
    if len(blocks) == 1 and not rows and on_grid and len(blocks[0].columns) > 8:
        # One long row reads badly; let it wrap, each picture under its value.
        labels = layout.labels(columns or "")
        captions = {item.number: labels[(item.at or {})[columns or ""]] for item in on_grid}
        return [_gallery(on_grid, columns or "", captions)]
    return blocks


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


@dataclass
class Canvas:
    """Paper, pen and measures: thumbnails of `width` x `height` pixels, text lines of `line` pixels."""

    paper: Image.Image
    read: Callable[[str], bytes]
    width: int
    height: int
    font: Font
    small: Font
    line: int

    def __post_init__(self) -> None:
        self.pen = ImageDraw.Draw(self.paper)

    def block(self, block: Block, left: int, top: int) -> None:
        """Draw a grid whose pictures begin at `left`; heading and row labels stand in the margin beside it."""
        if block.heading:
            room = self.paper.width - 2 * MARGIN
            write(self.pen, (MARGIN, top), fit(self.font, block.heading, room), INK, self.font)
            top += self.line
        for column, label in enumerate(block.columns):
            text = label if length(self.font, label) <= self.width else _bare(label)
            self._centred(text, left + column * (self.width + GAP), top, INK, self.font)
        top += self.line if block.columns else 0
        for row, label in enumerate(block.rows):
            y = top + row * (self.height + GAP + _caption_height(block, self.line))
            self._beside(label, left, y)
            for column, item in enumerate(block.cells[row]):
                if item is not None:
                    self._cell(block, item, left + column * (self.width + GAP), y)

    def _beside(self, label: str, left: int, y: int) -> None:
        """A row's label in the margin: one line against the pictures, or a paragraph as high as they are."""
        room = left - MARGIN - 12
        if length(self.font, label) <= room:
            x = left - 12 - length(self.font, label)
            write(self.pen, (x, y + (self.height - self.line) // 2), label, INK, self.font)
            return
        for font in (self.font.suiting(label), self.small.suiting(label)):
            pitch = round(font.size * 1.35)
            lines = wrapped(font, _bare(label), room)
            if len(lines) * pitch <= self.height:
                break
        most = max(1, self.height // pitch)
        if len(lines) > most:
            lines[most - 1 :] = [fit(font, " ".join(lines[most - 1 :]), room)]
        top = y + (self.height - len(lines) * pitch) // 2
        for number, line in enumerate(lines):
            write(self.pen, (MARGIN, top + number * pitch), line, INK, font)

    def _cell(self, block: Block, item: Item, x: int, y: int) -> None:
        picture = self._picture(item)
        if picture is not None:
            self.paper.paste(picture, (x, y))
        else:
            self.pen.rectangle((x, y, x + self.width - 1, y + self.height - 1), HOLLOW)
            deleted = item.state is ItemState.DRAWN and not item.image
            word = DELETED if deleted else WORDS.get(item.state, "")
            self._centred(word, x, y + self.height // 2 - 8, FAINT, self.font)
        if caption := block.captions.get(item.number):
            self._centred(caption, x, y + self.height + 3, FAINT, self.small)

    def _picture(self, item: Item) -> Image.Image | None:
        """The item's thumbnail; None when it was not drawn, or its file is gone or not ours to read."""
        if not item.image:
            return None
        try:
            with Image.open(io.BytesIO(self.read(item.image))) as picture:
                return picture.convert("RGB").resize((self.width, self.height), Image.Resampling.LANCZOS)
        except (FileNotFoundError, PermissionError):
            return None

    def _centred(self, text: str, x: int, y: int, colour: tuple[int, int, int], font: Font) -> None:
        """One line of text, cut to a thumbnail's width, in the middle over or under it."""
        text = fit(font, text, self.width)
        write(self.pen, (x + (self.width - length(font, text)) // 2, y), text, colour, font)


def _draw(
    job: Job, title: str, blocks: Sequence[Block], read: Callable[[str], bytes], width: int, height: int
) -> Image.Image:
    size = max(12, min(20, width // 9))
    font, bold, line = Font(size), Font(size + 8), size + 8
    small = Font(max(11, line // 2))
    side = max((length(font, label) for block in blocks for label in block.rows if label), default=0)
    side = min(side + 16, 420) if side else 0
    across = max(len(block.cells[0]) for block in blocks)
    heights = [
        line * (bool(b.heading) + bool(b.columns)) + len(b.cells) * (height + GAP + _caption_height(b, line))
        for b in blocks
    ]
    header = MARGIN + 2 * line + 16
    total_width = max(2 * MARGIN + side + across * (width + GAP) - GAP, 480)
    total_height = header + sum(heights) + (len(blocks) - 1) * line + MARGIN
    canvas = Canvas(Image.new("RGB", (total_width, total_height), PAPER), read, width, height, font, small, line)
    room = total_width - 2 * MARGIN
    write(canvas.pen, (MARGIN, MARGIN - 8), fit(bold, title, room), INK, bold)
    drawn = sum(1 for block in blocks for row in block.cells for item in row if item and item.image)
    told = [count(drawn, "image"), *(f"{FIXED[name]} {value}" for name, value in job.layout.fixed if name in FIXED)]
    below = " · ".join([*told, job.owner.name, f"{job.created_at:%Y-%m-%d %H:%M} UTC"])
    write(canvas.pen, (MARGIN, MARGIN + line), fit(font, below, room), FAINT, font)
    top = header
    for block, block_height in zip(blocks, heights, strict=True):
        canvas.block(block, MARGIN + side, top)
        top += block_height + line
    return canvas.paper


def _caption_height(block: Block, line: int) -> int:
    return line if block.captions else 0


def _bare(label: str) -> str:
    """A label without its axis's name, for where there is no room for both."""
    return label.split(" ", 1)[-1]

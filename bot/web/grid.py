"""The grid of a sweep: which axes span it, where the others stand, and which picture lies in each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from bot.domain.job import Layout
from bot.domain.wall import Published
from bot.web.recipes import label

ROWS, COLUMNS, COMPARE, FIXED = "rows", "columns", "compare", "at."
NONE = "-"


@dataclass(frozen=True)
class Fixed:
    """An axis that does not span the grid: the index it stands at, and all it could stand at, with their labels."""

    axis: str
    index: int
    options: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Grid:
    """Rows of cells under labelled columns; a cell is None where no picture is.

    `axes` are those that can span it. `rows` and `columns` name the two that do; empty where there is only one.
    `beside` are pictures of the job that lie on no grid.
    """

    axes: tuple[str, ...]
    rows: str
    columns: str
    fixed: tuple[Fixed, ...]
    heads: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Published | None, ...]], ...]
    beside: tuple[Published, ...]

    @property
    def gaps(self) -> bool:
        """Whether some cell shows no picture."""
        return any(picture is None for _, cells in self.lines for picture in cells)

    def address(self, compare: Sequence[str] = ()) -> str:
        """The grid as it stands, as the query of an address with its question mark."""
        parts = [(ROWS, self.rows or NONE), (COLUMNS, self.columns or NONE)]
        parts += [(FIXED + fixed.axis, str(fixed.index)) for fixed in self.fixed]
        return "?" + urlencode(parts + [(COMPARE, name) for name in compare])


def lay(pictures: Sequence[Published], asked: Mapping[str, str]) -> Grid | None:
    """The grid of these pictures of one job as an address asks for it, or as its layout has it; None without any axis.

    It tells of no value that none of them has, as the job may have pictures that the visitor may not see.
    What the address says wrong (another axis, an index that is not there) is as if it said nothing.
    """
    layout = pictures[0].layout if pictures else Layout()
    placed = [picture for picture in pictures if picture.at is not None]
    # Labels are values, such as people and prompts: only those of pictures that are seen may be told.
    there = {name: _indices(placed, name) for name, _ in layout.axes}
    axes = tuple(name for name, indices in there.items() if len(indices) > 1)
    if not axes or not placed:
        return None
    rows, columns = _spanning(layout, axes, asked)
    fixed = tuple(_fixed(layout, axis, there[axis], asked) for axis in axes if axis not in (rows, columns))
    shown = [
        picture
        for picture in placed
        if all((picture.at or {}).get(other.axis, other.index) == other.index for other in fixed)
    ]
    cells: dict[tuple[int, int], Published] = {}
    for picture in shown:
        at = {axis: (picture.at or {}).get(axis, indices[0]) for axis, indices in there.items() if indices}
        cells.setdefault((at.get(rows, 0), at.get(columns, 0)), picture)
    across, down = there.get(columns, [0]), there.get(rows, [0])
    return Grid(
        axes,
        rows,
        columns,
        fixed,
        tuple(label(layout, columns, index) if columns else "" for index in across),
        tuple(
            (label(layout, rows, line) if rows else "", tuple(cells.get((line, index)) for index in across))
            for line in down
        ),
        tuple(picture for picture in pictures if picture.at is None),
    )


def _spanning(layout: Layout, axes: Sequence[str], asked: Mapping[str, str]) -> tuple[str, str]:
    """The axis of the rows and that of the columns; one of them may be empty, and they are never the same."""
    columns = _axis(asked.get(COLUMNS), axes, layout.columns)
    rows = _axis(asked.get(ROWS), axes, layout.rows)
    if not rows and not columns:
        columns = axes[-1]
    if rows == columns:
        other = next((axis for axis in axes if axis != columns), "")
        # The one that was asked for stands; the other makes room for it.
        rows, columns = (rows, other) if asked.get(ROWS) == rows != asked.get(COLUMNS) else (other, columns)
    return rows, columns


def _axis(asked: str | None, axes: Sequence[str], otherwise: str | None) -> str:
    if asked == NONE:
        return ""
    return next((axis for axis in (asked, otherwise) if axis is not None and axis in axes), "")


def _fixed(layout: Layout, axis: str, there: Sequence[int], asked: Mapping[str, str]) -> Fixed:
    wanted = asked.get(FIXED + axis, "")
    index = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else -1
    return Fixed(
        axis,
        index if index in there else there[0],
        tuple((each, label(layout, axis, each)) for each in there),
    )


def _indices(placed: Sequence[Published], axis: str) -> list[int]:
    """Where on an axis there are pictures, in order."""
    return sorted({picture.at[axis] for picture in placed if picture.at is not None and axis in picture.at})

"""Tables in Markdown, and how figures stand in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Section:
    """A part of the report: how something was measured, and what came out, the first row being the table's head."""

    title: str
    how: str
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        return f"## {self.title}\n\n{self.how}\n\n{table(self.rows)}\n"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned; the first row is its head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    head, *body = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (head, rule, *body))


def percent(right: Iterable[bool] | NDArray[np.bool_]) -> str:
    """A share and of how many, "97.5 % of 200"."""
    seen = list(right)
    return f"{100 * share(seen):.1f} % of {len(seen)}" if seen else "none asked for"


def share(right: Iterable[bool] | NDArray[np.bool_]) -> float:
    """The part that is true; nan of nothing."""
    seen = list(right)
    return sum(map(bool, seen)) / len(seen) if seen else float("nan")


def mean(values: NDArray[np.float64]) -> str:
    """The mean of the numbers that are there."""
    there = values[~np.isnan(values)]
    return f"{there.mean():.3f}" if len(there) else "–"


def verdict(met: bool) -> str:
    return "yes" if met else "**no**"

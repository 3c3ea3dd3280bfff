"""The report: one line as each scenario ends, one table in the end, for the terminal or as Markdown."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.table import Table

from tests.chaos.scenario import Options, Outcome, Scenario

COLUMNS = ("test", "database", "what was done", "promise", "held?", "control", "control fails?", "seconds")


@dataclass(frozen=True)
class Row:
    """A scenario on one database: what came of it, and of its control."""

    scenario: Scenario
    database: str
    outcome: Outcome
    control: Outcome | None
    seconds: float

    @property
    def good(self) -> bool:
        """The promise holds, and the control shows that the measurement would have seen otherwise."""
        return self.outcome.holds and (self.control is None or not self.control.holds)

    @property
    def cells(self) -> tuple[str, ...]:
        control, fails = ("none", "") if self.control is None else (self.control.figures, _word(not self.control.holds))
        held = _word(self.outcome.holds)
        what = (self.scenario.name, self.database, self.outcome.figures, self.scenario.promise)
        return (*what, held, control, fails, f"{self.seconds:.0f}")

    @property
    def line(self) -> str:
        """The row, for who watches."""
        held = "holds" if self.outcome.holds else "DOES NOT HOLD"
        told = f"{self.scenario.name} on {self.database}: {held}: {self.outcome.figures}"
        if self.control is not None:
            fails = "fails as it must" if not self.control.holds else "DOES NOT FAIL"
            told += f"; control {fails}: {self.control.figures}"
        return f"{told} ({self.seconds:.0f} s)"


def table(rows: Sequence[Row], width: int = 200) -> str:
    """All rows as a table, of at most so many characters a line."""
    drawn = Table(*COLUMNS, show_lines=True)
    for row in rows:
        drawn.add_row(*row.cells, style=None if row.good else "bold red")
    console = Console(width=width)
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()


def markdown(rows: Sequence[Row], options: Options, postgres: str | None) -> str:
    """The table as a page, with when and where it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}"
    server = f", PostgreSQL {postgres}" if postgres else ""
    lines = [
        "# What broke, and what held",
        "",
        f"`python -m tests.chaos --rounds {options.rounds}` on {date.today().isoformat()}: {machine}{server}.",
        "",
        "A control is the same trouble with the mechanism taken out: it has to fail, or the measurement sees nothing.",
        "",
        _row(COLUMNS),
        _row(["---"] * len(COLUMNS)),
        *(_row(row.cells) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _word(good: bool) -> str:
    return "yes" if good else "NO"

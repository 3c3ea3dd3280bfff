"""Progress of what is made and read at the start: a bar where somebody looks on, else lines in the log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = structlog.get_logger("atelier.wall")

Step = Callable[[], None]
SECONDS_BETWEEN_LINES = 10.0
FEW = 50
"""What is soon done is not worth telling."""


@contextmanager
def progress(what: str, total: int) -> Iterator[Step]:
    """Call what it gives once for each of `total`; `what` is done with them. Of few nothing is told."""
    if total < FEW:
        yield lambda: None
        return
    shown = _bar if sys.stderr.isatty() else _lines
    with shown(what, total) as step:
        yield step


@contextmanager
def _bar(what: str, total: int) -> Iterator[Step]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def _lines(what: str, total: int) -> Iterator[Step]:
    started = told = time.monotonic()
    done = 0

    def step() -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            log.info("wall", what=what, done=done, of=total)

    yield step
    log.info("wall", what=what, done=done, of=total, seconds=round(time.monotonic() - started, 1))

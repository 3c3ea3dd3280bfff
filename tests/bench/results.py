"""The results table of the benches: tests/bench/RESULTS.md, a part for each bench, the latest figures in it."""

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

PLACE = Path(__file__).with_name("RESULTS.md")
BEGINNING = "# What was measured\n\nFigures as the programs in this folder printed them; each part names its own.\n"


def record(title: str, when: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Put a part's table in place of its earlier one; rows are (what, measured, goal)."""
    text = PLACE.read_text("utf-8") if PLACE.exists() else BEGINNING
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}"
    lines = [f"## {title}", "", f"{when}; {machine}.", "", "| what | measured | goal |", "| --- | --- | --- |"]
    lines += [f"| {what} | {measured} | {goal} |" for what, measured, goal in rows]
    part = "\n".join(lines) + "\n"
    earlier = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.M | re.S)
    known = earlier.search(text) is not None
    text = earlier.sub(lambda _: part + "\n", text) if known else f"{text.rstrip()}\n\n{part}"
    PLACE.write_text(text.rstrip() + "\n", "utf-8")

"""What the family costs: the time to load it and to draw a picture, and its size on disk."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from pipeline.families.sketch import WEIGHTS
from pipeline.families.sketch.evaluation import clock
from pipeline.families.sketch.evaluation.table import Section, verdict

MOST_SECONDS, MOST_LOADING, MOST_BYTES = 4.0, 2.0, 32_000_000
STARTS = 3


def times(work: Path) -> Section:
    """Of fresh processes on this machine; say so where it is not idle."""
    runs = [_run(work) for _ in range(STARTS)]
    load, start, base, both = ([second for run in runs for second in run[key]] for key in clock.TIMES)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    return Section(
        "Time",
        f"On {device}; medians of {STARTS} fresh processes, and in each of {clock.PICTURES} pictures, drawn one "
        "after the other behind one more to warm up.",
        [
            ["what", "seconds", "wanted", "met"],
            ["a base picture with 20 steps", _seconds(base), "", ""],
            ["a person with 20 + 20 steps", _seconds(both), f"< {MOST_SECONDS:g}", _under(both, MOST_SECONDS)],
            ["loading the family", _seconds(load), f"< {MOST_LOADING:g}", _under(load, MOST_LOADING)],
            ["… with the start of Python and all imports", _seconds(start), "", ""],
        ],
    )


def sizes(folder: Path = WEIGHTS) -> Section:
    """Of everything in the family's folder."""
    parts = {path.name: _bytes(path) for path in sorted(folder.iterdir())}
    total = sum(parts.values())
    limit = f"≤ {MOST_BYTES / 1e6:g}"
    return Section(
        "Size",
        "What lies on disk, in millions of bytes.",
        [
            ["part", "MB", "wanted", "met"],
            *([name, f"{size / 1e6:.2f}", "", ""] for name, size in parts.items() if size >= 10_000),
            ["in all", f"{total / 1e6:.2f}", limit, verdict(total <= MOST_BYTES)],
        ],
    )


def _run(work: Path) -> dict[str, list[float]]:
    command = [sys.executable, "-m", clock.__name__, str(time.time()), str(work)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    times: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return times


def _seconds(values: Sequence[float]) -> str:
    return f"{median(values):.2f}" if values else "–"


def _under(values: Sequence[float], most: float) -> str:
    return verdict(bool(values) and median(values) < most)


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())

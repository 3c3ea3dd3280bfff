"""`python -m sweeps FILE`: what a sweep file expands to, as a table or as JSON; nothing is drawn."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sweeps.errors import SweepError
from sweeps.expand import MOST_CELLS, Axis, Sweep, expand
from sweeps.parameters import CATALOGUE, LARGEST_SEED, Value
from sweeps.parse import MOST_BYTES, parse
from sweeps.plan import Plan, plan
from sweeps.words import quote, shorten

WRONG = 2  # the exit code of a file that does not expand


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the cells of a file and returns 0, or all that is wrong with it to stderr and returns 2."""
    asked = _arguments().parse_args(arguments)
    try:
        with Path(asked.file).open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        faces = [name.strip() for name in asked.faces.split(",") if name.strip()]
        sweep = expand(parse(text), faces=faces, max_cells=asked.max_cells, seed=asked.seed)
    except OSError as error:
        print(f"{asked.file}: cannot be read: {error.strerror}", file=sys.stderr)
        return WRONG
    except SweepError as error:
        print(error, file=sys.stderr)
        if any(problem.message.endswith("allowed") for problem in error.problems):
            print("(--max-cells N allows more)", file=sys.stderr)
        return WRONG
    planned = plan(sweep.recipes)
    try:
        print(_json(sweep, planned) if asked.json else "\n".join(_table(sweep, planned)), flush=True)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sweeps", description="Show what a sweep file expands to.")
    parser.add_argument("file", metavar="FILE", help="the sweep file, YAML")
    parser.add_argument("--json", action="store_true", help="print the cells and the plan as JSON")
    parser.add_argument("--max-cells", type=_number(1, 10**7), default=MOST_CELLS, metavar="N",
                        help=f"refuse more cells than this (default {MOST_CELLS:,})")  # fmt: skip
    parser.add_argument("--seed", type=_number(0, LARGEST_SEED), metavar="N", help="instead of a drawn seed")
    parser.add_argument("--faces", default="", metavar="A,B", help="the people that face_folder: {glob: …} may match")
    return parser


class _number:
    """A whole number of the command line, within bounds."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        if text.isdecimal() and len(text) < 20 and self.least <= int(text) <= self.most:
            return int(text)
        raise argparse.ArgumentTypeError(f"expected a whole number from {self.least} to {self.most}, got {text!r}")


def _json(sweep: Sweep, planned: Plan) -> str:
    return json.dumps(
        {
            "cells": [{"id": cell.id, "recipe": cell.recipe.as_dict()} for cell in sweep.cells],
            "plan": {
                "cells": planned.cells,
                "unique_bases": planned.unique_bases,
                "unique_details": planned.unique_details,
            },
        },
        indent=2,
        ensure_ascii=False,
    )


def _table(sweep: Sweep, planned: Plan) -> list[str]:
    varying, same = [], []
    recipes = [recipe.as_dict() for recipe in sweep.recipes]
    for name, parameter in CATALOGUE.items():
        values = {recipe[name] for recipe in recipes}
        if len(values) > 1:
            varying.append(name)
        elif values != {parameter.default}:
            same.append(f"{name} {_show(name, values.pop())}")
    moving = [name for axis in sweep.axes for name in axis.name.split("+")]
    varying.sort(key=lambda name: moving.index(name) if name in moving else len(moving))
    lines = [f"{sweep.name}: {planned.summary()}" if sweep.name else planned.summary()]
    saved = planned.naive_evaluations / max(planned.evaluations, 1)
    if saved > 1:
        lines.append(f"{planned.evaluations:,} UNet evaluations, {saved:.2f} times fewer than cell by cell")
    if sweep.left_out:
        lines.append(f"run_cap leaves out {sweep.left_out:,} more cells of the grid")
    order = "drawn at random:" if sweep.document.method == "random" else "axes, the slowest first:"
    lines += ["", order if sweep.axes else "no axis"]
    lines += [f"  {axis.name}: {_values(axis)}" for axis in sweep.axes]
    if sweep.rows or sweep.columns:
        sheet = [f"{way} {name}" for way, name in (("rows", sweep.rows), ("columns", sweep.columns)) if name]
        lines.append(f"  contact sheet: {', '.join(sheet)}")
    lines += ["", "in every cell: " + ", ".join([*same, "else the catalogue's defaults"]), ""]
    rows = [["cell", *varying]]
    for cell, recipe in zip(sweep.cells, recipes, strict=True):
        rows.append([cell.id, *(_show(name, recipe[name]) for name in varying)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return lines


def _values(axis: Axis) -> str:
    shown = [shorten(label, 40) for label in axis.labels[:12]]
    more = f" … ({len(axis.labels):,} values)" if len(axis.labels) > len(shown) else ""
    return (" | " if any("," in label for label in shown) else ", ").join(shown) + more


def _show(name: str, value: Value) -> str:
    return quote(value) if isinstance(value, str) and CATALOGUE[name].kind == "text" else CATALOGUE[name].show(value)


if __name__ == "__main__":
    sys.exit(main())

"""Document: a sweep file after every check that needs nobody but the file itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, cast

from sweeps.axes import AxisSpec, Choices, Fixed, Method, Prompts, read_labels, read_scalar, read_values
from sweeps.entry import read_entry
from sweeps.errors import Problems, SweepError
from sweeps.parameters import CATALOGUE, Parameter, Value
from sweeps.prompts import read_prompt
from sweeps.ranges import Numbers
from sweeps.words import below, either, nearest, quote, unknown

KEYS = (
    "version", "name", "method", "run_cap", "repeats", "seed", "base", "parameters", "zip", "exclude", "include",
    "rows", "columns",
)  # fmt: skip
# What W&B's files carry besides, for W&B's own agents.
OTHERS = ("program", "metric", "command", "project", "entity", "description", "early_terminate")
MOST_ENTRIES = 200  # of zip, exclude and include
FIELDS = {
    "name": Parameter("name", "text", "", "the sweep's name", "sweep", max_length=100),
    "method": Parameter("method", "choice", "grid", "every combination, or draws", "sweep", choices=("grid", "random")),
    "run_cap": Parameter("run_cap", "int", None, "cells at most", "sweep", minimum=1, maximum=10**7),
    "repeats": Parameter("repeats", "int", 1, "generations per cell", "sweep", minimum=1, maximum=1000),
}
REPEAT = "repeat"


@dataclass(frozen=True)
class Document:
    """What a sweep file asks for.

    `base` holds the fixed values, `paths` where each of them and each axis stands in the file, `axes` what moves, the
    slowest first. `seed` says how seeds are drawn where neither `base` nor an axis names them; None: not stated.
    """

    name: str = ""
    method: Method = "grid"
    run_cap: int | None = None
    repeats: int = 1
    seed: Literal["shared", "per_cell"] | None = None
    base: Mapping[str, Value] = field(default_factory=dict)
    axes: tuple[AxisSpec, ...] = ()
    exclude: tuple[Mapping[str, Value], ...] = ()
    include: tuple[Mapping[str, Value], ...] = ()
    rows: str | None = None
    columns: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)


_Read = Callable[[Parameter, object, str], AxisSpec | Fixed]


def check(tree: Mapping[str, object]) -> Document:
    """The document that a mapping read from YAML means; raises SweepError with every problem in it."""
    return _Check(tree).document()


class _Check:
    """Goes through a file key by key; each value is checked on its own, so that all problems come together."""

    def __init__(self, tree: Mapping[str, object]) -> None:
        self.tree = tree
        self.problems = Problems()
        self.base: dict[str, Value] = {}
        self.axes: list[AxisSpec] = []
        self.paths: dict[str, str] = {}

    def document(self) -> Document:
        self._keys()
        name = " ".join(str(self._own("name")).split())
        method: Method = "random" if self._own("method") == "random" else "grid"
        run_cap = cast("int | None", self._own("run_cap"))
        if method == "random" and self.tree.get("run_cap") is None:
            self.problems.add("run_cap", "expected how many cells to draw, got nothing: method random needs it")
        repeats = cast("int", self._own("repeats"))
        self._base()
        self._parameters(method)
        self._zips()
        seed = self._seed()
        exclude = self._entries("exclude")
        include = self._entries("include")
        self.axes.sort(key=lambda axis: not _braces(axis))  # a prompt with braces is the slowest axis
        rows, columns = self._sheet("rows", repeats), self._sheet("columns", repeats)
        if rows is not None and rows == columns:
            self.problems.add("columns", f"expected another axis than rows, got {quote(columns)}")
        self.problems.raise_if_any()
        return Document(
            name, method, run_cap, repeats, seed, self.base, tuple(self.axes), exclude, include, rows, columns,
            self.paths,
        )  # fmt: skip

    def _keys(self) -> None:
        for key in self.tree:
            where = below("", key)
            if key in KEYS or key in OTHERS:
                continue
            if key in CATALOGUE:
                self.problems.add(where, "belongs under base (one value for all cells) or under parameters (an axis)")
            elif nearest(key, KEYS):
                self.problems.add(where, unknown("key", key, KEYS))
            elif (meant := nearest(key, CATALOGUE)) is not None:
                self.problems.add(where, f"no such key; did you mean {meant}, under base or parameters?")
            else:
                self.problems.add(where, unknown("key", key, KEYS))
        version = self.tree.get("version", 1)
        if isinstance(version, bool) or version not in (1, "1"):
            self.problems.add("version", f"expected 1, got {quote(version)}")

    def _own(self, key: str) -> Value:
        """The value of one of the file's own fields, or its default."""
        parameter = FIELDS[key]
        if key in self.tree:
            try:
                return parameter.check(self.tree[key], key)
            except SweepError as error:
                self.problems.take(error)
        return parameter.default

    def _mapping(self, key: str, what: str) -> Mapping[str, object]:
        written = self.tree.get(key, {})
        if isinstance(written, Mapping):
            return written
        self.problems.add(key, f"expected a mapping ({what}), got {quote(written)}")
        return {}

    def _base(self) -> None:
        for name, written in self._mapping("base", "steps: 20").items():
            path = below("base", name)
            if name not in CATALOGUE:
                self.problems.add(path, unknown("parameter", name, CATALOGUE))
            elif isinstance(written, list):
                self.problems.add(path, f"expected one value, got {quote(written)}; a list belongs under parameters")
            else:
                self._place(name, path, written, _single)

    def _parameters(self, method: Method) -> None:
        for name, written in self._mapping("parameters", "steps: {values: [10, 20]}").items():
            path = below("parameters", name)
            if name not in CATALOGUE:
                self.problems.add(path, unknown("parameter", name, CATALOGUE))
            else:
                self._place(name, path, written, partial(read_entry, method=method))

    def _zips(self) -> None:
        written = self.tree.get("zip", [])
        for at, entry in enumerate(self._list("zip", written, "- {sampler: [euler, ddim], schedule: [ays, uniform]}")):
            path = f"zip[{at}]"
            if not isinstance(entry, Mapping) or not [key for key in entry if key != "labels"]:
                self.problems.add(path, f"expected a mapping of parameters to lists, got {quote(entry)}")
                continue
            self._zip(path, entry)

    def _zip(self, path: str, entry: Mapping[str, object]) -> None:
        columns: dict[str, tuple[Value, ...] | Numbers] = {}
        before = len(self.problems)
        for name, written in entry.items():
            if name == "labels":
                continue
            if name not in CATALOGUE:
                self.problems.add(below(path, name), unknown("parameter", name, CATALOGUE))
            elif self._free(name, f"{path}.{name}"):
                self.paths[name] = f"{path}.{name}"
                try:
                    columns[name] = read_values(CATALOGUE[name], written, f"{path}.{name}")
                except SweepError as error:
                    self.problems.take(error)
        if len(self.problems) > before:
            return
        counts = {
            name: values.count if isinstance(values, Numbers) else len(values) for name, values in columns.items()
        }
        if len(set(counts.values())) > 1:
            lengths = ", ".join(f"{name} has {count:,}" for name, count in counts.items())
            self.problems.add(path, f"expected lists of one length, but {lengths}")
            return
        count = next(iter(counts.values()))
        if count > 5000:
            self.problems.add(path, f"expected at most 5,000 values, got {count:,}")
            return
        values = tuple(zip(*columns.values(), strict=True))
        labels: tuple[str, ...] = ()
        try:
            labels = read_labels(entry["labels"], count, f"{path}.labels") if "labels" in entry else ()
        except SweepError as error:
            self.problems.take(error)
        self.axes.append(AxisSpec(tuple(columns), Choices(values), path, labels))

    def _seed(self) -> Literal["shared", "per_cell"] | None:
        if "seed" not in self.tree:
            return None
        written = self.tree["seed"]
        if not self._free("seed", "seed"):
            return None
        if written == "shared":
            return "shared"
        if written == "per_cell":
            return "per_cell"
        parameter = CATALOGUE["seed"]
        try:
            if isinstance(written, list) or (isinstance(written, str) and written[:1].isdigit()):
                values = read_values(parameter, written, "seed")
                source = values if isinstance(values, Numbers) else Choices(tuple((value,) for value in values))
                self.axes.append(AxisSpec(("seed",), source, "seed"))
            elif isinstance(written, int) and not isinstance(written, bool):
                self.base["seed"] = parameter.check(written, "seed")
            else:
                meant = nearest(written, ("shared", "per_cell")) if isinstance(written, str) else None
                hint = f"; did you mean {meant}?" if meant else ""
                self.problems.add(
                    "seed", f"expected shared, per_cell, a whole number or a list of them, got {quote(written)}{hint}"
                )
        except SweepError as error:
            self.problems.take(error)
        self.paths["seed"] = "seed"
        return None

    def _entries(self, key: str) -> tuple[Mapping[str, Value], ...]:
        found: list[Mapping[str, Value]] = []
        for at, entry in enumerate(self._list(key, self.tree.get(key, []), "- {steps: 30, guidance_scale: 7}")):
            path = f"{key}[{at}]"
            if not isinstance(entry, Mapping) or not entry:
                self.problems.add(path, f"expected a mapping of parameters to values, got {quote(entry)}")
                continue
            values: dict[str, Value] = {}
            for name, written in entry.items():
                if name not in CATALOGUE:
                    self.problems.add(below(path, name), unknown("parameter", name, CATALOGUE))
                    continue
                try:
                    values[name] = CATALOGUE[name].check(written, f"{path}.{name}")
                    if key == "include" and name == "prompt":
                        values[name] = _one_prompt(values[name], f"{path}.{name}")
                except SweepError as error:
                    self.problems.take(error)
            found.append(values)
        return tuple(found)

    def _list(self, key: str, written: object, example: str) -> list[object]:
        if isinstance(written, list) and len(written) <= MOST_ENTRIES:
            return written
        if isinstance(written, list):
            self.problems.add(key, f"expected at most {MOST_ENTRIES} entries, got {len(written):,}")
            return []
        self.problems.add(key, f"expected a list ({example}), got {quote(written)}")
        return []

    def _sheet(self, key: str, repeats: int) -> str | None:
        """The axis that the contact sheet's rows or columns show."""
        written = self.tree.get(key)
        names = {name: axis.name for axis in self.axes for name in (*axis.names, axis.name)}
        if repeats > 1:
            names[REPEAT] = REPEAT
        if written is None and key not in self.tree:
            return None
        if isinstance(written, str) and written in names:
            return names[written]
        if self.problems:  # the axis may be there, and be what is wrong
            known = isinstance(written, str) and (written in CATALOGUE or written == REPEAT)
            if known:
                return None
        meant = nearest(written, names) if isinstance(written, str) else None
        there = f"did you mean {meant}?" if meant else f"there are {either(names)}" if names else "there is none"
        self.problems.add(key, f"expected an axis of this sweep, got {quote(written)}; {there}")
        return None

    def _place(self, name: str, path: str, written: object, read: _Read) -> None:
        if not self._free(name, path):
            return
        self.paths[name] = path
        try:
            entry = read(CATALOGUE[name], written, path)
        except SweepError as error:
            self.problems.take(error)
            return
        if isinstance(entry, AxisSpec):
            self.axes.append(entry)
        elif entry.value is not None:
            self.base[name] = entry.value

    def _free(self, name: str, path: str) -> bool:
        """Whether a name may stand here too: an axis stands over `base`, all else only once."""
        before = self.paths.get(name)
        braces = any(axis.path == before for axis in self.axes if name in axis.names)
        if before is None or (before.startswith("base.") and not braces and path != "seed"):
            return True
        self.problems.add(path, f"stands at {before} already; keep one of them")
        return False


def _single(parameter: Parameter, written: object, path: str) -> AxisSpec | Fixed:
    """One value of `base`; a prompt with braces is an axis all the same."""
    if parameter.name == "prompt":
        return read_scalar(parameter, written, path)
    return Fixed(parameter.check(written, path))


def _braces(axis: AxisSpec) -> bool:
    return isinstance(axis.source, Prompts) and len(axis.source.texts) == 1


def _one_prompt(value: Value, path: str) -> Value:
    text = read_prompt(str(value), path)
    if text.count > 1:
        raise SweepError.at(path, "an included cell has one prompt; write it without a choice in braces")
    return "".join(map(str, text.parts))

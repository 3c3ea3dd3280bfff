"""One entry of `parameters`: a value, a list, a range in a string, or a mapping as W&B sweeps write it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NoReturn

from sweeps.axes import (
    AxisSpec,
    Choices,
    Distribution,
    Fixed,
    Method,
    People,
    Prompts,
    Source,
    read_labels,
    read_list,
    read_scalar,
)
from sweeps.errors import Problems, SweepError
from sweeps.parameters import Parameter
from sweeps.ranges import Numbers, Span, exact, fitting
from sweeps.words import below, nearest, number, quote, shorten, unknown

KEYS = ("value", "values", "probabilities", "labels", "min", "max", "mu", "sigma", "q", "distribution", "glob")
DISTRIBUTIONS = ("uniform", "q_uniform", "log_uniform_values", "normal", "int_uniform", "categorical")


def read_entry(parameter: Parameter, written: object, path: str, method: Method) -> AxisSpec | Fixed:
    """What an entry means; raises SweepError with everything wrong in it."""
    if isinstance(written, Mapping):
        return _Mapping(parameter, written, path, method).read()
    if isinstance(written, list):
        return AxisSpec((parameter.name,), read_list(parameter, written, path), path)
    return read_scalar(parameter, written, path)


class _Mapping:
    """Reads one mapping of W&B's keys, `labels` and `glob`."""

    def __init__(self, parameter: Parameter, written: Mapping[str, object], path: str, method: Method) -> None:
        self.parameter, self.written, self.path, self.method = parameter, written, path, method
        self.problems = Problems()

    def read(self) -> AxisSpec | Fixed:
        self._know_keys()
        kind = self._distribution()
        if "value" in self.written:
            self._only("value", "value", "distribution")
            return read_scalar(self.parameter, self.written["value"], f"{self.path}.value")
        if "values" in self.written:
            self._only("values", "values", "distribution", "probabilities", "labels")
            if kind not in (None, "categorical"):
                self._fail("distribution", f"expected categorical beside values, got {kind}")
            return self._values(self.written["values"])
        if "glob" in self.written:
            self._only("glob", "glob")
            return self._glob(self.written["glob"])
        if not self.parameter.is_number:
            self._fail("", f"expected value or values, got {_names(self.written)}")
        if kind == "normal" or "mu" in self.written or "sigma" in self.written:
            return self._normal(kind)
        return self._between(kind)

    def _know_keys(self) -> None:
        strange = [key for key in self.written if key not in KEYS]
        for key, value in self.written.items():
            if strange and isinstance(value, str) and value.startswith(("range(", "linspace(", "np.")):
                self._fail(key, f'functions are not read here, got {quote(value)}; a range is written "0-4"')
        if strange and all(value is None for value in self.written.values()):
            names = _names(strange)
            if self.parameter.kind == "text":
                self._fail("", f"expected text, got {{{names}}} (braces make a mapping in YAML: use quotes)")
            self._fail("", f"{{{names}}} is a mapping in YAML; a list is written [{names}]")
        for key in strange:
            self.problems.add(below(self.path, key), unknown("key", key, KEYS))
        self.problems.raise_if_any()

    def _distribution(self) -> str | None:
        kind = self.written.get("distribution")
        if kind is None or kind == "constant" or (isinstance(kind, str) and kind in DISTRIBUTIONS):
            return kind if isinstance(kind, str) else None
        meant = nearest(kind, DISTRIBUTIONS) if isinstance(kind, str) else None
        there = f"did you mean {meant}?" if meant else f"there are {', '.join(DISTRIBUTIONS)}"
        self._fail("distribution", f"no such distribution, got {quote(kind)}; {there}")

    def _values(self, written: object) -> AxisSpec:
        path = f"{self.path}.values"
        names = (self.parameter.name,)
        if isinstance(written, list):
            axis: AxisSpec | Fixed = AxisSpec(names, read_list(self.parameter, written, path), path)
        elif isinstance(written, str):
            axis = read_scalar(self.parameter, written, path)
        else:
            self._fail("values", f"expected a list such as [a, b], got {quote(written)}")
        if isinstance(axis, Fixed):
            axis = AxisSpec(names, Choices(((axis.value,),)), path)
        if "labels" in self.written:
            if isinstance(axis.source, Prompts):
                self._fail("labels", "prompts with braces name themselves; take the labels or the braces away")
            labels = read_labels(self.written["labels"], axis.count or 0, f"{self.path}.labels")
            axis = replace(axis, labels=labels)
        if "probabilities" in self.written:
            weights = self._probabilities(self.written["probabilities"], axis.count or 0)
            axis = replace(axis, source=_weighed(axis.source, weights))
        return axis

    def _probabilities(self, given: object, count: int) -> tuple[float, ...]:
        if self.method == "grid":
            self._fail("probabilities", "a grid takes every value; probabilities need method: random")
        if not isinstance(given, list) or len(given) != count:
            got = len(given) if isinstance(given, list) else quote(given)
            self._fail("probabilities", f"expected a list of {count} numbers, one for each value, got {got}")
        found: list[float] = []
        for at, item in enumerate(given):
            if not isinstance(item, bool) and isinstance(item, int | float) and 0 <= item <= 1:
                found.append(float(item))
            else:
                path = f"{self.path}.probabilities[{at}]"
                self.problems.add(path, f"expected a number from 0 to 1, got {quote(item)}")
        self.problems.raise_if_any()
        if abs(sum(found) - 1) > 1e-3:
            self._fail("probabilities", f"expected numbers that add up to 1, got {sum(found):g}")
        return tuple(found)

    def _glob(self, pattern: object) -> AxisSpec:
        if self.parameter.name != "face_folder":
            self._fail("glob", "only face_folder has names to match")
        if not isinstance(pattern, str) or not 0 < len(pattern) <= 100:
            self._fail("glob", f'expected a pattern such as "team-*", got {quote(pattern)}')
        return AxisSpec(("face_folder",), People(pattern), f"{self.path}.glob")

    def _between(self, kind: str | None) -> AxisSpec:
        self._only(kind or "a range", "min", "max", "q", "distribution")
        if "min" not in self.written or "max" not in self.written:
            self._fail("", f"expected value, values, or min and max, got {_names(self.written)}")
        low, high = self._bounds()
        whole = self.parameter.kind == "int" or all(isinstance(self.written[key], int) for key in ("min", "max"))
        kind = kind or ("q_uniform" if "q" in self.written else "int_uniform" if whole else "uniform")
        if kind == "q_uniform":
            return self._spaced(low, high)
        if "q" in self.written:
            self._fail("q", f"does not go with {kind}; q_uniform has steps")
        if kind == "int_uniform":
            return self._whole(low, high)
        if kind in ("categorical", "constant"):
            self._fail(
                "distribution", f"{kind} goes with {'values' if kind == 'categorical' else 'value'}, got min and max"
            )
        if kind == "log_uniform_values" and low <= 0:
            self._fail("min", f"expected a number above 0 for log_uniform_values, got {number(low)}")
        return self._continuous(Distribution(self.parameter, kind, low, high))

    def _normal(self, kind: str | None) -> AxisSpec:
        self._only("normal", "mu", "sigma", "min", "max", "distribution")
        if kind not in (None, "normal"):
            self._fail("distribution", f"expected normal beside mu and sigma, got {kind}")
        for key in ("mu", "sigma"):
            if key not in self.written:
                self.problems.add(f"{self.path}.{key}", "expected a number, got nothing: normal needs mu and sigma")
        self.problems.raise_if_any()
        mu = self._number("mu", replace(self.parameter, kind="float", multiple_of=1))
        sigma = self._positive("sigma")
        low, high = self._bounds()
        return self._continuous(Distribution(self.parameter, "normal", low, high, mu, float(sigma)))

    def _continuous(self, distribution: Distribution) -> AxisSpec:
        if self.method == "grid":
            self._fail(
                "",
                f"a grid cannot take every value of {distribution.kind}: add q (the step), list values, "
                "or use method: random",
            )
        unit = self.parameter.multiple_of
        if self.parameter.kind == "int" and math.ceil(distribution.low / unit) > math.floor(distribution.high / unit):
            self._fail("", f"no multiple of {unit} lies between min and max")
        return AxisSpec((self.parameter.name,), distribution, self.path)

    def _spaced(self, low: float, high: float) -> AxisSpec:
        step = self._positive("q")
        self.problems.raise_if_any()
        first = exact(low)
        count = math.floor((exact(high) - first) / step) + 1
        source = fitting(self.parameter, Span(first, step, count), self.path, f"min + q ({number(float(step))})")
        return AxisSpec((self.parameter.name,), source, self.path)

    def _whole(self, low: float, high: float) -> AxisSpec:
        unit = self.parameter.multiple_of
        first, last = math.ceil(low / unit) * unit, math.floor(high / unit) * unit
        if first > last:
            self._fail("", f"no {'whole number' if unit == 1 else f'multiple of {unit}'} lies between min and max")
        span = Span(Fraction(first), Fraction(unit), (last - first) // unit + 1)
        return AxisSpec((self.parameter.name,), fitting(self.parameter, span, self.path, "min to max"), self.path)

    def _bounds(self) -> tuple[float, float]:
        """min and max, or the parameter's own; a multiple of 8 may lie between bounds that are none."""
        within = replace(self.parameter, multiple_of=1)
        low = self._number("min", within) if "min" in self.written else float(within.minimum or 0)
        high = self._number("max", within) if "max" in self.written else float(within.maximum or 0)
        self.problems.raise_if_any()
        if low > high:
            self._fail("", f"expected min below max, got {number(low)} and {number(high)}")
        return low, high

    def _number(self, key: str, within: Parameter) -> float:
        try:
            value = within.check(self.written[key], f"{self.path}.{key}")
        except SweepError as error:
            self.problems.take(error)
            return 0.0
        if isinstance(value, int | float):
            return float(value)
        self._fail(key, f"expected {within.expected()}, got nothing")

    def _positive(self, key: str) -> Fraction:
        written = self.written.get(key)
        if not isinstance(written, bool) and isinstance(written, int | float) and 0 < written <= 2**32:
            return exact(written)
        self.problems.add(f"{self.path}.{key}", f"expected a number above 0, got {quote(written)}")
        return Fraction(1)

    def _only(self, what: str, *allowed: str) -> None:
        for key in self.written:
            if key not in allowed:
                self.problems.add(f"{self.path}.{key}", f"does not go with {what}; keep one of them")
        self.problems.raise_if_any()

    def _fail(self, key: str, message: str) -> NoReturn:
        self.problems.add(below(self.path, key) if key else self.path, message)
        raise SweepError(self.problems)


def _weighed(source: Source, weights: tuple[float, ...]) -> Choices:
    points = source.values if isinstance(source, Choices) else ()
    if isinstance(source, Numbers):
        points = tuple((value,) for value in source)
    return Choices(points, weights)


def _names(keys: Iterable[object]) -> str:
    return shorten(", ".join(map(str, keys))) or "an empty mapping"

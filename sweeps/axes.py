"""One entry of `parameters`: a fixed value, a list, a range, or W&B's mapping, checked against its parameter."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Literal, NoReturn

from sweeps.errors import Problems, SweepError
from sweeps.parameters import Parameter, Value
from sweeps.prompts import Text, read_prompt
from sweeps.ranges import Numbers, Span, exact, fitting, read_range
from sweeps.words import nearest, number, quote, shorten, unknown

Method = Literal["grid", "random"]
KEYS = ("value", "values", "probabilities", "labels", "min", "max", "mu", "sigma", "q", "distribution", "glob")
CONTINUOUS = ("uniform", "log_uniform_values", "normal")
DISTRIBUTIONS = ("uniform", "q_uniform", "log_uniform_values", "normal", "int_uniform", "categorical")
LONGEST_LABEL = 60


@dataclass(frozen=True)
class Choices:
    """Values one after the other, one tuple for the names of the axis."""

    values: tuple[tuple[Value, ...], ...]
    probabilities: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Prompts:
    """Prompts whose braces are still to be expanded."""

    texts: tuple[Text, ...]

    @property
    def count(self) -> int:
        return sum(text.count() for text in self.texts)


@dataclass(frozen=True)
class People:
    """The people whose names match a pattern; who there is, the caller says."""

    pattern: str


@dataclass(frozen=True)
class Distribution:
    """A continuous range that random search draws from, bounds inclusive."""

    parameter: Parameter
    kind: str
    low: float
    high: float
    mu: float = 0.0
    sigma: float = 1.0

    def draw(self, random: Random) -> Value:
        """One value: four significant digits, or the nearest that the parameter allows."""
        match self.kind:
            case "normal":
                at = random.gauss(self.mu, self.sigma)
            case "log_uniform_values":
                at = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
            case _:
                at = random.uniform(self.low, self.high)
        at = min(max(at, self.low), self.high)
        if self.parameter.kind == "int":
            unit = self.parameter.multiple_of
            least, most = math.ceil(self.low / unit), math.floor(self.high / unit)
            return min(max(math.floor(at / unit + 0.5), least), most) * unit
        return min(max(float(f"{at:.4g}"), self.low), self.high)


Source = Choices | Numbers | Prompts | People | Distribution


@dataclass(frozen=True)
class AxisSpec:
    """One axis as the file says it: the parameters that move together on it, and where it stands."""

    names: tuple[str, ...]
    source: Source
    path: str
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "+".join(self.names)


@dataclass(frozen=True)
class Fixed:
    """A value that does not move."""

    value: Value


def read_entry(parameter: Parameter, written: object, path: str, method: Method) -> AxisSpec | Fixed:
    """One entry of `parameters`; raises SweepError with everything wrong in it."""
    if isinstance(written, Mapping):
        return _Entry(parameter, written, path, method).read()
    if isinstance(written, list):
        return AxisSpec((parameter.name,), _listed(parameter, written, path), path)
    return read_scalar(parameter, written, path)


def read_scalar(parameter: Parameter, written: object, path: str) -> AxisSpec | Fixed:
    """A single value, a range in a string, or a prompt with braces."""
    if isinstance(written, str) and parameter.is_number:
        found = read_range(parameter, written, path)
        if isinstance(found, tuple) and len(found) == 1:
            return Fixed(found[0])
        source = found if isinstance(found, Numbers) else Choices(tuple((value,) for value in found))
        return AxisSpec((parameter.name,), source, path)
    if isinstance(written, str) and parameter.kind == "choice" and "," in written:
        return AxisSpec((parameter.name,), _listed(parameter, [w.strip() for w in written.split(",")], path), path)
    value = parameter.check(written, path)
    if parameter.name == "prompt" and isinstance(value, str):
        text = read_prompt(value, path)
        if text.count() > 1:
            return AxisSpec(("prompt",), Prompts((text,)), path)
        return Fixed("".join(map(str, text.parts)))
    return Fixed(value)


def read_values(parameter: Parameter, written: object, path: str) -> tuple[Value, ...] | Numbers:
    """A list or a range that moves together with others (`zip`, `seed`); one value for each entry."""
    if isinstance(written, str) and parameter.is_number:
        return read_range(parameter, written, path)
    if not isinstance(written, list):
        raise SweepError.at(path, f"expected a list of values, got {quote(written)}")
    source = _listed(parameter, written, path)
    if isinstance(source, Prompts):
        raise SweepError.at(path, "braces that make several prompts do not fit here; list the prompts one by one")
    return tuple(value for (value,) in source.values)


def read_labels(written: object, count: int, path: str) -> tuple[str, ...]:
    """The short names of an axis' values on the contact sheet."""
    if not isinstance(written, list) or len(written) != count:
        got = f"{len(written)}" if isinstance(written, list) else quote(written)
        raise SweepError.at(path, f"expected a list of {count} labels, one for each value, got {got}")
    problems = Problems()
    for at, label in enumerate(written):
        short = isinstance(label, str) and 0 < len(label) <= LONGEST_LABEL and label.isprintable()
        if not short and (isinstance(label, bool) or not isinstance(label, int | float)):
            problems.add(f"{path}[{at}]", f"expected a label of at most {LONGEST_LABEL} letters, got {quote(label)}")
    problems.raise_if_any()
    return tuple(label if isinstance(label, str) else quote(label) for label in written)


def _listed(parameter: Parameter, written: list[object], path: str) -> Choices | Prompts:
    if not written:
        raise SweepError.at(path, "expected at least one value, got an empty list")
    problems = Problems()
    values: list[tuple[Value, ...]] = []
    texts: list[Text] = []
    for at, item in enumerate(written):
        try:
            value = parameter.check(item, f"{path}[{at}]")
            if parameter.name == "prompt" and isinstance(value, str):
                text = read_prompt(value, f"{path}[{at}]")
                texts.append(text)
                value = "".join(map(str, text.parts)) if text.count() == 1 else value
            values.append((value,))
        except SweepError as error:
            problems.take(error)
    problems.raise_if_any()
    return Prompts(tuple(texts)) if any(text.count() > 1 for text in texts) else Choices(tuple(values))


class _Entry:
    """Reads one W&B mapping."""

    def __init__(self, parameter: Parameter, written: Mapping[str, object], path: str, method: Method) -> None:
        self.parameter, self.written, self.path, self.method = parameter, written, path, method
        self.problems = Problems()

    def read(self) -> AxisSpec | Fixed:
        self._know_keys()
        kind = self.written.get("distribution")
        if kind is not None and kind not in (*DISTRIBUTIONS, "constant"):
            meant = nearest(kind, DISTRIBUTIONS) if isinstance(kind, str) else None
            there = f"did you mean {meant}?" if meant else f"there are {', '.join(DISTRIBUTIONS)}"
            self._fail("distribution", f"no such distribution, got {quote(kind)}; {there}")
        if self._one_of("value"):
            self._only("value", "value", "distribution")
            return read_scalar(self.parameter, self.written["value"], f"{self.path}.value")
        if self._one_of("values"):
            self._only("values", "values", "distribution", "probabilities", "labels")
            return self._values(kind)
        if self._one_of("glob"):
            self._only("glob", "glob")
            return self._glob()
        if not self.parameter.is_number:
            self._fail("", f"expected value or values for {self.parameter.name}, got {self._keys()}")
        return self._numbers(kind)

    def _know_keys(self) -> None:
        strange = [key for key in self.written if key not in KEYS]
        if strange and all(value is None for value in self.written.values()):
            if self.parameter.kind == "text":
                self._fail("", f"expected text, got {{{_names(strange)}}} (braces make a mapping: use quotes)")
            self._fail("", f"{{{_names(strange)}}} is a mapping in YAML; a list is written [{_names(strange)}]")
        for key in strange:
            self.problems.add(f"{self.path}.{key}", unknown("key", key, KEYS))
        self.problems.raise_if_any()

    def _values(self, kind: object) -> AxisSpec | Fixed:
        path = f"{self.path}.values"
        if kind not in (None, "categorical"):
            self._fail("distribution", f"expected categorical beside values, got {quote(kind)}")
        written = self.written["values"]
        if isinstance(written, list):
            source: Source = _listed(self.parameter, written, path)
        else:
            axis = read_scalar(self.parameter, written, path) if isinstance(written, str) else None
            if isinstance(axis, Fixed) and self.parameter.is_number:
                axis = AxisSpec((self.parameter.name,), Choices(((axis.value,),)), path)
            if not isinstance(axis, AxisSpec):
                self._fail("values", f"expected a list such as [a, b], got {quote(written)}")
            source = axis.source
        labels: tuple[str, ...] = ()
        if "labels" in self.written:
            if isinstance(source, Prompts):
                self._fail("labels", "prompts with braces name themselves; take the labels or the braces away")
            labels = read_labels(self.written["labels"], _count(source), f"{self.path}.labels")
        if "probabilities" in self.written:
            source = Choices(_tuples(source), self._probabilities(_count(source)))
        return AxisSpec((self.parameter.name,), source, path, labels)

    def _probabilities(self, count: int) -> tuple[float, ...]:
        given = self.written["probabilities"]
        if self.method == "grid":
            self._fail("probabilities", "a grid takes every value; probabilities need method: random")
        if not isinstance(given, list) or len(given) != count:
            got = len(given) if isinstance(given, list) else quote(given)
            self._fail("probabilities", f"expected a list of {count} numbers, one for each value, got {got}")
        found: list[float] = []
        for at, item in enumerate(given):
            if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item <= 1:
                self.problems.add(
                    f"{self.path}.probabilities[{at}]", f"expected a number from 0 to 1, got {quote(item)}"
                )
            else:
                found.append(float(item))
        self.problems.raise_if_any()
        if abs(sum(found) - 1) > 1e-3:
            self._fail("probabilities", f"expected numbers that add up to 1, got {sum(found):g}")
        return tuple(found)

    def _glob(self) -> AxisSpec:
        pattern = self.written["glob"]
        if self.parameter.name != "face_folder":
            self._fail("glob", "only face_folder has names to match")
        if not isinstance(pattern, str) or not 0 < len(pattern) <= 100:
            self._fail("glob", f'expected a pattern such as "team-*", got {quote(pattern)}')
        return AxisSpec(("face_folder",), People(str(pattern)), f"{self.path}.glob")

    def _numbers(self, kind: object) -> AxisSpec:
        if "mu" in self.written or "sigma" in self.written or kind == "normal":
            return self._normal(kind)
        self._only("a range", "min", "max", "q", "distribution")
        if "min" not in self.written or "max" not in self.written:
            self._fail("", f"expected value, values, or min and max, got {self._keys()}")
        low, high = self._bound("min"), self._bound("max")
        self.problems.raise_if_any()
        if low > high:
            self._fail("", f"expected min below max, got {number(low)} and {number(high)}")
        whole = all(isinstance(self.written[key], int) for key in ("min", "max"))
        kind = kind or ("q_uniform" if "q" in self.written else "int_uniform" if whole else "uniform")
        if kind == "q_uniform":
            return self._spaced(low, high)
        if "q" in self.written:
            self._fail("q", f"expected no q beside {kind}; q_uniform takes one")
        if kind == "int_uniform":
            return self._whole(low, high)
        if kind == "categorical" or kind == "constant":
            self._fail("distribution", f"expected values beside {kind}, got min and max")
        if kind == "log_uniform_values" and low <= 0:
            self._fail("min", f"expected a number above 0 for log_uniform_values, got {number(low)}")
        return self._continuous(Distribution(self.parameter, str(kind), low, high))

    def _normal(self, kind: object) -> AxisSpec:
        self._only("normal", "mu", "sigma", "min", "max", "distribution")
        if kind not in (None, "normal"):
            self._fail("distribution", f"expected normal beside mu and sigma, got {quote(kind)}")
        for key in ("mu", "sigma"):
            if key not in self.written:
                self._fail(key, "expected a number, got nothing: normal needs mu and sigma")
        low, high = float(self.parameter.minimum or 0), float(self.parameter.maximum or 0)
        low = self._bound("min") if "min" in self.written else low
        high = self._bound("max") if "max" in self.written else high
        mu, sigma = self._bound("mu"), self._positive("sigma")
        self.problems.raise_if_any()
        if low > high:
            self._fail("", f"expected min below max, got {number(low)} and {number(high)}")
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
            self._fail("", f"no {self.parameter.expected().split(' from ')[0]} lies between min and max")
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
            self._fail("", "no whole number lies between min and max")
        span = Span(Fraction(first), Fraction(unit), (last - first) // unit + 1)
        return AxisSpec((self.parameter.name,), fitting(self.parameter, span, self.path, "min to max"), self.path)

    def _bound(self, key: str) -> float:
        written = self.written[key]
        inside = not isinstance(written, bool) and isinstance(written, int | float)
        low, high = self.parameter.minimum or 0, self.parameter.maximum or 0
        if inside and low <= written <= high:  # type: ignore[operator]
            if self.parameter.kind == "int" and key != "mu" and self.parameter.multiple_of == 1:
                checked = self._checked(key)
                return float(checked) if checked is not None else low
            return float(written)  # type: ignore[arg-type]
        self._checked(key)
        return low

    def _checked(self, key: str) -> int | float | None:
        try:
            value = self.parameter.check(self.written[key], f"{self.path}.{key}")
            return value if isinstance(value, int | float) else None
        except SweepError as error:
            self.problems.take(error)
            return None

    def _positive(self, key: str) -> Fraction:
        written = self.written.get(key)
        number_ = not isinstance(written, bool) and isinstance(written, int | float)
        if number_ and 0 < written <= 2**32:  # type: ignore[operator]
            return exact(written)  # type: ignore[arg-type]
        self.problems.add(f"{self.path}.{key}", f"expected a number above 0, got {quote(written)}")
        return Fraction(1)

    def _one_of(self, key: str) -> bool:
        return key in self.written

    def _only(self, what: str, *allowed: str) -> None:
        for key in self.written:
            if key not in allowed:
                self.problems.add(f"{self.path}.{key}", f"does not go with {what}; keep one of them")
        self.problems.raise_if_any()

    def _keys(self) -> str:
        return _names(self.written) if self.written else "an empty mapping"

    def _fail(self, key: str, message: str) -> NoReturn:
        self.problems.add(f"{self.path}.{key}" if key else self.path, message)
        raise SweepError(self.problems)


def _names(keys: Iterable[object]) -> str:
    return shorten(", ".join(map(str, keys)))


def _count(source: Source) -> int:
    return source.count if isinstance(source, Choices | Numbers | Prompts) else 0


def _tuples(source: Source) -> tuple[tuple[Value, ...], ...]:
    if isinstance(source, Numbers):
        return tuple((value,) for value in source)
    return source.values if isinstance(source, Choices) else ()

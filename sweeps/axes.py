"""Axis specifications: what moves, as a file says it, checked against its parameter but not yet built."""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from sweeps.errors import Problems, SweepError
from sweeps.parameters import Parameter, Value
from sweeps.prompts import Text, read_prompt
from sweeps.ranges import Numbers, read_range
from sweeps.words import quote

Method = Literal["grid", "random"]
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
        return sum(text.count for text in self.texts)


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

    @property
    def count(self) -> int | None:
        """How many values it has; None where only the caller or chance can say."""
        return None if isinstance(self.source, People | Distribution) else self.source.count


@dataclass(frozen=True)
class Fixed:
    """A value that does not move."""

    value: Value


def read_scalar(parameter: Parameter, written: object, path: str) -> AxisSpec | Fixed:
    """A single value, a range in a string, or a prompt with braces."""
    if isinstance(written, str) and parameter.is_number:
        found = read_range(parameter, written, path)
        if isinstance(found, tuple) and len(found) == 1:
            return Fixed(found[0])
        source = found if isinstance(found, Numbers) else Choices(tuple((value,) for value in found))
        return AxisSpec((parameter.name,), source, path)
    if isinstance(written, str) and parameter.kind == "choice" and "," in written:
        return AxisSpec((parameter.name,), read_list(parameter, [w.strip() for w in written.split(",")], path), path)
    value = parameter.check(written, path)
    if parameter.name == "prompt" and isinstance(value, str):
        text = read_prompt(value, path)
        if text.count > 1:
            return AxisSpec(("prompt",), Prompts((text,)), path)
        return Fixed("".join(map(str, text.parts)))
    return Fixed(value)


def read_values(parameter: Parameter, written: object, path: str) -> tuple[Value, ...] | Numbers:
    """A list or a range that moves together with others (`zip`, `seed`); one value for each entry."""
    if isinstance(written, str) and parameter.is_number:
        return read_range(parameter, written, path)
    if not isinstance(written, list):
        raise SweepError.at(path, f"expected a list of values, got {quote(written)}")
    source = read_list(parameter, written, path)
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


def read_list(parameter: Parameter, written: list[object], path: str) -> Choices | Prompts:
    """The values of a list, each with its own path when it is wrong."""
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
                value = "".join(map(str, text.parts)) if text.count == 1 else value
            values.append((value,))
        except SweepError as error:
            problems.take(error)
    problems.raise_if_any()
    return Prompts(tuple(texts)) if any(text.count > 1 for text in texts) else Choices(tuple(values))

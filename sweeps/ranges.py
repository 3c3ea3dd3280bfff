"""Number ranges as people write them, decimal-exact and inclusive, counted without being built.

The syntax is that of A1111's X/Y/Z plot, mended: `1-4`, `1-10 (+3)`, `10-1 (-3)`, `1-10 [4]`, `5, 10, .., 25`,
`3, 5, 8`. Arithmetic is on fractions, so `1-2 (+0.3)` ends at 1.9 and `4-7 (+1.5)` at 7.
"""

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sweeps.errors import SweepError
from sweeps.parameters import Parameter, Value
from sweeps.words import number, quote, shorten

EXAMPLES = '"4-7 (+1.5)", "1-10 [4]" or "1, 2, .., 10"'
_NUMBER = r"[-+]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,2})?"
_SPAN = re.compile(rf"({_NUMBER}) ?- ?({_NUMBER}) ?(?:\( ?({_NUMBER}) ?\)|\[ ?(\d{{1,9}}) ?\])?")
# Phones turn - into a dash, .. into an ellipsis and quotes into curly ones.
_PHONE = str.maketrans(
    {
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{MINUS SIGN}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "..",
        "\N{LEFT DOUBLE QUOTATION MARK}": " ",
        "\N{RIGHT DOUBLE QUOTATION MARK}": " ",
        "\N{DOUBLE LOW-9 QUOTATION MARK}": " ",
        "\N{NO-BREAK SPACE}": " ",
    }
)
_LONGEST = 4000


@dataclass(frozen=True)
class Span:
    """Evenly spaced numbers: `first + i · step` for i below `count`.

    `rounded` marks `[n]`, whose values are rounded to what the parameter allows.
    """

    first: Fraction
    step: Fraction
    count: int
    rounded: bool = False

    def __getitem__(self, index: int) -> Fraction:
        return self.first + index * self.step


@dataclass(frozen=True)
class Numbers:
    """The checked values of a span, made when they are asked for."""

    span: Span
    parameter: Parameter

    @property
    def count(self) -> int:
        return self.span.count

    def __getitem__(self, index: int) -> Value:
        return _value(self.parameter, self.span[index], self.span.rounded)

    def __iter__(self) -> Iterator[Value]:
        return (self[index] for index in range(self.count))


def read_range(parameter: Parameter, text: str, path: str) -> Numbers | tuple[Value, ...]:
    """The values that a string means for a number parameter; raises SweepError at `path`."""
    try:
        meant = _spaced(text)
    except ValueError as error:
        raise SweepError.at(path, str(error)) from None
    if isinstance(meant, Span):
        return fitting(parameter, meant, path, quote(text))
    if meant is None:
        try:
            return (parameter.check(text, path),)
        except SweepError as error:
            message = error.problems[0].message
            hint = message[message.index(quote(text)) + len(quote(text)) :]
            wanted = f"{parameter.expected()}, or a range such as {EXAMPLES}"
            raise SweepError.at(path, f"expected {wanted}, got {quote(text)}{hint}") from None
    values: list[Value] = []
    for fraction in meant:
        value = _value(parameter, fraction, False)
        try:
            values.append(parameter.check(value, path))
        except SweepError:
            wanted = f"expected {parameter.expected()}"
            raise SweepError.at(path, f"{wanted}, got {quote(value)} in {quote(text)}") from None
    return tuple(values)


def fitting(parameter: Parameter, span: Span, path: str, written: str) -> Numbers:
    """The span's values for a parameter, after its ends and its step have been checked against it."""
    if span.rounded and parameter.kind == "int":
        room = abs(span.step) * max(span.count - 1, 1)
        if span.count - 1 > room / parameter.multiple_of:
            raise SweepError.at(
                path,
                f"{written} asks for {span.count:,} values, but only "
                f"{int(room / parameter.multiple_of) + 1:,} lie there",
            )
    for index in dict.fromkeys((0, min(1, span.count - 1), span.count - 1)):
        value = _value(parameter, span[index], span.rounded)
        try:
            parameter.check(value, path)
        except SweepError:
            wanted = f"expected {parameter.expected()}"
            raise SweepError.at(path, f"{wanted}, got {quote(value)} in {written}") from None
    return Numbers(span, parameter)


def exact(value: float) -> Fraction:
    """The decimal that somebody wrote: 0.1 is one tenth."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _spaced(text: str) -> Span | tuple[Fraction, ...] | None:
    """What a string of numbers means; None when it is no range; ValueError with a sentence for a broken one."""
    plain = " ".join(text[: _LONGEST + 1].translate(_PHONE).split())
    if len(plain) > _LONGEST:
        raise ValueError(f"expected a range of at most {_LONGEST:,} characters, got {len(text):,}")
    if match := _SPAN.fullmatch(plain):
        first, last, step, count = match.groups()
        return _between(Fraction(first), Fraction(last), step, count, quote(text))
    parts = [part.strip() for part in plain.split(",")]
    if len(parts) > 2 and parts[-2] in ("..", "..."):
        before = [_fraction(part) for part in (*parts[:-2], parts[-1])]
        if None not in before:
            return _onwards([at for at in before if at is not None], quote(text))
    numbers = [_fraction(part) for part in parts]
    if ".." in parts or "..." in parts:
        raise ValueError(f'expected two numbers, "..", and the last one ("5, 10, .., 25"), got {quote(text)}')
    return None if None in numbers else tuple(at for at in numbers if at is not None)


def _between(first: Fraction, last: Fraction, step: str | None, count: str | None, text: str) -> Span:
    if count is not None:
        n = int(count)
        if n < 1 or (n == 1 and first != last):
            raise ValueError(f"expected at least 2 values from {_n(first)} to {_n(last)}, got {text}")
        return Span(first, (last - first) / max(n - 1, 1), n, rounded=True)
    down = last < first
    pace = Fraction(step) if step is not None else Fraction(-1 if down else 1)
    if pace == 0:
        raise ValueError(f"expected a step that is not 0, got {text}")
    if first != last and (pace < 0) != down:
        way, sign = ("down", "-") if down else ("up", "+")
        raise ValueError(f"{text} goes {way}, so its step must be ({sign}{_n(abs(pace))})")
    return Span(first, pace, math.floor((last - first) / pace) + 1)


def _onwards(numbers: list[Fraction], text: str) -> Span:
    *given, last = numbers
    if len(given) < 2:
        raise ValueError(f'expected two numbers before "..", as in "5, 10, .., 25", got {text}')
    step = given[1] - given[0]
    if step == 0 or any(after - before != step for before, after in itertools.pairwise(given)):
        raise ValueError(f'expected numbers with one step between them before "..", got {text}')
    count = (last - given[0]) / step + 1
    if count < len(given) or count.denominator != 1:
        raise ValueError(f"{text} does not meet its end: from {_n(given[0])} in steps of {_n(step)} to {_n(last)}")
    return Span(given[0], step, int(count))


def _fraction(text: str) -> Fraction | None:
    return Fraction(text) if re.fullmatch(_NUMBER, text) else None


def _value(parameter: Parameter, at: Fraction, rounded: bool) -> int | float:
    if rounded and parameter.kind == "int":
        unit = parameter.multiple_of
        return math.floor(at / unit + Fraction(1, 2)) * unit
    return int(at) if at.denominator == 1 and parameter.kind == "int" else float(at)


def _n(value: Fraction) -> str:
    return shorten(number(float(value)), 24)

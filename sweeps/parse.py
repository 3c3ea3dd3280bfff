"""YAML text → checked document; errors carry their path. The only place that imports yaml.

Read from YAML's events, not through a loader: nodes are counted and depth is bounded before anything is built, so
alias, depth and flat bombs end at once (the plain loader takes seconds, or all memory).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import yaml

from sweeps.document import Document, check
from sweeps.errors import Problem, Problems, SweepError
from sweeps.parameters import Value
from sweeps.recipe import checked
from sweeps.words import Misread, below, quote, shorten

Checked = TypeVar("Checked")

MOST_BYTES = 64 * 1024
MOST_NODES = 5_000
DEEPEST = 16

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_NULL = ("", "~", "null", "Null", "NULL")
_SWITCH = re.compile(r"(?:(yes|true|on)|no|false|off)", re.I)
_INT = re.compile(r"[-+]?(?:0|[1-9](?:_?\d)*)")
_FLOAT = re.compile(r"[-+]?(?:\d(?:_?\d)*\.\d*|\.\d+)(?:[eE][-+]\d+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|nan)", re.I)
_MISREAD = (
    (re.compile(r"[-+]?0[0-7_]+"), "YAML reads a leading zero as an octal number: leave it out, or use quotes"),
    (re.compile(r"[-+]?0(?:x[\da-fA-F_]+|b[01_]+)"), "YAML reads 0x and 0b as numbers: write it in decimals"),
    (re.compile(r"[-+]?\d+(?::[0-5]?\d)+(?:\.\d*)?"), "YAML reads colons between digits as base 60: use quotes"),
    (re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ].*)?"), "YAML reads it as a date: use quotes"),
)


def parse(text: str | bytes) -> Document:
    """The document that a sweep file means; raises SweepError with all of its problems."""
    return _checked(text, check, 'the file is empty; a sweep needs parameters, such as guidance_scale: "4-8"')


def parse_values(text: str | bytes) -> dict[str, Value]:
    """The catalogue values in a file such as the operator's production recipe; raises SweepError like `parse`."""
    return _checked(text, _values, "the file is empty; it needs values, such as guidance_scale: 8")


def parse_mapping(text: str | bytes) -> dict[str, object]:
    """The plain values of an operator's YAML file, under the same limits; empty where it says nothing.

    Who reads them checks what they are. Raises SweepError like `parse`.
    """
    reader = _Tree(_decode(text))
    tree = reader.read()
    if tree is not None and not isinstance(tree, dict):
        reader.problems.add("", f"expected a mapping of names to values, got {quote(tree)}")
    reader.problems.raise_if_any()
    return tree if isinstance(tree, dict) else {}


def _values(tree: Mapping[str, object]) -> dict[str, Value]:
    problems = Problems()
    values = checked(tree, problems)
    problems.raise_if_any()
    return values


def _checked(text: str | bytes, check: Callable[[Mapping[str, object]], Checked], empty: str) -> Checked:
    """What a file means, with what the reader refused and what the check refused told together."""
    reader = _Tree(_decode(text))
    tree = reader.read()
    if not isinstance(tree, dict):
        wanted = f"expected a mapping of names to values, got {quote(tree)}"
        if not reader.problems:
            raise SweepError.at("", empty if tree is None else wanted)
        raise SweepError(reader.problems)
    try:
        found = check(tree)
    except SweepError as error:
        reader.problems.extend(problem for problem in error.problems if problem.path not in reader.refused)
        raise SweepError(reader.problems) from None
    reader.problems.raise_if_any()
    return found


def _decode(text: str | bytes) -> str:
    try:
        data = text if isinstance(text, bytes) else text.encode()
    except UnicodeEncodeError:
        raise SweepError.at("", "expected plain text, got letters that cannot be written as UTF-8") from None
    if len(data) > MOST_BYTES:
        raise SweepError.at("", "expected a file of at most 64 KB, got a larger one")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SweepError.at("", "expected text in UTF-8, got UTF-16; save the file as UTF-8")
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SweepError.at(
            f"line {line}", "expected text in UTF-8, got bytes that are not; save it as UTF-8"
        ) from None
    if strange := _CONTROL.search(decoded):
        line = decoded.count("\n", 0, strange.start()) + 1
        code = f"U+{ord(strange[0]):04X}"
        raise SweepError.at(f"line {line}", f"expected plain text, got the control character {code}")
    return decoded


class _Tree:
    """Builds plain values from YAML events, and keeps what it had to refuse."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems = Problems()
        self.refused: set[str] = set()
        self.nodes = 0
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)

    def read(self) -> object:
        try:
            return self._document()
        except yaml.YAMLError as error:
            self.problems.append(_unreadable(error, self.text))
            raise SweepError(self.problems) from None

    def _document(self) -> object:
        tree: object = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    line = _line(event)
                    raise self._stop(f"line {line}", "expected one document, got a second one after ---")
            elif isinstance(event, yaml.NodeEvent):
                tree = self._value(event, "", 1)
        return tree

    def _value(self, event: yaml.Event, path: str, depth: int) -> object:
        self._count(path, depth)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(path, f"anchors and aliases are not allowed, got *{shorten(event.anchor or '')}")
            return None
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._refuse(path, f"anchors and aliases are not allowed, got &{shorten(event.anchor)}")
        tag = getattr(event, "tag", None)
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(path, f"tags are not allowed, got {shorten(short)}")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return _scalar(event.value) if event.implicit[0] and tag is None else event.value

    def _list(self, path: str, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        entries: dict[str, object] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = _line(event)
            key = self._key(event, path, depth)
            where = below(path, key)
            value = self._value(next(self.events), where, depth + 1)
            if key in lines:
                self._refuse(where, f"stands twice, in lines {lines[key]} and {line}; keep one of them")
            elif key:
                lines[key] = line
                entries[key] = value
        return entries

    def _key(self, event: yaml.Event, path: str, depth: int) -> str:
        where = path or f"line {_line(event)}"
        if isinstance(event, yaml.ScalarEvent):
            self._value(event, where, depth + 1)
            if event.value == "<<":
                self._refuse(where, "merge keys (<<) are not allowed; write the values out")
                return ""
            if not event.value.strip():
                self._refuse(where, "expected a name before the colon, got nothing")
                return ""
            return event.value
        got = self._value(event, where, depth + 1)
        if not isinstance(event, yaml.AliasEvent):
            self._refuse(where, f"expected a plain name before the colon, got {quote(got)}")
        return ""

    def _count(self, path: str, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self._stop("", f"expected at most {MOST_NODES:,} values and names in the file, got more")
        if depth > DEEPEST:
            raise self._stop(shorten(path), f"expected at most {DEEPEST} levels of lists and mappings, got more")

    def _refuse(self, path: str, message: str) -> None:
        self.refused.add(path)
        self.problems.add(path, message)

    def _stop(self, path: str, message: str) -> SweepError:
        return SweepError([*self.problems, Problem(path, message)])


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _scalar(text: str) -> object:
    """A plain scalar as YAML 1.1 reads it, but for those of its readings that nobody means."""
    if text in _NULL:
        return None
    if switch := _SWITCH.fullmatch(text):
        return switch[1] is not None
    if len(text) <= 400:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) or _SPECIAL.fullmatch(text):
            return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
        for pattern, why in _MISREAD:
            if pattern.fullmatch(text):
                return Misread(text, why)
    elif text.isdigit():
        return Misread(text, f"a number of {len(text):,} digits")
    return text


def _unreadable(error: yaml.YAMLError, text: str) -> Problem:
    """YAML's own complaint, with where it stands and what is usually behind it."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "it is not YAML")
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    hint = ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "; tabs cannot indent, use spaces"
    elif "mapping values are not allowed" in problem:
        hint = '; a text with a colon in it needs "quotes"'
    elif "quoted scalar" in problem or "end of stream" in problem:
        hint = "; a quote is not closed"
    elif "expected key" in problem and "{" in line:
        hint = '; a text with braces needs "quotes"'
    elif "expected" in problem:
        hint = "; look for a missing quote or bracket, or for lines that are not aligned"
    path = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return Problem(path, f"cannot be read as YAML: {shorten(problem, 120)}{hint}")

"""A document and who asks for it → the sweep: axes and ordered cells, counted before they are built."""

import fnmatch
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sweeps.axes import AxisSpec, Choices, Distribution, Method, People, Prompts
from sweeps.document import REPEAT, Document
from sweeps.errors import Problem, Problems, SweepError
from sweeps.parameters import CATALOGUE, LARGEST_SEED, SAMPLER_SCHEDULES, Value
from sweeps.prompts import distinct, expand_prompt, read_prompt
from sweeps.ranges import Numbers
from sweeps.recipe import NOTHING, Recipe, draw_seed, resolve
from sweeps.words import quote, shorten

MOST_CELLS = 1000
_PARTNERS = {"schedule": "sampler", "denoise": "detail_steps"}  # what else a contradiction may come from
TIMES = " \N{MULTIPLICATION SIGN} "
_MOST_MISSES = 4000  # excluded draws after which a random sweep has fewer cells than it asked for


@dataclass(frozen=True)
class Axis:
    """What moves: its values in order, each with the short label that the contact sheet shows.

    The name joins with + what moves together; then each value is a tuple. `repeat` is the axis of the repeats.
    """

    name: str
    values: tuple[Value | tuple[Value, ...], ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One recipe of a sweep; `at` is its index on each axis, None where it lies off the grid."""

    id: str
    recipe: Recipe
    at: tuple[int | None, ...]


@dataclass(frozen=True)
class Sweep:
    """What a sweep file expands to.

    `seed` is the one that was drawn (or given) for the whole sweep: with it `expand` gives the same cells again.
    `left_out` counts the cells of the grid beyond run_cap. `rows` and `columns` name the axes of the contact sheet.
    """

    name: str
    document: Document
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    seed: int
    rows: str | None
    columns: str | None
    left_out: int = 0

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        return tuple(cell.recipe for cell in self.cells)


def expand(
    document: Document,
    *,
    settings: Mapping[str, Value] = NOTHING,
    defaults: Mapping[str, Value] = NOTHING,
    production: Mapping[str, Value] = NOTHING,
    faces: Sequence[str] = (),
    max_cells: int = MOST_CELLS,
    seed: int | None = None,
) -> Sweep:
    """The sweep that a document means for somebody.

    The document stands over the member's `settings`, these over a family's `defaults`; `faces` are the names that
    `face_folder: {glob: …}` may match; `seed` replaces the drawn one. Raises SweepError, also when there would be more
    than `max_cells` cells.
    """
    specs, values = _with_own_prompt(document, {k: v for k, v in settings.items() if v is not None})
    _refuse_too_many(document, specs, faces, max_cells)
    if seed is None:
        stated = document.base.get("seed", values.get("seed") if document.seed is None else None)
        seed = stated if isinstance(stated, int) else draw_seed()
    person = _Member({**values, **document.base}, values, defaults, production, seed)
    random = Random(f"{seed}/parameters")
    moving = [_Moving.of(spec, faces, document.method) for spec in specs]
    stays = _not_excluded(document, person)
    if document.method == "random":
        kept = _drawn(document, moving, stays, random)
    else:
        kept = [point for point in _grid(moving) if stays(point)]
    if not kept and not document.include:
        raise SweepError.at("exclude", "leaves no cell to draw; exclude fewer")
    repeats = range(document.repeats)
    gridded = [(point, repeat) for point in kept for repeat in repeats]
    included = [(point, repeat) for point in _included(document, moving) for repeat in repeats]
    cap = len(gridded) + len(included) if document.run_cap is None else document.run_cap
    room = max(cap - len(included), 0)
    cells = _cells(document, [*gridded[:room], *included][:cap], person)
    axes = _axes(document, moving, kept)
    rows, columns = _sheet(document, axes)
    return Sweep(document.name, document, axes, cells, seed, rows, columns, max(len(gridded) - room, 0))


@dataclass(frozen=True)
class _Member:
    """What a cell stands on: the file's fixed values over the member's settings over the family's defaults."""

    fixed: Mapping[str, Value]
    settings: Mapping[str, Value]
    defaults: Mapping[str, Value]
    production: Mapping[str, Value]
    seed: int


@dataclass(frozen=True)
class _Point:
    """A cell before its recipe: what its axes set, and its index on each."""

    values: Mapping[str, Value]
    at: tuple[int | None, ...]


@dataclass(frozen=True)
class _Moving:
    """An axis with its values built; a range of numbers in a random sweep has none, it draws."""

    spec: AxisSpec
    points: tuple[tuple[Value, ...], ...]

    @classmethod
    def of(cls, spec: AxisSpec, faces: Sequence[str], method: Method) -> "_Moving":
        match spec.source:
            case Choices(values=points):
                return cls(spec, points)
            case Prompts(texts=texts):
                return cls(spec, tuple((prompt,) for text in texts for prompt in expand_prompt(text)))
            case People(pattern=pattern):
                return cls(spec, tuple((name,) for name in faces if fnmatch.fnmatchcase(name, pattern)))
            case Numbers() as numbers if method == "grid":
                return cls(spec, tuple((value,) for value in numbers))
        return cls(spec, ())

    def draw(self, random: Random) -> dict[str, Value]:
        match self.spec.source:
            case Distribution() as distribution:
                point: tuple[Value, ...] = (distribution.draw(random),)
            case Numbers() as numbers:
                point = (numbers[random.randrange(numbers.count)],)
            case Choices(probabilities=weights) if weights:
                point = random.choices(self.points, weights)[0]
            case _:
                point = random.choice(self.points)
        return dict(zip(self.spec.names, point, strict=True))


def _with_own_prompt(document: Document, values: Mapping[str, Value]) -> tuple[list[AxisSpec], Mapping[str, Value]]:
    """The document's axes; the member's own prompt is one too when it has braces and the file names no prompt."""
    own = values.get("prompt")
    if not isinstance(own, str) or "prompt" in document.paths:
        return list(document.axes), values
    text = read_prompt(own, "prompt")
    if text.count > 1:
        return [AxisSpec(("prompt",), Prompts((text,)), "prompt"), *document.axes], values
    return list(document.axes), {**values, "prompt": "".join(map(str, text.parts))}


def _refuse_too_many(document: Document, specs: Sequence[AxisSpec], faces: Sequence[str], most: int) -> None:
    """Counts before anything is built; raises SweepError when it would be more than `most` cells."""
    problems = Problems()
    counts = [_count(spec, faces, problems) for spec in specs]
    if document.method == "random":
        total, factors = document.run_cap or 0, []
        for spec, count in zip(specs, counts, strict=True):
            if count > most and not isinstance(spec.source, Numbers):
                problems.add(spec.path, f"expected at most {most:,} values, got {_many(count)}")
    else:
        total = (math.prod(counts) + len(document.include)) * document.repeats
        factors = [f"{_many(n)} {spec.name}" for spec, n in zip(specs, counts, strict=True) if n > 1]
        factors += [f"{document.repeats} repeats"] if document.repeats > 1 else []
    if document.run_cap is not None and document.run_cap > most:
        problems.add("run_cap", f"expected at most {most:,}, got {_many(document.run_cap)}")
    elif total > most:
        product = f" ({TIMES.join(factors)})" if factors else ""
        problems.add("", f"the sweep has {_many(total)} cells{product}, more than the {most:,} allowed")
    problems.raise_if_any()


def _count(spec: AxisSpec, faces: Sequence[str], problems: Problems) -> int:
    match spec.source:
        case Distribution():
            return 1
        case People(pattern=pattern):
            found = sum(fnmatch.fnmatchcase(name, pattern) for name in faces)
            if not found:
                there = f"there are {shorten(', '.join(faces), 200)}" if faces else "nobody is known here"
                problems.add(spec.path, f"expected a pattern that fits a person's name, got {quote(pattern)}; {there}")
            return found
        case source:
            return source.count


def _grid(moving: Sequence[_Moving]) -> list[_Point]:
    """Every combination, the first axis slowest."""
    found: list[_Point] = []
    for at in itertools.product(*(range(len(axis.points)) for axis in moving)):
        values: dict[str, Value] = {}
        for axis, index in zip(moving, at, strict=True):
            values.update(zip(axis.spec.names, axis.points[index], strict=True))
        found.append(_Point(values, at))
    return found


def _drawn(
    document: Document, moving: Sequence[_Moving], kept: Callable[[_Point], bool], random: Random
) -> list[_Point]:
    """As many random points as run_cap and repeats ask for; excluded ones are drawn again."""
    room = (document.run_cap or 0) - len(document.include) * document.repeats
    wanted = max(math.ceil(room / document.repeats), 0)
    found: list[_Point] = []
    misses = 0
    while len(found) < wanted and misses < _MOST_MISSES:
        values: dict[str, Value] = {}
        for axis in moving:
            values.update(axis.draw(random))
        point = _Point(values, (None,) * len(moving))
        if kept(point):
            found.append(point)
        else:
            misses += 1
    return found


def _not_excluded(document: Document, person: _Member) -> Callable[[_Point], bool]:
    """Whether a point stays: none of the exclusions names just what it would have, wherever that comes from."""
    standing = {name: parameter.default for name, parameter in CATALOGUE.items()} | {**person.defaults, **person.fixed}
    forbidden: dict[tuple[str, ...], set[tuple[Value, ...]]] = {}
    for entry in document.exclude:
        forbidden.setdefault(tuple(entry), set()).add(tuple(entry.values()))

    def kept(point: _Point) -> bool:
        own = {**standing, **point.values}
        if own["face_folder"] and {**person.fixed, **point.values}.get("detail") is None:
            own["detail"] = True  # as `resolve` has it: who is named is drawn
        return not any(tuple(own[name] for name in names) in values for names, values in forbidden.items())

    return kept


def _included(document: Document, moving: Sequence[_Moving]) -> Iterable[_Point]:
    """The cells off the grid; a prompt in braces and a list of seeds lend them their first value."""
    first: dict[str, Value] = {}
    for axis in moving:
        if axis.spec.path in ("base.prompt", "prompt", "seed") and axis.points:
            first.update(zip(axis.spec.names, axis.points[0], strict=True))
    return [_Point({**first, **entry}, (None,) * len(moving)) for entry in document.include]


def _cells(document: Document, points: Sequence[tuple[_Point, int]], person: _Member) -> tuple[Cell, ...]:
    problems = Problems()
    cells: list[Cell] = []
    seeds = Random(f"{person.seed}/seeds")
    seed = person.seed
    for point, repeat in points:
        if repeat == 0 and document.seed == "per_cell":
            seed = seeds.randint(0, LARGEST_SEED)
        stated = {**document.base, **point.values}
        own = stated.get("seed")
        if own is None and document.seed is None:
            own = person.settings.get("seed")
        start = own if isinstance(own, int) else seed
        stated["seed"] = (start + repeat) % (LARGEST_SEED + 1)
        settings = _under(stated, person.settings)
        try:
            recipe = resolve(settings, defaults=person.defaults, production=person.production)
        except SweepError as error:
            for problem in error.problems:
                problems.add(*_placed(document, problem))
            continue
        at = (*point.at, repeat) if document.repeats > 1 else point.at
        cells.append(Cell(f"c{len(cells) + 1:03d}", recipe, at))
    problems.raise_if_any()
    return tuple(cells)


def _placed(document: Document, problem: Problem) -> tuple[str, str]:
    """A recipe's problem at the place in the file that it comes from."""
    names = (problem.path, _PARTNERS.get(problem.path, ""))
    name = next((name for name in names if name in document.paths), problem.path)
    apart = {"sampler", "schedule"} <= {axis.name for axis in document.axes}
    hint = "; exclude that pair, or let zip move the two together" if name == "schedule" and apart else ""
    return document.paths.get(name, name), problem.message + hint


def _under(stated: Mapping[str, Value], settings: Mapping[str, Value]) -> dict[str, Value]:
    """What the file states over the member's settings, but for a schedule that the file's sampler does not have."""
    sampler = stated.get("sampler")
    lost = isinstance(sampler, str) and settings.get("schedule") not in SAMPLER_SCHEDULES[sampler]
    return {**{name: value for name, value in settings.items() if not (lost and name == "schedule")}, **stated}


def _axes(document: Document, moving: Sequence[_Moving], points: Sequence[_Point]) -> tuple[Axis, ...]:
    found: list[Axis] = []
    for axis in moving:
        names = axis.spec.names
        values = axis.points
        if document.method == "random":
            values = tuple(dict.fromkeys(tuple(point.values[name] for name in names) for point in points))
        labels = axis.spec.labels if axis.spec.labels and values is axis.points else _labels(names, values)
        found.append(Axis(axis.spec.name, tuple(v[0] for v in values) if len(names) == 1 else values, labels))
    if document.repeats > 1:
        turns = tuple(range(document.repeats))
        found.append(Axis(REPEAT, turns, tuple(f"#{turn + 1}" for turn in turns)))
    return tuple(found)


def _labels(names: Sequence[str], points: Sequence[tuple[Value, ...]]) -> tuple[str, ...]:
    columns: list[Sequence[str]] = []
    for at, name in enumerate(names):
        values = [point[at] for point in points]
        if CATALOGUE[name].kind == "text":
            columns.append([shorten(label) for label in distinct(map(str, values))])
        else:
            columns.append([CATALOGUE[name].show(value) for value in values])
    return tuple(" · ".join(labels) for labels in zip(*columns, strict=True))


def _sheet(document: Document, axes: Sequence[Axis]) -> tuple[str | None, str | None]:
    """The contact sheet's rows and columns: as stated, else the first axis and the last; the repeats if need be."""
    if document.method == "random":
        return None, None
    names = [axis.name for axis in axes if len(axis.values) > 1]
    if len(names) > 2 and REPEAT in names and REPEAT not in (document.rows, document.columns):
        names.remove(REPEAT)
    columns = document.columns or next((name for name in reversed(names) if name != document.rows), None)
    rows = document.rows or next((name for name in names if name != columns), None)
    return rows, columns


def _many(count: int) -> str:
    return f"{count:,}" if count < 10**9 else "more than a billion"

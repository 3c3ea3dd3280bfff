"""Recipes in words: as a table, as a sweep file that draws this very picture, and what two of them differ in."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.domain.facetest import IDEAS
from bot.domain.job import Layout
from bot.domain.wall import Published
from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, Value
from sweeps.prompts import read_prompt
from sweeps.recipe import Recipe
from sweeps.words import number

GROUPS = {
    "text": "Words",
    "picture": "Picture",
    "base": "Base picture",
    "identity": "Identity",
    "detail": "Faces",
    "mode": "Mode",
}
PROMPT = "prompt"
MOST_ASIDE = 5
"""Pictures of an axis that are shown around one."""
KEPT = "# Its prompt stays behind the spoiler: this file draws with one of your own.\n"
PRODUCTION = (
    "# Drawn in production mode. Its values are written out, so the mode is off here: the picture is the same.\n"
)


@dataclass(frozen=True)
class Row:
    """One parameter of a recipe as a table shows it; `changed`: it is not what it usually is."""

    name: str
    group: str
    value: str
    default: str
    help: str
    changed: bool


@dataclass(frozen=True)
class Difference:
    """A parameter in which two pictures differ, with its value in the first and in the second."""

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class Step:
    """A picture and its neighbours on one axis, in its order, each with its label; all other axes are equal."""

    axis: str
    line: tuple[tuple[str, Published], ...]


def catalogued(name: str) -> Value | None:
    """What a parameter is where nobody has set it, and the family of models has no default of its own."""
    return CATALOGUE[name].default


def rows(recipe: Recipe, usual: Callable[[str], Value | None] = catalogued, kept: Collection[str] = ()) -> list[Row]:
    """The whole recipe but what is `kept`; what is not as `usual` comes first, each half in the catalogue's order.

    A seed has no default, and is neither.
    """
    found = [
        Row(
            parameter.name,
            GROUPS.get(parameter.group, parameter.group),
            parameter.show(getattr(recipe, parameter.name)),
            parameter.show(default),
            parameter.help,
            default is not None and getattr(recipe, parameter.name) != default,
        )
        for parameter, default in (
            (parameter, usual(name)) for name, parameter in CATALOGUE.items() if name not in kept
        )
    ]
    return sorted(found, key=lambda row: not row.changed and row.name != "seed")


def differences(first: Recipe, second: Recipe, kept: Collection[str] = ()) -> list[Difference]:
    """The parameters in which two recipes differ, but for what is `kept`, in the catalogue's order."""
    told = (parameter for name, parameter in CATALOGUE.items() if name not in kept)
    pairs = ((each, getattr(first, each.name), getattr(second, each.name)) for each in told)
    return [Difference(each.name, each.show(one), each.show(other)) for each, one, other in pairs if one != other]


def why_no_file(recipe: Recipe) -> str | None:
    """Why no sweep file draws this picture, as a sentence; None where `sweep_file` gives one."""
    if recipe.photo:
        return "It draws the faces of an uploaded photo again, and a sweep file cannot name that photo."
    try:
        plain = read_prompt(recipe.prompt, "prompt").parts == (recipe.prompt,)
    except SweepError:
        plain = False
    if not plain:
        return "A sweep file would read the braces or underscores in this prompt as choices."
    return None


def sweep_file(recipe: Recipe, name: str, kept: Collection[str] = ()) -> str:
    """A sweep file with one cell: this recipe, all of it but what is `kept`.

    Raises ValueError where `why_no_file` says why.

    JSON's texts and numbers are YAML's too, but for what `_scalar` minds.
    """
    if refusal := why_no_file(recipe):
        raise ValueError(refusal)
    values = recipe.as_dict() | ({"production_mode": False} if recipe.production_mode else {})
    lines = [f"  {parameter}: {_scalar(value)}" for parameter, value in values.items() if parameter not in kept]
    head = (KEPT if kept else "") + (PRODUCTION if recipe.production_mode else "")
    return "\n".join([f"{head}name: {_scalar(name)}", "base:", *lines]) + "\n"


def neighbours(picture: Published, of_job: Sequence[Published]) -> list[Step]:
    """The picture among the nearest to it on each axis of its layout; axes where it is alone are left out."""
    steps = [_step(picture, axis, of_job) for axis, _ in picture.layout.axes]
    return [step for step in steps if step is not None and len(step.line) > 1]


def untold(layout: Layout, kept: Collection[str]) -> Layout:
    """The layout without the labels of axes that tell what is `kept`; an axis of several parameters is "a+b"."""
    tells = {name: {PROMPT} if name == IDEAS else set(name.split("+")) for name, _ in layout.axes}
    axes = ((name, labels if tells[name].isdisjoint(kept) else ()) for name, labels in layout.axes)
    return replace(layout, axes=tuple(axes))


def label(layout: Layout, axis: str, index: int) -> str:
    """What an index on an axis is called; its number where the layout has no label for it."""
    labels = layout.labels(axis)
    return (labels[index] if 0 <= index < len(labels) else f"#{index + 1}") or "nothing"


def _step(picture: Published, axis: str, of_job: Sequence[Published]) -> Step | None:
    if picture.at is None or axis not in picture.at:
        return None
    here = picture.at[axis]
    others = {name: index for name, index in picture.at.items() if name != axis}
    line = {
        other.at[axis]: other
        for other in of_job
        if other.at is not None and axis in other.at and {**other.at, axis: here} == {**others, axis: here}
    }
    line[here] = picture
    in_order = sorted(line)
    first = max(0, min(in_order.index(here) - MOST_ASIDE // 2, len(in_order) - MOST_ASIDE))
    return Step(
        axis,
        tuple((label(picture.layout, axis, index), line[index]) for index in in_order[first : first + MOST_ASIDE]),
    )


def _scalar(value: Value) -> str:
    """A value in YAML: numbers with a point where they have an exponent, text quoted, with nothing unseen in it."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() | int():
            text = number(value)
            return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return "".join(_escaped(json.dumps(value, ensure_ascii=False)))


def _escaped(text: str) -> Iterator[str]:
    """YAML folds some of Unicode's line breaks and refuses other characters as they are; none takes their escapes."""
    for letter in text:
        yield letter if letter.isprintable() else f"\\U{ord(letter):08X}"

"""The whitelist: `wall.yaml`, which says who is shown on the wall, under which title and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.errors import BadName
from bot.domain.person import checked_name
from sweeps.errors import Problems
from sweeps.parse import parse_mapping
from sweeps.words import below, quote, unknown

NAME = "wall.yaml"
KEYS = ("title", "people")
LONGEST_TITLE = 100


@dataclass(frozen=True)
class Whitelist:
    """The wall's own title (empty: none), and the titles of the people on it, by name and in order."""

    title: str = ""
    people: Mapping[str, str] = field(default_factory=dict)


def read_whitelist(text: bytes) -> Whitelist:
    """What the file says. Raises SweepError with a sentence for each thing that is wrong."""
    tree = parse_mapping(text)
    problems = Problems()
    for key in tree:
        if key not in KEYS:
            problems.add(below("", key), unknown("key", key, KEYS))
    title = _title(tree.get("title"), "title", problems)
    people = _people(tree.get("people"), problems)
    problems.raise_if_any()
    return Whitelist(title, people)


def _people(value: object, problems: Problems) -> dict[str, str]:
    people: dict[str, str] = {}
    match value:
        case None:
            return people
        case Mapping():
            entries = [(name, said, below("people", name)) for name, said in value.items()]
        case list():
            entries = [(name, None, f"people[{number}]") for number, name in enumerate(value)]
        case _:
            problems.add("people", f"expected people by name, or a list of names, got {quote(value)}")
            return people
    for name, said, path in entries:
        if not isinstance(name, str):
            problems.add(path, f"expected a person's name, got {quote(name)} (names of digits need quotes)")
            continue
        try:
            person = checked_name(name)
        except BadName as error:
            problems.add(path, str(error))
            continue
        if person in people:
            problems.add(path, f"{quote(person)} stands twice; keep one of them")
        people[person] = _shown_as(said, path, problems) or person
    return people


def _shown_as(said: object, path: str, problems: Problems) -> str:
    """The title in what stands behind a name: nothing, the title itself, or a mapping with it."""
    if not isinstance(said, Mapping):
        return _title(said, path, problems)
    for key in said:
        if key != "title":
            problems.add(below(path, key), unknown("key", key, ("title",)))
    return _title(said.get("title"), below(path, "title"), problems)


def _title(value: object, path: str, problems: Problems) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        problems.add(path, f"expected a title, got {quote(value)} (put it in quotes)")
        return ""
    title = value.strip()
    if len(title) > LONGEST_TITLE or not title.isprintable():
        problems.add(path, f"expected a title of one line, at most {LONGEST_TITLE} characters, got {quote(value)}")
        return ""
    return title

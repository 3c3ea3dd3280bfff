"""Choices: what a visitor can narrow the wall by, and how many pictures each leaves."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.domain.wall import Choices
from bot.wall.index import Entry
from sweeps.parameters import CATALOGUE


def choices(entries: Sequence[Entry], titles: Mapping[str, str]) -> Choices:
    """Of pictures that somebody sees, the newest first; `titles` are those of the people, in order."""
    people: Counter[str] = Counter()
    jobs: Counter[str] = Counter()
    members: Counter[int] = Counter()
    facets: Counter[tuple[str, str]] = Counter()
    called: dict[str, str] = {}
    names: dict[int, str] = {}
    for entry in entries:
        picture = entry.picture
        people.update(entry.people)
        jobs[picture.job] += 1
        members[picture.owner.id] += 1
        facets.update(entry.facets)
        if picture.spoiler:
            called.setdefault(picture.job, "")  # its title may be what it is hidden for
        elif not called.get(picture.job):
            called[picture.job] = picture.title
        names.setdefault(picture.owner.id, picture.owner.name)
    return Choices(
        people=tuple((name, title, people[name]) for name, title in titles.items() if people[name]),
        jobs=tuple((name, called[name], count) for name, count in jobs.items()),
        members=tuple(
            sorted(((id_, names[id_], count) for id_, count in members.items()), key=lambda each: each[1].casefold())
        ),
        parameters=_varied(facets),
    )


def _varied(facets: Mapping[tuple[str, str], int]) -> dict[str, tuple[tuple[str, int], ...]]:
    """The values of each parameter that has several, in their own order."""
    by_name: dict[str, list[tuple[str, int]]] = {}
    for (name, value), count in facets.items():
        by_name.setdefault(name, []).append((value, count))
    return {
        name: tuple(sorted(by_name[name], key=lambda each: _rank(name, each[0])))
        for name in CATALOGUE
        if len(by_name.get(name, ())) > 1
    }


def _rank(name: str, value: str) -> tuple[float, str]:
    parameter = CATALOGUE[name]
    if parameter.is_number:
        return float(value), value
    if parameter.choices:
        return parameter.choices.index(value), value
    return 0.0, value

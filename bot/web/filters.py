"""Filters: what the wall's page offers to narrow it by; of what there is too much to choose from, one is typed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.domain.wall import Choices, Query
from bot.web import seeking
from sweeps.parameters import CATALOGUE

MOST_CHOICES = 80
"""Values that are offered to choose from; a page with ten thousand jobs in it would take long to load."""
MOST_NUMBERS = 8
"""Of more numbers one is typed, or a range of them, which no list can offer."""
MOST_HINTS = 40
"""Of more, so many are proposed to who types."""

Option = tuple[str, str, int]


@dataclass(frozen=True)
class Filter:
    """One filter: the `options` are (value, words, pictures), and `everything` says what it means to leave it alone.

    One that is `typed` takes any value; its options are proposals.
    """

    name: str
    label: str
    options: tuple[Option, ...]
    chosen: str
    everything: str
    typed: bool


def filters(query: Query, choices: Choices) -> list[Filter]:
    """Person, job and member."""
    names = {id_: name for id_, name, _ in choices.members}
    jobs = [(name, f"{name} · {title}" if title else name, count) for name, title, count in choices.jobs]
    members = [(str(id_), name, count) for id_, name, count in choices.members]
    member = "" if query.member_id is None else str(query.member_id)
    if _too_many(members):  # who types one types a name
        members = [(name, name, count) for _, name, count in members]
        member = "" if query.member_id is None else names.get(query.member_id, member)
    return [
        _filter(seeking.PERSON, "Person", _most_used(choices.people), choices.people, query.person, "Everybody"),
        _filter(seeking.JOB, "Job", jobs, jobs, query.job, "All jobs"),  # the newest come first
        _filter(seeking.MEMBER, "Asked by", _most_used(members), members, member, "Asked by anybody"),
    ]


def parameters(query: Query, choices: Choices) -> Iterator[Filter]:
    """Those of the catalogue of which there are several values, but for whole texts; and the seed, which is typed."""
    for name, parameter in CATALOGUE.items():
        values, chosen = choices.parameters.get(name, ()), query.parameters.get(name, "")
        options = [(value, value, count) for value, count in values]
        if name == seeking.SEED:
            yield Filter(name, name, (), chosen, "any, or 1..9", True)
        elif parameter.is_number and len(options) > MOST_NUMBERS:
            range_ = f"{options[0][0]}..{options[-1][0]}"
            yield Filter(name, name, tuple(options[:MOST_HINTS]), chosen, f"any of {range_}", True)
        elif name not in seeking.TEXTS and len(options) > 1:
            everything = f"any of {len(options)}" if _too_many(options) else "any"
            yield _filter(name, name, [], options, chosen, everything)


def _filter(
    name: str, label: str, hints: Sequence[Option], options: Sequence[Option], chosen: str, everything: str
) -> Filter:
    typed = _too_many(options)
    return Filter(name, label, tuple(hints[:MOST_HINTS] if typed else options), chosen, everything, typed)


def _too_many(options: Sequence[Option]) -> bool:
    return len(options) > MOST_CHOICES


def _most_used(options: Sequence[Option]) -> Sequence[Option]:
    return sorted(options, key=lambda option: -option[2]) if _too_many(options) else options

"""Seeking: what a visitor looks for, as it stands in an address; state lives nowhere else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from bot.domain.errors import Refusal
from bot.domain.wall import LEAST_RATING, MOST_RATING, Choices, Order, Query
from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, Parameter
from sweeps.words import number, quote

WORDS, PERSON, JOB, MEMBER, RATING, STARRED, ORDER, AFTER = (
    "q", "person", "job", "member", "rating", "starred", "order", "after",
)  # fmt: skip
MOST_WORDS, LONGEST = 12, 200
ID = re.compile(r"[0-9]{1,19}")
_NUMBER = r"(\d{1,20}(?:\.\d{1,20})?|\.\d{1,20})"
RANGE = re.compile(rf"\s*{_NUMBER}\s*(?:\.\.|[-–])\s*{_NUMBER}\s*", re.ASCII)
"""Two numbers, as people write from one to the other: 5..7.5, 5-7.5."""
NOBODY = 0
"""No member's id: a name was typed that nobody has whose pictures are seen."""
ORDERS = {Order.NEWEST: "newest first", Order.BEST: "best rated first", Order.STARRED: "most stars first"}
SEED = "seed"
"""The parameter of which nearly each picture has a value of its own."""
TEXTS = ("prompt", "negative_prompt")
"""Parameters that are sought by their words; a list of whole texts is none to choose from."""


@dataclass(frozen=True)
class Chip:
    """One thing that narrows what is shown, in words, and the address without it."""

    words: str
    without: str


def read(address: Mapping[str, str], members: Iterable[tuple[int, str, int]] = ()) -> Query:
    """What the address's query asks for; names that it does not know mean nothing. Raises Refusal with a sentence.

    A member is named by their id, or as they are called among `members`, who are (id, name, pictures). Values of
    parameters are read as members type them, so that 2.0 is 2 and true is on.
    """
    rating, member = address.get(RATING, ""), address.get(MEMBER, "")
    order = address.get(ORDER, "") or Order.NEWEST
    if rating and rating not in map(str, range(LEAST_RATING, MOST_RATING + 1)):
        raise Refusal(f"rating: expected a whole number from {LEAST_RATING} to {MOST_RATING}, got {quote(rating)}.")
    if order not in set(Order):
        raise Refusal(f"order: expected newest, best or starred, got {quote(order)}.")
    return Query(
        words=tuple(address.get(WORDS, "")[:LONGEST].split()[:MOST_WORDS]),
        person=address.get(PERSON, "")[:LONGEST],
        job=address.get(JOB, "")[:LONGEST],
        member_id=_member(member.strip()[:LONGEST], members),
        parameters={name: _value(each, address[name]) for name, each in CATALOGUE.items() if address.get(name)},
        least_rating=int(rating) if rating else None,
        starred=bool(address.get(STARRED)),
        order=Order(order),
    )


def _value(parameter: Parameter, said: str) -> str:
    """What was typed of a parameter as `Query` has it. Raises Refusal."""
    if parameter.is_number and (ends := RANGE.fullmatch(said)):
        return "..".join(map(number, sorted(map(float, ends.groups()))))
    try:
        value = parameter.read(said)
    except SweepError as error:
        if not parameter.is_number:
            raise Refusal(str(error)) from error
        value = None
    if value is None:  # or a seed that is left to chance: each picture was drawn with one
        raise Refusal(f"{parameter.name}: expected {parameter.expected()}, or a range like 5..10, got {quote(said)}.")
    return parameter.show(value)


def _member(said: str, members: Iterable[tuple[int, str, int]]) -> int | None:
    if not said:
        return None
    if ID.fullmatch(said):
        return int(said)
    return next((id_ for id_, name, _ in members if name.casefold() == said.casefold()), NOBODY)


def written(query: Query, after: str | None = None) -> str:
    """The query as it stands in an address, with its question mark; empty where nothing is sought."""
    parts = {
        WORDS: " ".join(query.words),
        PERSON: query.person,
        JOB: query.job,
        MEMBER: str(query.member_id) if query.member_id is not None else "",
        **query.parameters,
        RATING: str(query.least_rating or ""),
        STARRED: "1" if query.starred else "",
        ORDER: query.order.value if query.order is not Order.NEWEST else "",
        AFTER: after or "",
    }
    told = urlencode({name: value for name, value in parts.items() if value})
    return f"?{told}" if told else ""


def narrowed(query: Query) -> bool:
    """Whether anything is sought at all; an order alone leaves nothing out."""
    return replace(query, order=Order.NEWEST) != Query()


def chips(query: Query, choices: Choices) -> Iterator[Chip]:
    """What is sought, one after the other, in the words of the choices."""
    if query.words:
        yield Chip(f"“{' '.join(query.words)}”", written(replace(query, words=())))
    if query.person:
        titles = {name: title for name, title, _ in choices.people}
        yield Chip(titles.get(query.person, query.person), written(replace(query, person="")))
    if query.job:
        titles = {name: title for name, title, _ in choices.jobs}
        yield Chip(" · ".join(filter(None, (query.job, titles.get(query.job)))), written(replace(query, job="")))
    if query.member_id is not None:
        names = {member: name for member, name, _ in choices.members}
        asked = names.get(query.member_id) or ("nobody seen here" if query.member_id == NOBODY else query.member_id)
        yield Chip(f"asked by {asked}", written(replace(query, member_id=None)))
    for name, value in query.parameters.items():
        others = {other: kept for other, kept in query.parameters.items() if other != name}
        told = value.replace("..", " to ") if CATALOGUE[name].is_number else value
        yield Chip(f"{name} {told}", written(replace(query, parameters=others)))
    if query.least_rating:
        least = "5 of 5" if query.least_rating == MOST_RATING else f"{query.least_rating} or more of {MOST_RATING}"
        yield Chip(f"rated {least}", written(replace(query, least_rating=None)))
    if query.starred:
        yield Chip("your stars", written(replace(query, starred=False)))

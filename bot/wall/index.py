"""The index: what is known of each picture on the wall, and how visitors seek in it. All of it is in memory."""

import base64
import binascii
import json
import unicodedata
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, TypeVar, cast

from bot.domain.errors import Refusal
from bot.domain.wall import BEHIND_SPOILERS, Found, Order, Published, Query, Visitor
from sweeps.parameters import CATALOGUE

NO_FACETS = frozenset({"prompt", "negative_prompt", "seed", "face_folder"})
"""Parameters that are sought as words, as people, or have a value of their own in nearly each picture."""
REMEMBERED = 64
"""As many answers are kept until something changes: what many look at is counted once."""
MOST_AT_ONCE = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_MORE = "This page of the wall cannot be found any more; begin at its top."

Key = tuple[int, int]
SortKey = tuple[float | int, ...]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Scope:
    """What somebody may see: pictures of these servers (None: of all), hidden ones of those they operate.

    `people` are those who are on the wall at this moment, as nobody else may be seen, each with since when. `reader`
    is who seeks, of whom only the words that they find by depend: all else is the same for everybody within a scope.
    """

    guilds: frozenset[int] | None
    operates: frozenset[int]
    people: frozenset[tuple[str, datetime]]
    reader: Visitor = field(default=Visitor(), compare=False)

    @cached_property
    def _since(self) -> Mapping[str, datetime]:
        return dict(self.people)

    def sees(self, picture: Published) -> bool:
        """Whether that picture is within it."""
        return may_see(picture, self.guilds, self.operates, self._since.get)


def may_see(
    picture: Published,
    guilds: frozenset[int] | None,
    operates: frozenset[int],
    since: Callable[[str], datetime | None],
) -> bool:
    """Whether a picture is shown to who is on these servers (None: on any) and operates those.

    `since` says from when on pictures of a person may be shown, and None for whom nobody may see.
    """
    if guilds is not None and picture.guild_id not in guilds:
        return False
    if picture.hidden and picture.guild_id not in operates:
        return False
    return all((first := since(name)) is not None and picture.drawn_at >= first for name in picture.recipe.people)


class Entry:
    """A picture, and what of it is sought and sorted by, worked out beforehand."""

    __slots__ = ("best", "facets", "key", "newest", "people", "picture", "starred", "text")

    def __init__(self, picture: Published) -> None:
        recipe = picture.recipe
        self.key: Key = (picture.job_id, picture.number)
        self.people = recipe.people
        self.text = folded(f"{recipe.prompt}\n{picture.title}")
        self.facets = tuple(
            _facet(name, parameter.show(getattr(recipe, name)))
            for name, parameter in CATALOGUE.items()
            if name not in NO_FACETS
        )
        self.picture = picture
        age = -round((picture.published_at - EPOCH).total_seconds() * 1_000_000)
        self.newest: SortKey = (age, -picture.job_id, -picture.number)
        self.best: SortKey = (-picture.rating, -picture.ratings, *self.newest)
        self.starred: SortKey = (-picture.stars, *self.newest)

    def by(self, order: Order) -> SortKey:
        """Its place in that order: smaller comes first."""
        return self.newest if order is Order.NEWEST else self.best if order is Order.BEST else self.starred


class Index:
    """All pictures on the wall. What is told of it is within a scope."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._names: dict[str, Entry] = {}
        self._images: dict[str, dict[Key, Entry]] = {}
        self._jobs: dict[str, dict[Key, Entry]] = {}
        self._in_order: list[Entry] | None = None
        self._answers: OrderedDict[object, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def put(self, entries: Iterable[Entry]) -> None:
        """Add pictures, or show them as they stand now."""
        for entry in entries:
            image = entry.picture.image
            assert image is not None
            self.drop([entry.key])
            self._entries[entry.key] = entry
            self._names[entry.picture.name] = entry
            self._images.setdefault(image, {})[entry.key] = entry
            self._jobs.setdefault(entry.picture.job, {})[entry.key] = entry
        self._forget_answers()

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget pictures."""
        for key in keys:
            entry = self._entries.pop(key, None)
            if entry is None:
                continue
            del self._names[entry.picture.name]
            for groups, name in ((self._images, entry.picture.image), (self._jobs, entry.picture.job)):
                group = groups[name or ""]
                del group[key]
                if not group:
                    del groups[name or ""]
        self._forget_answers()

    def get(self, key: Key) -> Published | None:
        """The picture of that job and number, whoever may see it."""
        entry = self._entries.get(key)
        return entry.picture if entry else None

    def keys(self) -> Collection[Key]:
        """Job and number of all."""
        return self._entries.keys()

    def images(self) -> Collection[str]:
        """The SHA-256 of all pictures; one that was drawn twice is one."""
        return self._images.keys()

    def everything(self) -> Sequence[Entry]:
        """All of it, the newest first."""
        return self._newest()

    def holding(self, image: str) -> Iterable[Entry]:
        """The entries that show that image."""
        return self._images.get(image, {}).values()

    def named(self, scope: Scope, name: str) -> Published | None:
        """The picture of that name, e.g. S42-c017."""
        entry = self._names.get(name)
        return entry.picture if entry and scope.sees(entry.picture) else None

    def of_job(self, scope: Scope, job: str) -> tuple[Published, ...]:
        """A job's pictures, in display order."""
        entries = sorted(self._jobs.get(job, {}).values(), key=lambda entry: entry.key)
        return tuple(entry.picture for entry in entries if scope.sees(entry.picture))

    def visible(self, scope: Scope) -> Sequence[Entry]:
        """All pictures within the scope, the newest first."""
        return self.once(scope, lambda: [entry for entry in self._newest() if scope.sees(entry.picture)])

    def find(
        self, scope: Scope, query: Query, starred: Collection[Key] = (), after: str | None = None, limit: int = 60
    ) -> Found:
        """Pictures that fit, from `after` on. Raises Refusal for an `after` that is none."""
        found = self._matching(scope, query, starred)
        first = 0
        if after is not None:
            last = _read_place(after, query.order)
            first = bisect_right(found, last, key=lambda entry: entry.by(query.order))
        page = found[first : first + max(1, min(limit, MOST_AT_ONCE))]
        more = first + len(page) < len(found)
        following = _place(query.order, page[-1].by(query.order)) if page and more else None
        return Found(tuple(entry.picture for entry in page), len(found), following)

    def _matching(self, scope: Scope, query: Query, starred: Collection[Key]) -> Sequence[Entry]:
        asked = (
            scope, query.words, query.person, query.job, query.member_id, tuple(sorted(query.parameters.items())),
            query.least_rating, query.order, scope.reader.member_id if _by_words(query) else None,
        )  # fmt: skip
        if not query.starred:
            return self.once(asked, lambda: _filtered(self.visible(scope), query, scope.reader))
        mine = frozenset(starred)
        return _filtered([entry for entry in self.visible(scope) if entry.key in mine], query, scope.reader)

    def once(self, asked: object, answer: Callable[[], Answer]) -> Answer:
        """What `answer` gives, asked once for that (hashable) question until something changes."""
        if asked in self._answers:
            self._answers.move_to_end(asked)
            return cast(Answer, self._answers[asked])
        given = self._answers[asked] = answer()
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return given

    def _newest(self) -> Sequence[Entry]:
        if self._in_order is None:
            self._in_order = sorted(self._entries.values(), key=lambda entry: entry.newest)
        return self._in_order

    def _forget_answers(self) -> None:
        self._in_order = None
        self._answers.clear()


def folded(text: str) -> str:
    """A text as it is sought in: letters alike in upper and lower case, and however they were put together."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _by_words(query: Query) -> bool:
    """Whether it asks for what may stay behind a spoiler."""
    return bool(query.words) or not BEHIND_SPOILERS.isdisjoint(query.parameters)


def _filtered(found: Sequence[Entry], query: Query, reader: Visitor) -> Sequence[Entry]:
    if _by_words(query):
        found = [entry for entry in found if not entry.picture.kept_from(reader)]
    if query.job:
        found = [entry for entry in found if entry.picture.job == query.job]
    if query.person:
        found = [entry for entry in found if query.person in entry.people]
    if query.member_id is not None:
        found = [entry for entry in found if entry.picture.owner.id == query.member_id]
    if query.least_rating is not None:
        found = [entry for entry in found if entry.picture.rating >= query.least_rating]
    for name, value in query.parameters.items():
        found = _with(found, name, value)
    for word in map(folded, query.words):
        found = [entry for entry in found if word in entry.text]
    if query.order is not Order.NEWEST:
        found = sorted(found, key=lambda entry: entry.by(query.order))
    return found


def _with(entries: Sequence[Entry], name: str, value: str) -> list[Entry]:
    parameter = CATALOGUE.get(name)
    if parameter is None:
        return []
    low, is_range, high = value.partition("..")
    if is_range and parameter.is_number:
        least, most = float(low), float(high)
        return [each for each in entries if least <= getattr(each.picture.recipe, name) <= most]
    if name in NO_FACETS:
        return [each for each in entries if parameter.show(getattr(each.picture.recipe, name)) == value]
    facet = (name, value)
    return [entry for entry in entries if facet in entry.facets]


@lru_cache(8192)
def _facet(name: str, value: str) -> tuple[str, str]:
    """One object for all pictures that share the value."""
    return name, value


def _place(order: Order, key: SortKey) -> str:
    """A place in an order, as it stands in an address."""
    return base64.urlsafe_b64encode(json.dumps([order.value, *key]).encode()).decode().rstrip("=")


def _read_place(text: str, order: Order) -> SortKey:
    """The reverse. Raises Refusal."""
    sample = {Order.NEWEST: 3, Order.BEST: 5, Order.STARRED: 4}
    try:
        said = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        named, *key = said
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise Refusal(NO_MORE) from error
    numbers = all(type(part) in (int, float) and part == part for part in key)
    if named != order.value or len(key) != sample[order] or not numbers:
        raise Refusal(NO_MORE)
    return tuple(key)

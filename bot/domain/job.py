"""A job: a plan somebody asked for, item by item, and where its answer goes."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sweeps.recipe import Recipe

SUSPECT_DEATHS = 2
"""Workers that died while they drew an item, from which on it is drawn alone."""


SPOILER = "SPOILER_"
"""How the name of a file begins that Discord shows behind a spoiler."""


class JobState(StrEnum):
    """quoted → queued → running ⇄ paused → done | failed | cancelled | dead (its worker died at it again and again)."""

    QUOTED = "quoted"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"

    @property
    def ended(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.DEAD)

    @property
    def told(self) -> str:
        """The state as a member reads it."""
        return "set aside" if self is JobState.DEAD else self.value


ACCEPTED = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
"""The states of a job that somebody must still bring to its end: it has a place in the queue, and a hold."""


class ItemState(StrEnum):
    """waiting → drawn | failed | cancelled | withheld (by the gate; an operator may make it drawn)."""

    WAITING = "waiting"
    DRAWN = "drawn"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Member:
    """Who acts: a Discord user, on which server, with which roles, and whether they have operator's rights there."""

    id: int
    name: str
    operator: bool = False
    guild_id: int | None = None
    roles: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Place:
    """Where a job's answer goes: a channel, and the card (a message) edited as it goes on."""

    channel_id: int
    guild_id: int | None = None
    card_id: int | None = None


@dataclass(frozen=True)
class Layout:
    """How a job's cells lie on its contact sheet: axes in order, and which two span the grid.

    `apart` is an axis whose every value is a part of its own: its messages and its sheet hold nothing else.
    `fixed` are values by parameter that all cells share and the card tells.
    """

    axes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    rows: str | None = None
    columns: str | None = None
    apart: str | None = None
    fixed: tuple[tuple[str, str], ...] = ()

    def labels(self, axis: str) -> tuple[str, ...]:
        """The labels along one axis; empty when there is no such axis."""
        return dict(self.axes).get(axis, ())

    def part(self, item: "Item") -> str:
        """The label of the part that an item belongs to; empty when nothing lies apart."""
        if self.apart is None or item.at is None or self.apart not in item.at:
            return ""
        return self.labels(self.apart)[item.at[self.apart]]


@dataclass(frozen=True)
class Item:
    """One recipe of a job.

    `rank` is its turn in execution order, `at` its index on each axis of the layout (None off the grid),
    `remark` why it failed or what to know of its picture, a sentence a line. `batch` names the message its picture
    goes out with, `message_id` is that message once it is posted. `deaths` are the workers that died while they drew
    it. `spoiler`: the gate wants its picture posted behind a spoiler. `settled_at` is when it had an outcome.
    """

    job_id: int
    number: int
    name: str
    rank: int
    recipe: Recipe
    at: Mapping[str, int] | None = None
    state: ItemState = ItemState.WAITING
    image: str | None = None
    remark: str | None = None
    batch: str | None = None
    message_id: int | None = None
    deaths: int = 0
    spoiler: bool = False
    settled_at: datetime | None = None

    @property
    def suspect(self) -> bool:
        """Whether it is to be drawn with nothing beside it, so that no neighbour is blamed for another death."""
        return self.deaths >= SUSPECT_DEATHS


@dataclass(frozen=True)
class Quote:
    """What a job will take, counted before anything is drawn.

    `work` is the UNet evaluations of its unique stages, each weighed by its megapixels; `seconds` how
    long that takes at the p50 and p90 of measured times, None when nothing was measured yet. `tokens` is the price:
    at most so many are taken.
    """

    cells: int
    duplicates: int
    bases: int
    details: int
    work: float
    seconds: tuple[float, float] | None
    summary: str
    tokens: int = 0


@dataclass(frozen=True)
class Job:
    """A plan somebody asked for. `urgent` jobs (one command, a few images) overtake sweeps.

    `weight` is its owner's share beside other members, `turn` its place in the owner's own order (smaller first),
    `attempt` counts the times that failed images were asked for again, `deaths` the workers that died while they drew
    it, one after another, `reason` says why it is dead. `spoiler`: the rules of its owner's roles want all of its
    pictures posted behind spoilers.
    """

    id: int
    kind: str
    title: str
    owner: Member
    place: Place
    state: JobState
    created_at: datetime
    queued_at: datetime | None = None
    urgent: bool = False
    layout: Layout = field(default_factory=Layout)
    quote: Quote | None = None
    notes: tuple[str, ...] = ()
    delivered: bool = False
    weight: float = 1.0
    turn: int = 0
    attempt: int = 0
    deaths: int = 0
    reason: str | None = None
    spoiler: bool = False

    @property
    def asker(self) -> Member:
        """Its owner on the server where it was asked, who has to be allowed to draw whom it shows; no operator."""
        return Member(self.owner.id, self.owner.name, False, self.place.guild_id)

    @property
    def has_sheet(self) -> bool:
        """Whether contact sheets belong to it: to every sweep, and to several images of one command."""
        return self.kind == "sweep" or bool(self.layout.axes)

    @property
    def name(self) -> str:
        """How members call it: S for a sweep, I for an imagine, T for a test, D for a detail, and the number."""
        return f"{self.kind[0].upper()}{self.id}"

    def file_name(self, item: Item) -> str:
        """The name of an item's image in the channel, e.g. `S42-c017.png`, or `T2-nadia-c001.png` of a part."""
        name = "-".join([self.name, *file_words(self.layout.part(item)), f"{item.name}.png"])
        return SPOILER + name if self.spoiler or item.spoiler else name

    def sheet_name(self, part: str = "") -> str:
        """The name of the contact sheet of the job, or of one of its parts, e.g. `T2-nadia-sheet.png`.

        That of a job whose failed images were asked for again is another file: `S42-sheet-2.png`.
        """
        again = [str(self.attempt + 1)] if self.attempt else []
        name = "-".join([self.name, *file_words(part), "sheet", *again]) + ".png"
        return SPOILER + name if self.spoiler else name

    def parted(self, items: Sequence[Item]) -> dict[str, list[Item]]:
        """Its items by the label of their part, in the order of the labels; one part when nothing lies apart."""
        parts: dict[str, list[Item]] = {label: [] for label in self.layout.labels(self.layout.apart or "")}
        for item in items:
            parts.setdefault(self.layout.part(item), []).append(item)
        return {label: part for label, part in parts.items() if part}


def file_words(text: str) -> list[str]:
    """The words of a text in plain letters and digits, as Discord keeps them in a file's name; at most 64."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", letters[:64])


@dataclass(frozen=True)
class Lease:
    """A worker's right to bring a job to its end; `fence` counts up with each lease, so an older one is refused."""

    job_id: int
    worker: str
    fence: int


@dataclass(frozen=True)
class Leased:
    """A job that a worker has just leased, and its items that have no outcome yet."""

    job: Job
    lease: Lease
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Work:
    """One item to draw, under the lease of its job."""

    job: Job
    lease: Lease
    item: Item


class Start(StrEnum):
    """What came of the wish to draw an item: begun, not now (its job is paused), or never (it has an outcome)."""

    BEGUN = "begun"
    PAUSED = "paused"
    SETTLED = "settled"


@dataclass(frozen=True)
class Progress:
    """How far a job is: its items counted by state, and the tokens that were taken for them.

    `deleted` are those of the drawn ones whose picture is gone since, `settled_at` is when the last outcome came.
    """

    total: int
    drawn: int = 0
    failed: int = 0
    cancelled: int = 0
    spent: int = 0
    withheld: int = 0
    deleted: int = 0
    settled_at: datetime | None = None

    @classmethod
    def counted(
        cls, counts: Mapping[ItemState, int], spent: int = 0, deleted: int = 0, settled_at: datetime | None = None
    ) -> "Progress":
        """From how many items are in each state."""
        states = (ItemState.DRAWN, ItemState.FAILED, ItemState.CANCELLED, ItemState.WITHHELD)
        drawn, failed, cancelled, withheld = (counts.get(state, 0) for state in states)
        return cls(sum(counts.values()), drawn, failed, cancelled, spent, withheld, deleted, settled_at)

    @property
    def settled(self) -> int:
        return self.drawn + self.failed + self.cancelled + self.withheld

    @property
    def complete(self) -> bool:
        return self.settled == self.total

    def outcome(self) -> JobState:
        """The job's end state once every item is settled: cancelled, failed (nothing came of it) or done."""
        if self.cancelled:
            return JobState.CANCELLED
        return JobState.DONE if self.drawn or self.withheld or not self.total else JobState.FAILED


@dataclass(frozen=True)
class Outlook:
    """What a waiting member wants to know: about how many seconds until the job is done, and its place in the queue.

    `seconds` is None where nothing was measured yet, or nothing is to be drawn for now; `position` counts jobs, 1 is
    what is being drawn or comes next.
    """

    seconds: float | None
    position: int | None

"""The queue: bounded in jobs, fair between members, one image at a time.

It holds only the order of work; what was asked and drawn lives in the store, so a new process
fills it again from there.
"""

import asyncio
from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from math import ceil

from bot.domain.errors import QueueFull
from bot.domain.job import Item, Job, JobState, Lease, Leased, Work
from bot.jobs.entry import Entry, Lines
from bot.jobs.turns import Turns, Want

Rank = tuple[bool, bool, bool, bool, float, int, tuple[int, int]]


@dataclass(frozen=True)
class Load:
    """A job as it weighs on the machine: the work that may be given out, and the work that is being drawn."""

    job: Job
    waiting: float
    drawing: float


class JobQueue:
    """Hands out items: urgent jobs first, then by fair share between members, each member's jobs in their own order.

    At most `capacity` jobs are in it, and at most `member_images` items of a member drawn at one time (0: no limit).
    A suspect job, at which workers have died, is drawn before all others and with nothing beside it. `until_a_place`
    tells the seconds until a place is free, None when nobody knows.
    """

    def __init__(self, capacity: int, member_images: int = 0) -> None:
        self.capacity = capacity
        self.member_images = member_images
        self.until_a_place: Callable[[], float | None] = lambda: None
        self._entries: dict[int, Entry] = {}
        self._members: dict[int, Lines] = {}
        self._suspects: list[Entry] = []
        self._urgent: OrderedDict[int, None] = OrderedDict()
        self._turns = Turns(self._want)
        self._drawn: dict[tuple[int, int], Entry] = {}
        self._reserved = 0
        self._waiters: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """True when another job would be refused."""
        return len(self._entries) + self._reserved >= self.capacity

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep a place free while a job is being stored. Raises QueueFull, with the place it would have had."""
        if self.full:
            images = sum(len(entry.waiting) + entry.drawing for entry in self._entries.values())
            ahead = len(self._entries) + self._reserved
            raise QueueFull(
                self.capacity,
                f"it would have been number {ahead + 1:,}, with about {images:,} "
                f"{'image' if images == 1 else 'images'} ahead. Try again {_when(self.until_a_place())}",
            )
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    def admit(self, leased: Leased, *, suspect: bool = False) -> None:
        """Take a job in, paused if that is its state; an earlier lease of it is forgotten.

        Its place was kept by `place`, or it was accepted by a former process.
        """
        job = leased.job
        self._forget(job.id)
        waiting = deque(sorted(leased.items, key=_place))
        entry = Entry(job, leased.lease, waiting, (job.turn, job.id), suspect, job.state is JobState.PAUSED)
        self._entries[job.id] = entry
        insort(self._members.setdefault(job.owner.id, Lines()).jobs, entry, key=Entry.turn)
        self._stand(entry)
        self._wake()

    async def take(self, *, urgent_only: bool = False) -> Work:
        """The next item to draw; waits until there is one. Each is to be put down or given back."""
        while (entry := self._next(urgent_only)) is None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        item = entry.waiting.popleft()
        entry.drawing += 1
        self._members[entry.job.owner.id].drawing += 1
        self._drawn[entry.job.id, item.number] = entry
        self._stand(entry)
        return Work(entry.job, entry.lease, item)

    def put_down(self, work: Work) -> None:
        """An item is no longer being drawn. Nothing happens if its job has gone, or is under another lease."""
        self._return(work)
        self._wake()

    def give_back(self, work: Work) -> None:
        """An item goes back to the head of its job, to be drawn another time, unless that was stopped."""
        entry = self._return(work)
        if entry and not entry.stopped:
            insort(entry.waiting, work.item, key=_place)
            self._turns.charge(entry.job.owner.id, entry.job.weight, -entry.works[work.item.number])
            self._stand(entry)
        self._wake()

    def stop(self, job_id: int) -> None:
        """Give out no more of a job, and have what is being drawn of it stopped at the next step."""
        if entry := self._entries.get(job_id):
            entry.stopped = True
            entry.waiting.clear()
            self._stand(entry)
            self._wake()

    def is_stopped(self, work: Work) -> bool:
        """True when the job was stopped, is gone or under another lease; the engine asks at every step."""
        entry = self._entries.get(work.job.id)
        return entry is None or entry.stopped or entry.lease != work.lease

    def pause(self, job_id: int) -> None:
        """Give out no more of a job until `resume`; what is being drawn of it goes on to its end."""
        self._mark(job_id, paused=True)

    def resume(self, job_id: int) -> None:
        """Go on with a paused job."""
        self._mark(job_id, paused=False)

    def is_paused(self, job_id: int) -> bool:
        """Whether a job is here, and paused."""
        entry = self._entries.get(job_id)
        return entry is not None and entry.paused

    def cleared(self, job_id: int) -> None:
        """An item of a job came to its outcome: the job is suspect no longer, unless suspect items of it wait."""
        if entry := self._entries.get(job_id):
            self._mark(job_id, suspect=any(item.suspect for item in entry.waiting))

    def reorder(self, job_ids: Sequence[int]) -> None:
        """Draw a member's own jobs in this order from now on; ones that are not here do not matter."""
        entries = [self._entries[job_id] for job_id in dict.fromkeys(job_ids) if job_id in self._entries]
        places = sorted(entry.place for entry in entries)
        for entry, place in zip(entries, places, strict=True):
            self._leave_line(entry)
            entry.place = place
        for member in {entry.job.owner.id for entry in entries}:
            self._members[member].jobs.sort(key=Entry.turn)
        for entry in entries:
            self._stand(entry)

    def remove(self, job_id: int) -> None:
        """A job has ended or is lost: its place is free, and what is still being drawn of it counts no more."""
        self._forget(job_id)
        self._wake()

    def idle(self, job_id: int) -> bool:
        """True when nothing of a job is waiting (paused or not) or being drawn."""
        entry = self._entries.get(job_id)
        return entry is None or (not entry.waiting and not entry.drawing)

    def job(self, job_id: int) -> Job | None:
        """A job that is here, as last `updated`."""
        entry = self._entries.get(job_id)
        return entry.job if entry else None

    def lease(self, job_id: int) -> Lease | None:
        """The lease under which a job is here."""
        entry = self._entries.get(job_id)
        return entry.lease if entry else None

    def leases(self) -> list[Lease]:
        """The leases of all jobs that are here."""
        return [entry.lease for entry in self._entries.values()]

    def updated(self, job: Job) -> None:
        """Keep a newer value of a job. Its place among its owner's is moved by `reorder` alone."""
        if entry := self._entries.get(job.id):
            entry.job = job

    def jobs(self) -> list[Job]:
        """All jobs in the order in which they get their turns: what is being drawn first, what is paused last."""
        ranks = self._ranks()
        return [self._entries[job_id].job for job_id in sorted(ranks, key=ranks.__getitem__)]

    def position(self, job_id: int) -> int | None:
        """How many jobs get their turn before this one, and 1; so 1 for each that is being drawn.

        None for a job that is not here, is paused, or of which nothing is left.
        """
        entry = self._entries.get(job_id)
        if entry is None or entry.paused or self.idle(job_id):
            return None
        ranks = self._ranks()
        return 1 if entry.drawing else 1 + sum(rank < ranks[job_id] for rank in ranks.values())

    def loads(self) -> Iterator[Load]:
        """Each job's work, a member's in the order of their turns; of a paused one nothing may be given out."""
        for lines in self._members.values():
            for entry in lines.jobs:
                waiting = 0.0 if entry.paused else entry.share(len(entry.waiting))
                yield Load(entry.job, waiting, entry.share(entry.drawing))

    def drawing(self, job_id: int) -> int:
        """How many items of a job are being drawn."""
        entry = self._entries.get(job_id)
        return entry.drawing if entry else 0

    def waiting_work(self, job: Job) -> float:
        """About how much of this job's work nobody has begun, in the unit of `Quote.work`."""
        entry = self._entries.get(job.id)
        return entry.share(len(entry.waiting)) if entry else 0.0

    def ahead(self, job: Job) -> list[Job]:
        """The same member's jobs that come before this one, or before one that is not here; no paused ones."""
        member = self._members.get(job.owner.id)
        before = takewhile(lambda entry: entry.job.id != job.id, member.jobs if member else ())
        return [entry.job for entry in before if not entry.paused]

    # Whose turn it is

    def _next(self, urgent_only: bool) -> Entry | None:
        """The job whose next item is to be drawn now, charged to its member."""
        if self._suspects or any(entry.suspect for entry in self._drawn.values()):
            if self._drawn or (urgent_only and not self._suspects[0].job.urgent):
                return None
            return self._charged(self._suspects[0])
        for member in list(self._urgent):
            lines = self._members.get(member)
            if lines is None or not lines.urgent:
                del self._urgent[member]
            elif self._may_have_more(lines):
                self._urgent.move_to_end(member)
                return self._charged(lines.urgent[0])
        if urgent_only or (member_in_turn := self._turns.next()) is None:
            return None
        return self._members[member_in_turn].patient[0]

    def _charged(self, entry: Entry) -> Entry:
        """An item that is drawn out of turn is paid for like any other, so that nobody gains by it."""
        self._turns.charge(entry.job.owner.id, entry.job.weight, entry.next_work)
        return entry

    def _want(self, member: int) -> Want | None:
        lines = self._members.get(member)
        if lines is None or not lines.patient:
            return None
        entry = lines.patient[0]
        return Want(entry.next_work, self._may_have_more(lines))

    def _may_have_more(self, lines: Lines) -> bool:
        return not self.member_images or lines.drawing < self.member_images

    def _ranks(self) -> dict[int, Rank]:
        """Where each job stands: members get work in proportion to their weights, so what counts is the work that
        a member has before a job, divided by the weight."""
        ring = {member: number for number, member in enumerate(self._turns.order())}
        ranks: dict[int, Rank] = {}
        for member, lines in self._members.items():
            before = 0.0
            for entry in lines.jobs:
                last = not entry.drawing and (entry.paused or not entry.waiting)
                kind = (last, not entry.drawing, not entry.suspect, not entry.job.urgent)
                ranks[entry.job.id] = (*kind, before / entry.job.weight, ring.get(member, len(ring)), entry.place)
                before += 0.0 if entry.paused else entry.share(len(entry.waiting))
        return ranks

    # Lines, in which a job stands as long as something of it can be given out

    def _stand(self, entry: Entry) -> None:
        """Have a job stand in the line where it belongs now."""
        line = None
        if entry.waiting and not entry.paused:
            lines = self._members[entry.job.owner.id]
            line = self._suspects if entry.suspect else lines.urgent if entry.job.urgent else lines.patient
        if line is entry.line:
            return
        self._leave_line(entry)
        if line is not None:
            insort(line, entry, key=Entry.turn)
            entry.line = line
            if entry.job.urgent:
                self._urgent.setdefault(entry.job.owner.id)
            else:
                self._turns.join(entry.job.owner.id, entry.job.weight)

    def _leave_line(self, entry: Entry) -> None:
        if entry.line is not None:
            entry.line.remove(entry)
            entry.line = None

    def _mark(self, job_id: int, *, paused: bool | None = None, suspect: bool | None = None) -> None:
        if entry := self._entries.get(job_id):
            entry.paused = entry.paused if paused is None else paused
            entry.suspect = entry.suspect if suspect is None else suspect
            self._stand(entry)
            self._wake()

    def _return(self, work: Work) -> Entry | None:
        """The entry of an item that is no longer being drawn; None if that no longer counts."""
        entry = self._entries.get(work.job.id)
        if entry is None or entry.lease != work.lease or not self._drawn.pop((work.job.id, work.item.number), None):
            return None
        entry.drawing -= 1
        self._members[entry.job.owner.id].drawing -= 1
        return entry

    def _forget(self, job_id: int) -> None:
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return
        self._leave_line(entry)
        lines = self._members[entry.job.owner.id]
        lines.jobs.remove(entry)
        lines.drawing -= entry.drawing
        if not lines.jobs:
            del self._members[entry.job.owner.id]
        if entry.drawing:
            self._drawn = {key: other for key, other in self._drawn.items() if other is not entry}

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _place(item: Item) -> tuple[bool, int]:
    """An item's turn in its job: suspect ones first, each alone, so that the others soon go on as usual."""
    return not item.suspect, item.rank


def _when(seconds: float | None) -> str:
    """When to try again, in words."""
    if seconds is None:
        return "in a few minutes"
    if seconds <= 50:
        return f"in about {max(10, ceil(seconds / 10) * 10)} seconds"
    minutes = ceil(seconds / 60)
    if minutes < 90:
        return f"in about {minutes} minutes" if minutes > 1 else "in about a minute"
    return f"in about {ceil(minutes / 60):,} hours"

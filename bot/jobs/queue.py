"""The queue: bounded in jobs, fair between members, one image at a time.

It holds only the order of work; what was asked and drawn lives in the store, so a new process
fills it again from there.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile

from bot.domain.errors import QueueFull
from bot.domain.job import Item, Job


@dataclass
class Entry:
    """A job's items that nobody has begun, in execution order, and how many are being drawn."""

    job: Job
    waiting: deque[Item]
    drawing: int = 0
    stopped: bool = field(default=False)


class JobQueue:
    """Hands out items: urgent jobs first, then each member in turn, each member's oldest job first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: dict[int, Entry] = {}
        self._reserved = 0
        self._turns: deque[int] = deque()
        self._waiters: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """True when another job would be refused."""
        return len(self._entries) + self._reserved >= self.capacity

    def jobs(self) -> list[Job]:
        """The jobs waiting or drawing, in the order they were admitted."""
        return [entry.job for entry in self._entries.values()]

    def waiting_work(self, job: Job) -> float:
        """About how much of this job's work nobody has begun, in the unit of `Quote.work`."""
        entry = self._entries.get(job.id)
        if entry is None or job.quote is None or not job.quote.cells:
            return 0.0
        return job.quote.work * len(entry.waiting) / job.quote.cells

    def ahead(self, job: Job) -> list[Job]:
        """The same member's jobs that were admitted before this one and are still here."""
        mine = [entry.job for entry in self._entries.values() if entry.job.owner.id == job.owner.id]
        return list(takewhile(lambda other: other.id != job.id, mine))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep a place free while a job is being stored. Raises QueueFull, with what to do."""
        if self.full:
            images = sum(len(entry.waiting) + entry.drawing for entry in self._entries.values())
            raise QueueFull(self.capacity, f"about {images} images are ahead, try again in a few minutes")
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    def admit(self, job: Job, items: Sequence[Item]) -> None:
        """Take a job in; its place was kept by `place`, or it was accepted by a former process."""
        self._entries[job.id] = Entry(job, deque(sorted(items, key=lambda item: item.rank)))
        if job.owner.id not in self._turns:
            self._turns.append(job.owner.id)
        self._wake()

    async def take(self, *, urgent_only: bool = False) -> Item:
        """The next item to draw; waits until there is one."""
        while (item := self._pick(urgent_only)) is None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return item

    def job(self, job_id: int) -> Job:
        """The job of an item that was taken."""
        return self._entries[job_id].job

    def put_down(self, item: Item) -> None:
        """An item that was taken is no longer being drawn."""
        self._entries[item.job_id].drawing -= 1

    def give_back(self, item: Item) -> None:
        """An item that was taken goes back to the head of its job, to be tried again."""
        entry = self._entries[item.job_id]
        entry.drawing -= 1
        if not entry.stopped:
            entry.waiting.appendleft(item)
            self._wake()

    def stop(self, job_id: int) -> None:
        """Give out no more of this job, and have what is being drawn of it stopped at the next step."""
        if entry := self._entries.get(job_id):
            entry.stopped = True
            entry.waiting.clear()

    def is_stopped(self, job_id: int) -> bool:
        """True when the job was stopped or is gone; the engine asks at every step."""
        entry = self._entries.get(job_id)
        return entry is None or entry.stopped

    def idle(self, job_id: int) -> bool:
        """True when nothing of this job is waiting or being drawn."""
        entry = self._entries.get(job_id)
        return entry is None or (not entry.waiting and not entry.drawing)

    def remove(self, job_id: int) -> None:
        """The job has ended; its place is free."""
        entry = self._entries.pop(job_id, None)
        if entry and all(other.job.owner.id != entry.job.owner.id for other in self._entries.values()):
            self._turns.remove(entry.job.owner.id)

    def _pick(self, urgent_only: bool) -> Item | None:
        for urgent in (True,) if urgent_only else (True, False):
            for _ in range(len(self._turns)):
                member = self._turns[0]
                self._turns.rotate(-1)
                for entry in self._entries.values():
                    if entry.job.owner.id == member and entry.job.urgent is urgent and entry.waiting:
                        entry.drawing += 1
                        return entry.waiting.popleft()
        return None

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

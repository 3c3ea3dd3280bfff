"""An entry of the queue: a job, and what of it is still to be given out."""

from collections import deque
from dataclasses import dataclass, field
from functools import cached_property

from bot.domain.job import Item, Job, Lease
from sweeps.plan import plan

LEAST_WORK = 0.01
"""What an image costs its member at least, in megapixel evaluations: there is more to it than the UNet."""


@dataclass(eq=False)
class Entry:
    """A job's items that nobody has begun, in execution order, and how many are being drawn under its lease.

    `place` orders its owner's jobs. `line` is where it stands, as long as something of it can be given out.
    """

    job: Job
    lease: Lease
    waiting: deque[Item]
    place: tuple[int, int]
    suspect: bool = False
    paused: bool = False
    stopped: bool = False
    drawing: int = 0
    line: "list[Entry] | None" = None

    def turn(self) -> tuple[bool, tuple[int, int]]:
        """Its turn among its owner's jobs, urgent ones first."""
        return not self.job.urgent, self.place

    @cached_property
    def works(self) -> dict[int, float]:
        """What each item takes, by its number; a stage that several need is paid by the first of them."""
        works = plan([item.recipe for item in self.waiting]).works
        return {item.number: max(work, LEAST_WORK) for item, work in zip(self.waiting, works, strict=True)}

    @property
    def next_work(self) -> float:
        """What its next item takes."""
        return self.works[self.waiting[0].number]

    def share(self, items: int) -> float:
        """About how much of the job's work so many of its items are, in the unit of `Quote.work`."""
        quote = self.job.quote
        return quote.work * items / quote.cells if quote and quote.cells else 0.0


@dataclass(eq=False)
class Lines:
    """One member's jobs in their order, and the lines in which those stand of which something can be given out."""

    jobs: list[Entry] = field(default_factory=list)
    urgent: list[Entry] = field(default_factory=list)
    patient: list[Entry] = field(default_factory=list)
    drawing: int = 0

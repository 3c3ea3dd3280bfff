"""A machine that draws what the queue gives it, on a clock of its own: lanes, shared UNet calls, a meter."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from bot.domain.job import Job, Leased, Progress, Work
from bot.domain.ports import Drawn
from bot.jobs.meter import Meter
from bot.jobs.queue import JobQueue
from sweeps.plan import plan
from tests.bot.leased import at_once


@dataclass(eq=False)
class Flight:
    """A picture on its way, and what is left of its work."""

    work: Work
    left: float
    ending: ExitStack


@dataclass(eq=False)
class Machine:
    """Draws the first `batch` of its lanes' pictures together, urgent ones before others.

    Two pictures together take 1.5 times as long as one alone. Two lanes more are there for urgent ones only.
    """

    queue: JobQueue
    lanes: int = 8
    batch: int = 4
    speed: float = 1.0
    seconds: float = 0.0
    progress: dict[int, Progress] = field(default_factory=dict)
    ends: dict[int, float] = field(default_factory=dict)
    flights: list[Flight] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter = Meter(lambda: self.seconds)

    def admit(self, each: Leased) -> Job:
        self.queue.admit(each)
        self.progress[each.job.id] = Progress(len(each.items))
        return each.job

    async def run(self, until: float = float("inf")) -> None:
        """Draw until that second, or until nothing is left to draw."""
        while self.seconds < until:
            while len(self.flights) < self.lanes and (work := await at_once(self.queue)):
                self.begin(work)
            while len(self.flights) < self.lanes + 2 and (work := await at_once(self.queue, urgent_only=True)):
                self.begin(work)
            if not self.flights:
                return
            running = sorted(self.flights, key=lambda flight: not flight.work.job.urgent)[: self.batch]
            each = self.speed / (0.5 + 0.5 * len(running))
            step = min(min(flight.left for flight in running) / each, until - self.seconds)
            self.seconds += step
            for flight in running:
                flight.left -= step * each
            for flight in [flight for flight in running if flight.left < 1e-9]:
                self.end(flight)

    def begin(self, work: Work) -> None:
        ending = ExitStack()
        came = ending.enter_context(self.meter.drawing(work.item.recipe, urgent=work.job.urgent))
        ending.callback(lambda: came(Drawn(b"", bases=1)))
        self.flights.append(Flight(work, plan([work.item.recipe]).work, ending))

    def end(self, flight: Flight) -> None:
        self.flights.remove(flight)
        flight.ending.close()
        job = flight.work.job
        self.queue.put_down(flight.work)
        progress = self.progress[job.id]
        self.progress[job.id] = Progress(progress.total, progress.drawn + 1)
        if self.queue.idle(job.id):
            self.queue.remove(job.id)
            self.ends[job.id] = self.seconds

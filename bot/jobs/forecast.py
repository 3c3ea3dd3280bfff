"""How long things take: from measured times, the work that is left, and what is drawn meanwhile."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.job import Job, JobState, Outlook, Progress, Quote
from bot.domain.ports import Renderer
from bot.jobs.meter import Meter
from bot.jobs.queue import JobQueue, Load
from sweeps.plan import Pace, Plan, Prices


@dataclass
class Other:
    """What another member has waiting, and how much of that is urgent."""

    weight: float = 1.0
    waiting: float = 0.0
    urgent: float = 0.0

    def add(self, load: Load) -> None:
        """Count one of the member's jobs."""
        self.weight = load.job.weight
        self.waiting += load.waiting
        self.urgent += load.waiting if load.job.urgent else 0.0

    def drawn_beside(self, job: Job, work: float) -> float:
        """What is drawn of it while a job, and what comes before it, gets so much work."""
        if job.urgent:
            return min(self.urgent, work)  # there members simply take turns
        return min(self.waiting, max(self.urgent, work * self.weight / job.weight))


class Forecast:
    """Estimates from what this machine lately took, or from the renderer's pace as long as too little was drawn.

    None before anything was measured. The queue asks it when a place will be free.
    """

    def __init__(self, renderer: Renderer, queue: JobQueue, meter: Meter, prices: Prices) -> None:
        self._renderer = renderer
        self._queue = queue
        self._meter = meter
        self._prices = prices
        queue.until_a_place = self.until_a_place

    def quote(self, planned: Plan) -> Quote:
        """What a plan costs at most, and what it will take once its turn has come."""
        return Quote(
            cells=planned.cells,
            duplicates=planned.duplicates,
            bases=planned.unique_bases,
            details=planned.unique_details,
            work=planned.work,
            seconds=self._seconds(planned),
            summary=planned.summary(),
            tokens=planned.tokens(self._prices),
        )

    def outlook(self, job: Job, progress: Progress) -> Outlook:
        """How long an accepted job will still take, and its place in the queue."""
        return Outlook(self.seconds_left(job, progress), self._queue.position(job.id))

    def seconds_left(self, job: Job, progress: Progress) -> float | None:
        """Until a job is done: its own work that is left, and what is drawn before or meanwhile.

        None for one that is paused, not accepted, ended, or drawn by another console.
        """
        if job.quote is None or not progress.total or job.state not in (JobState.QUEUED, JobState.RUNNING):
            return None
        if self._queue.job(job.id) is None or self._queue.is_paused(job.id):
            return None
        items, drawing = progress.total - progress.settled, self._queue.drawing(job.id)
        waiting = job.quote.work * max(0, items - drawing) / progress.total
        return self._until(job, waiting, self._queue.loads(), single=items == 1)

    def until_a_place(self) -> float | None:
        """Seconds until the first job of the queue is done."""
        loads = [load for load in self._queue.loads() if load.waiting or load.drawing]
        first: dict[int, Load] = {}
        for load in loads:
            first.setdefault(load.job.owner.id, load)
        if not first:
            return None
        nearest = min(first.values(), key=lambda load: (not load.job.urgent, load.waiting / load.job.weight))
        return self._until(nearest.job, nearest.waiting, loads)

    def _until(self, job: Job, waiting: float, loads: Iterable[Load], *, single: bool = False) -> float | None:
        """Until so much work of a job, which nobody has begun, is done; after all that was begun before it.

        While this member gets some work (urgent jobs and those asked before come first), each other member gets as
        much times their weight over this member's, or all they have; but what is urgent comes before what is not.
        """
        before = {other.id for other in self._queue.ahead(job)}
        others: defaultdict[int, Other] = defaultdict(Other)
        begun, own, company, beside = 0.0, waiting, False, False
        for load in loads:
            beside |= load.job.id != job.id and load.drawing > 0
            if job.urgent and not load.job.urgent:
                continue  # it steps aside
            begun += load.drawing
            if load.job.owner.id != job.owner.id:
                others[load.job.owner.id].add(load)
            elif load.job.id in before:
                own += load.waiting
            company |= load.job.id != job.id and (load.drawing or load.waiting) > 0
        work = begun
        if waiting:  # else all of it is begun, and whatever is not comes later
            work += own + sum(other.drawn_beside(job, own) for other in others.values())
        pace = self._pace(alone=single and not company)
        if pace is None:
            return None
        seconds = work * pace - min(self._meter.under_way, begun * pace)
        shared = self._meter.urgent_pace() if job.urgent and beside else None
        return max(seconds, shared * job.quote.work / job.quote.cells) if shared and job.quote else seconds

    def _pace(self, *, alone: bool) -> float | None:
        """Seconds for a unit of work."""
        measured = self._meter.pace(alone=alone)
        if measured is not None:
            return measured
        pace = self._renderer.pace()
        return pace.evaluation[0] if pace else None

    def _seconds(self, planned: Plan) -> tuple[float, float] | None:
        """A plan's p50 and p90: as measured here, and by how much slow steps lie above it, which the renderer knows."""
        pace = self._renderer.pace()
        measured = self._meter.pace(alone=planned.cells - planned.duplicates == 1)
        if measured is None:
            return planned.seconds(pace) if pace else None
        half, most = pace.evaluation if pace else (1.0, 1.0)
        return planned.seconds(Pace((measured, measured * most / half)))

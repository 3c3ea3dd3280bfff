"""How long things take: from measured times, the work that is left, and who is ahead."""

from collections import defaultdict

from bot.domain.job import Job, JobState, Progress, Quote
from bot.domain.ports import Renderer
from bot.jobs.queue import JobQueue
from sweeps.plan import Pace, Plan

A_SECOND_EACH = Pace((1.0, 1.0))
"""With it a plan's seconds are its work: evaluations weighed by megapixels."""


class Forecast:
    """Estimates at the median of what this machine lately took; None before anything was measured."""

    def __init__(self, renderer: Renderer, queue: JobQueue) -> None:
        self._renderer = renderer
        self._queue = queue

    def quote(self, planned: Plan) -> Quote:
        """What a plan will take once its turn has come."""
        pace = self._renderer.pace()
        return Quote(
            cells=planned.cells,
            duplicates=planned.duplicates,
            bases=planned.unique_bases,
            details=planned.unique_details,
            work=planned.seconds(A_SECOND_EACH)[0],
            seconds=planned.seconds(pace) if pace else None,
            summary=planned.summary(),
        )

    def seconds_left(self, job: Job, progress: Progress) -> float | None:
        """Until an accepted job is done: its own work that is left, and what is drawn in between.

        Members take turns, so of each other member at most as much is drawn meanwhile as this job needs itself;
        of the same member all that was asked before.
        """
        pace = self._renderer.pace()
        if pace is None or job.quote is None or job.state is JobState.QUOTED or not progress.total:
            return None
        own = job.quote.work * (progress.total - progress.settled) / progress.total
        own += sum(self._queue.waiting_work(other) for other in self._queue.ahead(job))
        others: defaultdict[int, float] = defaultdict(float)
        for other in self._queue.jobs():
            if other.owner.id != job.owner.id:
                others[other.owner.id] += self._queue.waiting_work(other)
        return (own + sum(min(own, work) for work in others.values())) * pace.evaluation[0]

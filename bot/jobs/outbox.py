"""The outbox: sees to it that every job's images, card and sheet reach the channel."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import structlog

from bot.domain.errors import Unavailable
from bot.domain.job import Job
from bot.jobs.delivery import Delivery, Post
from bot.jobs.line import Line

log = structlog.get_logger("atelier.outbox")

AGAIN_SECONDS = 5.0
LAST_SECONDS = 40.0
"""How long closing waits for a channel that takes its time."""


class Outbox:
    """Keeps one delivery a job, and tells it when something of the job changed."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._line = Line(post.channel.answers)
        self._deliveries: dict[int, Delivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator["Outbox"]:
        """Deliver while the context is open; on the way out, what is drawn is still posted."""
        try:
            yield self
        finally:
            if self._again is not None:
                self._again.cancel()
            self._line.open_for_good()
            for delivery in self._deliveries.values():
                delivery.drain()
            if self._tasks:
                _, late = await asyncio.wait(set(self._tasks), timeout=LAST_SECONDS)
                for task in late:  # nothing is lost: the next process finds in the channel what arrived all the same
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def resume(self) -> None:
        """Go on with jobs that ended but were not wholly delivered, in the order they were queued.

        A store that does not answer now is asked again later.
        """
        try:
            owing = await self._post.owed.undelivered()
        except Unavailable as error:
            log.warning("what is owed is not known yet, asking again", reason=str(error), in_s=AGAIN_SECONDS)
            self._again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, lambda: self._begin(self.resume()))
            return
        if owing:
            self._line.close()
        for job in owing:
            self.changed(job)

    def changed(self, job: Job) -> None:
        """Something of this job changed; its delivery starts if there is none yet."""
        delivery = self._deliveries.get(job.id)
        if delivery is None:
            delivery = self._deliveries[job.id] = Delivery(job, self._post, self._line)
            self._begin(self._deliver(delivery))
        delivery.job = job
        delivery.change.set()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await delivery.run()
        finally:
            del self._deliveries[delivery.job.id]  # at once: a change after the last look begins another delivery

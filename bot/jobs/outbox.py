"""The outbox: sees to it that every job's images, card and sheet reach the channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.domain.job import Job
from bot.jobs.delivery import Delivery, Post


class Outbox:
    """Keeps one delivery a job, and tells it when something of the job changed."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._deliveries: dict[int, Delivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator["Outbox"]:
        """Deliver while the context is open; on the way out, what is drawn is still posted."""
        try:
            yield self
        finally:
            for delivery in self._deliveries.values():
                delivery.drain()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def resume(self) -> None:
        """Go on with jobs that ended but were not wholly delivered."""
        for job in await self._post.jobs.undelivered():
            self.changed(job)

    def changed(self, job: Job) -> None:
        """Something of this job changed; its delivery starts if there is none yet."""
        delivery = self._deliveries.get(job.id)
        if delivery is None:
            delivery = self._deliveries[job.id] = Delivery(job.id, self._post)
            task = asyncio.create_task(delivery.run(), name=f"deliver {job.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: self._deliveries.pop(job.id, None))
        delivery.change.set()

"""The worker: takes items off the queue, has them drawn, records each outcome exactly once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from bot.domain.errors import CannotDraw, Interrupted, NotFound
from bot.domain.job import Item, ItemState, Job, JobState
from bot.domain.ports import FaceStore, ImageStore, JobStore, Renderer
from bot.jobs.queue import JobQueue

log = structlog.get_logger("atelier.worker")

URGENT_SLOTS = 4
STORE_PAUSE_SECONDS = 1.0


class Worker:
    """Keeps the renderer's slots full; commands in (the queue), events out (`changed`)."""

    def __init__(
        self,
        queue: JobQueue,
        jobs: JobStore,
        images: ImageStore,
        faces: FaceStore,
        renderer: Renderer,
        changed: Callable[[Job], None],
    ) -> None:
        self.changed = changed
        self._queue = queue
        self._jobs = jobs
        self._images = images
        self._faces = faces
        self._renderer = renderer
        self._draining = False

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Worker"]:
        """Draw while the context is open; on the way out each drawing ends at its next step."""
        lanes = [self._lane(urgent_only=False) for _ in range(self._renderer.slots)]
        lanes += [self._lane(urgent_only=True) for _ in range(URGENT_SLOTS)]
        tasks = [asyncio.create_task(lane) for lane in lanes]
        try:
            yield self
        finally:
            self._draining = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def resume(self) -> None:
        """Queue again what a former process had accepted; a job that cannot be read is left where it is."""
        for job in await self._jobs.unfinished():
            try:
                items = [item for item in await self._jobs.items(job.id) if item.state is ItemState.WAITING]
            except ValueError:
                log.exception("a stored job cannot be read", job=job.name)
                continue
            self._queue.admit(job, items)
            if not items:
                await self._end(job)

    async def cancel(self, job: Job) -> None:
        """Call off what has no outcome yet."""
        self._queue.stop(job.id)
        await self._jobs.cancel_waiting(job.id)
        self._queue.stop(job.id)  # again, should it have been admitted in the meantime
        if self._queue.idle(job.id):
            await self._end(job)

    async def _lane(self, urgent_only: bool) -> None:
        while True:
            item = await self._queue.take(urgent_only=urgent_only)
            work = asyncio.create_task(self._bring_to_outcome(item))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                # Cancellation means: finish honestly. The draining flag stops the drawing at its next
                # step; what it comes to is recorded before the lane goes.
                await work
                raise

    async def _bring_to_outcome(self, item: Item) -> None:
        """Draw an item and record its outcome. What the store or the disk fails at is tried again, never dropped."""
        job = self._queue.job(item.job_id)
        try:
            await self._draw(job, item)
        except Exception:
            log.exception("an outcome could not be stored, trying again", job=job.name, item=item.name)
            await asyncio.sleep(STORE_PAUSE_SECONDS)
            self._queue.give_back(item)
            return
        self._queue.put_down(item)
        self.changed(job)
        while self._queue.idle(job.id):
            try:
                return await self._end(job)
            except Exception:
                log.exception("a job's end could not be stored, trying again", job=job.name)
                if self._draining:
                    return  # the next process finds it complete, and ends it
                await asyncio.sleep(STORE_PAUSE_SECONDS)

    async def _draw(self, job: Job, item: Item) -> None:
        await self._jobs.move(job.id, to=JobState.RUNNING, only_from=[JobState.QUEUED])
        recipe = item.recipe
        try:
            png, notes = await self._renderer.draw(
                recipe,
                owner=str(job.owner.id),
                urgent=job.urgent,
                should_stop=lambda: self._draining or self._queue.is_stopped(job.id),
                photos={name: await self._faces.photos(name) for name in recipe.people},
                canvas=await self._images.get(recipe.photo) if recipe.photo else None,
            )
        except Interrupted:
            return  # a cancelled item was settled by cancel(); a drained one waits for the next process
        except (CannotDraw, NotFound, FileNotFoundError) as error:
            gone = isinstance(error, FileNotFoundError)
            why = "The photo that this begins with is gone; upload it again." if gone else str(error)
            await self._jobs.settle(job.id, item.number, ItemState.FAILED, remark=why)
            return
        image = await self._images.put(png)
        remark = "\n".join(notes) or None
        await self._jobs.settle(job.id, item.number, ItemState.DRAWN, image=image, remark=remark)

    async def _end(self, job: Job) -> None:
        """Give the job its end state and its place in the queue back, if every item has an outcome."""
        progress = await self._jobs.progress(job.id)
        if progress.complete:
            running = [JobState.QUEUED, JobState.RUNNING]
            await self._jobs.move(job.id, to=progress.outcome(), only_from=running)
            self._queue.remove(job.id)
            self.changed(job)

"""The worker: takes items off the queue, has them drawn, records each outcome exactly once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from bot.domain.errors import CannotDraw, Interrupted, Refusal
from bot.domain.job import Item, ItemState, Job, JobState
from bot.domain.ports import FaceStore, ImageStore, JobStore, Renderer
from bot.jobs.queue import JobQueue
from bot.jobs.sitters import Sitters

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
        self._sitters: dict[int, Sitters] = {}
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
        """Cancel what has no outcome yet."""
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
        sitters = self._sitters.setdefault(job.id, Sitters(self._faces, job.asker))
        try:
            png, notes = await self._renderer.draw(
                recipe,
                owner=str(job.owner.id),
                urgent=job.urgent,
                should_stop=lambda: self._draining or self._queue.is_stopped(job.id),
                photos=await sitters.photos(recipe.people),
                canvas=await self._canvas(recipe.photo) if recipe.photo else None,
            )
        except Interrupted:
            return  # a cancelled item was settled by cancel(); a drained one waits for the next process
        except Refusal as error:
            await self._jobs.settle(job.id, item.number, ItemState.FAILED, remark=str(error))
            return
        image = await self._images.put(png)
        remark = "\n".join(notes) or None
        await self._jobs.settle(job.id, item.number, ItemState.DRAWN, image=image, remark=remark)

    async def _canvas(self, image: str) -> bytes:
        """The uploaded photo that a picture begins with. Raises CannotDraw."""
        try:
            return await self._images.get(image)
        except FileNotFoundError as error:
            raise CannotDraw("The photo that this begins with is gone; upload it again.") from error
        except PermissionError as error:
            log.warning("file rights are missing", image=image, reason=str(error))
            raise CannotDraw(
                "The photo that this begins with cannot be read on this machine: its file rights forbid it. Ask who "
                "runs this console to mend them in its images folder."
            ) from error

    async def _end(self, job: Job) -> None:
        """Give the job its end state and its place in the queue back, if every item has an outcome."""
        progress = await self._jobs.progress(job.id)
        if progress.complete:
            running = [JobState.QUEUED, JobState.RUNNING]
            await self._jobs.move(job.id, to=progress.outcome(), only_from=running)
            self._queue.remove(job.id)
            self._sitters.pop(job.id, None)
            self.changed(job)

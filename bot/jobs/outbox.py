"""The outbox: brings each job's images, its card and its sheet to the channel, in the rhythm Discord allows.

One delivery a job reads the store, so what a crash interrupted goes on where it was.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from bot.domain.errors import CannotDeliver
from bot.domain.job import Item, ItemState, Job
from bot.domain.ports import Channel, ImageStore, JobStore

log = structlog.get_logger("atelier.outbox")

GATHER_SECONDS = 0.3
RHYTHM_SECONDS = 2.0
FILES_A_MESSAGE = 10
BYTES_A_MESSAGE = 24 * 2**20
LONGEST_PAUSE_SECONDS = 30.0

SheetMaker = Callable[[Job, Sequence[Item], Callable[[str], bytes]], bytes | None]


class Outbox:
    """Starts one delivery a job and tells it when something of the job was settled."""

    def __init__(self, jobs: JobStore, images: ImageStore, channel: Channel, make_sheet: SheetMaker) -> None:
        self._jobs = jobs
        self._ports = (jobs, images, channel, make_sheet)
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

    async def resume(self) -> int:
        """Go on with jobs that ended but were not wholly delivered; how many."""
        left = await self._jobs.undelivered()
        for job in left:
            self.changed(job)
        return len(left)

    def changed(self, job: Job) -> None:
        """Something of this job was settled; its delivery starts if there is none yet."""
        delivery = self._deliveries.get(job.id)
        if delivery is None:
            delivery = self._deliveries[job.id] = Delivery(job.id, *self._ports)
            task = asyncio.create_task(delivery.run(), name=f"deliver {job.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: self._deliveries.pop(job.id, None))
        delivery.change.set()


class Delivery:
    """Brings one job to its channel: pictures in messages of at most ten, one edited card, the sheet."""

    def __init__(
        self, job_id: int, jobs: JobStore, images: ImageStore, channel: Channel, make_sheet: SheetMaker
    ) -> None:
        self.change = asyncio.Event()
        self._job_id = job_id
        self._jobs = jobs
        self._images = images
        self._channel = channel
        self._make_sheet = make_sheet
        self._draining = asyncio.Event()
        self._begun: list[int] = []

    def drain(self) -> None:
        """Post what is owed once more, then end."""
        self._draining.set()
        self.change.set()

    async def run(self) -> None:
        """Deliver at each change, at most every two seconds, until the job is wholly delivered."""
        pause = RHYTHM_SECONDS
        while True:
            await self.change.wait()
            await self._rest(GATHER_SECONDS)  # images of one UNet call finish together and share a message
            self.change.clear()
            last = self._draining.is_set()
            try:
                if await self._bring(pausing=last):
                    return
                pause = RHYTHM_SECONDS
            except CannotDeliver as error:
                log.error("the channel refuses this job", job=self._job_id, reason=str(error))
                await self._jobs.delivered(self._job_id)
                return
            except Exception as error:
                # The store still holds what is owed, so the next turn tries again.
                log.warning("delivery failed, trying again", job=self._job_id, in_s=pause, error=repr(error))
                self.change.set()
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            if last:
                return
            await self._rest(pause - GATHER_SECONDS)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._draining.wait(), seconds)
        except TimeoutError:
            return

    async def _bring(self, *, pausing: bool) -> bool:
        """Post what is drawn and not posted, then the card; True when the job is wholly delivered."""
        job = await self._jobs.get(self._job_id)
        if job is None or job.delivered:
            return True
        items = await self._jobs.items(job.id)
        owed = [item for item in items if item.image and not item.message_id]
        # A batch that was begun is tried again as it was: its nonce is made of its items.
        owed.sort(key=lambda item: item.number not in self._begun)
        while owed:
            owed = await self._post(job, owed)
        await self._channel.show(job, items, pausing=pausing)
        if not job.state.ended:
            return False
        if len(items) > 1 and any(item.state is ItemState.DRAWN for item in items):
            sheet = await asyncio.to_thread(self._make_sheet, job, items, self._images.read)
            if sheet is not None:
                await self._channel.post_sheet(job, sheet, _nonce(job, "sheet"))
        await self._jobs.delivered(job.id)
        return True

    async def _post(self, job: Job, owed: Sequence[Item]) -> list[Item]:
        """Post the first message's worth; what remains."""
        most = len(self._begun) or FILES_A_MESSAGE
        files: list[tuple[str, bytes]] = []
        for item in owed[:most]:
            png = await self._images.get(item.image or "")
            if files and sum(len(other) for _, other in files) + len(png) > BYTES_A_MESSAGE:
                break
            files.append((job.file_name(item), png))
        self._begun = [item.number for item in owed[: len(files)]]
        message = await self._channel.post_results(job, files, _nonce(job, *map(str, self._begun)))
        await self._jobs.posted(job.id, self._begun, message)
        self._begun = []
        return list(owed[len(files) :])


def _nonce(job: Job, *parts: str) -> str:
    """A message's identity, the same whenever the same message is tried again; 24 characters."""
    return hashlib.sha256("/".join([str(job.id), job.created_at.isoformat(), *parts]).encode()).hexdigest()[:24]

"""A delivery: brings one job to its channel, in the rhythm Discord allows.

What is owed stands in the store, so after a failure or a crash it goes on where it was: a message's images are
bound together there before it is first sent, and its nonce is made of them, so a second try is the same message.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Item, ItemState, Job
from bot.domain.ports import Channel, ImageStore, JobStore

log = structlog.get_logger("atelier.delivery")

GATHER_SECONDS = 0.3
RHYTHM_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
FILES_A_MESSAGE = 10
BYTES_A_FILE = 10 * 2**20
BYTES_A_MESSAGE = 24 * 2**20
REFUSED = "I may not post images in this channel any more, so this was cancelled."

SheetMaker = Callable[[Job, Sequence[Item], Callable[[str], bytes]], bytes | None]


@dataclass(frozen=True)
class Post:
    """What every delivery works with. `give_up` is told of a job whose channel takes nothing any more."""

    jobs: JobStore
    images: ImageStore
    channel: Channel
    make_sheet: SheetMaker
    give_up: Callable[[Job], Awaitable[None]]


class Delivery:
    """Brings one job to its channel: pictures in messages of at most ten, one edited card, the sheets."""

    def __init__(self, job_id: int, post: Post) -> None:
        self.change = asyncio.Event()
        self._job_id = job_id
        self._jobs = post.jobs
        self._images = post.images
        self._channel = post.channel
        self._make_sheet = post.make_sheet
        self._give_up = post.give_up
        self._draining = asyncio.Event()

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
        try:
            while batch := await self._jobs.next_batch(job.id, FILES_A_MESSAGE, job.layout.apart):
                await self._send(job, batch)
        except CannotDeliver as error:
            log.error("the channel takes nothing", job=job.name, reason=str(error))
            await self._give_up(job)
            given_up, progress = await self._jobs.get(job.id), await self._jobs.progress(job.id)
            await self._channel.show(given_up or job, progress, [("", REFUSED)])
            await self._jobs.delivered(job.id)
            return True
        progress, remarks = await self._jobs.progress(job.id), await self._jobs.remarks(job.id)
        await self._channel.show(job, progress, remarks, pausing=pausing)
        if job.has_sheet and progress.drawn and (job.state.ended or job.layout.apart):
            await self._send_sheets(job)
        if not job.state.ended:
            return False
        await self._jobs.delivered(job.id)
        return True

    async def _send(self, job: Job, batch: Sequence[Item]) -> None:
        """Post these items' pictures in one message, or as many of them as fit."""
        files: dict[int, tuple[str, bytes]] = {}
        size = 0
        for item in batch:
            try:
                png = await self._images.get(item.image or "")
            except FileNotFoundError:
                await self._jobs.withhold(job.id, item.number, "Its file is gone from the images folder.")
                continue
            if len(png) > BYTES_A_FILE:
                kept = f"It is too large for Discord ({len(png) / 2**20:.0f} MiB); it is kept as {item.image}.png."
                await self._jobs.withhold(job.id, item.number, kept)
            elif size + len(png) <= BYTES_A_MESSAGE:
                files[item.number] = (job.file_name(item), png)
                size += len(png)
        if not files:
            return
        nonce = _nonce(job, *map(str, files))
        if any(item.batch != nonce for item in batch):
            await self._jobs.into_batch(job.id, list(files), nonce)
        try:
            part = job.layout.part(batch[0])
            message = await self._channel.post_results(job, list(files.values()), nonce, part)
            await self._jobs.posted(job.id, list(files), message)
        except CannotPost as error:
            await self._send_apart(job, [item for item in batch if item.number in files], error)

    async def _send_apart(self, job: Job, batch: Sequence[Item], error: CannotPost) -> None:
        """Discord refused these files together: one by one, so that only those at fault are held back."""
        if len(batch) > 1:
            for item in batch:
                await self._send(job, [item])
        else:
            log.error("a picture was refused", job=job.name, item=batch[0].name, reason=str(error))
            await self._jobs.withhold(job.id, batch[0].number, "Discord refused its picture; it is kept on disk.")

    async def _send_sheets(self, job: Job) -> None:
        """A sheet for each part of the job, in messages of their own: side by side they could not be read.

        While the job goes on, those of the parts that are complete, as long as another one will have a sheet too: the
        last one waits for the job's end, and tells of it.
        """
        settled = await self._jobs.sheets(job.id)  # a later one was not accepted at once, or the console ended
        parts = job.parted(await self._jobs.items(job.id))
        owed = {part: items for part, items in parts.items() if part not in settled}
        if not job.state.ended:
            ready = [part for part, items in owed.items() if all(map(_brought, items))]
            more = any(item.image for part, items in owed.items() if part not in ready for item in items)
            owed = {part: owed[part] for part in ready if more}
        last = next((part for part in reversed(owed) if any(item.image for item in owed[part])), None)
        for part, items in owed.items():
            sheet, message = await asyncio.to_thread(self._make_sheet, job, items, self._images.read), None
            try:
                if sheet is not None:
                    message = await self._channel.post_sheet(
                        job, sheet, _nonce(job, "sheet", part), part, last=job.state.ended and part == last
                    )
            except (CannotPost, CannotDeliver) as error:
                log.error("a sheet was refused", job=job.name, part=part, reason=str(error))
            await self._jobs.sheet_posted(job.id, part, message)


def _brought(item: Item) -> bool:
    """Whether nothing more is to come of an item: its picture is posted or withheld, or there will be none."""
    return item.message_id is not None if item.image else item.state is not ItemState.WAITING


def _nonce(job: Job, *parts: str) -> str:
    """A message's identity, the same whenever the same message is tried again; 24 characters."""
    return hashlib.sha256("/".join([str(job.id), job.created_at.isoformat(), *parts]).encode()).hexdigest()[:24]

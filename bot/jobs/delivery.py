"""A delivery: brings one job to its channel, in the rhythm Discord allows.

What is owed stands in the store, so after a failure or a crash it goes on where it was: a message's images are
bound together there before it is first sent, and its nonce is made of them, so a second try is the same message.
Discord remembers a nonce for minutes only; after that the channel itself tells whether the message is there.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Item, ItemState, Job, Progress
from bot.domain.ports import Channel, ImageStore
from bot.domain.stores import Batch, JobStore, Owed
from bot.jobs.line import Line

log = structlog.get_logger("atelier.delivery")

GATHER_SECONDS = 0.3
RHYTHM_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
NONCE_SECONDS = 60.0
"""How long a nonce is relied upon, which Discord remembers for a few minutes."""

FILES_A_MESSAGE = 10
BYTES_A_FILE = 10 * 2**20
BYTES_A_MESSAGE = 24 * 2**20
UNREADABLE = "Its file in the images folder cannot be read: its file rights forbid it. Ask who runs this console."
ERASED = "It was deleted."
REFUSED = "I may not post images in this channel any more, so this was cancelled."

SheetMaker = Callable[[Job, Sequence[Item], Callable[[str], bytes]], bytes | None]


@dataclass(frozen=True)
class Post:
    """What every delivery works with. `give_up` is told of a job whose channel takes nothing any more.

    `drawn_here` tells whether this console draws a job: another one's, which goes on, is that one's to tell of.
    """

    jobs: JobStore
    owed: Owed
    images: ImageStore
    channel: Channel
    make_sheet: SheetMaker
    give_up: Callable[[Job], Awaitable[None]]
    drawn_here: Callable[[int], bool] = lambda _: True


class Delivery:
    """Brings one job to its channel: pictures in messages of at most ten, one edited card, the sheets."""

    def __init__(self, job: Job, post: Post, line: Line) -> None:
        self.job = job
        self.change = asyncio.Event()
        self._jobs = post.jobs
        self._owed = post.owed
        self._images = post.images
        self._channel = post.channel
        self._make_sheet = post.make_sheet
        self._give_up = post.give_up
        self._drawn_here = post.drawn_here
        self._line = line
        self._draining = asyncio.Event()
        self._relied_on: dict[str, tuple[float, float]] = {}  # nonces, and since when no message went without them

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
                async with self._line.turn(self.job):
                    done = await self._bring(pausing=last)
                if last or (done and not self.change.is_set()):
                    return
                pause = RHYTHM_SECONDS
                await self._rest(pause - GATHER_SECONDS)
            except Exception as error:
                # The store still holds what is owed, so the next turn tries again.
                self.change.set()
                if last:
                    log.warning("not delivered before the end", job=self.job.name, error=repr(error))
                    return
                if await self._line.away():  # its place in the line says when
                    self._relied_on.clear()  # who knows what Discord still remembers behind an outage
                    log.info("delivery waits", job=self.job.name, error=repr(error))
                    continue
                log.warning("delivery failed, trying again", job=self.job.name, in_s=pause, error=repr(error))
                await self._rest(pause - GATHER_SECONDS)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._draining.wait(), seconds)
        except TimeoutError:
            return

    async def _bring(self, *, pausing: bool) -> bool:
        """Post what is drawn and not posted, then the card; True when the job is wholly delivered."""
        job = await self._jobs.get(self.job.id)
        if job is None:
            return True
        if job.delivered:  # what changed of it is for the card alone, e.g. a picture that was deleted
            await self._show(job, pausing=pausing)
            return True
        try:
            while (batch := await self._owed.next_batch(job.id, FILES_A_MESSAGE, job.layout.apart)).items:
                await self._send(job, batch)
        except CannotDeliver as error:
            log.error("the channel takes nothing", job=job.name, reason=str(error))
            await self._give_up(job)
            given_up, progress = await self._jobs.get(job.id), await self._jobs.progress(job.id)
            await self._channel.show(given_up or job, progress, [("", REFUSED)])
            return await self._owed.delivered(job, given_up=True)
        if not job.state.ended and not self._drawn_here(job.id):
            if not pausing:  # else the card is not ours: what we end is not what it tells of
                await self._show(job, pausing=False)
            return True
        progress = await self._show(job, pausing=pausing)
        sheets = job.has_sheet and progress.drawn and (job.state.ended or job.layout.apart)
        if sheets and not await self._send_sheets(job):
            self.change.set()
            return False
        if not job.state.ended:
            return False
        if not (done := await self._owed.delivered(job)):
            self.change.set()  # another picture is owed by now, which an operator released, or it is drawn again
        return done

    async def _show(self, job: Job, *, pausing: bool) -> Progress:
        """Bring the card up to date; how far the job is."""
        progress = await self._jobs.progress(job.id)
        await self._channel.show(job, progress, await self._jobs.remarks(job.id), pausing=pausing)
        return progress

    async def _send(self, job: Job, batch: Batch, before: str | None = None) -> None:
        """Post these items' pictures in one message, or as many of them as fit; `before` was the nonce of another."""
        nonce = batch.nonce
        if nonce is not None:
            names = [job.file_name(item) for item in batch.items]
            # One that lost a picture since is looked for in any case: it must not be taken for new, nor forgotten.
            erased = any(item.image is None for item in batch.items)
            if (message := await self._find(job, nonce, names, batch.tried, sure=erased)) is not None:
                await self._owed.posted(job.id, [item.number for item in batch.items], message)
                return
        files = await self._files(job, batch)
        if not files:
            return
        if nonce is None:
            nonce = _nonce(job, *map(str, files))
            if not await self._owed.trying(job.id, list(files), nonce, before):
                return  # another console has begun a message with some of them
            self._relied_on[nonce] = _clocks()
        try:
            part = job.layout.part(batch.items[0])
            message = await self._channel.post_results(job, list(files.values()), nonce, part)
            await self._owed.posted(job.id, list(files), message)
        except CannotPost as error:
            await self._send_apart(job, [item for item in batch.items if item.number in files], nonce, error)

    async def _files(self, job: Job, batch: Batch) -> dict[int, tuple[str, bytes]]:
        """Name and PNG of the pictures that go out together, by number; what can never go out is withheld.

        A message that was begun keeps all that is left of it: another one must not have its nonce.
        """
        files: dict[int, tuple[str, bytes]] = {}
        size = 0
        for item in batch.items:
            if item.image is None:
                await self._owed.withhold(job.id, item.number, ERASED)
                continue
            try:
                png = await self._images.get(item.image)
            except FileNotFoundError:
                await self._owed.withhold(job.id, item.number, "Its file is gone from the images folder.")
                continue
            except PermissionError as error:
                log.error("file rights are missing", job=job.name, item=item.name, reason=str(error))
                await self._owed.withhold(job.id, item.number, UNREADABLE)
                continue
            if len(png) > BYTES_A_FILE:
                kept = f"It is too large for Discord ({len(png) / 2**20:.0f} MiB); it is kept as {item.image}.png."
                await self._owed.withhold(job.id, item.number, kept)
            elif batch.nonce or size + len(png) <= BYTES_A_MESSAGE:
                files[item.number] = (job.file_name(item), png)
                size += len(png)
        return files

    async def _send_apart(self, job: Job, items: Sequence[Item], nonce: str, error: CannotPost) -> None:
        """Discord refused these files together: one by one, so that only those at fault are held back."""
        if len(items) > 1:
            for item in items:
                await self._send(job, Batch([item]), nonce)
        else:
            log.error("a picture was refused", job=job.name, item=items[0].name, reason=str(error))
            await self._owed.withhold(job.id, items[0].number, "Discord refused its picture; it is kept on disk.")

    async def _send_sheets(self, job: Job) -> bool:
        """A sheet for each part of the job, in messages of their own: side by side they could not be read.

        False where another one is owed by now in the place of one of them.

        While the job goes on, those of the parts that are complete, as long as another one will have a sheet too: the
        last one waits for the job's end, and tells of it.
        """
        settled = await self._owed.sheets(job.id)  # a later one was not accepted at once, or the console ended
        parts = job.parted(await self._jobs.items(job.id))
        owed = {part: items for part, items in parts.items() if part not in settled}
        if not job.state.ended:
            ready = [part for part, items in owed.items() if all(map(_brought, items))]
            more = any(item.image for part, items in owed.items() if part not in ready for item in items)
            owed = {part: owed[part] for part in ready if more}
        last = next((part for part in reversed(owed) if any(item.image for item in owed[part])), None)
        another = False
        for part in owed:
            message = None
            try:
                called = job.state.ended and part == last
                message = await self._send_sheet(as_shown(job, owed[part]), part, settled.values(), last=called)
            except (CannotPost, CannotDeliver) as error:
                log.error("a sheet was refused", job=job.name, part=part, reason=str(error))
            if not await self._owed.sheet_posted(job, part, message):
                another = True
            settled |= {part: message or 0}
        return not another

    async def _send_sheet(self, job: Job, part: str, others: Collection[int], *, last: bool) -> int | None:
        """Post a sheet, unless it is in the channel already; two parts may call theirs alike, `others` tell which.

        None where nothing was drawn. It is made of what is there once it is stored that it is tried: of what is erased
        from then on the store knows that the sheet shows it. The moment of the first try is in its nonce: Discord may
        still know the one of a sheet that was taken away, in whose place this is another.
        """
        tried, before = await self._owed.sheet_tried(job.id, part)
        nonce = _nonce(job, f"sheet {job.attempt + 1}", tried.isoformat(), part)
        if not before:
            self._relied_on[nonce] = _clocks()
        elif (message := await self._find(job, nonce, [job.sheet_name(part)], tried, others)) is not None:
            return message
        items = job.parted(await self._jobs.items(job.id))[part]
        sheet = await asyncio.to_thread(self._make_sheet, job, items, self._images.read)
        return None if sheet is None else await self._channel.post_sheet(job, sheet, nonce, part, last=last)

    async def _find(
        self,
        job: Job,
        nonce: str,
        names: Collection[str],
        tried: datetime | None,
        known: Collection[int] = (),
        *,
        sure: bool = False,
    ) -> int | None:
        """The message that was tried under that nonce, if it is there and Discord may not know the nonce any more.

        To be `sure`, it is looked for whatever Discord may know.
        """
        now, relied_on = _clocks(), None if sure else self._relied_on.get(nonce)
        # Neither clock alone will do: one may be set, the other stands still while the machine sleeps. Of what another
        # process tried, nothing is known.
        if relied_on and all(abs(a - b) < NONCE_SECONDS for a, b in zip(now, relied_on, strict=True)):
            return None
        message = await self._channel.find(job, names, known, since=tried)
        self._relied_on[nonce] = now
        if message is not None:
            log.info("a message was there already", job=job.name, message=message, files=len(names))
        return message


def as_shown(job: Job, items: Sequence[Item]) -> Job:
    """The job as the sheet of these items tells of it.

    One picture behind a spoiler puts the sheet that shows it there too, also once it is erased: tried again, the sheet
    is looked for by the name that it had.
    """
    return replace(job, spoiler=True) if any(item.spoiler for item in items) else job


def _brought(item: Item) -> bool:
    """Whether nothing more is to come of an item: its picture is posted or withheld, or there will be none."""
    return item.message_id is not None if item.image else item.state is not ItemState.WAITING


def _nonce(job: Job, *parts: str) -> str:
    """A message's identity, the same whenever the same message is tried again; 24 characters."""
    return hashlib.sha256("/".join([str(job.id), job.created_at.isoformat(), *parts]).encode()).hexdigest()[:24]


def _clocks() -> tuple[float, float]:
    """Seconds of the day's clock, and of the one that is never set."""
    return time.time(), time.monotonic()

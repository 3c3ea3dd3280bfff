"""The worker: takes items off the queue, has them drawn, records each outcome exactly once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress

import structlog

from bot.domain.errors import CannotDraw, Fenced, Interrupted, Refusal, Unavailable
from bot.domain.gate import Hit, Verdict
from bot.domain.job import ItemState, Job, JobState, Lease, Leased, Start, Work
from bot.domain.ports import Drawn, FaceStore, Gate, ImageStore, Renderer
from bot.domain.stores import Leases
from bot.jobs.meter import Meter
from bot.jobs.queue import JobQueue
from bot.jobs.sitters import Sitters
from sweeps.plan import Prices

log = structlog.get_logger("atelier.worker")

URGENT_SLOTS = 4
STORE_PAUSE_SECONDS = 1.0
LOADING_SECONDS = 3600.0
NEXT_IN_LINE = 5
"""Jobs whose cards are brought up to date when another one has ended; the others hear of it when they come up."""

WITHHELD = "Withheld, at no cost: an operator looks at it first."
WITHHELD_UNDRAWN = "Withheld, at no cost: its prompt holds something that this console's operators do not want drawn."


class Worker:
    """Keeps the renderer's slots full; commands in (the queue), events out (`changed`)."""

    def __init__(
        self,
        queue: JobQueue,
        leases: Leases,
        images: ImageStore,
        faces: FaceStore,
        renderer: Renderer,
        gate: Gate,
        meter: Meter,
        prices: Prices,
        changed: Callable[[Job], None],
    ) -> None:
        self.changed = changed
        self._queue = queue
        self._leases = leases
        self._images = images
        self._faces = faces
        self._renderer = renderer
        self._gate = gate
        self._meter = meter
        self._prices = prices
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

    @asynccontextmanager
    async def beating(self, every: float) -> AsyncIterator[None]:
        """Keep the leases while the context is open, also while the last drawings end, with a heartbeat in seconds."""
        beat = asyncio.create_task(self._beat(every), name="heartbeat")
        try:
            yield
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    async def _beat(self, every: float) -> None:
        """Follow the store and claim for ever: what other workers left is drawn here, what they got is let go."""
        unknown: set[int] = set()
        while True:
            await asyncio.sleep(every)
            try:
                before, unknown = unknown, await self._follow()
                if not self._draining:
                    await self.claim(before & unknown)  # one beat is time enough for an acceptance under way
            except Exception as error:  # the next beat tries again; if it comes too late, every commit is fenced
                log.warning("no heartbeat", reason=str(error))

    async def claim(self, lost: Collection[int] = ()) -> None:
        """Go on with the accepted jobs that nobody living draws; one that its workers do not survive is set aside."""
        leased, told = await self._leases.claim(lost)
        for each in leased:
            self.admit(each)
            log.info("a job was taken up", job=each.job.name, images=len(each.items), deaths=each.job.deaths)
            self.changed(each.job)  # what is drawn of it may be owed still, and its card says that it waits
        for job in told:
            if job.state is JobState.DEAD:
                log.error("a job was set aside", job=job.name, reason=job.reason)
            self.changed(job)
        await self._end_idle()

    def admit(self, leased: Leased) -> None:
        """Draw a job that this worker has leased."""
        self._queue.admit(leased, suspect=any(item.suspect for item in leased.items))
        if leased.job.state is JobState.PAUSED:
            self._queue.pause(leased.job.id)

    def let_go(self, job_id: int) -> None:
        """Draw nothing more of a job: it has ended, or another worker has it."""
        self._queue.stop(job_id)
        self._queue.remove(job_id)
        self._sitters.pop(job_id, None)

    async def _follow(self) -> set[int]:
        """Do with every job of this worker as the store says: another console may have changed or taken it.

        Returns the jobs that the store says are this worker's, and that it does not know of.
        """
        held = {lease.job_id: lease for lease in self._queue.leases()}
        stored = await self._leases.beat()
        for job_id, lease in held.items():
            if self._queue.lease(job_id) != lease:
                continue  # it ended, or was leased anew, while the store was asked
            fence, state = stored.get(job_id, (0, None))
            if fence != lease.fence:
                self.let_go(job_id)
            elif (state is JobState.PAUSED) is not self._queue.is_paused(job_id):
                (self._queue.pause if state is JobState.PAUSED else self._queue.resume)(job_id)
        await self._end_idle()
        return stored.keys() - held.keys()

    async def _end_idle(self) -> None:
        """End the jobs of which everything has its outcome; one that could not be stored is tried at the next beat."""
        for lease in self._queue.leases():
            job = self._queue.job(lease.job_id)
            if job is not None and self._queue.idle(lease.job_id):
                with suppress(Fenced):
                    await self._end(job, lease)

    async def _lane(self, urgent_only: bool) -> None:
        # Loading the weights is no drawing: nothing is begun before, so no job is blamed for a death at it.
        await self._renderer.measured(LOADING_SECONDS)
        while True:
            work = await self._queue.take(urgent_only=urgent_only)
            doing = asyncio.create_task(self._bring_to_outcome(work))
            try:
                await asyncio.shield(doing)
            except asyncio.CancelledError:
                # Cancellation means: finish honestly. The draining flag stops the drawing at its next
                # step; what it comes to is recorded before the lane goes.
                await doing
                raise

    async def _bring_to_outcome(self, work: Work) -> None:
        """Draw an item and record its outcome. What the store or the disk fails at is tried again, never dropped."""
        try:
            done = await self._draw(work)
        except Fenced:
            log.info("no longer drawn here", job=work.job.name, item=work.item.name)
            if self._queue.lease(work.job.id) == work.lease:
                self.let_go(work.job.id)
            return
        except Exception as error:
            ours = None if isinstance(error, Unavailable) else error  # passing trouble needs no traceback
            log.warning("to be tried again", job=work.job.name, item=work.item.name, why=str(error), exc_info=ours)
            await asyncio.sleep(STORE_PAUSE_SECONDS)
            self._queue.give_back(work)
            return
        if not done:
            self._queue.give_back(work)
            return
        self._queue.cleared(work.job.id)
        self._queue.put_down(work)
        self.changed(work.job)
        while self._queue.lease(work.job.id) == work.lease and self._queue.idle(work.job.id):
            try:
                return await self._end(work.job, work.lease)
            except Fenced:
                return self.let_go(work.job.id)
            except Exception:
                log.exception("a job's end could not be stored, trying again", job=work.job.name)
                if self._draining:
                    return  # the next process finds it complete, and ends it
                await asyncio.sleep(STORE_PAUSE_SECONDS)

    async def _draw(self, work: Work) -> bool:
        """Draw an item and record its outcome; False when it has none: interrupted, or paused before it was begun."""
        start = await self._leases.begin(work.lease, work.item.number)
        if start is Start.PAUSED:
            self._queue.pause(work.job.id)  # by another console; the next beat sees it go on
        if start is not Start.BEGUN:
            return start is Start.SETTLED  # stored by an earlier try, of which the store did not say so
        said = self._gate.prompt(work.item.recipe.prompt)  # the list may be another one than when it was quoted
        if said is not None and said.verdict is Verdict.WITHHOLD:
            await self._leases.settle(
                work.lease, work.item.number, ItemState.WITHHELD, remark=WITHHELD_UNDRAWN, hit=said
            )
            return True
        try:
            drawn = await self._drawn(work)
        except Interrupted:
            return False  # a cancelled item was settled by the cancel; a drained one waits for the next process
        except Refusal as error:
            await self._leases.settle(work.lease, work.item.number, ItemState.FAILED, remark=str(error))
            return True
        hit = _graver(said, await self._gate.image(drawn.png))
        while True:
            try:
                await self._settle(work, drawn, hit)
                return True
            except Fenced:
                raise
            except Exception as error:
                if self._draining or self._queue.is_stopped(work):
                    raise
                # It is kept meanwhile: drawn again it would come from memory, and be billed as nothing.
                log.warning("a picture could not be stored yet", job=work.job.name, item=work.item.name, why=str(error))
                await asyncio.sleep(STORE_PAUSE_SECONDS)

    async def _settle(self, work: Work, drawn: Drawn, hit: Hit | None) -> None:
        """Record a picture; one that the gate withholds is kept for an operator to look at, and costs nothing."""
        withheld = hit is not None and hit.verdict is Verdict.WITHHOLD
        image = await self._images.put(drawn.png)
        await self._leases.settle(
            work.lease,
            work.item.number,
            ItemState.WITHHELD if withheld else ItemState.DRAWN,
            image=image,
            remark="\n".join([*drawn.notes, *([WITHHELD] if withheld else [])]) or None,
            tokens=0 if withheld else self._prices.base * drawn.bases + self._prices.detail * drawn.passes,
            hit=hit,
            keep=lambda: self._images.keep(image, drawn.png),  # the same picture may have been erased elsewhere
        )

    async def _drawn(self, work: Work) -> Drawn:
        recipe, job = work.item.recipe, work.job
        sitters = self._sitters.setdefault(job.id, Sitters(self._faces, job.asker))
        photos = await sitters.photos(recipe.people)
        canvas = await self._canvas(recipe.photo) if recipe.photo else None
        with self._meter.drawing(recipe, urgent=job.urgent) as measured:
            drawn = await self._renderer.draw(
                recipe,
                owner=str(job.owner.id),
                urgent=job.urgent,
                should_stop=lambda: self._draining or self._queue.is_stopped(work),
                photos=photos,
                canvas=canvas,
            )
            measured(drawn)
        return drawn

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

    async def _end(self, job: Job, lease: Lease) -> None:
        """Give the job its end state and its place in the queue back, if every item has an outcome."""
        ended = await self._leases.end(lease)
        if ended is not None:
            self.let_go(job.id)
            self.changed(ended)
            for other in self._queue.jobs()[:NEXT_IN_LINE]:
                self.changed(other)  # its place, and when it will be done, stand on its card


def _graver(one: Hit | None, other: Hit | None) -> Hit | None:
    """Of two hits the one that weighs more: to withhold, before a spoiler."""
    if one is None or other is None:
        return one or other
    return other if other.verdict is Verdict.WITHHOLD else one

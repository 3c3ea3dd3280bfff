"""A shift: what a worker stores of its jobs, so that a test can say what was drawn without drawing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.domain.account import Terms
from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import ItemState, Job, Layout, Lease, Leased
from bot.domain.ports import Channel
from bot.domain.stores import NewItem
from bot.jobs.delivery import Post
from bot.jobs.outbox import Outbox
from bot.store.database import Sessions
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from tests.bot.conftest import HERE, MINA, store_leased

TERMS = Terms(queued=1000)


class Shift:
    """The stores of one worker on a database, and its images in `folder`."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self.jobs = Jobs(sessions)
        self.owed = OwedStore(sessions)
        self.images = Images(folder / "images")
        self._worker = LeaseStore(sessions, Presence(folder / "workers"), 60.0)
        self._orders = OrderStore(sessions, self._worker.worker, 1000)
        self._leases: dict[int, Lease] = {}

    def outbox(self, channel: Channel, sheet: bytes | None = b"sheet") -> Outbox:
        """What brings its jobs to a channel; every contact sheet is `sheet`."""

        async def give_up(job: Job) -> None:
            await self.cancel(job)

        return Outbox(Post(self.jobs, self.owed, self.images, channel, lambda *_: sheet, give_up))

    async def job(self, items: int = 3, **more: Any) -> Job:
        """An accepted job of `items` recipes."""
        return self._leased(await store_leased(self.jobs, MINA, items, worker=self._worker.worker, **more))

    async def laid_out(self, kind: str, items: Sequence[NewItem], layout: Layout) -> Job:
        """An accepted job of these items."""
        quoted = await self.jobs.create(kind=kind, title="a test", owner=MINA, place=HERE, items=items, layout=layout)
        return self._leased(await self._orders.accept(quoted.id, TERMS))

    async def drawn(self, items: int) -> Job:
        """A job that is done: all of it was drawn."""
        job = await self.job(items)
        await self.draw(job, *range(1, items + 1))
        return await self.end(job)

    async def draw(self, job: Job, *numbers: int) -> None:
        """Pictures of these items are there."""
        for number in numbers:
            await self.store(job, number, await self.images.put(f"picture {number}".encode()))

    async def store(self, job: Job, number: int, image: str) -> None:
        """The picture of an item is there, under that name."""
        assert await self._worker.settle(self._leases[job.id], number, ItemState.DRAWN, image=image)

    async def withhold(self, job: Job, number: int) -> None:
        """The picture of an item is there, and waits for an operator."""
        image, hit = await self.images.put(f"picture {number}".encode()), Hit(Cause.IMAGE, Verdict.WITHHOLD, "nude")
        assert await self._worker.settle(self._leases[job.id], number, ItemState.WITHHELD, image=image, hit=hit)

    async def fail(self, job: Job, *numbers: int) -> None:
        """These items could not be drawn."""
        for number in numbers:
            assert await self._worker.settle(self._leases[job.id], number, ItemState.FAILED, remark="no")

    async def end(self, job: Job) -> Job:
        """Every item of the job has its outcome."""
        ended = await self._worker.end(self._leases[job.id])
        assert ended is not None
        return ended

    async def cancel(self, job: Job) -> Job:
        """The job is cancelled."""
        return await self._orders.cancel(job.id)

    async def retry(self, job: Job) -> Job:
        """What failed of an ended job waits again."""
        return self._leased(await self._orders.retry(job.id, TERMS, 0))

    def _leased(self, leased: Leased) -> Job:
        self._leases[leased.job.id] = leased.lease
        return leased.job

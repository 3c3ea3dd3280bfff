"""A hand: all of a console but Discord and the pictures, in a process of its own, to be killed and paused.

The stores, the queue, the worker, the desk and the outbox are the real ones; the renderer draws nothing in a few
milliseconds, and the channel is an exchange. A subclass takes one mechanism out.
"""

import asyncio
import hashlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path

import structlog
from sqlalchemy import select

from bot.domain.account import Rules
from bot.domain.errors import Interrupted, LimitReached, QueueFull, Unavailable, WrongState
from bot.domain.job import Job, JobState, Leased
from bot.domain.person import PhotoSeen
from bot.domain.ports import Channel, Drawn, Renderer
from bot.jobs import delivery
from bot.jobs.delivery import Post
from bot.jobs.desk import Desk
from bot.jobs.meter import Meter
from bot.jobs.outbox import Outbox
from bot.jobs.queue import JobQueue
from bot.jobs.worker import Worker
from bot.log import configure_log
from bot.store.audit import Audit
from bot.store.database import Sessions, open_database
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.schema import JobRow
from sweeps.parameters import Value
from sweeps.plan import Pace, Prices
from sweeps.recipe import Recipe
from tests.bot.warden import Warden
from tests.chaos.exchange import Address, Wire

log = structlog.get_logger("atelier.chaos")

STARTING = 1_000_000
STEP_SECONDS = 0.002


@dataclass(frozen=True)
class Task:
    """What a hand is to do: where, under which name, on which machine (a folder), and how long a lease lasts there."""

    url: str
    folder: Path
    exchange: Address
    name: str = "hand"
    machine: str = "here"
    lease_seconds: float = 30.0
    slots: int = 4
    accepts: bool = True
    daily: int | None = None

    @property
    def log(self) -> Path:
        """Where it says what it does."""
        return self.folder / f"{self.name}.log"


@dataclass(frozen=True)
class AtWork:
    """What one has in hand of a console that is open."""

    sessions: Sessions
    desk: Desk


class Scribbler:
    """The Renderer port: a picture is noise made of its recipe, of `size` bytes; equal recipes have equal ones."""

    defaults: Mapping[str, Value] = {}

    def __init__(self, slots: int, size: int = 20_000) -> None:
        self.slots = slots
        self._size = size

    def pace(self) -> Pace | None:
        return None

    async def measured(self, patience: float) -> None:
        return

    def check(self, recipe: Recipe) -> None:
        return

    async def draw(
        self,
        recipe: Recipe,
        *,
        owner: str,
        urgent: bool,
        should_stop: Callable[[], bool],
        photos: Mapping[str, Sequence[bytes]],
        canvas: bytes | None,
    ) -> Drawn:
        for _ in range(recipe.steps):
            await asyncio.sleep(STEP_SECONDS)
            if should_stop():
                raise Interrupted
        return Drawn(hashlib.shake_256(recipe.key().encode()).digest(self._size))

    async def look(self, photo: bytes) -> PhotoSeen:
        raise NotImplementedError("nobody uploads a photo here")

    async def forget(self) -> None:
        return


class Outspoken(LeaseStore):
    """Leases that tell of each job which was another worker's."""

    def __init__(self, sessions: Sessions, presence: Presence, seconds: float, tell: Callable[[str], None]) -> None:
        super().__init__(sessions, presence, seconds)
        self.tell = tell

    async def claim(self, lost: Collection[int] = ()) -> tuple[list[Leased], list[Job]]:
        leased, dead = await super().claim(lost)
        for each in leased:
            if each.job.id not in lost:
                self.tell("taken over")
        return leased, dead


class Hand:
    """One console at work until SIGTERM."""

    capacity = 64
    accepted_at_once = 20
    accept_seconds = 0.05
    worker_kind = Worker
    beat_seconds = 0.5

    def __init__(self, task: Task) -> None:
        self.task = task
        self.wire = Wire(task.exchange, task.name)
        self._telling: set[asyncio.Task[None]] = set()

    def prepare(self) -> None:
        """What a subclass changes in its process before anything is opened."""

    def conclude(self) -> None:
        """What a subclass does in its process when everything is closed."""

    def leases(self, sessions: Sessions, presence: Presence) -> LeaseStore:
        return Outspoken(sessions, presence, self.task.lease_seconds, self.tell)

    def renderer(self) -> Renderer:
        return Scribbler(self.task.slots)

    def channel(self) -> Channel:
        return self.wire

    def images(self) -> Images:
        return Images(self.task.folder / "images")

    def tell(self, word: str) -> None:
        """Let the exchange know, without waiting for it."""

        async def telling() -> None:
            with suppress(OSError):
                await self.wire.tell(word)

        told = asyncio.create_task(telling())
        self._telling.add(told)
        told.add_done_callback(self._telling.discard)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["AtWork"]:
        """Everything opened as a console opens it, and drawing; "moved" is told at each outcome."""
        task, prices = self.task, Prices()
        async with AsyncExitStack() as stack:
            sessions = await stack.enter_async_context(open_database(task.url))
            jobs, images, faces = Jobs(sessions), self.images(), Faces(task.folder / "faces")
            queue = JobQueue(self.capacity)

            def changed(job: Job) -> None:
                outbox.changed(job)
                self.tell("moved")

            async def give_up(job: Job) -> None:
                await desk.give_up(job)

            post = Post(jobs, OwedStore(sessions), images, self.channel(), lambda *_: b"a sheet", give_up)
            outbox = await stack.enter_async_context(Outbox(post).delivering())
            leases = await stack.enter_async_context(self.leases(sessions, Presence(task.folder / task.machine)).held())
            worker = self.worker_kind(queue, leases, images, faces, self.renderer(), Warden(), Meter(), prices, changed)
            await stack.enter_async_context(worker.beating(self.beat_seconds))
            await stack.enter_async_context(worker.working())
            orders = OrderStore(sessions, leases.worker, STARTING)
            rules = Rules(queued=10_000, daily_for_all=task.daily)
            desk = Desk(jobs, orders, faces, queue, worker, Warden(), Audit(sessions), rules, prices)
            await worker.claim()
            await outbox.resume()
            yield AtWork(sessions, desk)

    async def work(self) -> None:
        """The life of a process: "ready" once its claims are made, then quotes are accepted until SIGTERM."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        if parent := parent_process():
            loop.add_reader(parent.sentinel, os._exit, 1)  # nobody is left whom it works for
        async with self.at_work() as inside:
            self.tell("ready")
            accepting = asyncio.create_task(self._accept(inside.sessions, inside.desk)) if self.task.accepts else None
            await stop.wait()
            if accepting:
                accepting.cancel()

    async def _accept(self, sessions: Sessions, desk: Desk) -> None:
        """Press Run on every quote, as soon as there is a place; of several hands one is the first."""
        quotes = select(JobRow.id).where(JobRow.state == JobState.QUOTED.value)
        chance = random.Random(os.getpid())
        while True:
            try:
                async with sessions.reading() as session:
                    found = list(await session.scalars(quotes.order_by(JobRow.id).limit(self.accepted_at_once)))
                for job_id in chance.sample(found, len(found)):
                    await self._press(desk, job_id)
            except Unavailable:
                self.tell("unavailable")  # a member reads that the database does not answer, and tries again
            except Exception as error:
                log.exception("a member saw an error")
                self.tell(f"error {error!r}")
            await asyncio.sleep(self.accept_seconds)

    async def _press(self, desk: Desk, job_id: int) -> None:
        job = await desk.find(job_id)
        try:
            await desk.run(job_id, job.owner)
        except (QueueFull, WrongState, LimitReached) as refusal:
            self.tell(type(refusal).__name__)


def run(kind: type[Hand], task: Task) -> None:
    """The process of a hand; what it has to say stands in a file beside its pictures."""
    sys.stderr = task.log.open("a", buffering=1)
    configure_log("INFO", ())
    delivery.GATHER_SECONDS, delivery.RHYTHM_SECONDS = 0.01, 0.02  # so that thousands of messages take no hours
    hand = kind(task)
    hand.prepare()
    asyncio.run(hand.work())
    hand.conclude()

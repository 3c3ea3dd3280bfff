"""Real stores in a temporary folder, quotes that work on them, and jobs to put into them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import bot.jobs.delivery as delivery_module
from bot.domain.account import Terms
from bot.domain.job import Job, Layout, Leased, Member, Place, Quote
from bot.domain.stores import NewItem
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import Quotes
from bot.store.database import Sessions, open_database
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.orders import OrderStore
from sweeps.recipe import resolve
from tests.bot.studio import Detailer, quotes_of

HERE = Place(10, 11)
WORKER = "w" * 32
MINA, THEO, ADA = Member(1, "Mina"), Member(2, "Theo"), Member(3, "Ada")


@pytest_asyncio.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[Sessions]:
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/test.db") as opened:
        yield opened


@pytest_asyncio.fixture
async def jobs(sessions: Sessions) -> Jobs:
    return Jobs(sessions)


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path / "images")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "faces"


@pytest.fixture
def faces(folder: Path) -> Faces:
    return Faces(folder)


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(1)


@pytest.fixture
def studio(sessions: Sessions, faces: Faces, queue: JobQueue, tmp_path: Path) -> Quotes:
    """Quotes for a drawer that draws faces again, of at most 24 images."""
    return quotes_of(sessions, faces, queue, tmp_path, Detailer(), most=24)


@pytest.fixture
def quick_rhythm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries that pause for hundredths of a second between two messages."""
    monkeypatch.setattr(delivery_module, "RHYTHM_SECONDS", 0.02)
    monkeypatch.setattr(delivery_module, "GATHER_SECONDS", 0.01)


async def store_quote(
    jobs: Jobs,
    owner: Member = MINA,
    items: int = 3,
    *,
    urgent: bool = False,
    layout: Layout | None = None,
    people: str = "",
    tokens: int = 0,
) -> Job:
    """A quote of `items` recipes that differ in their seed, in reverse execution order."""
    values = {"prompt": "a test", "detail": False, "face_folder": people}
    recipes = [resolve(values, seed=seed) for seed in range(items)]
    return await jobs.create(
        kind="sweep",
        title="a test",
        owner=owner,
        place=HERE,
        urgent=urgent,
        layout=layout or Layout((("seed", tuple(map(str, range(items)))),), None, "seed"),
        items=[
            NewItem(f"c{seed + 1:03d}", items - seed, recipe, {"seed": seed}) for seed, recipe in enumerate(recipes)
        ],
        quote=Quote(items, 0, items, 0, 2.0 * items, None, f"{items} cells = {items} bases", tokens),
    )


async def store_leased(
    jobs: Jobs, owner: Member = MINA, items: int = 3, *, worker: str = WORKER, weight: float = 1.0, **more: Any
) -> Leased:
    """Such a quote accepted, and leased to a worker."""
    quoted = await store_quote(jobs, owner, items, **more)
    return await OrderStore(jobs._sessions, worker, 1000).accept(quoted.id, Terms(weight, queued=1000))


async def store_job(jobs: Jobs, owner: Member = MINA, items: int = 3, **more: Any) -> Job:
    """Such a job, for tests that do not care who has leased it."""
    return (await store_leased(jobs, owner, items, **more)).job

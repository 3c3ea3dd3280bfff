"""The stores on each database in turn: in memory, a SQLite file, and a real PostgreSQL server."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from bot.domain.account import Terms
from bot.domain.job import Job, Layout, Leased, Member, Place, Quote
from bot.domain.stores import NewItem
from bot.store.books import audit_books
from bot.store.database import Sessions, open_database
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.orders import OrderStore
from bot.store.presence import Presence
from sweeps.recipe import resolve

HERE = Place(10, 11)
MINA, THEO = Member(1, "Mina"), Member(2, "Theo")
STARTING = 100
TERMS = Terms()


@pytest_asyncio.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def jobs(sessions: Sessions) -> Jobs:
    return Jobs(sessions)


@pytest.fixture
def worker(sessions: Sessions, tmp_path: Path) -> Callable[[], LeaseStore]:
    """Makes a worker of this machine; a silent one is taken for dead after a fifth of a second."""
    return lambda: LeaseStore(sessions, Presence(tmp_path / "workers"), 0.2)


async def quoted(jobs: Jobs, owner: Member = MINA, items: int = 3, tokens: int | None = None) -> Job:
    """A quote of `items` recipes that differ in their seed, of a token each."""
    recipes = [resolve({"prompt": "a test", "detail": False}, seed=seed) for seed in range(items)]
    return await jobs.create(
        kind="sweep",
        title="a test",
        owner=owner,
        place=HERE,
        layout=Layout((("seed", tuple(map(str, range(items)))),), None, "seed"),
        items=[NewItem(f"c{n + 1:03d}", n, recipe, {"seed": n}) for n, recipe in enumerate(recipes)],
        quote=Quote(items, 0, items, 0, 2.0 * items, None, "", items if tokens is None else tokens),
    )


async def accepted(
    sessions: Sessions, leases: LeaseStore, owner: Member = MINA, items: int = 3, terms: Terms = TERMS
) -> Leased:
    """A job that this worker has leased."""
    job = await quoted(Jobs(sessions), owner, items)
    return await OrderStore(sessions, leases.worker, STARTING).accept(job.id, terms)


async def books(sessions: Sessions) -> list[str]:
    """What is wrong with the ledger."""
    async with sessions.reading() as session:
        return await audit_books(session)

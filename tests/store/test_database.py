"""A database that cannot be opened is a sentence at start; one that is away for a while undoes what was begun."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from bot.domain.errors import Unavailable
from bot.settings import BadSettings
from bot.store.database import Sessions, open_database
from bot.store.schema import AccountRow, WorkerRow
from tests.postgres import Server


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite+aiosqlite:////nowhere/at/all.db",
        "oracle://x",
        "postgresql+asyncpg://somebody@127.0.0.1:1/nothing",
    ],
)
async def test_a_database_that_cannot_be_opened_is_a_sentence(url: str) -> None:
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        async with open_database(url):
            raise AssertionError("it was opened")


@pytest.mark.parametrize(
    "url",
    ["sqlite+aiosqlite://user:hunter2@/nowhere/a.db", "postgresql+asyncpg://somebody:hunter2@127.0.0.1:1/nothing"],
)
async def test_a_password_is_not_told_with_the_address(url: str) -> None:
    with pytest.raises(BadSettings) as caught:
        async with open_database(url):
            raise AssertionError("it was opened")
    assert "hunter2" not in str(caught.value)


async def count(sessions: Sessions) -> int:
    async with sessions.reading() as session:
        return await session.scalar(select(func.count()).select_from(WorkerRow)) or 0


async def test_what_is_raised_within_a_transaction_undoes_all_of_it(sessions: Sessions) -> None:
    with pytest.raises(ValueError):
        async with sessions.begin() as session:
            session.add(WorkerRow(id="a"))
            await session.flush()
            raise ValueError
    assert await count(sessions) == 0


async def test_a_broken_rule_is_no_passing_trouble(sessions: Sessions) -> None:
    with pytest.raises(IntegrityError):
        async with sessions.begin() as session:
            session.add(AccountRow(kind="member", key="1", balance=-1))
    async with sessions.begin() as session:
        session.add(AccountRow(kind="mint", key="", balance=-1))


async def test_two_that_read_and_then_write_wait_for_each_other_and_lose_nothing(sessions: Sessions) -> None:
    """On SQLite a transaction that began with reading would be refused where another one wrote meanwhile."""
    async with sessions.begin() as session:
        session.add(WorkerRow(id="a", beats=0))

    async def beat() -> None:
        async with sessions.begin() as session:
            row = await session.get(WorkerRow, "a", with_for_update=True)
            assert row is not None
            await asyncio.sleep(0.002)
            row.beats += 1

    await asyncio.gather(*(beat() for _ in range(20)))
    async with sessions.reading() as session:
        row = await session.get(WorkerRow, "a")
        assert row is not None and row.beats == 20


async def test_a_lock_that_outlasts_our_patience_is_passing_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    async with open_database(f"sqlite+aiosqlite:///{path}") as sessions:
        async with sessions.begin() as session:
            await session.execute(text("PRAGMA busy_timeout=50"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            async with sessions.begin() as session:
                session.add(WorkerRow(id="a"))
        assert await count(sessions) == 0  # who reads does not wait
        other.execute("ROLLBACK")
        other.close()
        async with sessions.begin() as session:
            session.add(WorkerRow(id="a"))
        assert await count(sessions) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_server_that_hangs_up_is_passing_trouble_and_is_found_again(
    sessions: Sessions, postgres: Server, database_url: str
) -> None:
    hang_up = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(Unavailable):
        async with sessions.begin() as session:
            session.add(WorkerRow(id="a"))
            await session.flush()
            async with open_database(await postgres.new_database()) as others, others.begin() as other:
                await other.execute(hang_up)
            await session.execute(select(1))
    for _ in range(3):  # each connection of the pool may have been cut
        try:
            assert await count(sessions) == 0
        except Unavailable:
            continue
    assert await count(sessions) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_of_two_that_wait_in_a_circle_one_is_told_to_try_again(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        session.add_all([WorkerRow(id="a", beats=0), WorkerRow(id="b", beats=0)])
    both = asyncio.Barrier(2)

    async def touch(first: str, second: str) -> None:
        async with sessions.begin() as session:
            await session.get(WorkerRow, first, with_for_update=True)
            await both.wait()
            await session.get(WorkerRow, second, with_for_update=True)

    results = await asyncio.gather(touch("a", "b"), touch("b", "a"), return_exceptions=True)
    assert sorted(type(each) for each in results if each is not None) == [Unavailable]

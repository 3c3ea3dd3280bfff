"""A database of any earlier shape is brought up to date at start, with all that is in it, or not touched at all."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Boolean, Connection, DateTime, MetaData, inspect, null, text
from sqlalchemy.ext.asyncio import create_async_engine

import bot.store.migrations as migrations
from bot.domain.job import ItemState, JobState, Member
from bot.settings import BadSettings
from bot.store.database import open_database
from bot.store.jobs import Jobs
from bot.store.leases import LeaseStore
from bot.store.members import MemberSettings
from bot.store.owed import OwedStore
from bot.store.presence import Presence
from bot.store.schema import Base
from tests.store.conftest import books

ON_DISK = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
"""What is in memory was never of another version."""

FIRST = Path(__file__).parents[1] / "data" / "first_schema.sql"


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A database as the first version left it, with data in it."""
    with sqlite3.connect(tmp_path / "old.db") as file:
        file.executescript(FIRST.read_text("utf-8"))
    return f"sqlite+aiosqlite:///{tmp_path}/old.db"


async def test_everything_of_the_first_schema_is_still_there(old: str) -> None:
    async with open_database(old) as sessions:
        jobs, owed, members = Jobs(sessions), OwedStore(sessions), MemberSettings(sessions)
        assert await members.of(1) == {"guidance_scale": 5.0, "prompt": "a sailor"}
        assert await members.presets(1) == ["mine"]
        assert await members.recent(2, "steps") == [12]
        stored = {number: await jobs.get(number) for number in range(1, 6)}
        assert [job and job.state for job in stored.values()] == [
            JobState.DONE,
            JobState.RUNNING,
            JobState.QUOTED,
            JobState.DONE,
            JobState.QUEUED,
        ]
        half = stored[2]
        assert half is not None and half.owner == Member(2, "Théo") and half.turn == 2 and half.quote is not None
        assert half.quote.seconds == (2.0, 4.0) and half.quote.tokens == 0
        items = await jobs.items(2)
        assert [item.state for item in items] == [
            ItemState.WAITING,
            ItemState.FAILED,
            ItemState.DRAWN,
            ItemState.DRAWN,
        ]
        assert (items[3].batch, items[3].message_id) == ("b" * 24, 603)
        assert [item.number for item in (await owed.next_batch(2, 10)).items] == [3]
        assert [job.id for job in await owed.undelivered()] == [4]
        assert await owed.sheets(1) == {"": 602}
        assert await books(sessions) == []


async def test_what_was_half_done_goes_on_and_costs_nothing(old: str, tmp_path: Path) -> None:
    async with open_database(old) as sessions, LeaseStore(sessions, Presence(tmp_path), 1).held() as leases:
        leased, dead = await leases.claim()
        assert ([(each.job.id, len(each.items)) for each in leased], dead) == ([(2, 1), (5, 2)], [])
        await leases.begin(leased[0].lease, 1)
        assert await leases.settle(leased[0].lease, 1, ItemState.DRAWN, image="a" * 64, tokens=2)
        ended = await leases.end(leased[0].lease)
        assert ended is not None and ended.state is JobState.DONE
        assert (await Jobs(sessions).progress(2)).spent == 0
        assert await books(sessions) == []


def differences(connection: Connection) -> Any:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return compare_metadata(context, Base.metadata)


def checks(connection: Connection) -> set[str]:
    found = inspect(connection)
    return {str(rule["name"]) for table in found.get_table_names() for rule in found.get_check_constraints(table)}


@ON_DISK
async def test_the_steps_end_in_the_tables_that_the_console_works_with(database_url: str) -> None:
    async with open_database(database_url):
        pass
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert {"no_account_below_zero", "no_more_than_held"} <= await connection.run_sync(checks)
    await engine.dispose()


@ON_DISK
async def test_data_of_the_first_schema_is_taken_along_on_every_database(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: migrations.upgrade(c, "0001"))
        await connection.run_sync(fill)
    await engine.dispose()
    async with open_database(database_url) as sessions, sessions.reading() as session:
        rows = await session.execute(text("SELECT job_id, number, batch, message_id FROM outbox ORDER BY 1, 2"))
        assert [tuple(row) for row in rows] == [
            (1, 1, "a" * 24, 601),
            (1, 2, "a" * 24, 601),
            (2, 3, None, None),
            (2, 4, "b" * 24, 603),
            (4, 1, None, None),
        ]


def fill(connection: Connection) -> None:
    """Put the first version's data into the tables of a database of any kind."""
    tables = MetaData()
    tables.reflect(connection)
    with sqlite3.connect(":memory:") as file:
        file.executescript(FIRST.read_text("utf-8"))
        file.row_factory = sqlite3.Row
        for table in tables.sorted_tables:
            for row in file.execute(f'SELECT * FROM "{table.name}"') if table.name != "alembic_version" else ():
                values = {column.name: _read(column.type, row[column.name]) for column in table.c}
                connection.execute(table.insert().values(values))


def _read(kind: Any, value: Any) -> Any:
    """A value that SQLite keeps as a text or a number."""
    if isinstance(kind, JSON):
        return json.loads(value) if isinstance(value, str) else value if value is not None else null()
    if isinstance(kind, DateTime) and value is not None:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return bool(value) if isinstance(kind, Boolean) else value


async def test_an_upgrade_that_fails_leaves_the_old_database_as_it_was(
    old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "old.db") as file:
        file.execute("CREATE TABLE audit (id INTEGER)")  # in the way of the last thing that the step makes
        before = sorted(file.iterdump())
    with pytest.raises(BadSettings, match="audit"):
        async with open_database(old):
            raise AssertionError("it was opened")
    with sqlite3.connect(tmp_path / "old.db") as file:
        assert sorted(file.iterdump()) == before


@ON_DISK
async def test_a_database_of_a_later_version_is_refused_with_a_sentence(database_url: str) -> None:
    async with open_database(database_url) as sessions, sessions.begin() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadSettings, match="was written by a later version of Atelier; run that one, or name another"):
        async with open_database(database_url):
            raise AssertionError("it was opened")


@ON_DISK
async def test_consoles_that_start_together_upgrade_once(database_url: str) -> None:

    async def start() -> bool:
        async with open_database(database_url):
            return True

    assert await asyncio.gather(*(start() for _ in range(4))) == [True] * 4

"""The connection: one async engine, opened as a context, its tables made when missing."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, CursorResult, Result
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bot.settings import BadSettings
from bot.store.schema import Base

Sessions = async_sessionmaker[AsyncSession]


def changed(result: Result[Any]) -> int:
    """How many rows an UPDATE or DELETE changed; the typing of `execute` hides that it is a CursorResult."""
    assert isinstance(result, CursorResult)
    return result.rowcount


def _sqlite_pragmas(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    # WAL lets readers (autocomplete) go on beside the writer (the worker).
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Sessions]:
    """Sessions on the database at `url`. Raises BadSettings when it cannot be reached."""
    try:
        engine: AsyncEngine = create_async_engine(url)
    except (SQLAlchemyError, ImportError) as error:
        raise BadSettings(
            f"DATABASE_URL cannot be used: {error}. Leave it empty for SQLite, or begin it with sqlite+aiosqlite:///."
        ) from error
    if engine.dialect.name == "sqlite":
        _probe(engine.url)
        event.listen(engine.sync_engine, "connect", _sqlite_pragmas)
    try:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(engine.url, getattr(error, "orig", None) or error) from error
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


def _probe(url: URL) -> None:
    """Open the file once without a thread: an aiosqlite that cannot open it leaves a thread that dies loudly."""
    try:
        with closing(sqlite3.connect(url.database or ":memory:")) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise _unusable(url, error) from error


def _unusable(url: URL, cause: BaseException) -> BadSettings:
    shown = url.render_as_string(hide_password=True)
    return BadSettings(f"DATABASE_URL: the database at {shown} cannot be opened ({cause}).")

"""The connection: one async engine, opened as a context, its tables made when missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bot.settings import BadSettings
from bot.store.schema import Base

Sessions = async_sessionmaker[AsyncSession]


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
    except (ArgumentError, ImportError) as error:
        raise BadSettings(f"DATABASE_URL cannot be used: {error}. Leave it empty for SQLite.") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _sqlite_pragmas)
    try:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
        except (SQLAlchemyError, OSError) as error:
            shown = make_url(url).render_as_string(hide_password=True)
            cause = getattr(error, "orig", None) or error
            raise BadSettings(f"DATABASE_URL: the database at {shown} cannot be opened ({cause}).") from error
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()

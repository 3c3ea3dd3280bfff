"""The connection: one async engine, opened as a context, its tables brought up to date first."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import stamina
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, CursorResult, ExceptionContext, Result, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from bot.domain.errors import Unavailable
from bot.settings import BadSettings
from bot.store.migrations import NewerDatabase, upgrade

WRITES = "writes"
PATIENCE_SECONDS = 10
"""How long a statement waits for a lock that somebody else holds, before that is trouble."""

LIMITS = {"lock_timeout": f"{PATIENCE_SECONDS}s", "idle_in_transaction_session_timeout": "60s"}
"""What PostgreSQL is told: the same, and to end a transaction of a paused console, for whose locks others wait."""


CONNECT_SECONDS = 10
ANSWER_SECONDS = 20
"""How long we wait for PostgreSQL, which itself waits for a lock: a machine that vanished does not say so."""

CLOSE_SECONDS = 5
"""How long closing waits for all connections together."""

BUSY = ("locked", "busy", "disk I/O error", "is full")
"""What SQLite says of trouble that passes."""


class Sessions:
    """Sessions on one database: `reading()` sees one state of it, `begin()` changes it, all or nothing.

    `surveying()` reads all of it for as long as that takes, on connections of `patient`.

    Trouble that passes (a lock held too long, a server that is away) is raised as Unavailable; a broken rule stays an
    IntegrityError.
    """

    def __init__(self, engine: AsyncEngine, patient: AsyncEngine | None = None) -> None:
        self._surveying = async_sessionmaker(patient or engine, expire_on_commit=False)
        self._reading = async_sessionmaker(engine, expire_on_commit=False)
        self._writing = async_sessionmaker(engine.execution_options(**{WRITES: True}), expire_on_commit=False)
        # SQLite has one writer at a time and lets the others ask again and again, the unlucky until they give up; here
        # they come in their order.
        self._writer = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads."""
        try:
            async with self._reading() as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _named(error) from error

    @asynccontextmanager
    async def surveying(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads, and whose statements may take minutes."""
        try:
            async with self._surveying() as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _named(error) from error

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are committed on the way out, and undone when anything was raised."""
        try:
            async with self._turn(), self._writing.begin() as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise _named(error) from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """The only one of this process that writes, on SQLite. Raises TimeoutError (which is an OSError)."""
        if self._writer is None:
            yield
            return
        try:
            # While somebody else holds SQLite's lock each of ours waits for it in turn, and nobody is to wait for all.
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._writer.acquire()
        except TimeoutError:
            raise TimeoutError(f"for {PATIENCE_SECONDS} s others wrote, or waited to") from None
        try:
            yield
        finally:
            self._writer.release()


def changed(result: Result[Any]) -> int:
    """How many rows an UPDATE or DELETE changed; the typing of `execute` hides that it is a CursorResult."""
    assert isinstance(result, CursorResult)
    return result.rowcount


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Sessions]:
    """Sessions on the database at `url`, an older one brought up to date. Raises BadSettings with what to mend."""
    engine = _engine(url)
    # Bringing a large database up to date takes as long as it takes.
    patient = _engine(url, patient=True) if engine.dialect.name == "postgresql" else engine
    try:
        try:
            async with patient.execution_options(**{WRITES: True}).begin() as connection:
                await connection.run_sync(upgrade)
        except NewerDatabase as error:
            raise BadSettings(f"DATABASE_URL: the database at {_shown(engine.url)} {error}") from error
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(engine.url, getattr(error, "orig", None) or error) from error
        yield Sessions(engine, patient)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await engine.dispose()


def _engine(url: str, *, patient: bool = False) -> AsyncEngine:
    try:
        parsed = make_url(url)
        # In memory there is one connection, which is the database: whoever comes second waits for it.
        size = {"pool_size": 1, "max_overflow": 0} if _in_memory(parsed) else {"pool_size": 10, "max_overflow": 20}
        pool = {"poolclass": NullPool} if patient else {"poolclass": AsyncAdaptedQueuePool, **size}
        engine = create_async_engine(parsed, **pool, **_limits(parsed, patient))
    except ValueError as error:
        # What stands where the port should may be a part of the password, so it is not said.
        raise BadSettings(
            "DATABASE_URL cannot be used: the port in it is no number. In a password, / is written %2F and @ is "
            "written %40."
        ) from error
    except (SQLAlchemyError, ImportError) as error:
        raise BadSettings(
            f"DATABASE_URL cannot be used: {error}. Leave it empty for SQLite, or begin it with sqlite+aiosqlite:/// "
            "or postgresql+asyncpg://."
        ) from error
    if engine.dialect.name == "sqlite":
        if not _in_memory(engine.url):
            _probe(engine.url)
        event.listen(engine.sync_engine, "connect", _sqlite_connected)
        event.listen(engine.sync_engine, "begin", _sqlite_begin)
        event.listen(engine.sync_engine, "invalidate", _sqlite_invalidated)
    event.listen(engine.sync_engine, "handle_error", _failed)
    return engine


def _limits(url: URL, patient: bool) -> dict[str, Any]:
    """How long PostgreSQL waits for others, and we for it."""
    if url.get_driver_name() != "asyncpg":
        return {}
    answer = None if patient else ANSWER_SECONDS
    return {"connect_args": {"server_settings": LIMITS, "timeout": CONNECT_SECONDS, "command_timeout": answer}}


def _failed(context: ExceptionContext) -> None:
    # Where one connection has no answer the others have none, and each would be waited for anew.
    if isinstance(context.original_exception, TimeoutError):
        context.invalidate_pool_on_disconnect = True


def _in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _sqlite_connected(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own; `_sqlite_begin` does
    cursor = connection.cursor()
    # WAL lets readers (autocomplete) go on beside the writer (the worker); FULL keeps what was committed through a loss
    # of power too.
    patience = f"busy_timeout={PATIENCE_SECONDS * 1000}"
    for pragma in (patience, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A transaction that reads first and then writes would be refused, not made to wait, when somebody else wrote.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _sqlite_invalidated(connection: Any, _: object, __: BaseException | None) -> None:
    """Undo what a task had begun that was cancelled in the middle of it.

    Closing alone does not: while a cursor of it is left somewhere, SQLite keeps the connection, and with it the lock.
    """
    with suppress(Exception):  # it may be closed already
        connection.rollback()


def _named(error: BaseException) -> BaseException:
    """Passing trouble as Unavailable; what breaks a rule, and our own mistakes, as they are."""
    if isinstance(error, DBAPIError) and not error.connection_invalidated:
        busy = any(words in str(error.orig) for words in BUSY)
        if isinstance(error, IntegrityError) or not (busy or _away(error)):
            return error
    reason = str(getattr(error, "orig", None) or error) or "it was waited for in vain"
    return Unavailable(f"the database does not answer: {reason}")


def _away(error: DBAPIError) -> bool:
    """Whether the server said goodbye, is starting or full, chose this transaction to end a deadlock, or it waited for
    a lock for too long."""
    code = getattr(error.orig, "sqlstate", None) or ""
    return code[:2] in ("08", "53", "57") or code in ("25P03", "40001", "40P01", "55P03")


def _probe(url: URL) -> None:
    """Open the file once without a thread: an aiosqlite that cannot open it leaves a thread that dies loudly.

    The first who opens it makes it a WAL file; whoever comes at that very moment is refused, not made to wait.
    """
    try:
        for attempt in stamina.retry_context(on=_locked, attempts=None, timeout=PATIENCE_SECONDS, wait_max=0.5):
            with attempt, closing(sqlite3.connect(url.database or ":memory:")) as connection:
                connection.execute("PRAGMA schema_version")
                connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise _unusable(url, error) from error


def _locked(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _unusable(url: URL, cause: BaseException) -> BadSettings:
    why = str(cause) or "it does not answer"  # of a time that ran out Python says nothing
    return BadSettings(f"DATABASE_URL: the database at {_shown(url)} cannot be opened ({why}).")

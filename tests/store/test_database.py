"""A database that cannot be opened is a sentence at start; one that is away for a while undoes what was begun."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

import bot.store.database as database_module
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
        "postgresql+asyncpg://somebody@127.0.0.1:port/nothing",
    ],
)
async def test_a_database_that_cannot_be_opened_is_a_sentence(url: str) -> None:
    with pytest.raises(BadSettings, match="DATABASE_URL"):
        async with open_database(url):
            raise AssertionError("it was opened")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite://user:hunter2@/nowhere/a.db",
        "postgresql+asyncpg://somebody:hunter2@127.0.0.1:1/nothing",
        "postgresql+asyncpg://somebody:hunter2/3@127.0.0.1:1/nothing",
    ],
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


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("database is locked", True),
        ("database or disk is full", True),
        ("disk I/O error", True),
        ("database disk image is malformed", False),
        ("file is not a database", False),
    ],
)
async def test_a_broken_file_is_no_passing_trouble(tmp_path: Path, said: str, passes: bool) -> None:
    async with open_database(f"sqlite+aiosqlite:///{tmp_path / 'a.db'}") as sessions:
        with pytest.raises(Unavailable if passes else DBAPIError):
            async with sessions.begin():
                raise OperationalError("SELECT 1", {}, sqlite3.DatabaseError(said))


class Cable:
    """What lies between us and a server. Pulled out, it says nothing any more, and what went over it never will."""

    def __init__(self) -> None:
        self.port = 0
        self._pulled = False
        self._ends: list[asyncio.StreamWriter] = []
        self._carrying: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def to(self, host: str, port: int) -> AsyncIterator["Cable"]:
        """Lies there while the context is open, on a port of its own."""

        async def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._ends.append(writer)
            if not self._pulled:
                back, forth = await asyncio.open_connection(host, port)
                self._ends.append(forth)
                for pair in ((reader, forth), (back, writer)):
                    self._carrying.append(asyncio.create_task(self._carry(*pair)))

        server = await asyncio.start_server(arrived, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.pull()
            for writer in self._ends:
                writer.close()

    def pull(self) -> None:
        """Nobody is told."""
        self._pulled = True
        for each in self._carrying:
            each.cancel()

    def plug(self) -> None:
        """Who comes from now on is heard."""
        self._pulled = False

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("act", ["read", "write", "commit"])
async def test_a_server_that_vanishes_without_a_word_is_passing_trouble(
    database_url: str, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    for name in ("ANSWER_SECONDS", "CONNECT_SECONDS"):
        monkeypatch.setattr(database_module, name, 2.0)  # before the cable is pulled too, on a busy machine
    there = make_url(database_url)
    assert there.host and there.port
    async with asyncio.timeout(60), Cable().to(there.host, there.port) as cable:
        url = there.set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
        async with open_database(url) as sessions:
            assert await asyncio.gather(*(count(sessions) for _ in range(3))) == [0] * 3
            with pytest.raises(Unavailable):
                if act == "read":
                    cable.pull()
                    await count(sessions)
                async with sessions.begin() as session:
                    if act == "write":
                        cable.pull()
                    session.add(WorkerRow(id="a"))
                    await session.flush()
                    cable.pull()
            with pytest.raises(Unavailable):  # nor is there a new connection
                await count(sessions)
            cable.plug()
            assert await count(sessions) == 0  # it is found again, on none of the old connections


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_server_that_does_not_answer_at_the_start_is_told_with_its_address(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CONNECT_SECONDS", 0.2)
    there = make_url(database_url)
    assert there.host and there.port
    async with asyncio.timeout(60), Cable().to(there.host, there.port) as cable:
        cable.pull()
        url = there.set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
        with pytest.raises(
            BadSettings, match=rf"127\.0\.0\.1:{cable.port}/.* cannot be opened \(it does not answer\)\.$"
        ):
            async with open_database(url):
                pytest.fail("it was opened")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_closing_does_not_wait_for_each_connection_to_a_server_that_vanished(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CLOSE_SECONDS", 0.2)
    there = make_url(database_url)
    assert there.host and there.port
    async with asyncio.timeout(database_module.ANSWER_SECONDS - 1), Cable().to(there.host, there.port) as cable:
        url = there.set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
        async with open_database(url) as sessions:
            assert await asyncio.gather(*(count(sessions) for _ in range(3))) == [0] * 3
            cable.pull()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_who_surveys_a_large_database_may_take_longer_than_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "ANSWER_SECONDS", 1.0)
    async with open_database(database_url) as sessions:
        with pytest.raises(Unavailable):
            async with sessions.reading() as session:
                await session.execute(text("SELECT pg_sleep(2.5)"))
        async with sessions.surveying() as session:
            await session.execute(text("SELECT pg_sleep(2.5)"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_is_called_off_in_the_middle_of_writing_leaves_no_lock_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.database.PATIENCE_SECONDS", 1)
    moments = Random(7)
    async with open_database(database_url) as sessions:

        async def write() -> None:
            while True:
                async with sessions.begin() as session:
                    session.add(WorkerRow(id=uuid4().hex))
                    await session.flush()
                    (await session.scalars(select(WorkerRow).limit(9))).all()

        for _ in range(60):  # without the rollback about one in four leaves one
            writers = [asyncio.create_task(write()) for _ in range(2)]
            await asyncio.sleep(moments.random() * 0.02)
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)
            async with sessions.begin() as session:
                session.add(WorkerRow(id=uuid4().hex))

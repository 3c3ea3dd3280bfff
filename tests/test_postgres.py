"""The servers that the tests start: real, apart from each other, and gone afterwards."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.postgres import PREFIX, Server, find_programs, serving

ROOT = Path(__file__).parents[1]
# Serves from a process of its own, says where, and waits; as nobody in particular where root started it.
APART = """
import os, pwd, sys, time
from tests.postgres import serving
if os.geteuid() == 0:
    user = pwd.getpwnam("postgres")
    os.setgroups([]); os.setgid(user.pw_gid); os.setuid(user.pw_uid)
with serving() as server:
    print(server.folder, server.address.port, flush=True)
    sys.stdin.read()
"""


async def query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def until(promise: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not (kept := promise()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return kept


def listens(port: int | None) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def state_of(server: Server) -> Path:
    assert server.folder
    return server.folder / "data" / "postmaster.pid"


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are started even where one was given; skips where none can be."""
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)
    if not find_programs():
        pytest.skip("no PostgreSQL is here; install Debian's package postgresql")


async def test_a_server_speaks_postgresql_with_room_for_many(postgres):
    url = await postgres.new_database()
    try:
        assert str(await query(url, "SHOW server_version")).split(".")[0].isdecimal()
        assert await query(url, "SHOW server_encoding") == "UTF8"
        assert int(str(await query(url, "SHOW max_connections"))) >= 100
    finally:
        await postgres.drop(url)


async def test_databases_are_separate_and_go_even_while_somebody_is_connected(postgres):
    first, second = await postgres.new_database(), await postgres.new_database()
    await query(first, "CREATE TABLE note (id int)")
    assert await query(second, "SELECT to_regclass('note')") is None
    connected = await asyncpg.connect(first.replace("+asyncpg", ""))
    for url in (first, second):
        await postgres.drop(url)
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await query(url, "SELECT 1")
    await connected.close()


async def test_only_what_was_made_is_dropped(postgres):
    with pytest.raises(ValueError, match="'postgres' is no database that this server was asked for"):
        await postgres.drop(postgres.url("postgres"))


async def test_a_given_server_is_used_and_none_is_started(postgres, monkeypatch):
    monkeypatch.setenv("TEST_POSTGRES_URL", postgres.url("postgres"))
    monkeypatch.setattr("tests.postgres.find_programs", lambda: pytest.fail("it looked for programs"))
    with serving() as given:
        assert given.folder is None
        url = await given.new_database()
        assert make_url(url).port == postgres.address.port
        assert await query(url, "SELECT current_database()") == make_url(url).database
        await given.drop(url)
    assert await query(postgres.url("postgres"), "SELECT 1") == 1


def test_a_given_address_keeps_its_password_and_gets_the_driver(monkeypatch):
    monkeypatch.setenv("TEST_POSTGRES_URL", "postgresql://ada:s%40cret@127.0.0.1:6543")
    with serving() as given:
        assert given.url("notes") == "postgresql+asyncpg://ada:s%40cret@127.0.0.1:6543/notes"


def test_a_server_and_its_folder_are_gone_afterwards_also_where_only_we_may_enter(ours, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # 0700, as pytest makes it
    with serving() as server:
        port = server.address.port
        assert listens(port)
        assert state_of(server).stat().st_uid != 0
    assert not listens(port)
    assert not server.folder.exists()
    assert not list(tmp_path.glob(f"{PREFIX}*"))


async def test_durability_and_other_settings_can_be_asked_for(ours):
    with serving(fsync=True, max_connections="20") as server:
        url = server.url("postgres")
        assert [await query(url, f"SHOW {name}") for name in ("fsync", "full_page_writes")] == ["on", "on"]
        assert await query(url, "SHOW max_connections") == "20"


def test_a_dead_server_leaves_no_folder_behind(ours):
    with serving() as server:
        os.kill(int(state_of(server).read_text().split()[0]), signal.SIGQUIT)
        assert until(lambda: not listens(server.address.port))
    assert not server.folder.exists()


def test_a_failed_start_tells_the_end_of_the_log_and_leaves_no_folder_behind(ours, tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tests.postgres.PREFIX", prefix := f"failing-{os.getpid()}-")
    with pytest.raises(RuntimeError, match=r'(?s)PostgreSQL ended:\n.*invalid value for parameter "max_connections"'):
        serving(max_connections="many").__enter__()
    assert not [*tmp_path.glob(f"{prefix}*"), *Path("/tmp").glob(f"{prefix}*")]


def test_a_server_of_a_killed_run_ends_with_it_also_without_root(ours):
    command = [sys.executable, "-c", APART]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as apart:
        folder, port = apart.stdout.readline().split()
        try:
            assert listens(int(port)) and Path(folder).exists()
        finally:
            apart.kill()
    assert until(lambda: not listens(int(port)) and not Path(folder).exists())


def test_where_there_is_no_postgresql_the_test_is_skipped_with_what_to_install(monkeypatch):
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)
    monkeypatch.setattr("tests.postgres.find_programs", dict)
    with pytest.raises(pytest.skip.Exception, match="install Debian's package postgresql, or name a server in TEST_"):
        serving().__enter__()


def test_debians_newest_version_is_found_where_the_path_has_none(tmp_path, monkeypatch):
    for version in ("9", "15", "16beta", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        for name in ("initdb", "postgres") if version != "17" else ("initdb",):
            (tmp_path / version / "bin" / name).touch(mode=0o755)
    monkeypatch.setattr("tests.postgres.DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_programs() == {name: str(tmp_path / "15" / "bin" / name) for name in ("initdb", "postgres")}


async def test_each_kind_of_database_is_empty_and_answers(database_url):
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE note (id int)"))
        assert (await connection.execute(text("SELECT count(*) FROM note"))).scalar() == 0
    await engine.dispose()

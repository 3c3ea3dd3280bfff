"""A real PostgreSQL server for the tests: one that they start themselves, or the one that TEST_POSTGRES_URL names.

Ours lives in a folder of its own under /tmp, listens on a free port of 127.0.0.1 and ends with who started it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import URL, make_url

DRIVER = "postgresql+asyncpg"
DEBIAN = Path("/usr/lib/postgresql")
PREFIX = "atelier-postgres-"
SECONDS_TO_START, SECONDS_TO_STOP = 60, 30
TAIL_BYTES = 3000

# Runs a server in folder $1 until it ends, or until our end of the pipe closes: also when we are killed, the server is
# shut down (SIGINT: "fast", nobody is waited for) and its folder removed.
KEEPER = """
folder=$1; shift
exec 3<&0
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill -INT $server; } &
watcher=$!
wait $server; code=$?
kill $watcher
rm -rf "$folder"
exit $code
"""


@dataclass(frozen=True)
class Server:
    """A server whose user may create databases.

    `address` names one of its databases that stays; `folder` holds its files while it is one of ours.
    """

    address: URL
    folder: Path | None = None
    made: set[str] = field(default_factory=set, compare=False)

    def url(self, database: str) -> str:
        return self.address.set(drivername=DRIVER, database=database).render_as_string(hide_password=False)

    async def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"atelier_{uuid.uuid4().hex}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        self.made.add(name)
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Removes a database that `new_database` made, whoever is still connected to it."""
        name = make_url(url).database or ""
        if name not in self.made:
            raise ValueError(f"{name!r} is no database that this server was asked for")
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.made.discard(name)

    async def _execute(self, statement: str) -> None:
        dsn = self.address.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def serving(*, fsync: bool = False, **settings: str) -> Iterator[Server]:
    """A running server; skips the test where there is none to be had.

    Without `fsync` it survives kills, but no power cut. `settings` are PostgreSQL's own. Neither says anything to a
    server that TEST_POSTGRES_URL names; that one must be on this machine (see tests/conftest.py).
    """
    if given := os.environ.get("TEST_POSTGRES_URL"):
        address = make_url(given)
        yield Server(address if address.database else address.set(database="postgres"))
        return
    programs = find_programs()
    if not programs:
        pytest.skip("no PostgreSQL is here; install Debian's package postgresql, or name a server in TEST_POSTGRES_URL")
    user = unprivileged_user()
    with empty_folder(user) as folder:
        data = folder / "data"
        initialise(programs["initdb"], data, user)
        switch = "on" if fsync else "off"
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": switch,
            "full_page_writes": switch,
            **settings,
        }
        command = [programs["postgres"], "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with running(command, folder, user):
            yield Server(URL.create(DRIVER, "atelier", host="127.0.0.1", port=port, database="postgres"), folder)


def find_programs() -> dict[str, str]:
    """Where initdb and postgres are: on the PATH, else in Debian's newest version; empty where they are not."""
    installed = [folder for folder in DEBIAN.glob("*/bin") if folder.parent.name.isdecimal()]
    installed.sort(key=lambda folder: int(folder.parent.name), reverse=True)
    for path in [None, *map(str, installed)]:
        found = {name: shutil.which(name, path=path) for name in ("initdb", "postgres")}
        if all(found.values()):
            return {name: program for name, program in found.items() if program}
    return {}


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run the server as: PostgreSQL refuses root. None is whoever we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres; Debian's package makes one")


@contextmanager
def empty_folder(user: pwd.struct_passwd | None) -> Iterator[Path]:
    """A folder of that user alone, removed in the end."""
    parent = Path(tempfile.gettempdir())
    if user and any(not folder.stat().st_mode & 0o001 for folder in (parent, *parent.parents)):
        parent = Path("/tmp")  # where others than root get in
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_user(user: pwd.struct_passwd | None, folder: Path) -> dict[str, Any]:
    """How subprocess starts a program as that user, where they may enter, and without our PG variables."""
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    return {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **identity}


def initialise(initdb: str, data: Path, user: pwd.struct_passwd | None) -> None:
    options = ["-U", "atelier", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    result = subprocess.run(
        [initdb, "-D", data, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **as_user(user, data.parent),
    )
    if result.returncode:
        raise RuntimeError(f"initdb failed:\n{result.stdout}")


@contextmanager
def running(command: list[str], folder: Path, user: pwd.struct_passwd | None) -> Iterator[None]:
    """The server while it accepts connections. Raises RuntimeError with the end of its log when it never does."""
    with tempfile.TemporaryFile() as log:
        keeper: subprocess.Popen[bytes] = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", folder, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests, which then stop it
            **as_user(user, folder),
        )
        try:
            wait_until_ready(keeper, folder / "data" / "postmaster.pid", log.fileno())
            yield
        finally:
            stop(keeper)


def wait_until_ready(keeper: subprocess.Popen[bytes], state: Path, log: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not is_ready(state):
        ended = keeper.poll() is not None
        if ended or time.monotonic() > deadline:
            trouble = "ended" if ended else f"was not ready after {SECONDS_TO_START} s"
            size = os.fstat(log).st_size
            # pread: the server writes at the file's position, which is ours too.
            tail = os.pread(log, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")
            raise RuntimeError(f"PostgreSQL {trouble}:\n{tail}")
        time.sleep(0.01)


def is_ready(state: Path) -> bool:
    """Whether postmaster.pid says, in the line where pg_ctl looks for it, that connections are accepted."""
    try:
        lines = state.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def stop(keeper: subprocess.Popen[bytes]) -> None:
    """Shuts the server down. A line and not only the pipe's end: a fork of ours could hold that open."""
    try:
        keeper.communicate(b"\n", SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

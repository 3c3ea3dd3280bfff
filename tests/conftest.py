"""What every test lives under: no model hub, no network beyond this machine, and in CI no skip.

With ATELIER_REQUIRE_ALL=1 a skipped or expected-to-fail test counts as a failure, so that a missing tool
cannot pass for a success. The one exception is Discord's specification, which this repository does not ship.
"""

import ipaddress
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.postgres import Server

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}
if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores: threads of torch would fight for them
    os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.remarks"]

PERMITTED_SKIP = "Discord's specification is not in "
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a report into a failure when it skips, or expects to fail, while ATELIER_REQUIRE_ALL=1 is set."""
    if os.environ.get("ATELIER_REQUIRE_ALL") != "1":
        return
    if hasattr(report, "wasxfail"):
        complaint = f"no expected failure: {report.wasxfail or 'no reason was given'}"
        del report.wasxfail
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(PERMITTED_SKIP):
            return
        complaint = f"no skip: {reason}"
    else:
        return
    report.outcome = "failed"
    report.longrepr = f"ATELIER_REQUIRE_ALL=1 permits {complaint}"


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuses each connection that would leave this machine, so that no test can depend on the network."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def connect_here(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            raise RuntimeError(
                f"a test tried to reach {address[0]} port {address[1]}; only this machine may be reached"
            )
        return connect(self, address)

    return connect_here


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # another name: it would be looked up, and nothing that needs looking up is here
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser: what CHROMIUM names, else the first of Debian's and Google's names on the PATH."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else CHROMIUM_NAMES:
        if found := shutil.which(name):
            return Path(found)
    if named:
        pytest.skip(f"CHROMIUM names {named}, and there is no program of that name")
    pytest.skip("no Chromium is here; install Debian's package chromium, or name one in CHROMIUM")


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Server]":
    """A PostgreSQL server, one for the whole run (see tests/postgres.py)."""
    from tests.postgres import serving

    with serving() as server:
        yield server


@pytest_asyncio.fixture(params=["memory", "sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """An empty database of each kind in turn: SQLite in memory and in a file, and PostgreSQL."""
    if request.param == "memory":
        yield "sqlite+aiosqlite:///:memory:"
    elif request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'atelier.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        url = await server.new_database()
        yield url
        await server.drop(url)

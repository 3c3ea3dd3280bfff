"""The rules that every test lives under: what may skip, and what may be connected to."""

import asyncio
import socket
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[2]
CONFTEST = ROOT / "tests/conftest.py"
SKIPS = """
import pytest

def test_passes():
    pass

def test_skips_in_its_body():
    pytest.skip("no such tool")

@pytest.mark.skip(reason="not today")
def test_skips_by_mark():
    pass

@pytest.fixture
def browser():
    pytest.skip("no browser")

def test_skips_in_a_fixture(browser):
    pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False

@pytest.mark.xfail(reason="known")
def test_expected_to_fail_that_passes():
    pass
"""
SPECIFICATION = """
import pytest

def test_needs_the_specification():
    pytest.skip("Discord's specification is not in /nowhere: set DISCORD_SPEC_DIR")
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own under this project's conftest."""
    pytester.makeconftest(CONFTEST.read_text())
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the conftest names a plugin that stands in tests/
    return pytester


def run(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, require_all: bool) -> pytest.RunResult:
    if require_all:
        monkeypatch.setenv("ATELIER_REQUIRE_ALL", "1")
    else:
        monkeypatch.delenv("ATELIER_REQUIRE_ALL", raising=False)
    return inner.runpytest_subprocess("-p", "no:cacheprovider")


def test_skips_are_failures_where_everything_is_required(inner, monkeypatch):
    inner.makepyfile(SKIPS)
    result = run(inner, monkeypatch, require_all=True)
    # A skip in a fixture or by a mark happens before the test proper, where pytest says "error" for "failed".
    result.assert_outcomes(passed=1, failed=3, errors=2)
    result.stdout.fnmatch_lines_random(
        [
            "*ATELIER_REQUIRE_ALL=1 permits no skip: no such tool*",
            "*ATELIER_REQUIRE_ALL=1 permits no skip: not today*",
            "*ATELIER_REQUIRE_ALL=1 permits no skip: no browser*",
            "*ATELIER_REQUIRE_ALL=1 permits no expected failure: known*",
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_skips_are_skips_elsewhere(inner, monkeypatch):
    inner.makepyfile(SKIPS)
    result = run(inner, monkeypatch, require_all=False)
    result.assert_outcomes(passed=1, skipped=3, xfailed=1, xpassed=1)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "module",
    [
        'import pytest\npytest.skip("no tool", allow_module_level=True)',
        'import pytest\npytest.importorskip("no_tool")',
    ],
)
def test_a_module_that_skips_while_it_is_collected_fails_too(inner, monkeypatch, module):
    inner.makepyfile(module)
    assert run(inner, monkeypatch, require_all=True).ret == pytest.ExitCode.INTERRUPTED
    assert run(inner, monkeypatch, require_all=False).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_only_the_missing_specification_may_skip(inner, monkeypatch):
    inner.makepyfile(SPECIFICATION)
    result = run(inner, monkeypatch, require_all=True)
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("address", ["192.0.2.1", "discord.com", "::ffff:192.0.2.1", "2001:db8::1"])
def test_a_connection_that_would_leave_the_machine_is_refused(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.socket(family) as outward,
        pytest.raises(RuntimeError, match="only this machine may be reached"),
    ):
        outward.connect((address, 443))


async def test_the_refusal_holds_under_asyncio():
    with pytest.raises(RuntimeError, match="only this machine may be reached"):
        await asyncio.open_connection("192.0.2.1", 443)


async def test_a_connection_to_this_machine_is_made():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()


def test_the_model_hub_stays_offline():
    from huggingface_hub import constants

    assert constants.HF_HUB_OFFLINE

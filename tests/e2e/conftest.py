"""The console over real sockets: the strict sandbox on one side, the unmodified disnake client on the other."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from disnake.http import Route

from bot.sandbox import Interaction, Sandbox
from bot.sandbox.demo import console_process
from bot.settings import read
from bot.wiring import run_console
from tests.remarks import remark

ROOT = Path(__file__).parents[2]
SPEC_DIR = Path(os.environ.get("DISCORD_SPEC_DIR", ROOT / "../shared/discord"))
CHECKED: dict[str, int] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Say how much of the traffic was held against Discord's own specification."""
    if CHECKED:
        counts = ", ".join(f"{count:,} {direction}" for direction, count in sorted(CHECKED.items()))
        remark(session.config, f"bodies checked against Discord's specification: {counts}")


def may_cancel(card: Mapping[str, Any]) -> bool:
    """Whether a card has a Cancel button: until its job has ended."""
    return any(button["custom_id"].startswith("cancel:") for row in card["components"] for button in row["components"])


@pytest.fixture(autouse=True)
def patient_with_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles of this process defer late, so that tests may read first answers; Discord waits for three seconds."""
    monkeypatch.setattr("bot.cogs.context.DEFER_AFTER_SECONDS", 1.5)


@dataclass
class Running:
    """A sandbox and the console connected to it."""

    sandbox: Sandbox

    def results(self) -> list[dict[str, Any]]:
        """Every attachment the console posted to a channel, in order."""
        return [each for message in self.sandbox.messages() for each in message["attachments"]]

    async def ended(self, quoted: Interaction, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until the job of this card has ended and been delivered; the card."""

        def look() -> bool:
            card = quoted.message
            return bool(card and card["embeds"] and not may_cancel(card))

        await self.sandbox.until(look, timeout)
        assert quoted.message is not None
        return quoted.message

    async def told(self, pressed: Interaction) -> str:
        """What the member alone was told after pressing a button."""
        (message,) = await self.sandbox.until(lambda: pressed.followups)
        assert message.audience == pressed.member.id
        return message.content


@pytest.fixture(scope="session")
def weights_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all consoles of the run, so that the tiny family is made once."""
    return tmp_path_factory.mktemp("cache")


@asynccontextmanager
async def strict_sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox that checks every body; on the way out no rule of Discord's may have been broken."""
    async with Sandbox(spec_dir=SPEC_DIR if SPEC_DIR.is_dir() else None) as sandbox:
        yield sandbox
        for direction, count in sandbox.checked.items():
            CHECKED[direction] = CHECKED.get(direction, 0) + count
    assert sandbox.violations == []


def data_folder(folder: Path, cache: Path) -> Path:
    """A console's data, with the run's one cache in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "cache").exists():
        (folder / "cache").symlink_to(cache)
    return folder


@asynccontextmanager
async def console_on(sandbox: Sandbox, data: Path, cache: Path, **overrides: object) -> AsyncIterator[Running]:
    """A console in this process, one at a time: disnake keeps addresses and subcommands a process."""
    settings = read(
        _env_file=None,
        discord_token=sandbox.token,
        discord_api_url=sandbox.api_url,
        data_dir=data_folder(data, cache),
        model_dir=str(data / "models"),
        log_level="WARNING",
        web_port=0,
        **{"model_family": "tiny"} | overrides,
    )
    address, stop = Route.BASE, asyncio.Event()
    console = asyncio.create_task(run_console(settings, stop))
    try:
        ready = asyncio.create_task(sandbox.ready())
        await asyncio.wait((ready, console), return_when=asyncio.FIRST_COMPLETED)
        if console.done():
            console.result()
        await ready
        yield Running(sandbox)
    finally:
        stop.set()
        await asyncio.wait_for(console, 60)
        Route.BASE = address  # a setting of disnake's, and so of the whole process


@asynccontextmanager
async def running(data: Path, cache: Path, **overrides: object) -> AsyncIterator[Running]:
    """Sandbox and console in this process."""
    async with strict_sandbox() as sandbox, console_on(sandbox, data, cache, **overrides) as atelier:
        yield atelier


Open = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def open_console(tmp_path: Path, weights_cache: Path) -> Open:
    """Opens a console of this test's own, with the settings it names."""

    def open_(data: Path | None = None, **overrides: object) -> AbstractAsyncContextManager[Running]:
        return running(data or tmp_path / "data", weights_cache, **overrides)

    return open_


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def atelier(tmp_path_factory: pytest.TempPathFactory, weights_cache: Path) -> AsyncIterator[Running]:
    """One console, in a process of its own, for all tests that leave it as they found it."""
    data = data_folder(tmp_path_factory.mktemp("atelier"), weights_cache)
    async with (
        strict_sandbox() as sandbox,
        console_process(sandbox, data, log=data / "console.log", extra={"MODEL_FAMILY": "tiny"}),
    ):
        await sandbox.ready(60)
        yield Running(sandbox)

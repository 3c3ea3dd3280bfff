"""Closing has an end, whatever stands still; what keeps the console from starting is a sentence."""

import asyncio
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import typer

import bot.__main__ as program
import bot.wiring as wiring
from bot.domain.errors import Unavailable
from bot.settings import Settings, read

SETTINGS = read(_env_file=None)
FOR_EVER = 600


async def test_a_stage_that_does_not_end_is_called_off_and_the_next_has_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wiring, "CLOSING_SECONDS", 0.05)
    monkeypatch.setattr(wiring, "STAGE_SECONDS", 0.05)
    stop, told = asyncio.Event(), []

    async def console(_: Settings, stop: asyncio.Event) -> None:
        async def stage(name: str) -> None:
            told.append(name)
            await asyncio.sleep(FOR_EVER)

        async with AsyncExitStack() as stack:
            for name in ("database", "outbox", "drawing"):
                stack.push_async_callback(stage, name)
            await stop.wait()

    monkeypatch.setattr(wiring, "_console", console)
    running = asyncio.create_task(wiring.run_console(SETTINGS, stop))
    await asyncio.sleep(0.2)
    assert told == []  # it is the closing that has an end
    stop.set()
    await asyncio.wait_for(running, 60)
    assert told == ["drawing", "outbox", "database"]


async def test_what_ends_the_console_is_raised_and_who_is_called_off_closes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = []

    async def console(_: Settings, stop: asyncio.Event) -> None:
        try:
            if not stop.is_set():
                await asyncio.sleep(FOR_EVER)
            raise OSError("no disk")
        finally:
            closed.append(True)

    monkeypatch.setattr(wiring, "_console", console)
    stop = asyncio.Event()
    running = asyncio.create_task(wiring.run_console(SETTINGS, stop))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert closed == [True]
    stop.set()
    with pytest.raises(OSError, match="no disk"):
        await wiring.run_console(SETTINGS, stop)


def test_a_database_that_is_busy_at_start_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, program._sentences():
        raise Unavailable("the database does not answer: canceling statement due to lock timeout")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.startswith("DATABASE_URL: the database does not answer: canceling")


def run(lines: str, folder: Path) -> subprocess.Popen[str]:
    """The console's program with these lines of Python before it."""
    code = f"import bot.__main__ as program, bot.wiring as wiring\n{lines}\nprogram.main()"
    settings = {"DISCORD_TOKEN": "a", "DATA_DIR": str(folder), "MODEL_FAMILY": "tiny", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=settings | {"PYTHONPATH": str(Path(program.__file__).parents[1])},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


STANDING_STILL = """
import time
async def run_console(settings, stop):
    print("running", flush=True)
    await stop.wait()
    time.sleep(600)
wiring.run_console, wiring.LAST_SECONDS = run_console, 0.2
"""


def test_a_process_that_stands_still_ends_all_the_same(tmp_path: Path) -> None:
    with run(STANDING_STILL, tmp_path) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "running\n"
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "Timeout" in said and "run_console" in said  # and it tells where it stood


LOADING = """
import threading
import bot.renderer
begun = threading.Event()
def load(self, measure):
    import torch
    while True:
        (torch.randn(400, 400) @ torch.randn(400, 400)).sum().item()
        begun.set()
async def open(self, api_url, token):
    begun.wait(60)
    raise wiring.BadSettings("Nobody is there.")
bot.renderer.LAST_SECONDS, bot.renderer.LocalRenderer._open, wiring.Console.open = 0.2, load, open
"""


def test_a_console_that_ends_while_its_weights_load_has_its_own_code_and_sentence(tmp_path: Path) -> None:
    with run(LOADING, tmp_path) as process:
        try:
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
    assert "Nobody is there." in said and "terminate called" not in said
    assert process.returncode == 1

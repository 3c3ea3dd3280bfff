"""The console as an operator runs it: a process with an environment, signals and an exit code."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.sandbox import File, Sandbox
from tests.e2e.conftest import data_folder, strict_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = b"{base: {prompt: x, steps: 30}, parameters: {seed: '1-24'}}"


def environment(sandbox: Sandbox, data: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "DISCORD_TOKEN": sandbox.token,
        "DISCORD_API_URL": sandbox.api_url,
        "DATA_DIR": str(data),
        "LOG_LEVEL": "INFO",
        "MODEL_FAMILY": "tiny",
        **more,
    }


@asynccontextmanager
async def console(sandbox: Sandbox, data: Path, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m bot` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", env=environment(sandbox, data, **more), stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def end(process: asyncio.subprocess.Process, timeout: float = 60) -> tuple[int, str]:
    """Its exit code and what it said."""
    _, said = await asyncio.wait_for(process.communicate(), timeout)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_sigterm_mid_sweep_drains_and_the_next_start_goes_on_where_it_was(
    tmp_path: Path, weights_cache: Path
) -> None:
    data_folder(tmp_path, weights_cache)
    async with strict_sandbox() as sandbox:
        mina = sandbox.members["mina"]

        def posted() -> list[str]:
            return [each["filename"] for message in sandbox.messages() for each in message["attachments"]]

        async with console(sandbox, tmp_path) as first:
            await sandbox.ready(60)
            quoted = await mina.run("/sweep", config=File("long.yaml", LONG))
            await quoted.reply()
            await mina.press(quoted, "Run")
            await sandbox.until(posted, timeout=60)
            first.send_signal(signal.SIGTERM)
            code, said = await end(first)
            assert code == 0, said
        drawn = posted()
        assert 0 < len(drawn) < 24
        assert "restarting" in (quoted.message or {})["embeds"][0]["description"]

        async with console(sandbox, tmp_path) as second:
            await sandbox.until(lambda: any("sheet" in name for name in posted()), timeout=90)
            second.send_signal(signal.SIGTERM)
            code, said = await end(second)
            assert code == 0, said
        names = sorted(posted())
        assert names == [*(f"S1-c{n:03d}.png" for n in range(1, 25)), "S1-sheet.png"]
        assert sandbox.token not in said


async def test_a_command_in_flight_at_sigterm_is_answered(tmp_path: Path, weights_cache: Path) -> None:
    data_folder(tmp_path, weights_cache)
    async with Sandbox() as sandbox, console(sandbox, tmp_path) as process:
        await sandbox.ready(60)
        sandbox.faults.cdn_delay_s = 1.0  # the console waits for the upload when the signal comes
        asking = asyncio.create_task(sandbox.members["mina"].run("/sweep", config=File("long.yaml", LONG)))
        quoted = await asking
        process.send_signal(signal.SIGTERM)
        answer = await quoted.reply(timeout=30)
        assert "24 cells" in answer["embeds"][0]["description"]
        code, said = await end(process)
        assert code == 0, said


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"DISCORD_TOKEN": "wrong"}, "DISCORD_TOKEN was refused by Discord. Copy the bot's token anew."),
        ({"DISCORD_TOKEN": ""}, "DISCORD_TOKEN is empty."),
        ({"DISCORD_API_URL": "http://127.0.0.1:9"}, "DISCORD_API_URL: http://127.0.0.1:9 could not be reached"),
        ({"QUEUE_CAPACITY": "none"}, "QUEUE_CAPACITY: expected a whole number"),
        ({"MODEL_FAMILY": "sdxl", "MODEL_DIR": "/nowhere"}, "/nowhere"),
        ({"MODEL_FAMILY": "flux"}, 'There is no model family "flux"'),
        ({"DATABASE_URL": "sqlite+aiosqlite:////nowhere/a.db"}, "DATABASE_URL: the database at"),
        ({"PRODUCTION_RECIPE": "/nowhere.yaml"}, "PRODUCTION_RECIPE: /nowhere.yaml cannot be read"),
    ],
)
async def test_a_console_that_cannot_start_says_why_and_ends_with_1(
    tmp_path: Path, weights_cache: Path, wrong: dict[str, str], sentence: str
) -> None:
    data_folder(tmp_path, weights_cache)
    async with Sandbox() as sandbox, console(sandbox, tmp_path, **wrong) as process:
        code, said = await end(process)
    assert sentence in said
    assert "Traceback" not in said
    assert code == 1


async def test_refused_commands_are_fatal(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        sandbox.faults.storm("PUT /applications/{application_id}/commands", times=1, status=503)
        async with console(sandbox, tmp_path) as process:
            code, said = await end(process)
    assert "Discord refused the console's commands" in said
    assert "Traceback" not in said
    assert code == 1

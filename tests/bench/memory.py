"""How much memory the light parts take at their peak: the console without an engine, and Mecene's service.

    python -m tests.bench.memory [--write]

Each is a process of its own that does its work: the console answers 200 commands over real sockets and quotes a sweep
of 900 cells, with its wall open; Mecene thinks up 5 × 1,000 ideas. Printed is the peak of what was resident (VmHWM), in
MB of 10^6 bytes; `--write` puts it into RESULTS.md. The goal of 159 MB for Mecene is the issue's and the house plan's.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bot.sandbox import File, Sandbox
from bot.sandbox.demo import console_process
from tests.bench.results import record

COMMANDS, IDEAS, ASKED = 200, 1000, 5
PATIENCE_SECONDS = 60.0
SWEEP = b"{base: {prompt: x}, parameters: {seed: '1-900'}}"


def peak(pid: int) -> int:
    """The most that a process had resident so far, in bytes."""
    told = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert told is not None
    return int(told[1]) * 1024


async def console() -> tuple[int, int]:
    """The console's peak: when it is connected, and after its work."""
    program = ("-m", "tests.bench.idle_console")
    with tempfile.TemporaryDirectory(prefix="atelier-") as data:
        async with Sandbox() as sandbox:
            root = str(Path(__file__).parents[2])
            extra = {"PYTHONPATH": root, "MODEL_FAMILY": "tiny", "LOG_LEVEL": "WARNING"}
            async with console_process(sandbox, Path(data), log=Path(data) / "log", extra=extra, program=program) as it:
                await sandbox.ready(PATIENCE_SECONDS)
                begun = peak(it.pid)
                theo = sandbox.members["theo"]
                for number in range(COMMANDS):
                    command = ("/params show", "/queue", "/balance", "/help", "/faces list")[number % 5]
                    await (await theo.run(command)).reply(timeout=PATIENCE_SECONDS)
                quoted = await theo.run("/sweep", config=File("a.yaml", SWEEP))
                await quoted.reply(timeout=PATIENCE_SECONDS)
                return begun, peak(it.pid)


async def mecene() -> int:
    """Mecene's peak after its ideas."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "mecene", "--port", "0"),
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"},
        cwd="/",
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if found := re.search(rb"address=(http://\S+)", line):
                break
        else:
            raise SystemExit(f"Mecene ended with code {await process.wait()}.")
        async with aiohttp.ClientSession(raise_for_status=True) as http:
            for seed in range(ASKED):
                body = {"theme": "noir", "count": IDEAS, "seed": seed}
                async with http.post(f"{found[1].decode()}/ideas", json=body) as answer:
                    assert len((await answer.json())["ideas"]) == IDEAS
        return peak(process.pid)
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    """Measure both, print it, and write it down if that is wanted."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="put the figures into RESULTS.md")
    write = options.parse_args().write
    begun, worked = asyncio.run(console())
    ideas = asyncio.run(mecene())
    rows = [
        ("console without engine, connected", f"{begun / 1e6:.0f} MB at its peak", ""),
        (f"the same after {COMMANDS} commands and a quote of 900 cells", f"{worked / 1e6:.0f} MB at its peak", ""),
        (f"Mecene after {ASKED} × {IDEAS:,} ideas", f"{ideas / 1e6:.0f} MB at its peak", "under 159 MB"),
    ]
    for what, measured, goal in rows:
        print(f"{what}: {measured}{f' (goal: {goal})' if goal else ''}")
    if write:
        record("Memory", f"{datetime.now(UTC):%Y-%m-%d}", rows)


if __name__ == "__main__":
    main()

"""How fast a member gets a first answer while the engine is saturated.

    python -m tests.bench.first_answer [--commands 200]

The console runs as a process of its own with a long sweep before it; members then send a mix of commands over
real sockets, one every 50 ms. Printed: p50, p99 and the slowest, in milliseconds, idle and saturated, and their
ratio. Discord allows 3 s; the goal is p99 < 1 s.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from bot.sandbox import File, Interaction, Sandbox
from bot.sandbox.demo import console_process

LONG = b"{base: {prompt: x, steps: 100}, parameters: {seed: '1-900'}}"
GAP_SECONDS = 0.05
TINY = {"MODEL_FAMILY": "tiny"}  # the console is measured, not the family


async def measure(sandbox: Sandbox, commands: int) -> list[float]:
    """First-answer times in seconds, sorted."""
    members = list(sandbox.members.values())

    async def one(number: int) -> Interaction:
        member = members[number % len(members)]
        match number % 5:
            case 0:
                return await member.run("/set", parameter="steps", value=str(1 + number % 100))
            case 1:
                return await member.run("/queue")
            case 2:
                return await member.run("/params show")
            case 3:
                return await member.run("/sweep", example="guidance")
        return await member.run("/help")

    running = []
    for number in range(commands):
        running.append(asyncio.create_task(one(number)))
        await asyncio.sleep(GAP_SECONDS)
    answered = await asyncio.gather(*running)
    return sorted(shown.first_answer_s or 0.0 for shown in answered)


def line(name: str, seconds: list[float]) -> str:
    """One row of the table."""
    p50, p99 = seconds[len(seconds) // 2], seconds[min(len(seconds) - 1, len(seconds) * 99 // 100)]
    return f"{name:<10} {len(seconds):>8} {p50 * 1e3:>8.0f} {p99 * 1e3:>8.0f} {seconds[-1] * 1e3:>8.0f}"


async def main(commands: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        async with Sandbox() as sandbox, console_process(sandbox, data, log=data / "log", extra=TINY):
            await sandbox.ready(60)
            warm = await sandbox.members["mina"].run("/imagine", prompt="x", steps=1)
            await sandbox.until(lambda: not (warm.message or {"components": [1]})["components"], 60)
            idle = await measure(sandbox, commands)
            quoted = await sandbox.members["theo"].run("/sweep", config=File("long.yaml", LONG))
            await quoted.reply(30)
            await sandbox.members["theo"].press(quoted, "Run")
            await asyncio.sleep(1)
            busy = await measure(sandbox, commands)
            assert (quoted.message or {})["components"], "the sweep ended before the measurement did"
            await sandbox.members["theo"].press(quoted, "Cancel")
    print(f"{'first answer':<10} {'commands':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    print(line("idle", idle))
    print(line("saturated", busy))
    print(f"ratio of the medians, saturated to idle: {busy[len(busy) // 2] / idle[len(idle) // 2]:.1f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--commands", type=int, default=200)
    asyncio.run(main(arguments.parse_args().commands))

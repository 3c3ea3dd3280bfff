"""How fast a member gets a first answer while the engine is saturated.

    python -m tests.bench.first_answer [--commands 200]

The console runs as a process of its own with a long sweep before it; members then send a mix of commands over
real sockets, one every 50 ms. Printed: p50, p99 and the slowest, in milliseconds, idle and saturated, and their
ratio. Discord allows 3 s; the goal is p99 < 1 s.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from bot.sandbox import File, Interaction, NoAnswer, Sandbox
from bot.sandbox.demo import console_process

LONG = b"{base: {prompt: x, steps: 100}, parameters: {seed: '1-900'}}"
GAP_SECONDS = 0.05
SATURATING_SECONDS = 1.0
TINY = {"MODEL_FAMILY": "tiny"}  # the console is measured, not the family


@dataclass(frozen=True)
class Answered:
    """First-answer times in seconds, in ascending order, and how many commands had no answer within Discord's 3 s."""

    seconds: tuple[float, ...]
    silent: int = 0

    def at(self, share: float) -> float:
        """The time within which this share of all commands was answered; infinite if it was not."""
        place = min(len(self.seconds) + self.silent - 1, int((len(self.seconds) + self.silent) * share))
        return self.seconds[place] if place < len(self.seconds) else float("inf")

    @property
    def told(self) -> str:
        """p50, p99 and the slowest."""
        p50, p99, slowest = (self.at(share) for share in (0.5, 0.99, 1.0))
        silent = f", {self.silent} unanswered" if self.silent else ""
        return f"p50 {_milliseconds(p50)}, p99 {_milliseconds(p99)}, max {_milliseconds(slowest)}{silent}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if isfinite(seconds) else "none"


async def measure(sandbox: Sandbox, commands: int) -> Answered:
    """Send so many commands, one after the other without waiting for answers."""
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
        running.append(asyncio.create_task(_timed(one(number))))
        await asyncio.sleep(GAP_SECONDS)
    answered = await asyncio.gather(*running)
    return Answered(tuple(sorted(each for each in answered if each is not None)), answered.count(None))


async def _timed(asking: Awaitable[Interaction]) -> float | None:
    try:
        return (await asking).first_answer_s
    except NoAnswer:
        return None


async def idle_and_saturated(sandbox: Sandbox, commands: int) -> tuple[Answered, Answered]:
    """Measure a console that is ready, first with nothing to do, then with a sweep that outlasts the measurement."""
    warm = await sandbox.members["mina"].run("/imagine", prompt="x", steps=1)
    await sandbox.until(lambda: not _going(warm), 120)
    idle = await measure(sandbox, commands)
    theo = sandbox.members["theo"]
    quoted = await theo.run("/sweep", config=File("long.yaml", LONG))
    await quoted.reply(30)
    await theo.press(quoted, "Run")
    await asyncio.sleep(SATURATING_SECONDS)
    busy = await measure(sandbox, commands)
    assert _going(quoted), "the sweep ended before the measurement did"
    with suppress(NoAnswer):
        await theo.press(quoted, "Cancel")
    return idle, busy


def _going(asked: Interaction) -> bool:
    """Whether there is still a Cancel on its card."""
    buttons = [button for row in (asked.message or {}).get("components", []) for button in row["components"]]
    return asked.message is None or any(button["label"].startswith("Cancel") for button in buttons)


def line(name: str, times: Answered) -> str:
    """One row of the table."""
    p50, p99, slowest = (times.at(share) * 1e3 for share in (0.5, 0.99, 1.0))
    return f"{name:<10} {len(times.seconds):>8} {p50:>8.0f} {p99:>8.0f} {slowest:>8.0f}"


async def main(commands: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        async with Sandbox() as sandbox, console_process(sandbox, data, log=data / "log", extra=TINY):
            await sandbox.ready(60)
            idle, busy = await idle_and_saturated(sandbox, commands)
    print(f"{'first answer':<10} {'commands':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    print(line("idle", idle))
    print(line("saturated", busy))
    print(f"ratio of the medians, saturated to idle: {busy.at(0.5) / idle.at(0.5):.1f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--commands", type=int, default=200)
    asyncio.run(main(arguments.parse_args().commands))

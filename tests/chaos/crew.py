"""The crew: hands in processes of their own, started quickly, killed, paused, and gone when the scenario ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from tests.chaos.exchange import Exchange
from tests.chaos.hand import Hand, Task, run

SECONDS_TO_DRAIN = 60
TAIL = 3000

# Forked from a process that has imported everything and does nothing else: no thread of ours is copied half-way.
context = get_context("forkserver")
context.set_forkserver_preload(["tests.chaos.hand", "tests.chaos.careless", "bot.store.migrations"])


class Crew:
    """Starts hands, and ends all that are left."""

    def __init__(self) -> None:
        self._started: list[BaseProcess] = []
        self._logs: dict[str, Path] = {}

    def start(self, kind: type[Hand], task: Task) -> BaseProcess:
        """A hand at work."""
        task.folder.mkdir(parents=True, exist_ok=True)
        process = context.Process(target=run, args=(kind, task), name=task.name, daemon=True)
        process.start()
        self._started.append(process)
        self._logs[task.name] = task.log
        return process

    async def ready(self, process: BaseProcess, exchange: Exchange) -> None:
        """Wait until a hand has made its claims. Raises RuntimeError, with what it said last, if it does not."""
        try:
            await exchange.until(lambda: exchange.heard[process.name]["ready"] > 0)
        except TimeoutError:
            said = self._logs[process.name].read_text(errors="replace")[-TAIL:]
            raise RuntimeError(f"{process.name} (exit code {process.exitcode}) is not ready:\n{said}") from None

    async def drain(self, process: BaseProcess) -> int | None:
        """Ask a hand to end, and wait for it; its exit code, None if it did not end."""
        process.terminate()
        return await self.ended(process, SECONDS_TO_DRAIN)

    async def ended(self, process: BaseProcess, seconds: float) -> int | None:
        """Wait for the end of a process; its exit code, negative for a signal."""
        await asyncio.to_thread(process.join, seconds)
        return process.exitcode

    def close(self) -> None:
        """Kill whoever is left."""
        for process in self._started:
            if process.is_alive():
                process.kill()
        for process in self._started:
            process.join()


@asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """A crew, gone at the end."""
    made = Crew()
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


async def until_stopped(process: BaseProcess) -> None:
    """Wait until a process has stopped itself (SIGSTOP)."""
    async with asyncio.timeout(60):
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)


def go_on(process: BaseProcess) -> None:
    """Let a stopped process run again."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)

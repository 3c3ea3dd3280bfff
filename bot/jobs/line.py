"""The line before the channel: nobody waits while it answers; after an outage jobs go in the order they were queued."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from bot.domain.job import Job

log = structlog.get_logger("atelier.outbox")

ASK_SECONDS = 1.0
LONGEST_ASK_SECONDS = 30.0


class Line:
    """Lets deliveries pass at once, until the channel gives no answer.

    Then they wait, one of all asks for an answer (`answers`), ever less often, and once there is one they go one
    after another, the job that was queued first before the others.
    """

    def __init__(self, answers: Callable[[], Awaitable[bool]]) -> None:
        self._answers = answers
        self._silent = False
        self._waiting: list[tuple[datetime, int, asyncio.Event, asyncio.Event]] = []
        self._serving: asyncio.Task[None] | None = None
        self._open_for_good = False

    @asynccontextmanager
    async def turn(self, job: Job) -> AsyncIterator[None]:
        """Wait until this job may go to the channel; while the context is open, it is its turn."""
        if self._serving is None:
            yield
            return
        called, gone = asyncio.Event(), asyncio.Event()
        heapq.heappush(self._waiting, (job.queued_at or job.created_at, job.id, called, gone))
        try:
            await called.wait()
            yield
        finally:
            gone.set()

    async def away(self) -> bool:
        """Whether the channel gives no answer at all, so that whatever just failed there is no fault of the job's."""
        if self._open_for_good:
            return False
        if not self._silent and not await self._answers():
            log.warning("the channel does not answer; what is drawn waits")
            self.close()
        return self._silent

    def close(self) -> None:
        """Let all wait until the channel has answered, and then go in their order."""
        self._silent = True
        if self._serving is None and not self._open_for_good:
            self._serving = asyncio.create_task(self._serve(), name="line")

    def open_for_good(self) -> None:
        """Let everybody pass from now on, whatever the channel does."""
        self._open_for_good = True
        if self._serving is not None:
            self._serving.cancel()
            self._serving = None
        for _, _, called, _ in self._waiting:
            called.set()

    async def _serve(self) -> None:
        """Wait for an answer, then call one after another; the line is open again once nobody waits."""
        pause = ASK_SECONDS
        while self._silent or self._waiting:
            if not self._silent:
                _, _, called, gone = heapq.heappop(self._waiting)
                called.set()
                await gone.wait()
                continue
            await asyncio.sleep(pause)
            self._silent = not await self._answers()
            pause = min(pause * 2, LONGEST_ASK_SECONDS) if self._silent else ASK_SECONDS
        self._serving = None

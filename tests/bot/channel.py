"""A channel for tests of the outbox: it keeps what is posted, and can be told to fail."""

import asyncio
from collections.abc import Sequence

from bot.domain.job import Job, Progress
from bot.store.jobs import Jobs


class ShortMemory:
    """A channel that, like Discord, keeps one message a nonce; `faults` strike the next calls."""

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}
        self.parts: dict[str, str] = {}
        self.named: list[str] = []
        self.shown: list[tuple[str, bool, list[str]]] = []
        self.faults: list[Exception] = []
        self.accepts_before_failing = False

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        if self.accepts_before_failing or not self.faults:
            self.messages.setdefault(nonce, [name for name, _ in files])
            self.parts.setdefault(nonce, part)
        if self.faults:
            raise self.faults.pop(0)
        return list(self.messages).index(nonce) + 1

    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
        self.named += [part] * last
        return await self.post_results(job, [(sheet.decode(), sheet)], nonce, part)

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None:
        self.shown.append((job.state.value, pausing, [remark for _, remark in remarks]))

    @property
    def names(self) -> list[str]:
        return [name for names in self.messages.values() for name in names]


async def delivered(jobs: Jobs, job: Job) -> None:
    async with asyncio.timeout(5):
        while not (await jobs.get(job.id)).delivered:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)

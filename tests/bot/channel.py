"""A channel for tests of the outbox: it keeps what is posted, and can be told to fail."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.job import Job, Progress
from bot.store.jobs import Jobs


@dataclass(frozen=True)
class Posted:
    """A message: its files' names, and the part of the job that it is about."""

    names: tuple[str, ...]
    part: str


class ShortMemory:
    """A channel that, like Discord, keeps one message a nonce, until it forgets the nonces.

    `faults` strike the next posts, and while it is `silent` nothing gets through. `named` are the parts whose sheets
    called the owner, `sought` tells since when each message was looked for, `withdrawn` what was taken out of which,
    `renewed` which sheets were put in the place of others.
    """

    def __init__(self) -> None:
        self.messages: list[Posted] = []
        self.named: list[str] = []
        self.shown: list[tuple[str, bool, list[str]]] = []
        self.found: list[tuple[str, ...]] = []
        self.sought: list[datetime | None] = []
        self.faults: list[Exception] = []
        self.accepts_before_failing = False
        self.silent = False
        self.withdrawn: list[tuple[int, frozenset[str] | None]] = []
        self.renewed: list[tuple[int, bytes]] = []
        self._nonces: dict[str, int] = {}

    def forget(self) -> None:
        """Minutes have gone by: the nonces are not known any more."""
        self._nonces.clear()

    async def answers(self) -> bool:
        return not self.silent

    async def find(
        self, job: Job, names: Collection[str], known: Collection[int] = (), *, since: datetime | None = None
    ) -> int | None:
        self._through()
        self.found.append(tuple(names))
        self.sought.append(since)
        there = [id for id, each in enumerate(self.messages, 1) if set(names) <= set(each.names)]
        return next((id for id in there if id not in known), None)

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        self._through()
        if nonce not in self._nonces and (self.accepts_before_failing or not self.faults):
            self.messages.append(Posted(tuple(name for name, _ in files), part))
            self._nonces[nonce] = len(self.messages)
        if self.faults:
            raise self.faults.pop(0)
        return self._nonces[nonce]

    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
        self.named += [part] * last
        return await self.post_results(job, [(job.sheet_name(part), sheet)], nonce, part)

    async def renew_sheet(self, job: Job, message_id: int, sheet: bytes, part: str = "") -> None:
        self._through()
        if self.faults:
            raise self.faults.pop(0)
        message = self.messages[message_id - 1]
        if message.names:
            self.messages[message_id - 1] = replace(message, names=(job.sheet_name(part),))
            self.renewed.append((message_id, sheet))

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None:
        self._through()
        self.shown.append((job.state.value, pausing, [remark for _, remark in remarks]))

    async def withdraw(self, channel_id: int, message_id: int, files: Collection[str] | None) -> None:
        self._through()
        if self.faults:
            raise self.faults.pop(0)
        message = self.messages[message_id - 1]
        stay = () if files is None else tuple(name for name in message.names if name not in files)
        if stay != message.names:
            self.withdrawn.append((message_id, None if not stay else frozenset(message.names) - frozenset(stay)))
        self.messages[message_id - 1] = replace(message, names=stay)

    @property
    def names(self) -> list[str]:
        """The names of all files, in order."""
        return [name for message in self.messages for name in message.names]

    @property
    def sizes(self) -> list[int]:
        """How many files each message has."""
        return [len(message.names) for message in self.messages]

    def _through(self) -> None:
        if self.silent:
            raise ConnectionRefusedError("nobody is there")


async def delivered(jobs: Jobs, *all_of: Job) -> None:
    """Wait until these jobs are wholly delivered."""
    async with asyncio.timeout(30):
        for job in all_of:
            while not (await jobs.get(job.id)).delivered:  # type: ignore[union-attr]
                await asyncio.sleep(0.01)


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


def expected(job: Job, items: int) -> list[str]:
    """The names of a job's pictures and of its sheet."""
    return [*(f"{job.name}-c{n:03d}.png" for n in range(1, items + 1)), f"{job.name}-sheet.png"]

"""The exchange: a channel that answers over a socket, keeps one message a nonce as Discord does, and counts.

Processes post to it with `Wire`, the Channel port on its other side, and tell it how far they are.
"""

import asyncio
import contextlib
import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from bot.domain.job import Job, Progress

Address = tuple[str, int]
MOST_DELAY_SECONDS = 0.004
"""What passes at most before a post is taken, and again before that is answered: moments in which somebody dies."""

LARGEST_LINE = 2**20


class Exchange:
    """Every message that was taken, by id; `copies` counts how often each file was posted.

    While `losing`, posts are taken and their connection is cut instead of an answer.
    """

    def __init__(self, seed: int = 1) -> None:
        self.messages: dict[int, tuple[str, ...]] = {}
        self.copies: Counter[str] = Counter()
        self.digests: dict[str, str] = {}
        self.refused = 0
        self.found = 0
        self.lost = 0
        self.losing = False
        self._down = False
        self._answering = 0
        self.heard: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.address: Address = ("", 0)
        self._nonces: dict[str, int] = {}
        self._random = random.Random(seed)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Exchange"]:
        """Answering on a free port of this machine while the context is open."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LARGEST_LINE)
        self.address = server.sockets[0].getsockname()
        try:
            yield self
        finally:
            server.close()

    async def until(self, promise: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until that has come true by what is told or posted here. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(promise)

    async def until_more(self, word: str, times: int, seconds: float = 60) -> None:
        """Wait until that has been told so many times more. Raises TimeoutError."""
        goal = self.total(word) + times
        await self.until(lambda: self.total(word) >= goal, seconds)

    def total(self, word: str) -> int:
        """How often all of them together have told that."""
        return sum(words[word] for words in self.heard.values())

    def forget_nonces(self) -> None:
        """What Discord does after minutes: the same nonce is a new message then."""
        self._nonces.clear()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """While the context is open nothing is taken, and every connection is cut at once."""
        self._down = True
        while self._answering:
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            self._down = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if (line := await reader.readline()) and not self._down:
                self._answering += 1
                answer = await self._answer(json.loads(line))
                self._answering -= 1
                async with self._changed:
                    self._changed.notify_all()
                if answer is not None:
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
            writer.close()

    async def _answer(self, request: dict[str, Any]) -> dict[str, int] | None:
        """What the other side gets; None where the connection is cut."""
        match request["what"]:
            case "tell":
                self.heard[request["who"]][request["word"]] += 1
                return {}
            case "find":
                message = self._find(set(request["names"]), request["known"])
                self.found += message is not None
                return {"message": message or 0}
        await self._pause()
        message = self._post(request["nonce"], request["files"])
        await self._pause()
        if self.losing:
            self.lost += 1
            return None
        return {"message": message}

    def _post(self, nonce: str, files: dict[str, str]) -> int:
        if nonce in self._nonces:
            self.refused += 1
            return self._nonces[nonce]
        message = self._nonces[nonce] = len(self.messages) + 1
        self.messages[message] = tuple(files)
        self.copies.update(files.keys())
        self.digests |= files
        return message

    def _find(self, names: set[str], known: Collection[int]) -> int | None:
        carrying = (number for number, files in self.messages.items() if names <= set(files) and number not in known)
        return next(carrying, None)

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(0, MOST_DELAY_SECONDS))


class Wire:
    """The Channel port on an exchange. Raises OSError where that cannot be reached, or cuts the connection."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name

    async def tell(self, word: str) -> None:
        """Let the exchange know how far this process is."""
        await self._ask(what="tell", who=self._name, word=word)

    async def answers(self) -> bool:
        return True

    async def find(
        self, job: Job, names: Collection[str], known: Collection[int] = (), *, since: datetime | None = None
    ) -> int | None:
        answer = await self._ask(what="find", names=list(names), known=list(known))
        return answer["message"] or None

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files}
        return (await self._ask(what="post", nonce=nonce, files=digests))["message"]

    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
        return await self.post_results(job, [(job.sheet_name(part), sheet)], nonce)

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None:
        return

    async def _ask(self, **request: Any) -> dict[str, int]:
        reader, writer = await asyncio.open_connection(*self._address, limit=LARGEST_LINE)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            if not (line := await reader.readline()):
                raise ConnectionResetError("the exchange gave no answer")
            answer: dict[str, int] = json.loads(line)
            return answer
        finally:
            writer.close()

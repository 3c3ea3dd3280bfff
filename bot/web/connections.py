"""Connections: who is connected and says nothing, or not enough, is let go, so that nobody keeps others out.

aiohttp waits for ever for the rest of a request; a thousand browsers that never end theirs would take all the sockets
that the process has, and with them the console's own line to Discord.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

IDLE_SECONDS = 20.0
"""How long a connection may be without a whole head of a request."""
BODY_SECONDS = 20.0
"""How long the body of a request may take to come."""
MOST = 512
"""Connections at one time; of more the ones that have been idle longest are closed."""
LOOK_SECONDS = 1.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Line = web.RequestHandler

log = structlog.get_logger("atelier.web")


class Connections:
    """Watches over one server's connections; its middleware stands before all others."""

    def __init__(
        self,
        *,
        idle_seconds: float = IDLE_SECONDS,
        body_seconds: float = BODY_SECONDS,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._body_seconds = body_seconds
        self._most = most
        self._clock = clock
        self._idle: dict[Line, float] = {}
        self._busy: dict[Line, tuple[float, web.Request]] = {}

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Know of a request while it is answered."""
        self._busy[request.protocol] = (self._clock(), request)
        try:
            return await handler(request)
        finally:
            self._busy.pop(request.protocol, None)
            self._idle[request.protocol] = self._clock()

    @asynccontextmanager
    async def watching(self, server: web.Server) -> AsyncIterator[None]:
        """Let go of what has been silent for too long, while the context is open."""
        looking = asyncio.create_task(self._look_for_ever(server), name="connections")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_for_ever(self, server: web.Server) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if closed := self.look(server.connections):
                log.debug("connections that said nothing are closed", count=closed)

    def look(self, lines: list[Line]) -> int:
        """Close the connections that are to go; how many."""
        now = self._clock()
        there = set(lines)
        self._idle = {line: since for line, since in self._idle.items() if line in there}
        silent: list[tuple[float, Line]] = []
        late: list[Line] = []
        for line in lines:
            if line in self._busy:
                since, request = self._busy[line]
                if now - since > self._body_seconds and not request.content.is_eof():
                    late.append(line)
            else:
                silent.append((self._idle.setdefault(line, now), line))
        silent.sort(key=lambda each: each[0])
        crowd = max(0, len(lines) - self._most)
        late += [
            line for place, (since, line) in enumerate(silent) if place < crowd or now - since > self._idle_seconds
        ]
        for line in late:
            if line.transport is not None:
                line.transport.abort()
        return len(late)

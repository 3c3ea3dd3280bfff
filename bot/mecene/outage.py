"""Outages: a server that hangs, or failed a few times, is left alone for a while, and the log hears of it once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, HALF_OPENED, OpenedState

from bot.mecene.calling import Trouble

T = TypeVar("T")

log = structlog.get_logger("atelier.mecene")

FAILURES = 3
"""After so many in a row, or one that took all the time there was, it is left alone,"""
PAUSE_SECONDS = 30.0
"""for so long. Then one call tries whether it is well, and no other waits with it."""


class Outage:
    """Guards the calls to one server: a circuit breaker, and one line in the log from failing to being well again."""

    def __init__(self, event: str, pause: float = PAUSE_SECONDS) -> None:
        self._event = event
        self._breakers = AsyncCircuitBreakerFactory(FAILURES, pause, exclude=[asyncio.CancelledError])
        self._told = False

    async def guarded(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call returns. Raises Trouble, at once and without calling while the server is left alone."""
        breaker = await self._breakers.get_breaker(self._event)
        if breaker.context.state == HALF_OPENED:
            raise Trouble("it is left alone until it is known to be well")
        probing = breaker.context.state != CLOSED
        try:
            async with breaker:
                answer = await call()
        except asyncio.CancelledError:
            if probing:  # whether it is well is not known: it is left alone for another while
                breaker.context.set_state(OpenedState(self._event))
            raise
        except OpenedState:
            raise Trouble("it is left alone for a while, after it failed") from None
        except Trouble as trouble:
            if trouble.timed_out:
                breaker.context.set_state(OpenedState(self._event))
            if not self._told:
                self._told = True
                log.warning(self._event, reason=str(trouble))
            raise
        self._told = False
        return answer

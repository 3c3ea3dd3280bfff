"""The Ideas port over MECENE_URL: the service's ideas, and while it is away those of the grammar in this process."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from bot.domain.ports import Idea, Ideas
from bot.mecene.calling import Call, Trouble, answer
from bot.mecene.outage import PAUSE_SECONDS, Outage
from bot.mecene.wire import MOST_IDEAS, MOST_PERSON, MOST_TOLD_BYTES, Asked, Mistold, read_ideas, read_json

MOST_HEALTH_BYTES = 4 * 1024
NO_HEALTH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
"""How a server answers that knows no `/health`, as none needs to."""


@dataclass(frozen=True)
class Patience:
    """How long the service may take, in seconds: to say how it is, and to make ideas with what it says it has.

    A language model thinks for up to a minute, and one that does not say may have one. `health` is what a service that
    hangs costs whoever finds out.
    """

    health: float = 3.0
    grammar: float = 10.0
    model: float = 75.0


class Client:
    """Asks the service at `url`. `fallback` makes the ideas where it does not answer as it should."""

    def __init__(
        self,
        url: str,
        http: aiohttp.ClientSession,
        fallback: Ideas,
        *,
        patience: Patience = Patience(),
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._url = url.rstrip("/")
        self._http, self._fallback, self._patience = http, fallback, patience
        self._outage = Outage("the idea service fails; ideas are made here until it is well", pause)

    def theme(self, typed: str) -> str:
        """The theme as it stands in the ideas."""
        return self._fallback.theme(typed)

    async def ideas(self, theme: str, count: int, seed: int, person: str = "") -> list[Idea]:
        """The service's ideas for this theme; the fallback's, all of them, where it has none to give."""
        if not 1 <= count <= MOST_IDEAS:
            return await self._fallback.ideas(theme, count, seed, person)
        asked = Asked(self.theme(theme), count, seed, person[:MOST_PERSON])
        try:
            return await self._outage.guarded(lambda: self._asked(asked))
        except Trouble:
            return await self._fallback.ideas(theme, count, seed, person)

    async def _asked(self, asked: Asked) -> list[Idea]:
        body = await self._awaited(asked, await self._seconds())
        try:
            ideas = read_ideas(body, asked.count)
        except Mistold as error:
            raise Trouble(str(error)) from None
        if not ideas:
            raise Trouble("it answered without ideas")
        return ideas

    async def _awaited(self, asked: Asked, seconds: float) -> bytes:
        """The answer; while it is waited for, the service is asked again and again how it is. Raises Trouble."""
        call = Call(f"{self._url}/ideas", asked.as_json())
        asking = asyncio.create_task(answer(self._http, call, seconds=seconds, most_bytes=MOST_TOLD_BYTES))
        try:
            while not (await asyncio.wait([asking], timeout=self._patience.health))[0]:
                await self._seconds()
            return asking.result()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _seconds(self) -> float:
        """How long it may take over ideas, by what makes them. Raises Trouble where it does not answer at once."""
        call = Call(f"{self._url}/health")
        try:
            body = await answer(self._http, call, seconds=self._patience.health, most_bytes=MOST_HEALTH_BYTES)
        except Trouble as trouble:
            if trouble.status in NO_HEALTH:  # a service of somebody else's, alive
                return self._patience.model
            raise
        with suppress(ValueError):
            match read_json(body):
                case {"ready": False}:
                    raise Trouble("it is not ready")
                case {"source": "grammar"}:
                    return self._patience.grammar
        return self._patience.model

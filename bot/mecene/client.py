"""The Ideas port over MECENE_URL: the service's ideas, and while it is away those of the grammar in this process."""

import aiohttp

from bot.domain.ports import Idea, Ideas
from bot.mecene.calling import Call, Trouble, answer
from bot.mecene.outage import PAUSE_SECONDS, Outage
from bot.mecene.wire import MOST_IDEAS, MOST_PERSON, MOST_TOLD_BYTES, Asked, Mistold, read_ideas

ANSWER_SECONDS = 75.0
"""How long the service may take: a language model behind it thinks for up to a minute."""


class Client:
    """Asks the service at `url`. `fallback` makes the ideas where it does not answer as it should."""

    def __init__(
        self,
        url: str,
        http: aiohttp.ClientSession,
        fallback: Ideas,
        *,
        seconds: float = ANSWER_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._url = f"{url.rstrip('/')}/ideas"
        self._http, self._fallback, self._seconds = http, fallback, seconds
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
        call = Call(self._url, asked.as_json())
        body = await answer(self._http, call, seconds=self._seconds, most_bytes=MOST_TOLD_BYTES)
        try:
            ideas = read_ideas(body, asked.count)
        except Mistold as error:
            raise Trouble(str(error)) from None
        if not ideas:
            raise Trouble("it answered without ideas")
        return ideas

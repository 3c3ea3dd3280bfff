"""The console's way to the service: quick to give up, never without ideas, and quiet about an outage after one line."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web

from bot.domain.ports import Idea
from bot.mecene.client import MOST_HEALTH_BYTES, Client, Patience
from bot.mecene.grammar import Grammar
from bot.mecene.outage import PAUSE_SECONDS
from bot.mecene.wire import MOST_TOLD_BYTES, Mistold, read_ideas
from tests.mecene.conftest import Clock
from tests.mecene.test_model import ours

LINE = "the idea service fails; ideas are made here until it is well"
GOOD = {"prompt": "resting on a pier", "negative_prompt": "text", "tags": ["sea"]}


class Elsewhere:
    """The fallback: it says that it was it."""

    def theme(self, typed: str) -> str:
        return Grammar().theme(typed)

    async def ideas(self, theme: str, count: int, seed: int, person: str = "") -> list[Idea]:
        return [Idea(f"fallback {number} {theme} {person}", "", ()) for number in range(count)]


Answer = web.Response | float | str
"""A float is as many seconds of silence."""


class Service:
    """A service that answers as it is told to, in turn, and keeps what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Any] = []
        self.answers: list[Answer] = []
        self.greeted = 0
        self.healths: list[Answer] = [health_of("grammar")]

    async def get_health(self, request: web.Request) -> web.StreamResponse:
        self.greeted += 1
        return await self._next(self.healths)

    async def post(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        return await self._next(self.answers)

    async def _next(self, answers: list[Answer]) -> web.StreamResponse:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = answer_of(GOOD)
        if isinstance(answer, str):
            return web.Response(text=answer, content_type="application/json")
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


@asynccontextmanager
async def served(*answers: Answer) -> AsyncIterator[Service]:
    service = Service()
    service.answers = list(answers)
    app = web.Application()
    app.router.add_get("/health", service.get_health)
    app.router.add_post("/ideas", service.post)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        service.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield service
    finally:
        await runner.cleanup()


def answer_of(*ideas: Any) -> str:
    return json.dumps({"ideas": list(ideas)})


def health_of(source: str) -> str:
    return json.dumps({"ready": True, "source": source})


async def test_the_services_ideas_are_those_of_the_grammar_in_it(service: str, http: aiohttp.ClientSession) -> None:
    client = Client(service, http, Elsewhere())
    for theme, seed, person in (("noir", 1, ""), ("", 2**32 - 1, "woman"), ("{a|b} 東京", 7, "an old man")):
        assert await client.ideas(theme, 30, seed, person) == await Grammar().ideas(theme, 30, seed, person)


async def test_the_person_is_passed_on_and_left_out_where_there_is_none(http: aiohttp.ClientSession) -> None:
    async with served(answer_of(GOOD)) as service:
        client = Client(service.address, http, Elsewhere())
        assert await client.ideas("noir", 1, 5) == [Idea("resting on a pier", "text", ("sea",))]
        await client.ideas("noir", 1, 5, "man")
    assert service.asked == [
        {"theme": "noir", "count": 1, "seed": 5},
        {"theme": "noir", "person": "man", "count": 1, "seed": 5},
    ]


@pytest.mark.parametrize(
    ("answer", "calls", "reason"),
    [
        (web.Response(status=500), 3, "it answered with status 500"),
        (web.Response(status=429, headers={"Retry-After": "0"}), 3, "it answered with status 429"),
        (web.Response(status=429, headers={"Retry-After": "99999"}), 1, "it answered with status 429"),
        (web.Response(status=404), 1, "it answered with status 404"),
        (
            web.Response(status=307, headers={"Location": "/ideas"}),
            1,
            "it sends us elsewhere (status 307), where we do not go",
        ),
        ("no JSON", 1, "it answered with something that is not JSON"),
        ("[1]", 1, "it answered without ideas"),
        (answer_of(), 1, "it answered without ideas"),
        (answer_of(GOOD, GOOD | {"prompt": "two"}, GOOD | {"prompt": "3"}), 1, "it answered with more ideas than were "
         "asked for"),
        (answer_of(GOOD, GOOD), 1, "it answered with the same idea twice"),
        (answer_of(GOOD | {"prompt": "{a|b}"}), 1, "an idea holds more than plain words"),
        (answer_of({"prompt": "a pier"}), 1, "an idea lacks its prompt, its negative_prompt or its tags"),
        (" " * (MOST_TOLD_BYTES + 1), 1, "it answered at too great a length"),
        (5.0, 1, "it did not answer within 1 s"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_gives_way_to_the_fallback(
    http: aiohttp.ClientSession,
    told: list[structlog.typing.EventDict],
    answer: Answer,
    calls: int,
    reason: str,
) -> None:
    async with served(answer) as service:
        patience = Patience(grammar=1.0 if isinstance(answer, float) else 60.0)
        client = Client(service.address, http, Elsewhere(), patience=patience)
        ideas = await client.ideas("noir", 2, 1, "man")
    assert [idea.prompt for idea in ideas] == ["fallback 0 noir man", "fallback 1 noir man"]
    assert len(service.asked) == calls
    assert ours(told) == [(LINE, reason)]


async def test_a_service_that_stumbles_is_asked_again(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict]
) -> None:
    async with served(web.Response(status=503), answer_of(GOOD)) as service:
        ideas = await Client(service.address, http, Elsewhere()).ideas("noir", 1, 1)
    assert [idea.prompt for idea in ideas] == ["resting on a pier"] and len(service.asked) == 2
    assert not ours(told)


async def test_an_outage_is_one_line_and_the_service_is_left_alone_until_it_may_be_well(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict], clock: Clock
) -> None:
    async with served(web.Response(status=404)) as service:
        client = Client(service.address, http, Elsewhere())
        for _ in range(8):
            assert len(await client.ideas("noir", 1, 1)) == 1
        assert len(service.asked) == 3 and len(ours(told)) == 1
        clock.passed += PAUSE_SECONDS + 1
        await client.ideas("noir", 1, 1)  # one tries, and it is not well
        await client.ideas("noir", 1, 1)
        assert len(service.asked) == 4 and len(ours(told)) == 1
        service.answers = [answer_of(GOOD)]
        clock.passed += PAUSE_SECONDS + 1
        for _ in range(4):
            assert (await client.ideas("noir", 1, 1))[0].prompt == "resting on a pier"
        service.answers = [web.Response(status=404)]
        await client.ideas("noir", 1, 1)
        assert len(ours(told)) == 2  # another outage


async def test_one_that_hangs_is_found_out_by_its_health_once_and_then_left_alone(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict], clock: Clock
) -> None:
    async with served(answer_of(GOOD)) as service:
        service.healths = [30.0]
        client = Client(service.address, http, Elsewhere(), patience=Patience(health=1.0))
        for _ in range(4):
            assert (await client.ideas("noir", 1, 1))[0].prompt == "fallback 0 noir "
        assert service.greeted == 1 and ours(told) == [(LINE, "it did not answer within 1 s")]
        clock.passed += PAUSE_SECONDS + 1
        await asyncio.gather(*(client.ideas("noir", 1, 1) for _ in range(5)))
        assert service.greeted == 2 and len(ours(told)) == 1  # one tries, and the others do not wait with it
        service.healths = [health_of("grammar")]
        clock.passed += PAUSE_SECONDS + 1
        for _ in range(2):
            assert (await client.ideas("noir", 1, 1))[0].prompt == "resting on a pier"
    assert len(service.asked) == 2  # never while it hung


@pytest.mark.parametrize(("source", "prompt"), [("grammar", "fallback 0 noir "), ("model", "resting on a pier")])
async def test_a_language_model_may_think_for_longer_than_a_grammar(
    http: aiohttp.ClientSession, source: str, prompt: str
) -> None:
    async with served(1.0) as service:
        service.healths = [health_of(source)]
        client = Client(service.address, http, Elsewhere(), patience=Patience(grammar=0.2, model=60.0))
        assert (await client.ideas("noir", 1, 1))[0].prompt == prompt


async def test_one_that_hangs_while_it_thinks_is_not_waited_for(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict]
) -> None:
    async with served(30.0) as service:
        service.healths = [health_of("model"), 30.0]
        client = Client(service.address, http, Elsewhere(), patience=Patience(health=1.0))
        for _ in range(2):
            assert (await client.ideas("noir", 1, 1))[0].prompt == "fallback 0 noir "
    assert service.greeted == 2 and len(service.asked) == 1
    assert ours(told) == [(LINE, "it did not answer within 1 s")]


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        ('{"ready": false, "source": "grammar"}', "it is not ready"),
        (" " * (MOST_HEALTH_BYTES + 1), "it answered at too great a length"),
        (web.Response(status=401), "it answered with status 401"),
        (
            web.Response(status=302, headers={"Location": "/ideas"}),
            "it sends us elsewhere (status 302), where we do not go",
        ),
    ],
)
async def test_a_service_that_is_not_well_is_not_asked_for_ideas(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict], health: Answer, reason: str
) -> None:
    async with served(answer_of(GOOD)) as service:
        service.healths = [health]
        ideas = await Client(service.address, http, Elsewhere()).ideas("noir", 1, 1)
    assert ideas[0].prompt == "fallback 0 noir " and not service.asked
    assert ours(told) == [(LINE, reason)]


@pytest.mark.parametrize(
    "health",
    [
        "well",
        "[]",
        "[" * 1_000,
        "{}",
        '{"ready": true, "source": ["model"]}',
        *(web.Response(status=status) for status in (404, 405, 501)),
    ],
)
async def test_a_service_that_tells_nothing_of_itself_is_given_the_most_patience(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict], health: Answer
) -> None:
    async with served(1.5) as service:
        service.healths = [health]
        client = Client(service.address, http, Elsewhere(), patience=Patience(health=1.0, grammar=0.1, model=1.2))
        await client.ideas("noir", 1, 1)
    assert service.asked
    assert ours(told) == [(LINE, "it did not answer within 1.2 s")]


async def test_who_is_called_off_while_they_try_whether_it_is_well_leaves_it_alone(
    http: aiohttp.ClientSession, clock: Clock
) -> None:
    async with served(web.Response(status=404)) as service:
        client = Client(service.address, http, Elsewhere())
        for _ in range(3):
            await client.ideas("noir", 1, 1)
        clock.passed += PAUSE_SECONDS + 1
        service.answers = [30.0]
        trying = asyncio.create_task(client.ideas("noir", 1, 1))
        async with asyncio.timeout(10):
            while len(service.asked) < 4:
                await asyncio.sleep(0.01)
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        service.answers = [answer_of(GOOD)]
        assert (await client.ideas("noir", 1, 1))[0].prompt.startswith("fallback")
        clock.passed += PAUSE_SECONDS + 1
        assert (await client.ideas("noir", 1, 1))[0].prompt == "resting on a pier"


async def test_one_that_takes_no_connection_is_tried_once(told: list[structlog.typing.EventDict]) -> None:
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())  # there is room for one, whom nobody lets in
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=0.3)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            client = Client("http://127.0.0.1:{1}".format(*full.getsockname()), http, Elsewhere())
            for _ in range(2):
                assert len(await client.ideas("noir", 1, 1)) == 1
    assert ours(told) == [(LINE, "it did not take the connection in time")]
    assert len(told) == 1  # no retry is told of


async def test_nobody_there_is_an_outage_like_any_other(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict]
) -> None:
    client = Client("http://127.0.0.1:9", http, Elsewhere())
    for _ in range(5):
        assert len(await client.ideas("noir", 2, 1)) == 2
    assert ours(told) == [(LINE, "it cannot be reached (ClientConnectorError)")]


async def test_somebody_who_stops_waiting_is_no_outage(
    http: aiohttp.ClientSession, told: list[structlog.typing.EventDict]
) -> None:
    async with served(30.0) as service:
        client = Client(service.address, http, Elsewhere())
        for number in range(1, 5):
            waiting = asyncio.create_task(client.ideas("noir", 1, 1))
            async with asyncio.timeout(30):
                while len(service.asked) < number:
                    await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    assert not ours(told)


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000, b'{"ideas": NaN}', b"9" * 5_000, b'{"ideas": 5}', b""])
def test_a_strange_body_is_an_answer_without_ideas(body: bytes) -> None:
    with pytest.raises(Mistold):
        read_ideas(body, 5)

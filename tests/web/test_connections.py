"""Who connects and says nothing is let go, and keeps nobody else out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import structlog
from aiohttp import web

import bot.web.connections as module
from bot.web.connections import Connections
from bot.web.server import address_of, listen, serving

HALF = b"GET / HTTP/1.1\r\nHost: a\r\n"
SLOW_BODY = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)


@asynccontextmanager
async def served(clock: Clock, most: int = 100) -> AsyncIterator[tuple[str, int, asyncio.Event]]:
    """Its address, its port, and what the answer to /slow waits for."""
    go_on = asyncio.Event()

    async def read(request: web.Request) -> web.Response:
        return web.Response(text=f"{len(await request.read())}")

    async def slow(_: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response(text="at last")

    app = web.Application()
    app.add_routes([web.route("*", "/", read), web.get("/slow", slow)])
    bound = listen("127.0.0.1", 0)
    connections = Connections(idle_seconds=20, body_seconds=30, most=most, clock=clock)
    async with serving(app, bound, connections):
        yield address_of(bound), bound.getsockname()[1], go_on


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other side lets go, within a second."""
    try:
        return await asyncio.wait_for(reader.read(1), 1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("said", [b"", HALF], ids=["nothing", "half a head"])
async def test_who_says_nothing_or_half_of_it_is_let_go_after_a_while(said: bytes) -> None:
    clock = Clock()
    async with served(clock) as (_, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        await asyncio.sleep(0.1)
        clock.now += 19
        assert not await closed(reader)
        clock.now += 2
        with structlog.testing.capture_logs() as lines:
            assert await closed(reader)
        assert [line["log_level"] for line in lines] == ["debug"], "browsers do it all day long"
        writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    clock = Clock()
    async with served(clock) as (_, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SLOW_BODY)
        await asyncio.sleep(0.1)
        clock.now += 29
        assert not await closed(reader)
        clock.now += 2
        assert await closed(reader)
        writer.close()


async def test_an_answer_may_take_as_long_as_it_takes() -> None:
    clock = Clock()
    async with served(clock) as (address, _, go_on), aiohttp.ClientSession() as browser:
        asking = asyncio.create_task(browser.get(f"{address}/slow"))
        await asyncio.sleep(0.1)
        clock.now += 1000
        await asyncio.sleep(0.1)
        go_on.set()
        async with await asking as answer:
            assert await answer.text() == "at last"


async def test_a_crowd_that_says_nothing_keeps_nobody_out() -> None:
    clock = Clock()
    async with served(clock, most=5) as (address, port, _), aiohttp.ClientSession() as browser:
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        await asyncio.sleep(0.3)
        async with browser.get(address) as answer:
            assert answer.status == 200
        gone = [await closed(reader) for reader, _ in crowd[:7]]
        assert all(gone)
        for _, writer in crowd:
            writer.close()

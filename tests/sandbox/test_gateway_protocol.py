"""The gateway speaks Discord's protocol: compression, numbered events, resuming, heartbeats, close codes."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import STUDIO
from tests.sandbox.strict import opened


class Line:
    """A gateway connection without a library."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
        self.socket = socket
        self.token = token
        self.inflate = zlib.decompressobj()

    async def hear(self) -> dict[str, Any]:
        """The next payload, inflated with the socket's one zlib context when it comes compressed."""
        message = await self.socket.receive(timeout=5)
        if message.type is aiohttp.WSMsgType.BINARY:
            assert message.data.endswith(b"\x00\x00\xff\xff")
            return json.loads(self.inflate.decompress(message.data))
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)

    async def say(self, op: int, data: Any) -> None:
        await self.socket.send_str(json.dumps({"op": op, "d": data}))

    async def identify(self, **more: Any) -> dict[str, Any]:
        """Identify and return READY, after GUILD_CREATE came too."""
        await self.say(2, identity(self.token) | more)
        ready = await self.hear()
        assert (await self.hear())["t"] == "GUILD_CREATE"
        return ready

    async def end(self) -> int | None:
        """The code with which the sandbox closes the connection."""
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data


def identity(token: str) -> dict[str, Any]:
    names = {"os": "linux", "browser": "test", "device": "test"}
    return {"token": token, "intents": 1, "properties": names}


@asynccontextmanager
async def connected(sandbox: Sandbox, query: str = "?v=10&encoding=json") -> AsyncIterator[Line]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sandbox.gateway.url + "/" + query, max_msg_size=0) as socket,
    ):
        line = Line(socket, sandbox.token)
        hello = await line.hear()
        assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41250)
        yield line


async def test_ready_and_the_guild_come_after_identifying(sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        ready = await line.identify()
        assert (ready["t"], ready["s"]) == ("READY", 1)
        assert ready["d"]["resume_gateway_url"] == sandbox.gateway.url
        await line.say(1, 2)
        assert (await line.hear())["op"] == 11


async def test_zlib_stream_uses_one_context_for_the_whole_connection(sandbox: Sandbox) -> None:
    async with connected(sandbox, "?v=10&encoding=json&compress=zlib-stream") as line:
        await line.identify()
        sandbox.world.channel_changed(sandbox.world.channel(STUDIO))
        assert (await line.hear())["t"] == "CHANNEL_UPDATE"


async def test_a_resumed_session_hears_what_it_missed_in_order(sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        session = (await line.identify())["d"]["session_id"]
        sandbox.faults.drop_gateway()
    channel = sandbox.world.channel(STUDIO)
    for topic in ("a", "b"):
        sandbox.world.channel_changed(channel | {"topic": topic})
    async with connected(sandbox) as line:
        await line.say(6, {"token": sandbox.token, "session_id": session, "seq": 2})
        heard = [await line.hear() for _ in range(3)]
        assert [(each["s"], each["t"]) for each in heard] == [
            (3, "CHANNEL_UPDATE"),
            (4, "CHANNEL_UPDATE"),
            (5, "RESUMED"),
        ]
        assert [each["d"]["topic"] for each in heard[:2]] == ["a", "b"]


async def test_an_unknown_session_is_invalid(sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        await line.say(6, {"token": sandbox.token, "session_id": "gone", "seq": 2})
        assert await line.hear() == {"op": 9, "d": False, "s": None, "t": None}


async def test_events_need_their_intent(sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        await line.identify()
        sandbox.members["theo"].say("hello")  # GUILD_MESSAGES was not asked for
        sandbox.world.channel_changed(sandbox.world.channel(STUDIO))
        assert (await line.hear())["t"] == "CHANNEL_UPDATE"


async def test_members_are_sent_when_asked_for(sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        ready = await line.identify()
        guild = ready["d"]["guilds"][0]["id"]
        await line.say(8, {"guild_id": guild, "query": "th", "limit": 0})
        [theo] = (await line.hear())["d"]["members"]
        assert theo["user"]["username"] == "theo"


BAD = {
    "text that is no payload": (4002, ["no json"]),
    "a payload above 4096 bytes": (4002, [{"op": 1, "d": None, "more": "x" * 4096}]),
    "an unknown opcode": (4001, [{"op": 99, "d": None}]),
    "another token": (4004, [{"op": 2, "d": identity("wrong")}]),
    "a request before identifying": (4003, [{"op": 8, "d": {"guild_id": "1", "query": "", "limit": 0}}]),
    "more than 120 payloads a minute": (4008, [{"op": 1, "d": None}] * 121),
}


@pytest.mark.parametrize("name", BAD)
async def test_the_connection_is_closed_for(name: str, sandbox: Sandbox) -> None:
    code, payloads = BAD[name]
    async with connected(sandbox) as line:
        for payload in payloads:
            await line.socket.send_str(payload if isinstance(payload, str) else json.dumps(payload))
        assert await line.end() == code
    [violation] = sandbox.violations
    assert f"gateway closed the connection: {code}" in violation
    sandbox.violations.clear()


@pytest.mark.parametrize(
    ("code", "more"),
    [(4014, {"intents": 1 | 1 << 15}), (4010, {"shard": [1, 1]}), (4005, {})],
    ids=["intents nobody granted", "a shard that is not there", "identifying twice"],
)
async def test_the_connection_is_closed_for_identifying_with(code: int, more: dict[str, Any], sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        if not more:
            await line.identify()
        await line.say(2, identity(sandbox.token) | more)
        assert await line.end() == code
    assert len(sandbox.violations) == 1
    sandbox.violations.clear()


async def test_another_api_version_is_refused(sandbox: Sandbox) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(sandbox.gateway.url + "/?v=9") as socket,
    ):
        assert await Line(socket, "").end() == 4012
    sandbox.violations.clear()


async def test_a_connection_without_a_heartbeat_is_closed() -> None:
    async with (
        opened(heartbeat_s=0.05) as sandbox,
        aiohttp.ClientSession() as session,
        session.ws_connect(sandbox.gateway.url + "/?v=10") as socket,
    ):
        assert await Line(socket, "").end() == 4009


async def test_the_seventeenth_identify_in_five_seconds_is_turned_away(sandbox: Sandbox) -> None:
    for _ in range(16):
        async with connected(sandbox) as line:
            await line.identify()
    async with connected(sandbox) as line:
        await line.say(2, identity(sandbox.token))
        assert (await line.hear())["op"] == 9


async def test_a_client_that_says_goodbye_leaves_nothing_to_resume(sandbox: Sandbox) -> None:
    async with connected(sandbox) as line:
        await line.identify()
        assert sandbox.gateway.connected
        await line.socket.close(code=1000)
        async with asyncio.timeout(5):
            await sandbox.until(lambda: not sandbox.gateway.sessions)
    assert not sandbox.gateway.connected

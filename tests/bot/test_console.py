"""The console is back soon after Discord is, however long that was away."""

import asyncio

import disnake
import disnake.client
import pytest

from bot.console import LONGEST_RECONNECT_SECONDS, Console
from bot.ui.answers import Answers

ATTEMPTS = 60


async def test_between_two_attempts_to_connect_there_is_never_a_long_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(Answers())
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def gateway(**_: object) -> tuple[int, str, dict[str, int]]:
        return 1, "ws://127.0.0.1:9", {"total": 9, "remaining": 9, "reset_after": 0, "max_concurrency": 1}

    async def refused(*_: object, **__: object) -> disnake.gateway.DiscordWebSocket:
        raise ConnectionRefusedError

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == ATTEMPTS:
            await console.close()
        await sleep(0)

    monkeypatch.setattr(console.http, "get_bot_gateway", gateway)
    monkeypatch.setattr(disnake.client.DiscordWebSocket, "from_client", refused)
    monkeypatch.setattr(asyncio, "sleep", pause)
    await console.connect()
    assert len(pauses) == ATTEMPTS
    assert max(pauses) <= LONGEST_RECONNECT_SECONDS <= 30
    assert sum(pauses) > ATTEMPTS  # and no attempt after attempt without a breath

"""Real sockets: a chat server, a session for clients, the settings of a service, and what the log was told."""

import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import purgatory.domain.model
import pytest
import pytest_asyncio
import structlog

from bot.mecene.service import serving
from bot.settings import Settings, read
from tests.mecene.chat import Chat, chatting


@pytest_asyncio.fixture
async def chat() -> AsyncIterator[Chat]:
    async with chatting() as opened:
        yield opened


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture
async def service() -> AsyncIterator[str]:
    """The address of a service on the grammar."""
    async with serving("127.0.0.1", 0, plain_settings()) as address:
        yield address


@pytest.fixture
def told() -> Iterator[list[structlog.typing.EventDict]]:
    """What our own log heard; a retry's is stamina's, and configure_log leaves it out."""
    with structlog.testing.capture_logs() as lines:
        yield lines


class Clock:
    """The time by which a server is left alone; a test may let some of it pass."""

    def __init__(self) -> None:
        self.passed = 0.0

    def time(self) -> float:
        return time.time() + self.passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(purgatory.domain.model, "time", clock)
    return clock


def plain_settings(**overrides: object) -> Settings:
    """Settings that no environment and no .env has a part in."""
    nothing = {"mecene_url": "", "mecene_words": "", "mecene_llm_url": "", "mecene_llm_model": "", "mecene_llm_key": ""}
    return read(_env_file=None, **(nothing | overrides))

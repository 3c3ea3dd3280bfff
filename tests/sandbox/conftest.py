"""A sandbox on a free port, strict to the end, and a plain HTTP client for what no library would send."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox
from tests.remarks import remark
from tests.sandbox.strict import checked, opened


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Say how many bodies were held against Discord's schemas."""
    if checked:
        counts = ", ".join(f"{count} {direction}" for direction, count in sorted(checked.items()))
        remark(session.config, f"sandbox: checked against Discord's schemas: {counts}")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with opened() as sandbox:
        yield sandbox


class Raw:
    """Requests as a library would not make them."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """One request with the application's token: (status, JSON)."""
        if body is not None:
            more["json"] = body
        async with self.session.request(method, self.sandbox.api_url + path, **more) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else await response.text()


@pytest.fixture
async def raw(sandbox: Sandbox) -> AsyncIterator[Raw]:
    headers = {
        "Authorization": f"Bot {sandbox.token}",
        "User-Agent": "DiscordBot (https://example.org, 1.0)",
    }
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Raw(sandbox, session)

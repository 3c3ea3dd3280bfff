"""Uploads come from Discord's own file hosts, at once, whole, and never larger than allowed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.cogs.faces import A_PHOTO
from bot.cogs.upload import Uploads
from bot.domain.errors import BadUpload
from bot.pictures import MOST_BYTES, MOST_SIZE
from bot.settings import DISCORD_API


@dataclass
class Attached:
    """What an attachment says of itself, which need not be true."""

    url: str
    size: int = 10
    filename: str = "sweep.yaml"


@pytest_asyncio.fixture
async def files() -> AsyncIterator[str]:
    """A file host on this machine."""

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1001)

    async def fits(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://{request.host}/fits")

    application = web.Application()
    application.add_routes([web.get("/large", large), web.get("/fits", fits), web.get("/moved", elsewhere)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_a_file_of_the_largest_size_is_read_whole(session: aiohttp.ClientSession, files: str) -> None:
    uploads = Uploads(session, f"{files}/api/v10")
    assert await uploads.read(Attached(f"{files}/fits"), 1000, "1 KB") == b"x" * 1000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "size", "sentence"),
    [
        ("/large", 10, "sweep.yaml has more than 1 KB, which is the most."),
        ("/fits", 1001, "sweep.yaml has 1,001 bytes; at most 1 KB are allowed."),
        ("/moved", 10, "Discord did not hand over sweep.yaml (status 302). Upload it again."),
        ("/none", 10, "Discord did not hand over sweep.yaml (status 404). Upload it again."),
    ],
)
async def test_what_is_too_large_moved_or_gone_is_refused(
    session: aiohttp.ClientSession, files: str, path: str, size: int, sentence: str
) -> None:
    uploads = Uploads(session, f"{files}/api/v10")
    with pytest.raises(BadUpload) as caught:
        await uploads.read(Attached(files + path, size), 1000, "1 KB")  # type: ignore[arg-type]
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/fits",
        "https://cdn.discordapp.com.evil.example/a",
        "https://evil.example/cdn.discordapp.com",
        "http://cdn.discordapp.com/a",
        "https://cdn.discordapp.com:8443/a",
        "https://user@evil.example/a",
        "file:///etc/passwd",
        "https://discord.com/api/v10/users/@me",
    ],
)
async def test_other_hosts_are_never_asked(session: aiohttp.ClientSession, url: str) -> None:
    with pytest.raises(BadUpload, match="does not lie with Discord"):
        await Uploads(session, DISCORD_API).read(Attached(url), 1000, "1 KB")  # type: ignore[arg-type]


async def test_the_sandbox_may_serve_files_only_where_it_was_named(session: aiohttp.ClientSession, files: str) -> None:
    with pytest.raises(BadUpload, match="does not lie with Discord"):
        await Uploads(session, DISCORD_API).read(Attached(f"{files}/fits"), 1000, "1 KB")  # type: ignore[arg-type]


def test_the_largest_photo_has_one_name_for_its_size() -> None:
    assert (MOST_SIZE, MOST_BYTES) == ("10 MiB", 10 * 2**20)
    assert A_PHOTO.endswith(f"up to {MOST_SIZE}")

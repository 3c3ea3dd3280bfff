"""A house with a real front door: the pages behind the doorkeeper on a real socket, a store, and browsers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import aiohttp
from aiohttp import web
from cryptography.fernet import Fernet
from multidict import CIMultiDictProxy
from pydantic import SecretStr

from bot.domain.account import WebSession
from bot.domain.errors import Unavailable
from bot.domain.job import Member
from bot.domain.ports import Gallery
from bot.jobs.moderation import Moderation
from bot.sandbox import Sandbox
from bot.store.database import Sessions, open_database
from bot.store.web_sessions import WebSessions
from bot.web import api, assets, media, moderation, pages
from bot.web.errors import sentences
from bot.web.headers import protect
from bot.web.keys import DISCORD_PAGES, GALLERY, MODERATION, PUBLICATIONS, TEMPLATES, USUAL
from bot.web.messages import DISCORD
from bot.web.oauth import DiscordSignIn
from bot.web.recipes import catalogued
from bot.web.rendering import environment
from bot.web.server import address_of, listen, serving
from bot.web.session import LARGEST_BODY, Doorkeeper, member
from bot.web.signin import SignIn
from tests.web.exhibition import SERVER, Bench, Exhibition

PAGE = {"Accept": "text/html,application/xhtml+xml"}
TOKEN = re.compile(r'name="token" value="([^"]*)"')
MINA, OLGA = 3, 4
HOUR = timedelta(hours=1)


class Servers:
    """The Memberships port: who is where, and how often somebody asked."""

    def __init__(self) -> None:
        self.members = {
            MINA: (Member(MINA, "Mina", guild_id=SERVER),),
            OLGA: (Member(OLGA, "Olga", True, SERVER), Member(OLGA, "Olga", guild_id=8)),
        }
        self.asked = 0
        self.away = False
        self.gate: asyncio.Event | None = None

    async def of(self, member_id: int) -> tuple[Member, ...]:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise Unavailable("Discord does not answer")
        return self.members.get(member_id, ())


class Counting(WebSessions):
    """The real store of sessions, which counts how often it is asked and can be away."""

    found = 0
    away = False

    async def find(self, secret: str) -> Any:
        self.found += 1
        if self.away:
            raise Unavailable("the database does not answer")
        return await super().find(secret)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def cookies(self) -> list[str]:
        return self.headers.getall("Set-Cookie", [])


@dataclass
class Browser:
    """A browser with a jar of its own; it does not follow redirects."""

    house: "House"
    session: aiohttp.ClientSession
    sent: dict[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The value of the wall's cookie; empty without one."""
        return next((each.value for each in self.session.cookie_jar if each.key.endswith("atelier")), "")

    def carry(self, cookie: str, name: str = "atelier") -> None:
        """Have that cookie from now on, in place of its own."""
        self.session.cookie_jar.clear()
        self.sent = {"Cookie": f"{name}={cookie}"}

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=PAGE | headers)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        headers = self.sent | dict(more.pop("headers", {}))
        url = path if path.startswith("http") else self.house.address + path
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
            return Answer(answer.status, answer.headers, await answer.text(errors="replace"))

    async def token(self) -> str:
        """The token of the forms, as the sign-in page has it."""
        found = TOKEN.search((await self.get("/link")).text)
        return found[1] if found else ""

    async def post(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        origin: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a form as the wall's own page does, but for what a test says."""
        form = dict(fields or {}) | {"token": await self.token() if token is None else token}
        sender = {} if origin is None else {"Origin": origin or self.house.address}
        return await self.ask("POST", path, data=form, headers=PAGE | sender | dict(headers or {}))

    async def sign_in(self, member_id: int = MINA) -> Answer:
        """Type a code of that member's."""
        code = await self.house.store.code(member_id, HOUR)
        return await self.post("/link", {"code": code})


@dataclass
class House:
    """What stands behind the door, and what time it is there."""

    address: str
    key: bytes
    store: Counting
    sessions: Sessions
    servers: Servers
    shown: Exhibition
    door: Doorkeeper
    sign_in: SignIn
    now: float = 1000.0

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield Browser(self, session)

    def secret_of(self, browser: Browser) -> str:
        """The secret in a browser's cookie."""
        return str(json.loads(Fernet(self.key).decrypt(browser.cookie))["session"]["secret"])

    async def session_of(self, browser: Browser) -> WebSession:
        """A browser's session as it stands in the store."""
        found = await WebSessions.find(self.store, self.secret_of(browser))
        assert found is not None
        return found

    async def raw(self, request: bytes) -> tuple[int, bytes]:
        """Bytes that no client would send; the status and all that came back."""
        host, port = self.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            await writer.drain()
            answer = await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
        return int(answer.split(b" ", 2)[1]) if answer else 0, answer

    async def raw_get(self, path: str, cookie: bytes = b"") -> tuple[int, bytes]:
        carried = b"Cookie: " + cookie + b"\r\n" if cookie else b""
        host = self.address.removeprefix("http://").encode()
        line = b"GET " + path.encode("latin-1") + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n"
        return await self.raw(line + carried + b"\r\n")


@asynccontextmanager
async def opened(
    *,
    address: str | None = None,
    tokens: int = 0,
    lifetime: timedelta = HOUR,
    discord: Sandbox | None = None,
    gallery: Gallery | None = None,
) -> AsyncIterator[House]:
    """A house that is open; `address` is what it takes for its own, `discord` its sandbox, `gallery` a real wall."""
    bound = listen("127.0.0.1", 0)
    own, key = address_of(bound), Fernet.generate_key()
    async with open_database("sqlite+aiosqlite:///:memory:") as sessions:
        store, servers, shown = Counting(sessions, 1000), Servers(), Exhibition()
        door = Doorkeeper(
            store,
            servers,
            key=key,
            address=address or own,
            lifetime=lifetime,
            session_tokens=tokens,
            clock=lambda: house.now,
        )
        client = None
        if discord is not None:
            secret = SecretStr(discord.oauth.client_secret)
            client = DiscordSignIn(discord.api_url, discord.oauth.client_id, secret, own)
            discord.oauth.redirects.add(f"{own}/login/discord/callback")
        sign_in = SignIn(door, store, client, clock=lambda: house.now)
        house = House(own, key, store, sessions, servers, shown, door, sign_in)
        async with serving(_application(house, gallery or shown), bound):
            yield house


def _application(house: House, gallery: Gallery) -> web.Application:
    app = web.Application(middlewares=[sentences], client_max_size=LARGEST_BODY)
    protect(app, secure=house.door.origin.secure)
    house.door.guard(app)
    app[GALLERY] = gallery
    app[PUBLICATIONS] = house.shown
    app[MODERATION] = cast(Moderation, Bench(house.shown))
    app[USUAL] = catalogued
    app[DISCORD_PAGES] = DISCORD
    app[TEMPLATES] = environment()
    for routes in (pages, api, media, moderation, assets):
        app.add_routes(routes.routes())
    app.add_routes(house.sign_in.routes())
    app.add_routes([web.get("/health", _health), web.get("/broken", _broken), web.get("/mine", _mine)])
    app.add_routes([web.get("/stream", _stream), web.post("/change", _change)])
    return app


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"ready": True})


async def _broken(_: web.Request) -> web.Response:
    raise RuntimeError("a secret of ours")


async def _mine(request: web.Request) -> web.Response:
    who = await member(request)
    told = {"id": who.member_id, "name": who.name, "guilds": sorted(who.guilds), "operates": sorted(who.operates)}
    return web.json_response(told)


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"bit by bit")
    return response


async def _change(request: web.Request) -> web.Response:
    return web.Response(text="changed")

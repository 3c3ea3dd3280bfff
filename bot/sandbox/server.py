"""The sandbox: opens Discord on a loopback port, and closes it again."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .archive import Archive
from .body import REQUEST_LIMIT
from .cdn import Cdn, content_type
from .driver import Acts, Member, until
from .faults import Faults
from .gateway import GUILDS, Gateway
from .interactions import Interactions
from .live import Live
from .message import LOADING, Message
from .nonces import NONCES_S, Nonces
from .oauth import OAuth
from .posting import Desk
from .rates import Rates
from .refusal import Refusal
from .rest import Rest
from .specification import Specification
from .world import GUILD, PROFILES, World

API = "/api/v10"
TOKEN = "sandbox.token.for-loopback-only"


class Sandbox:
    """Discord on loopback, as an async context.

    `state` is the file in which commands and messages survive a restart. `spec_dir` holds Discord's schemas.
    `public`, `gateway` and `cdn` are the addresses told to the client when it reaches this server under
    other names than its own (with `tls`, for Discord's real host names). `intents` are those the
    application may ask for; `answer_s` and `token_s` are how long an interaction waits and lives, in seconds,
    `nonces_s` how long a nonce is remembered. `redirects` are where OAuth2 may send browsers back to.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        state: Path | None = None,
        spec_dir: Path | None = None,
        tls: ssl.SSLContext | None = None,
        public: str | None = None,
        gateway: str | None = None,
        cdn: str | None = None,
        token: str = TOKEN,
        intents: int = GUILDS,
        rates: Rates | None = None,
        answer_s: float = 3.0,
        token_s: float = 15 * 60.0,
        heartbeat_s: float = 41.25,
        nonces_s: float = NONCES_S,
        redirects: Collection[str] = (),
    ) -> None:
        self.host = host
        self.port = port
        self.token = token
        self.violations: list[str] = []
        self.faults = Faults()
        self.specification = Specification(spec_dir)
        self._tls = tls
        self._public, self._gateway_url, self._cdn_url = public, gateway, cdn
        self._broken = self.violations
        self._pulse = asyncio.Event()
        self._archive = Archive(state)
        self.world = World(self._archive, self._told)
        self.cdn = Cdn(self._archive, self.world.snowflakes)
        self.gateway = Gateway(
            self.world,
            self.specification,
            token=token,
            intents=intents,
            heartbeat_s=heartbeat_s,
            violation=self._violation,
            presence_changed=self._presence_changed,
        )
        self._nonces = Nonces(nonces_s)
        self.faults.attach(self.gateway, self._nonces)
        self.oauth = OAuth(self.world, redirects)
        desk = Desk(self.world, self.cdn)
        self.interactions = Interactions(
            self.world,
            self.cdn,
            desk,
            self.gateway.dispatch,
            self._publish,
            answer_s=answer_s,
            token_s=token_s,
        )
        self.rest = Rest(
            self.world,
            desk,
            self.interactions,
            self.gateway,
            self.specification,
            self.faults,
            Rates() if rates is None else rates,
            self._nonces,
            self.oauth,
            token=token,
            violation=self._violation,
            publish=self._publish,
        )
        acts = Acts(self.world, self.cdn, desk, self.interactions, lambda: bool(self.gateway.sessions))
        self.members = {each.name: Member(each, self.world, acts) for each in PROFILES}
        self.live = Live(self.world, self.cdn, acts, lambda: self.gateway.connected)

    @property
    def url(self) -> str:
        """The page's address, and the CDN's."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """What DISCORD_API_URL is set to."""
        return self._public or self.url + API

    @property
    def checked(self) -> Counter[str]:
        """How many bodies were checked against Discord's schemas, by direction."""
        return self.specification.checked

    @property
    def edits_too_fast(self) -> int:
        """How often a message was edited again within about two seconds."""
        return self.rest.edits_too_fast

    async def __aenter__(self) -> Self:
        try:
            await self.on()
        except OSError:  # the port is taken
            self._archive.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.interactions.close()
        await self.live.close()
        await self.gateway.close()
        await self._runner.cleanup()
        self._archive.close()

    async def on(self) -> None:
        """Listen, on the same port as before where it was `off`. Raises OSError where the port is taken."""
        app = web.Application(client_max_size=REQUEST_LIMIT + 1024)
        app.add_routes(self.rest.routes(API))
        app.add_routes(self.oauth.routes())
        app.add_routes([web.get("/", self._front), web.get("/attachments/{path:.*}", self._file)])
        app.add_routes([web.get("/ephemeral-attachments/{path:.*}", self._file), *self.live.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.cdn.base = self._cdn_url or self.url
        self.gateway.url = self._gateway_url or self.url.replace("http", "ws", 1)

    async def off(self) -> None:
        """An outage: connections break, none is taken, and what is kept in memory alone is lost; the world stays."""
        for socket in list(self.gateway.sockets):
            socket.cut()
        await self._runner.cleanup()
        self.gateway.sessions.clear()
        self._nonces.forget()

    async def ready(self, timeout: float = 15.0) -> None:
        """Wait until a console has identified and registered its commands."""
        await self.until(lambda: self.gateway.connected and self.world.all_commands(), timeout=timeout)

    async def until(self, predicate: Callable[[], Any], timeout: float = 10.0) -> Any:
        """Wait until a predicate is true, asking again whenever something happened; return what it gave."""
        return await until(predicate, lambda: self._pulse, timeout)

    def messages(self, channel: str | None = None) -> list[dict[str, Any]]:
        """Discord message objects, oldest first, ephemeral ones included, answers still awaited left out."""
        return [
            message.as_discord(self.cdn)
            for message in self.world.messages.values()
            if channel in (None, message.channel) and not message.flags & LOADING
        ]

    def duplicates(self) -> list[str]:
        """The names of files that stand in more than one message of a channel, a name for each one too many."""
        posted = Counter(
            (message.channel, file.filename) for message in self.world.messages.values() for file in message.attachments
        )
        return [name for (_, name), count in posted.items() for _ in range(count - 1)]

    @contextmanager
    def expect_refusals(self) -> Iterator[list[str]]:
        """A stretch in which broken rules are the test's own doing: listed, not held against anyone."""
        before, self._broken = self._broken, []
        try:
            yield self._broken
        finally:
            self._broken = before

    def _violation(self, sentence: str) -> None:
        self._broken.append(sentence)

    def _publish(self, kind: str, data: Any, audience: str | None = None) -> None:
        self.live.publish(kind, data, audience)
        self._beat()

    def _beat(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    def _told(self, event: str, thing: Any) -> None:
        """Something changed in the world: tell the gateway's sessions and the pages."""
        if isinstance(thing, Message):
            if thing.audience is None:
                self._dispatch_message(event, thing)
            self.live.message(event, thing)
        elif event == "COMMANDS":
            self.live.publish("commands", thing)
        else:
            self.gateway.dispatch(event, thing)
        self._beat()

    def _dispatch_message(self, event: str, message: Message) -> None:
        if event == "MESSAGE_DELETE":
            deleted = {"id": message.id, "channel_id": message.channel, "guild_id": GUILD}
            self.gateway.dispatch(event, deleted)
            return
        self.gateway.dispatch(event, message.as_discord(self.cdn) | {"guild_id": GUILD})

    def _presence_changed(self) -> None:
        self.live.publish("application", self.live.application())
        self._beat()

    async def _front(self, request: web.Request) -> web.StreamResponse:
        """The address alone: a WebSocket is the gateway's, anything else the page's."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.gateway.serve(request)
        return await self.live.page(request)

    async def _file(self, request: web.Request) -> web.Response:
        if self.faults.cdn_delay_s:
            await asyncio.sleep(self.faults.cdn_delay_s)
        query = request.query
        try:
            content = self.cdn.fetch(request.path, query.get("ex", ""), query.get("is", ""), query.get("hm", ""))
        except Refusal as refusal:
            return web.Response(status=refusal.status, text=refusal.message)
        return web.Response(body=content, content_type=content_type(request.path))

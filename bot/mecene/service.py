"""The idea service: `POST /ideas` over HTTP, on this machine unless told otherwise, without tokens or state."""

import asyncio
import html
import ipaddress
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import structlog
from aiohttp import web

from bot.domain.ports import Ideas
from bot.mecene.openapi import DESCRIPTION
from bot.mecene.sources import open_ideas
from bot.mecene.wire import MOST_ASKED_BYTES, Misasked, ideas_as_json, read_asked
from bot.settings import BadSettings, Settings

log = structlog.get_logger("atelier.mecene")

AT_A_TIME = 4
"""Requests whose ideas are in the making; others wait for their turn."""
BODY_SECONDS = 10.0
CLOSING_SECONDS = 5.0
"""How long answers under way may take once the process is told to end."""
PAGE = Path(__file__).with_name("page.html")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(ideas: Ideas, source: str, *, here: bool = False) -> web.Application:
    """The service around `ideas`; `source` says in its health what makes them: grammar or model.

    One that is reached from `here` alone, this machine, answers to no name but the machine's own: a page elsewhere
    could point its name at us (DNS rebinding) and ask in the name of whoever looks at it.
    """
    turns = asyncio.Semaphore(AT_A_TIME)
    page = PAGE.read_text("utf-8")

    async def post_ideas(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Content-Type: expected application/json.")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType(text="Content-Encoding: the body is taken as it is alone, not packed.")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text=f"The body did not come within {BODY_SECONDS:g} s.") from None
        except (web.RequestPayloadError, ConnectionError):
            raise web.HTTPBadRequest(text="The body broke off.") from None
        try:
            asked = read_asked(body)
        except Misasked as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        async with turns:
            told = await ideas.ideas(asked.theme, asked.count, asked.seed, asked.person)
        return web.json_response(ideas_as_json(told))

    async def get_health(_: web.Request) -> web.Response:
        return web.json_response({"ready": True, "source": source})

    async def get_description(_: web.Request) -> web.Response:
        return web.json_response(DESCRIPTION)

    async def get_page(request: web.Request) -> web.Response:
        address = html.escape(f"{request.scheme}://{request.host}")
        return web.Response(text=page.replace("ADDRESS", address), content_type="text/html")

    @web.middleware
    async def to_us(request: web.Request, handler: Handler) -> web.StreamResponse:
        if here and not _is_here(request.url.host or ""):
            raise web.HTTPMisdirectedRequest(
                text="Host: expected 127.0.0.1 or localhost; that is where this service is."
            )
        return await handler(request)

    app = web.Application(middlewares=[_sentences, to_us], client_max_size=MOST_ASKED_BYTES)
    app.router.add_post("/ideas", post_ideas)
    app.router.add_get("/health", get_health)
    app.router.add_get("/openapi.json", get_description)
    app.router.add_get("/", get_page)
    return app


@web.middleware
async def _sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever is refused is refused in JSON, with a sentence that says what to do."""
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        allowed = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
        response = web.json_response({"error": _sentence(refused)}, status=refused.status, headers=allowed)
    response.headers.update(HEADERS)
    return response


def _is_here(name: str) -> bool:
    """Whether that name or address is this machine's own, for itself alone."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _sentence(refused: web.HTTPException) -> str:
    if isinstance(refused, web.HTTPMethodNotAllowed):
        return f"{refused.method[:20]} is not answered here; use {' or '.join(sorted(refused.allowed_methods))}."
    if isinstance(refused, web.HTTPNotFound):
        return "There is nothing here; POST /ideas makes ideas, and / shows how."
    if isinstance(refused, web.HTTPRequestEntityTooLarge):
        return f"The body is too long; {MOST_ASKED_BYTES:,} bytes are the most."
    return refused.text or HTTPStatus(refused.status).phrase


@asynccontextmanager
async def serving(host: str, port: int, settings: Settings) -> AsyncIterator[str]:
    """Serve while the context is open; the address. Raises BadSettings where that cannot be."""
    if not 0 <= port <= 65_535:
        raise BadSettings(f"--port: expected a number from 0 to 65535, got {port}.")
    async with open_ideas(settings, ask_service=False) as ideas:
        source = "model" if settings.mecene_llm_url else "grammar"
        runner = web.AppRunner(
            application(ideas, source, here=_is_here(host)),
            access_log=None,
            shutdown_timeout=CLOSING_SECONDS,
            auto_decompress=False,
        )
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                said = error.strerror or str(error)
                raise BadSettings(f"--host, --port: cannot listen on {host} port {port} ({said}).") from error
            bound = runner.addresses[0]
            name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
            address = f"http://{name}:{bound[1]}"
            log.info("mecene", address=address, ideas=source)
            yield address
        finally:
            await runner.cleanup()


def run(host: str, port: int, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadSettings where that cannot be."""
    asyncio.run(_until_signal(host, port, settings))


async def _until_signal(host: str, port: int, settings: Settings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with serving(host, port, settings):
        await stop.wait()

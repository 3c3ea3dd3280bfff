"""Operations: `GET /health` says whether the console is connected, the weights loaded and how long the queue is."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from bot.settings import BadSettings

log = structlog.get_logger("atelier.web")

Health = Callable[[], Mapping[str, object]]


@asynccontextmanager
async def serving(host: str, port: int, health: Health) -> AsyncIterator[str]:
    """Serve while the context is open; the address. Status 503 until `health()["ready"]` is true."""

    async def get_health(_: web.Request) -> web.Response:
        facts = health()
        return web.json_response(dict(facts), status=200 if facts["ready"] else 503)

    application = web.Application()
    application.router.add_get("/health", get_health)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise BadSettings(f"WEB_HOST, WEB_PORT: cannot listen on {host} port {port} ({error.strerror}).") from error
        bound = runner.addresses[0]
        address = f"http://{bound[0]}:{bound[1]}"
        log.info("health page", address=f"{address}/health")
        yield address
    finally:
        await runner.cleanup()

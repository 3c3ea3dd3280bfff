"""The server: an application on one socket, bound before anything is opened so that its address is known."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bot.settings import BadSettings
from bot.web.connections import Connections

WAITING = 128
"""Connections that may wait to be taken up."""

CLOSING_SECONDS = 5.0
"""How long closing waits for answers under way."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any free one. Raises BadSettings."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(place)
            bound.listen(WAITING)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise BadSettings(f"WEB_HOST, WEB_PORT: cannot listen on {host} port {port} ({error.strerror}).") from error
    return bound


def address_of(bound: socket.socket) -> str:
    """Where a browser on this machine reaches what listens on the socket."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    application: web.Application, bound: socket.socket, connections: Connections | None = None
) -> AsyncIterator[None]:
    """Serve on the socket while the context is open; it is closed on the way out."""
    connections = connections or Connections()
    application.middlewares.insert(0, connections.watch)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSING_SECONDS)
    await runner.setup()
    assert runner.server is not None
    try:
        await web.SockSite(runner, bound, backlog=WAITING).start()
        async with connections.watching(runner.server):
            yield
    finally:
        await runner.cleanup()
        bound.close()

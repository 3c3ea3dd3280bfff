"""Static files: what the pages are dressed with, out of memory, under an address that changes when any of them does."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from aiohttp import hdrs, web

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"
FRESH = "no-cache"


@cache
def assets() -> Mapping[str, bytes]:
    """All static files by name."""
    folder = files("bot.web").joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in TYPES}


@cache
def edition() -> str:
    """One hash for all of them: modules name each other by relative paths, so they have to move together."""
    whole = hashlib.sha256()
    for name, data in sorted(assets().items()):
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()[:12]


def address(name: str) -> str:
    """Where a static file is served. Raises KeyError for one that is not there."""
    if name not in assets():
        raise KeyError(name)
    return f"/static/{edition()}/{name}"


def routes() -> list[web.RouteDef]:
    return [web.get("/static/{edition}/{name}", _get)]


async def _get(request: web.Request) -> web.Response:
    name, asked = request.match_info["name"], request.match_info["edition"]
    data = assets().get(name)
    if data is None:
        raise web.HTTPNotFound(text=f"There is no file {name[:60]} here.")
    tag = f'"{edition()}"'
    headers = {
        hdrs.CACHE_CONTROL: FOREVER if asked == edition() else FRESH,
        hdrs.ETAG: tag,
        hdrs.CONTENT_TYPE: TYPES[name.rpartition(".")[2]],
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
        return web.Response(status=304, headers=headers)
    response = web.Response(body=data, headers=headers)
    response.enable_compression()
    return response

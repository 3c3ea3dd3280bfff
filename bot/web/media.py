"""Media: the wall's files under the hash of their bytes, which never change; to whoever may see them."""

import re
from collections.abc import Mapping

from aiohttp import hdrs, web

from bot.domain.wall import Blob
from bot.web.keys import GALLERY
from bot.web.session import visitor

IMMUTABLE = "private, max-age=31536000, immutable"
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
NOTHING_HERE = '{"error": "There is no such picture here, or none that you may see."}'
NOT_KEPT: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}


def routes() -> list[web.RouteDef]:
    return [web.get("/media/{name:[0-9a-f]{64}\\.(?:webp|png)}", get)]


async def get(request: web.Request) -> web.Response:
    """A file whole (200), in part (206), or not again (304); 404 where the visitor may not see what it shows."""
    name = request.match_info["name"]
    blob = await request.app[GALLERY].blob(await visitor(request), name)
    if blob is None:
        # Not an exception: this is the busiest road, and what comes of a guess is to cost no more than a picture.
        return web.Response(status=404, text=NOTHING_HERE, content_type="application/json", headers=NOT_KEPT)
    tag = f'"{name}"'
    headers = {
        hdrs.CACHE_CONTROL: IMMUTABLE,
        hdrs.ETAG: tag,
        hdrs.CONTENT_TYPE: blob.content_type,
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.VARY: hdrs.COOKIE,
        "X-Content-Type-Options": "nosniff",
    }
    asked = request.headers
    if hdrs.IF_NONE_MATCH in asked and _matches(asked[hdrs.IF_NONE_MATCH], tag):
        return web.Response(status=304, headers=headers)
    if hdrs.RANGE in asked and asked.get(hdrs.IF_RANGE, tag) == tag:
        return _part(blob, asked[hdrs.RANGE], headers)
    return web.Response(body=blob.data, headers=headers)


def _matches(asked: str, tag: str) -> bool:
    """Whether an If-None-Match names this file; weak comparison, RFC 9110, 13.1.2."""
    return asked.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in asked.split(","))


def _part(blob: Blob, asked: str, headers: dict[str, str]) -> web.Response:
    """One range of the bytes, RFC 9110, 14.2; several at once, and what is no range, are answered with the whole."""
    size = len(blob.data)
    found = RANGE.fullmatch(asked.strip())
    if found is None or not (found[1] or found[2]) or (found[1] and found[2] and int(found[2]) < int(found[1])):
        return web.Response(body=blob.data, headers=headers)
    first = int(found[1]) if found[1] else max(0, size - int(found[2]))
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if first > last:
        return web.Response(status=416, headers=headers | {hdrs.CONTENT_RANGE: f"bytes */{size}"})
    headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{last}/{size}"
    return web.Response(status=206, body=blob.data[first : last + 1], headers=headers)

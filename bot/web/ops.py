"""Operations: `GET /health` says whether the console is connected, the weights loaded and how long the queue is."""

from collections.abc import Callable, Mapping

from aiohttp import web

Health = Callable[[], Mapping[str, object]]


def routes(health: Health) -> list[web.RouteDef]:
    """Status 503 until `health()["ready"]` is true."""

    async def get_health(_: web.Request) -> web.Response:
        facts = health()
        return web.json_response(dict(facts), status=200 if facts["ready"] else 503)

    return [web.get("/health", get_health)]

"""A small server with OpenAI's chat API, on a real socket: it tells ideas as a model would, and can misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

PLACES = ("pier", "meadow", "library", "rooftop", "harbour", "workshop", "orchard", "gallery", "station", "terrace")


def idea(number: int) -> dict[str, Any]:
    """A good idea, another for each number."""
    return {
        "prompt": f"resting in the {PLACES[number % 10]} of chapter {number}, wearing a coat, soft light, 35mm photo",
        "negative_prompt": "blurry face, text",
        "tags": ["model", "calm"],
    }


def said(text: str) -> web.Response:
    """An answer in the API's shape."""
    return web.json_response({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]})


class Chat:
    """Keeps what it was asked. `manners` are how it answers, in turn; behind the last, and without any, it is good.

    Where there are `raw` bytes, they are its answer, whatever it was asked.
    """

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.models: Any = {"data": [{"id": "first"}, {"id": "second"}]}
        self.manners: list[str] = []
        self.always = "good"
        self.raw: bytes | None = None
        self.packing = "identity"
        self.elsewhere = 0
        self._told = 0

    @property
    def wishes(self) -> list[dict[str, Any]]:
        """What stood in the user's messages."""
        return [json.loads(asked["messages"][-1]["content"]) for asked in self.asked]

    async def get_models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        return web.json_response(self.models)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.raw is not None:
            packed = {"Content-Encoding": self.packing}
            return web.Response(body=self.raw, content_type="application/json", headers=packed)
        manner = self.manners.pop(0) if self.manners else self.always
        if manner == "cut":
            response = web.StreamResponse(headers={"Content-Length": "5000", "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b'{"choices": [')
            assert request.transport is not None
            request.transport.close()
            return response
        if manner == "slow":
            await asyncio.sleep(30)
        if manner.isdigit():
            return web.json_response({"error": "the secret of this server"}, status=int(manner))
        if manner.startswith("429 "):
            return web.Response(status=429, headers={"Retry-After": manner.partition(" ")[2]})
        if manner == "redirect":
            return web.Response(status=302, headers={"Location": f"{self.address}/elsewhere"})
        if manner == "huge":
            return web.Response(body=b" " * 3_000_000, content_type="application/json")
        if manner == "bare" and "response_format" in asked:
            return web.json_response({"error": {"message": "response_format is not supported"}}, status=400)
        wanted = json.loads(asked["messages"][-1]["content"])["count"]
        return said(SAID.get(manner, SAID["good"])(self._next(wanted)))

    def _next(self, count: int) -> list[dict[str, Any]]:
        self._told += count
        return [idea(number) for number in range(self._told - count, self._told)]

    async def get_elsewhere(self, _: web.Request) -> web.Response:
        self.elsewhere += 1
        return said(SAID["good"]([idea(1)]))


def _whole(ideas: list[dict[str, Any]]) -> str:
    return json.dumps({"ideas": ideas})


def with_prompts(*prompts: str) -> str:
    """An answer with these prompts."""
    return _whole([idea(0) | {"prompt": prompt} for prompt in prompts])


SAID: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "good": _whole,
    "bare": _whole,
    "fenced": lambda ideas: f"Here they are:\n```json\n{_whole(ideas)}\n```",
    "thinking": lambda ideas: f"<think>{{an object with ideas?}}</think>{_whole(ideas)}",
    "prose": lambda ideas: "I would paint a harbour at night.",
    "half": lambda ideas: _whole(ideas)[:-20],
    "list": lambda ideas: json.dumps([idea["prompt"] for idea in ideas]),
    "nested": lambda ideas: "{" + "[" * 100_000 + "}",
    "same": lambda ideas: _whole([idea(7)] * len(ideas)),
    "few": lambda ideas: _whole(ideas[: (len(ideas) + 1) // 2]),
    "many": lambda ideas: _whole([*ideas, *(idea(number) for number in range(5_000, 5_040))]),
}


@asynccontextmanager
async def chatting() -> AsyncIterator[Chat]:
    """The server while the context is open."""
    chat = Chat()
    app = web.Application()
    app.router.add_get("/v1/models", chat.get_models)
    app.router.add_post("/v1/chat/completions", chat.complete)
    app.router.add_post("/v1/elsewhere", chat.get_elsewhere)
    app.router.add_get("/v1/elsewhere", chat.get_elsewhere)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        chat.address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield chat
    finally:
        await runner.cleanup()

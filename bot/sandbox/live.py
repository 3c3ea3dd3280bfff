"""The page's side of the sandbox: what it shows, what it hears live, and what its member does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from .cdn import Cdn
from .driver import Acts, File
from .interactions import Interaction
from .message import LOADING, Message
from .options import ATTACHMENT, Rejected
from .refusal import Refusal
from .world import BOT, GUILD, Profile, World

PAGE = Path(__file__).parent / "page"
SHOWN_MESSAGES = 200


class Live:
    """The page, and the JSON it lives on."""

    def __init__(self, world: World, cdn: Cdn, acts: Acts, online: Callable[[], bool]) -> None:
        self._world = world
        self._cdn = cdn
        self._acts = acts
        self._online = online
        self._pages: dict[web.WebSocketResponse, tuple[str, asyncio.Queue[str | None]]] = {}
        self._thinking: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """The page's routes, but for "/" itself."""
        return [
            web.get("/page/{file}", self.page),
            web.get("/sandbox/state", self._answering(self._state)),
            web.get("/sandbox/live", self._listen),
            web.post("/sandbox/interactions", self._answering(self._run)),
            web.post("/sandbox/autocomplete", self._answering(self._complete)),
            web.post("/sandbox/components", self._answering(self._use)),
            web.post("/sandbox/messages", self._answering(self._say)),
        ]

    def application(self) -> dict[str, str] | None:
        """The connected application, or None."""
        return {"id": BOT.id, "name": BOT.display} if self._online() else None

    def publish(self, kind: str, data: Any, audience: str | None = None) -> None:
        """Tell every page, or the pages of one member."""
        text = json.dumps({"type": kind, "data": data})
        for member, queue in self._pages.values():
            if audience in (None, member):
                queue.put_nowait(text)

    def message(self, event: str, message: Message) -> None:
        """Tell the pages of a message that came, changed or went."""
        if event == "MESSAGE_DELETE":
            deleted = {"id": message.id, "channel_id": message.channel}
            self.publish("message_delete", deleted, message.audience)
        elif message.flags & LOADING:
            assert message.interaction is not None
            asked = message.interaction
            thinking = {
                "interaction": asked["id"],
                "message": message.id,
                "channel_id": message.channel,
                "ephemeral": message.audience is not None,
                "by": self._by(message),
                "command": asked["command"],
            }
            self._thinking.add(message.id)
            self.publish("thinking", thinking, message.audience)
        else:
            new = event == "MESSAGE_CREATE" or message.id in self._thinking
            self._thinking.discard(message.id)
            self.publish("message" if new else "message_update", self._show(message), message.audience)

    def _show(self, message: Message) -> dict[str, Any]:
        shown = message.as_discord(self._cdn)
        if message.interaction is None or message.reference is not None:  # a follow-up only replies
            return shown
        return shown | {"interaction_by": self._by(message)}

    def _by(self, message: Message) -> dict[str, Any]:
        asked = message.interaction or {}
        profile = self._world.members[asked["member"]]
        command = asked["command"] if asked["type"] == 2 else None
        return {"id": profile.id, "name": profile.display, "command": command, "interaction": asked["id"]}

    async def page(self, request: web.Request) -> web.FileResponse:
        """The page and its files."""
        path = (PAGE / request.match_info.get("file", "index.html")).resolve()
        if path.parent != PAGE or not path.is_file():
            raise web.HTTPNotFound(text="There is no such file.")
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        member = self._member(request.query.get("member", ""))
        socket = web.WebSocketResponse(heartbeat=30.0)
        await socket.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._pages[socket] = (member.id, queue)
        writer = asyncio.create_task(_write(socket, queue))
        try:
            async for _ in socket:  # the page only listens; reading notices when it leaves
                pass
        finally:
            del self._pages[socket]
            writer.cancel()
        return socket

    def _answering(
        self, handler: Callable[[web.Request], Awaitable[Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                return web.json_response(await handler(request))
            except (Rejected, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)
            except web.HTTPRequestEntityTooLarge:
                return web.json_response({"error": "Files may have at most 10 MiB."}, status=413)
            except KeyError as error:
                return web.json_response({"error": f"The field {error} is missing."}, status=400)
            except Refusal as refusal:
                return web.json_response({"error": f"{refusal.message}."}, status=refusal.status)

        return answer

    def _member(self, id: str) -> Profile:
        return self._world.profile(id)

    async def _state(self, request: web.Request) -> dict[str, Any]:
        me = self._member(request.query.get("member", "mina"))
        visible = [each for each in self._world.messages.values() if each.seen_by(me.id)]
        return {
            "guild": {"id": GUILD, "name": "Atelier"},
            "channels": [
                {name: channel.get(name) for name in ("id", "name", "type", "topic", "parent_id")}
                for channel in self._world.channels.values()
            ],
            "members": [_card(profile) for profile in self._world.members.values()],
            "me": _card(me),
            "application": self.application(),
            "commands": self._world.all_commands(),
            "messages": [self._show(each) for each in visible[-SHOWN_MESSAGES:]],
        }

    async def _run(self, request: web.Request) -> dict[str, str]:
        form = await request.post()
        payload = json.loads(str(form["payload"]))
        files = {
            field: File(part.filename, part.file.read())
            for field, part in form.items()
            if isinstance(part, web.FileField)
        }
        path, options = _flatten(payload["name"], payload.get("options") or [])
        values = {
            each["name"]: files.get(str(each["value"])) if each["type"] == ATTACHMENT else each["value"]
            for each in options
        }
        member = self._member(payload["member"])
        return _handle(self._acts.run(member, payload["channel"], path, values))

    async def _complete(self, request: web.Request) -> dict[str, Any]:
        payload = await request.json()
        path, options = _flatten(payload["name"], payload.get("options") or [])
        focused = next((each["name"] for each in options if each.get("focused")), None)
        if focused is None:
            raise Rejected("No option is being typed.")
        values = {each["name"]: each["value"] for each in options if each["type"] != ATTACHMENT}
        interaction = self._acts.complete(self._member(payload["member"]), payload["channel"], path, focused, values)
        await interaction.first.wait()
        if interaction.failed:
            raise Rejected("Loading options failed.")
        return {"choices": interaction.choices}

    async def _use(self, request: web.Request) -> dict[str, str]:
        payload = await request.json()
        message = self._world.message(str(payload["message"]))
        member = self._member(payload["member"])
        return _handle(self._acts.use(member, message, payload["custom_id"], payload.get("values")))

    async def _say(self, request: web.Request) -> dict[str, str]:
        payload = await request.json()
        message = self._acts.say(self._member(payload["member"]), payload["channel"], payload["content"])
        return {"message": message.id}

    async def close(self) -> None:
        """Let the pages go."""
        for socket in list(self._pages):
            await socket.close()


def _handle(interaction: Interaction) -> dict[str, str]:
    return {"interaction": interaction.id}


def _card(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "name": profile.display,
        "username": profile.name,
        "initials": profile.display[:2].upper(),
        "color": profile.color,
        "administrator": profile.administrator,
    }


def _flatten(name: str, options: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The path a nested subcommand names, and the options inside it."""
    while options and options[0]["type"] in (1, 2):
        name, options = f"{name} {options[0]['name']}", options[0].get("options") or []
    return name, options


async def _write(socket: web.WebSocketResponse, queue: asyncio.Queue[str | None]) -> None:
    while (text := await queue.get()) is not None:
        await socket.send_str(text)

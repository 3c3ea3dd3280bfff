"""The REST routes: everything the console may call, and nothing else."""

import json
import logging
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from . import registration
from .body import Call, read
from .faults import Faults
from .form import Form
from .gateway import Gateway
from .interactions import Interaction, Interactions
from .limits import check_body
from .message import LOADING, Message
from .nonces import Nonces
from .oauth import OAuth, form_of
from .posting import Desk
from .rates import Rates
from .refusal import Refusal, unknown
from .specification import Specification
from .world import APPLICATION, BOT, GUILD, PROFILES, World

log = logging.getLogger(__name__)

Answer = tuple[int, Any]
Handler = Callable[[Call], Answer]
EDIT_PAUSE_S = 1.9
KEPT = 10_000
LAST_ID = (1 << 63) - 1
ME, TOKEN = "/users/@me", "/oauth2/token"


class Rest:
    """Discord's REST interface over one world."""

    def __init__(
        self,
        world: World,
        desk: Desk,
        interactions: Interactions,
        gateway: Gateway,
        specification: Specification,
        faults: Faults,
        rates: Rates,
        nonces: Nonces,
        oauth: OAuth,
        *,
        token: str,
        violation: Callable[[str], None],
        publish: Callable[..., None],
    ) -> None:
        self.requests: deque[str] = deque(maxlen=KEPT)
        self.refusals: deque[str] = deque(maxlen=KEPT)
        self.edits_too_fast = 0
        self._world = world
        self._desk = desk
        self._interactions = interactions
        self._gateway = gateway
        self._specification = specification
        self._faults = faults
        self._rates = rates
        self._nonces = nonces
        self._oauth = oauth
        self._token = token
        self._violation = violation
        self._publish = publish
        self._edited: dict[str, float] = {}

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Every route under `prefix`, and a refusal for any other path there."""
        hook = "/webhooks/{webhook_id}/{webhook_token}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", ME, self._me),
            ("GET", "/gateway", self._gateway_url),
            ("GET", "/gateway/bot", self._gateway_url),
            ("GET", "/oauth2/applications/@me", self._application),
            ("POST", TOKEN, self._oauth.token),
            ("GET", "/guilds/{guild_id}/members/{user_id}", self._member),
            ("GET", "/applications/{application_id}/commands", self._commands),
            ("PUT", "/applications/{application_id}/commands", self._set_commands),
            ("GET", "/applications/{application_id}/guilds/{guild_id}/commands", self._commands),
            ("PUT", "/applications/{application_id}/guilds/{guild_id}/commands", self._set_commands),
            ("POST", "/interactions/{interaction_id}/{interaction_token}/callback", self._callback),
            ("POST", hook, self._follow_up),
            ("GET", hook + "/messages/@original", self._answer),
            ("PATCH", hook + "/messages/@original", self._edit_answer),
            ("DELETE", hook + "/messages/@original", self._delete_answer),
            ("GET", hook + "/messages/{message_id}", self._answer),
            ("PATCH", hook + "/messages/{message_id}", self._edit_answer),
            ("DELETE", hook + "/messages/{message_id}", self._delete_answer),
            ("GET", "/channels/{channel_id}/messages", self._messages),
            ("POST", "/channels/{channel_id}/messages", self._post),
            ("GET", "/channels/{channel_id}/messages/{message_id}", self._message),
            ("PATCH", "/channels/{channel_id}/messages/{message_id}", self._edit),
            ("DELETE", "/channels/{channel_id}/messages/{message_id}", self._delete),
            ("GET", "/channels/{channel_id}", self._channel),
            ("PATCH", "/channels/{channel_id}", self._edit_channel),
            ("POST", "/channels/{channel_id}/typing", self._typing),
            ("POST", "/channels/{channel_id}/threads", self._thread),
            ("POST", "/channels/{channel_id}/messages/{message_id}/threads", self._thread),
            ("PUT", "/channels/{channel_id}/thread-members/@me", self._thread_member),
            ("DELETE", "/channels/{channel_id}/thread-members/@me", self._thread_member),
        ]
        served = [
            web.route(method, prefix + path, self._serve(method, path, handler)) for method, path, handler in table
        ]
        return [*served, web.route("*", prefix + "/{path:.*}", self._no_route)]

    def _serve(self, method: str, path: str, handler: Handler) -> Callable[..., Awaitable[web.Response]]:
        """Wrap a handler in everything Discord does around one."""
        route = f"{method} {path}"
        public = "/interactions/" in path or "/webhooks/" in path or path == TOKEN
        form = form_of if path == TOKEN else None

        async def serve(request: web.Request) -> web.Response:
            headers: dict[str, str] = {}
            self.requests.append(route)
            try:
                self._faults.before(route)
                headers = self._rates.admit(route, request.match_info)
                if not public:
                    self._admit(request, path)
                call = await read(request, form)
                self._check(method, path, call)
                status, body = handler(call)
                for problem in self._specification.response(method, path, status, body):
                    self._violation(f"sandbox answered {route}: {problem}")
                await self._faults.after(route)
                return _json(status, body, headers)
            except Refusal as refusal:
                return self._refuse(route, refusal, headers)
            except Exception as error:
                self._violation(f"sandbox failed at {route}: {error!r}")
                raise

        return serve

    def _refuse(self, route: str, refusal: Refusal, headers: dict[str, str]) -> web.Response:
        sentence = f"{route}: {refusal}" + (f" {json.dumps(refusal.errors)}" if refusal.errors else "")
        self.refusals.append(sentence)
        if refusal.fault:
            self._violation(sentence)
        if refusal.status in (401, 403, 429):
            self._rates.invalid()
        if refusal.status >= 500:
            return web.Response(status=refusal.status, text=refusal.message)
        return _json(refusal.status, refusal.body(), headers | refusal.headers)

    async def _no_route(self, request: web.Request) -> web.Response:
        route = f"{request.method} {request.path}"
        self.requests.append(route)
        return self._refuse(route, Refusal(404, 0, "404: Not Found", fault=True), {})

    def _admit(self, request: web.Request, path: str) -> None:
        said = request.headers.get("Authorization", "")
        if not (said == f"Bot {self._token}" or (path == ME and said.startswith("Bearer "))):
            raise Refusal(401, 0, "401: Unauthorized")
        if not re.match(r"DiscordBot \(\S+, ?\S+\)|DiscordBot \(\S+ \S+\)", request.headers.get("User-Agent", "")):
            raise Refusal(403, 40333, "internal network error", fault=True)

    def _check(self, method: str, path: str, call: Call) -> None:
        """Hold a body to the documented limits, then to the schemas."""
        if method == "PUT" and path.endswith("/commands"):
            registration.check(call.body)
        check_body(f"{method} {path}", call.body, call.uploads)
        form = Form()
        for where, message in self._specification.request(method, path, call.body):
            form.wrong(where, "SCHEMA", message)
        form.close()

    # who and where

    def _me(self, call: Call) -> Answer:
        if call.authorization.startswith("Bearer "):
            return 200, self._oauth.user(call.authorization)
        return 200, BOT.user() | {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}

    def _gateway_url(self, call: Call) -> Answer:
        limits = {"total": 1000, "remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 16}
        return 200, {"url": self._gateway.url, "shards": 1, "session_start_limit": limits}

    def _application(self, call: Call) -> Answer:
        absent = ("icon", "interactions_endpoint_url", "role_connections_verification_url", "team", "type")
        counts = ("guild_count", "user_install_count", "user_authorization_count")
        return 200, {name: None for name in absent} | {f"approximate_{name}": 1 for name in counts} | {
            "id": APPLICATION,
            "name": BOT.display,
            "description": "",
            "bot": BOT.user(),
            "bot_public": False,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 0,
            "flags_new": "0",
            "redirect_uris": [],
            "owner": PROFILES[0].user(),
            "explicit_content_filter": 0,
            "eligible_oauth2_scopes": [],
        }

    def _member(self, call: Call) -> Answer:
        guild, user = call.params["guild_id"], call.params["user_id"]
        form = Form()
        for name, id in (("guild_id", guild), ("user_id", user)):
            form.number((name,), id, 0, LAST_ID)
        form.close()
        if guild != GUILD:
            raise unknown("Guild", 10004)
        profile = BOT if user == APPLICATION else self._world.members.get(user)
        if profile is None:
            raise unknown("Member", 10007)
        return 200, profile.member() | {"banner": None}

    # commands

    def _scope(self, call: Call) -> str:
        if call.params["application_id"] != APPLICATION:
            raise unknown("Application", 10002)
        guild = call.params.get("guild_id", "")
        if guild not in ("", GUILD):
            raise Refusal(403, 50001, "Missing Access")
        return guild

    def _commands(self, call: Call) -> Answer:
        return 200, self._world.commands.get(self._scope(call), [])

    def _set_commands(self, call: Call) -> Answer:
        scope = self._scope(call)
        previous = self._world.commands.get(scope, [])
        commands = registration.register(call.body or [], previous, scope or None, self._world.snowflakes)
        self._world.set_commands(scope, commands)
        return 200, commands

    # interactions and their webhook

    def _callback(self, call: Call) -> Answer:
        interaction = self._interactions.callback(
            call.params["interaction_id"], call.params["interaction_token"], call.body, call.uploads
        )
        if call.query.get("with_response") != "true":
            return 204, None
        return 200, _callback_response(interaction)

    def _token_of(self, call: Call) -> Interaction:
        return self._interactions.by_token(call.params["webhook_id"], call.params["webhook_token"])

    def _follow_up(self, call: Call) -> Answer:
        message = self._interactions.follow_up(self._token_of(call), call.body or {}, call.uploads)
        return 200, self._show(message)

    def _found(self, call: Call) -> tuple[Interaction, Message]:
        interaction = self._token_of(call)
        return interaction, self._interactions.find(interaction, call.params.get("message_id", "@original"))

    def _answer(self, call: Call) -> Answer:
        return 200, self._show(self._found(call)[1])

    def _edit_answer(self, call: Call) -> Answer:
        interaction, message = self._found(call)
        self._pace(message)
        return 200, self._show(self._interactions.edit(interaction, message, call.body or {}, call.uploads))

    def _delete_answer(self, call: Call) -> Answer:
        self._interactions.delete(*self._found(call))
        return 204, None

    # messages

    def _show(self, message: Message) -> dict[str, Any]:
        return message.as_discord(self._desk.cdn)

    def _messages(self, call: Call) -> Answer:
        channel = self._world.channel(call.params["channel_id"])
        form = Form()
        limit = form.number(("limit",), call.query.get("limit"), 1, 100, default=50)
        after = form.number(("after",), call.query.get("after"), 0, LAST_ID)
        before = form.number(("before",), call.query.get("before"), 0, LAST_ID, default=LAST_ID)
        form.close()
        found = [each for each in self._world.in_channel(channel["id"]) if each.audience is None]
        found = [each for each in found if after < int(each.id) < before]
        found = found[:limit] if "after" in call.query else found[-limit:]
        return 200, [self._show(each) for each in reversed(found)]

    def _message(self, call: Call) -> Answer:
        return 200, self._show(self._visible(call))

    def _visible(self, call: Call) -> Message:
        message = self._world.message(call.params["message_id"], call.params["channel_id"])
        if message.audience is not None:  # an ephemeral message exists for its interaction's token only
            raise unknown("Message", 10008)
        return message

    def _post(self, call: Call) -> Answer:
        channel = self._world.channel(call.params["channel_id"])
        body = call.body or {}
        nonce = body.get("nonce")
        if nonce is not None and body.get("enforce_nonce"):
            made = self._nonces.find(channel["id"], nonce)
            if made in self._world.messages:
                return 200, self._show(self._world.message(made))
        reference = self._reference(body.get("message_reference") or {}, channel["id"])
        message = self._desk.post(
            body,
            call.uploads,
            channel=channel["id"],
            author=BOT.user(),
            nonce=nonce,
            reference=reference,
        )
        if nonce is not None:
            self._nonces.keep(channel["id"], nonce, message.id)
        return 200, self._show(message)

    def _reference(self, named: dict[str, Any], channel: str) -> str | None:
        """The id of the message a post replies to, if it does."""
        if named.get("message_id") is None:
            return None
        id = str(named["message_id"])
        found = self._world.messages.get(id)
        if found is not None and found.channel == channel:
            return id
        if named.get("fail_if_not_exists", True):
            form = Form()
            form.wrong(("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            form.close()
        return None

    def _changeable(self, call: Call) -> Message:
        message = self._visible(call)
        if self._world.channel(message.channel).get("thread_metadata", {}).get("archived"):
            raise Refusal(400, 50083, "Thread is archived")
        return message

    def _own(self, call: Call) -> Message:
        message = self._changeable(call)
        if message.author["id"] != APPLICATION:
            raise Refusal(403, 50005, "Cannot edit a message authored by another user")
        return message

    def _edit(self, call: Call) -> Answer:
        message = self._own(call)
        self._pace(message)
        return 200, self._show(self._desk.edit(message, call.body or {}, call.uploads))

    def _delete(self, call: Call) -> Answer:
        self._world.remove(self._changeable(call))
        return 204, None

    def _pace(self, message: Message) -> None:
        """Count edits of one message that follow each other faster than about every two seconds.

        Filling in a deferred answer is its posting, not an edit.
        """
        if message.flags & LOADING:
            return
        now = time.monotonic()
        if now - self._edited.get(message.id, -EDIT_PAUSE_S) < EDIT_PAUSE_S:
            self.edits_too_fast += 1
        self._edited[message.id] = now

    # channels and threads

    def _channel(self, call: Call) -> Answer:
        return 200, self._world.channel(call.params["channel_id"])

    def _edit_channel(self, call: Call) -> Answer:
        channel, body = self._world.channel(call.params["channel_id"]), call.body or {}
        for name in ("name", "topic", "rate_limit_per_user", "nsfw"):
            if name in body and name in channel:
                channel[name] = body[name]
        if "thread_metadata" in channel:
            for name in ("archived", "locked", "auto_archive_duration"):
                if body.get(name) is not None:
                    channel["thread_metadata"][name] = body[name]
        self._world.channel_changed(channel)
        return 200, channel

    def _typing(self, call: Call) -> Answer:
        channel = self._world.channel(call.params["channel_id"])
        self._publish("typing", {"channel_id": channel["id"], "member": APPLICATION})
        return 204, None

    def _thread(self, call: Call) -> Answer:
        parent = self._world.channel(call.params["channel_id"])
        starter = call.params.get("message_id")
        if starter is not None:
            self._world.message(starter, parent["id"])
        if starter in self._world.channels:
            raise Refusal(400, 160004, "A thread has already been created for this message")
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        thread = {
            "id": starter or self._world.snowflakes.next(),
            "type": 11 if starter else (call.body.get("type") or 12),
            "guild_id": GUILD,
            "parent_id": parent["id"],
            "name": call.body["name"],
            "owner_id": APPLICATION,
            "flags": 0,
            "last_message_id": None,
            "rate_limit_per_user": call.body.get("rate_limit_per_user") or 0,
            "message_count": 0,
            "member_count": 1,
            "total_message_sent": 0,
            "thread_metadata": {
                "archived": False,
                "locked": False,
                "archive_timestamp": now,
                "auto_archive_duration": call.body.get("auto_archive_duration") or 4320,
                "create_timestamp": now,
            },
        }
        return 201, self._world.add_thread(thread)

    def _thread_member(self, call: Call) -> Answer:
        if "thread_metadata" not in self._world.channel(call.params["channel_id"]):
            raise Refusal(400, 50024, "Cannot execute action on this channel type", fault=True)
        return 204, None


def _json(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    if body is None:
        return web.Response(status=status, headers=headers)
    # the bare media type: a charset beside it and disnake takes the body for text
    return web.Response(
        status=status, body=json.dumps(body).encode(), headers=headers | {"Content-Type": "application/json"}
    )


def _callback_response(interaction: Interaction) -> dict[str, Any]:
    response: dict[str, Any] = {"interaction": {"id": interaction.id, "type": interaction.kind}}
    if interaction.original is not None:
        response["interaction"] |= {
            "response_message_id": interaction.original.id,
            "response_message_loading": interaction.deferred,
            "response_message_ephemeral": interaction.ephemeral,
        }
        if interaction.callback in (4, 7):
            response["resource"] = {"type": interaction.callback, "message": interaction.message}
    return response

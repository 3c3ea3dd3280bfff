"""The gateway: one WebSocket per session, numbered events, heartbeats, and resuming what was missed."""

import asyncio
import contextlib
import json
import secrets
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from .specification import Specification
from .world import APPLICATION, BOT, GUILD, World, guild_object

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = (
    *(0, 1, 2, 3, 6),
    *(7, 8, 9, 10, 11),
)
ACK_AFTER_S = 0.02
GUILDS, GUILD_MESSAGES, TYPING = 1, 1 << 9, 1 << 11
PAYLOAD_LIMIT = 4096
SENDS_PER_MINUTE = 120
IDENTIFIES_PER_5_S = 16
KEPT_EVENTS = 2000
RESUMABLE_S = 300.0

_NEEDS = {
    "MESSAGE_CREATE": GUILD_MESSAGES,
    "MESSAGE_UPDATE": GUILD_MESSAGES,
    "MESSAGE_DELETE": GUILD_MESSAGES,
    "THREAD_CREATE": GUILDS,
    "THREAD_UPDATE": GUILDS,
    "CHANNEL_UPDATE": GUILDS,
}


class Closed(Exception):
    """The gateway ends a connection with one of its close codes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Session:
    """What a client has been told, kept so that it can resume after its socket is gone."""

    def __init__(self, intents: int) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.sequence = 0
        self.events: deque[tuple[int, str]] = deque(maxlen=KEPT_EVENTS)
        self.socket: Socket | None = None
        self.lost = 0.0


class Socket:
    """One connection: sends in order, compressed with one zlib context when the client asked for it."""

    def __init__(self, socket: web.WebSocketResponse, *, compressed: bool) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.beat = asyncio.get_running_loop().time()
        self.sends: deque[float] = deque()
        self._zlib = zlib.compressobj() if compressed else None
        self._outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def send(self, op: int, data: Any = None) -> None:
        """Send one payload that is no event."""
        self.send_text(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def send_text(self, text: str) -> None:
        """Queue one payload; order is kept."""
        self._outbox.put_nowait(text)

    async def close(self, code: int, reason: str = "") -> None:
        """Send what is queued, then close with a code."""
        self._outbox.put_nowait(None)
        await asyncio.wait([self._writer])
        await self.socket.close(code=code, message=reason.encode())

    def cut(self) -> None:
        """Let the connection drop without a word."""
        self._writer.cancel()
        transport = self.socket._req.transport if self.socket._req is not None else None
        if transport is not None:
            transport.abort()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while (text := await self._outbox.get()) is not None:
                if self._zlib is None:
                    await self.socket.send_str(text)
                else:
                    packed = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)


class Gateway:
    """All sessions and sockets of the application."""

    def __init__(
        self,
        world: World,
        specification: Specification,
        *,
        token: str,
        intents: int,
        heartbeat_s: float,
        violation: Callable[[str], None],
        presence_changed: Callable[[], None],
    ) -> None:
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.sockets: set[Socket] = set()
        self.identifies: deque[float] = deque()
        self.resumes = 0
        self._world = world
        self._specification = specification
        self._token = token
        self._intents = intents
        self._heartbeat_s = heartbeat_s
        self._violation = violation
        self._presence_changed = presence_changed

    @property
    def connected(self) -> bool:
        """Whether the application is online."""
        return any(session.socket is not None for session in self.sessions.values())

    def dispatch(self, event: str, data: Any) -> None:
        """Tell every session that may hear of it; one without a socket hears of it when it resumes."""
        for session in self.sessions.values():
            if session.intents & _NEEDS.get(event, 0) == _NEEDS.get(event, 0):
                self._tell(session, event, data)

    def _tell(self, session: Session, event: str, data: Any) -> None:
        for problem in self._specification.dispatch(event, data):
            self._violation(f"sandbox sent {event}: {problem}")
        session.sequence += 1
        text = json.dumps({"op": DISPATCH, "t": event, "s": session.sequence, "d": data})
        session.events.append((session.sequence, text))
        if session.socket is not None:
            session.socket.send_text(text)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from hello to close."""
        raw = web.WebSocketResponse(max_msg_size=1 << 20, autoping=True)
        await raw.prepare(request)
        socket = Socket(raw, compressed=request.query.get("compress") == "zlib-stream")
        self.sockets.add(socket)
        watch = asyncio.create_task(self._watch(socket))
        try:
            if request.query.get("v") != "10":
                raise Closed(4012, "Invalid API version.")
            socket.send(HELLO, {"heartbeat_interval": int(self._heartbeat_s * 1000), "_trace": ["sandbox"]})
            async for message in raw:
                self._receive(socket, message)
        except Closed as end:
            if end.code not in (4000, 4009):
                self._violation(f"gateway closed the connection: {end}")
            await socket.close(end.code, end.reason)
        finally:
            watch.cancel()
            self.sockets.discard(socket)
            if socket.session is not None and socket.session.socket is socket:
                socket.session.socket = None
                socket.session.lost = asyncio.get_running_loop().time()
                if raw.close_code in (1000, 1001):  # the client said goodbye: nothing to resume
                    self.sessions.pop(socket.session.id, None)
            socket._writer.cancel()
            self._presence_changed()
        return raw

    async def _watch(self, socket: Socket) -> None:
        """Close a connection whose heart stopped."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            if asyncio.get_running_loop().time() - socket.beat > 1.5 * self._heartbeat_s:
                await socket.close(4009, "Session timed out.")
                return

    def _receive(self, socket: Socket, message: WSMessage) -> None:
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        text = message.data.encode() if isinstance(message.data, str) else message.data
        if len(text) > PAYLOAD_LIMIT:
            raise Closed(4002, f"Payload of {len(text)} bytes, at most {PAYLOAD_LIMIT} are allowed.")
        now = asyncio.get_running_loop().time()
        _count(socket.sends, now, 60.0)
        if len(socket.sends) > SENDS_PER_MINUTE:
            raise Closed(4008, "You are being rate limited.")
        try:
            payload = json.loads(text)
            op = payload["op"]
        except (ValueError, TypeError, KeyError) as error:
            raise Closed(4002, "Error while decoding payload.") from error
        if op not in (HEARTBEAT, IDENTIFY, PRESENCE, RESUME, MEMBERS):
            raise Closed(4001, "Unknown opcode.")
        for problem in self._specification.received(payload):
            raise Closed(4002, f"Error while decoding payload: {problem}"[:120])
        if op == HEARTBEAT:
            socket.beat = now
            # As over any network the answer takes a moment; disnake misreads one that is there before it looks.
            asyncio.get_running_loop().call_later(ACK_AFTER_S, socket.send, ACK)
        elif op == IDENTIFY:
            self._identify(socket, payload["d"], now)
        elif op == RESUME:
            self._resume(socket, payload["d"])
        elif socket.session is None:
            raise Closed(4003, "Not authenticated.")
        elif op == MEMBERS:
            self._members(socket.session, payload["d"])

    def _identify(self, socket: Socket, data: dict[str, Any], now: float) -> None:
        if socket.session is not None:
            raise Closed(4005, "Already authenticated.")
        if data.get("token") != self._token:
            raise Closed(4004, "Authentication failed.")
        if data.get("shard", [0, 1])[0] >= data.get("shard", [0, 1])[1]:
            raise Closed(4010, "Invalid shard.")
        if int(data["intents"]) & ~self._intents:
            raise Closed(4014, f"Disallowed intents: {data['intents']}, allowed are {self._intents}.")
        _count(self.identifies, now, 5.0)
        if len(self.identifies) > IDENTIFIES_PER_5_S:
            asyncio.get_running_loop().call_later(1.0, socket.send, INVALID, False)
            return
        session = Session(int(data["intents"]))
        self.sessions = {
            id: each for id, each in self.sessions.items() if each.socket or each.lost > now - RESUMABLE_S
        } | {session.id: session}
        self._attach(socket, session)
        ready = {
            "v": 10,
            "user": BOT.user() | {"mfa_enabled": False, "verified": True, "email": None},
            "guilds": [{"id": GUILD, "unavailable": True}],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": APPLICATION, "flags": 0, "flags_new": "0"},
            "_trace": ["sandbox"],
        }
        self._tell(session, "READY", ready)
        self._tell(session, "GUILD_CREATE", guild_object(self._world))

    def _resume(self, socket: Socket, data: dict[str, Any]) -> None:
        if data.get("token") != self._token:
            raise Closed(4004, "Authentication failed.")
        session = self.sessions.get(data["session_id"])
        if session is None or (session.events and session.events[0][0] > int(data["seq"] or 0) + 1):
            socket.send(INVALID, False)
            return
        if int(data["seq"] or 0) > session.sequence:
            raise Closed(4007, "Invalid seq.")
        self._attach(socket, session)
        self.resumes += 1
        for sequence, text in session.events:
            if sequence > int(data["seq"] or 0):
                socket.send_text(text)
        self._tell(session, "RESUMED", {"_trace": ["sandbox"]})

    def _attach(self, socket: Socket, session: Session) -> None:
        socket.session, session.socket = session, socket
        self._presence_changed()

    def _members(self, session: Session, data: dict[str, Any]) -> None:
        wanted = {str(each) for each in data.get("user_ids") or ()}
        query = data.get("query")
        members = [
            profile.member()
            for profile in (*self._world.members.values(), BOT)
            if profile.id in wanted or (query is not None and profile.name.startswith(query))
        ]
        chunk = {"guild_id": GUILD, "members": members, "chunk_index": 0, "chunk_count": 1, "not_found": []}
        if "nonce" in data:
            chunk["nonce"] = data["nonce"]
        self._tell(session, "GUILD_MEMBERS_CHUNK", chunk)

    async def close(self) -> None:
        """Say goodbye to every socket."""
        for socket in list(self.sockets):
            await socket.close(WSCloseCode.GOING_AWAY)


def _count(times: deque[float], now: float, window: float) -> None:
    times.append(now)
    while times and times[0] < now - window:
        times.popleft()

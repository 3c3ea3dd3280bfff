"""Faults on demand: what goes wrong at Discord, switched on by a test or a curious member."""

import asyncio
from dataclasses import dataclass
from typing import Any

from .refusal import Refusal

MESSAGE_POSTS = "POST /channels/{channel_id}/messages"


@dataclass
class _Fault:
    """One kind of trouble; `route` is "METHOD /path" as the specification writes it, None for every route."""

    kind: str
    route: str | None
    left: int
    status: int = 0
    seconds: float = 0.0
    everywhere: bool = False
    via: bool = True


class Faults:
    """Everything that is about to go wrong; each fault strikes `times` times and is then over."""

    def __init__(self) -> None:
        self.struck: list[str] = []
        self.cdn_delay_s = 0.0
        self._faults: list[_Fault] = []
        self._gateway: Any = None
        self._nonces: Any = None

    def attach(self, gateway: Any, nonces: Any) -> None:
        """The gateway whose connections may be dropped, and the nonces that may be forgotten."""
        self._gateway = gateway
        self._nonces = nonces

    def rate_limit(
        self,
        route: str | None = None,
        *,
        times: int = 1,
        retry_after_s: float = 0.2,
        everywhere: bool = False,
        via: bool = True,
    ) -> None:
        """429 on a route, or `everywhere` (global); without `via` it looks like the wall before Discord."""
        self._faults.append(_Fault("429", route, times, seconds=retry_after_s, everywhere=everywhere, via=via))

    def accepted_then_502(self, route: str = MESSAGE_POSTS, *, times: int = 1) -> None:
        """The request is carried out, and then answered 502."""
        self._faults.append(_Fault("accepted", route, times, 502))

    def storm(self, route: str | None = None, *, times: int = 3, status: int = 503) -> None:
        """5xx answers, nothing carried out."""
        self._faults.append(_Fault("storm", route, times, status))

    def late(self, route: str | None = None, *, times: int = 1, seconds: float = 1.0) -> None:
        """Answers that take their time; what was asked for is done at once."""
        self._faults.append(_Fault("late", route, times, seconds=seconds))

    def forget_nonces(self) -> None:
        """As though minutes had gone by: a post tried again is a second message."""
        self.struck.append("nonces forgotten")
        self._nonces.forget()

    def drop_gateway(self) -> None:
        """The connections break without a close frame."""
        self.struck.append("gateway dropped")
        for socket in list(self._gateway.sockets):
            socket.cut()

    def ask_to_reconnect(self) -> None:
        """Op 7: the client must reconnect and resume."""
        self.struck.append("op 7")
        for socket in self._gateway.sockets:
            socket.send(7)

    def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Op 9: the session is over; a resumable one may be resumed."""
        self.struck.append("op 9")
        if not resumable:
            self._gateway.sessions.clear()
        for socket in self._gateway.sockets:
            socket.send(9, resumable)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self.cdn_delay_s = 0.0

    def before(self, route: str) -> None:
        """Raise what strikes before a request is carried out."""
        if (fault := self._take(route, "429")) is not None:
            scope = "global" if fault.everywhere else "user"
            headers = {"Retry-After": f"{fault.seconds:.3f}", "X-RateLimit-Scope": scope}
            headers |= {"X-RateLimit-Global": "true"} if fault.everywhere else {}
            headers |= {"Via": "1.1 google"} if fault.via else {}
            raise Refusal(
                429,
                0,
                "You are being rate limited.",
                headers=headers,
                extra={"retry_after": fault.seconds, "global": fault.everywhere},
            )
        if (fault := self._take(route, "storm")) is not None:
            raise Refusal(fault.status, 0, "upstream trouble")

    async def after(self, route: str) -> None:
        """Raise or wait for what strikes once a request was carried out."""
        if (fault := self._take(route, "late")) is not None:
            await asyncio.sleep(fault.seconds)
        if (fault := self._take(route, "accepted")) is not None:
            raise Refusal(fault.status, 0, "upstream trouble")

    def _take(self, route: str, kind: str) -> _Fault | None:
        fault = next((each for each in self._faults if each.kind == kind and each.route in (None, route)), None)
        if fault is None:
            return None
        fault.left -= 1
        if fault.left == 0:
            self._faults.remove(fault)
        self.struck.append(f"{kind} on {route}")
        return fault

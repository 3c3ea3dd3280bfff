"""Where a request came from: by which name it called this server, and whose page sent it.

A page elsewhere that has a browser post to the wall is told by its Origin. One that points a name of its own at this
machine (DNS rebinding) would have an Origin that fits, and is told by the name. Addresses in digits are nobody's name.
"""

import ipaddress
from urllib.parse import urlsplit

from aiohttp import hdrs, web

PORTS = {"http": 80, "https": 443}
MOST_NAMES = 64
HERE = ("127.0.0.1", "localhost", "::1")


class Origin:
    """The wall's own address, and what is told by it; `address` is as browsers reach it, e.g. https://wall.example."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self.address = _origin(parts.scheme, self._host, parts.port)
        self.secure = parts.scheme == "https"
        """Whether browsers reach it by https, also where something before us takes that off."""
        names = HERE if self._host in HERE else (self._host,)
        self._own = frozenset(_origin(parts.scheme, name, parts.port) for name in names)
        self._known: set[str] = set()

    @property
    def here(self) -> bool:
        """Whether it is reached from this machine alone."""
        return self._host in HERE

    def check_name(self, request: web.Request) -> None:
        """Raises HTTPMisdirectedRequest where somebody else's name was called."""
        said = request.headers.get(hdrs.HOST, "")
        if said in self._known:
            return
        called = _host(said)
        if called is None or not (called in (self._host, "localhost") or _digits(called)):
            raise web.HTTPMisdirectedRequest(text=f"This wall is at {self.address}; open it there.")
        if len(self._known) < MOST_NAMES:
            self._known.add(said)

    def check_sender(self, request: web.Request) -> None:
        """Raises HTTPForbidden where the page that sent the request is not one of the wall's, or does not say so."""
        sender = request.headers.get(hdrs.ORIGIN)
        if sender is None and (referer := request.headers.get(hdrs.REFERER)):
            sender = _origin_of(referer)
        if sender not in self._own:
            raise web.HTTPForbidden(
                text=f"Nothing was changed: this was not sent from a page of the wall. Open {self.address} and do it "
                "there."
            )


def _origin(scheme: str, host: str, port: int | None) -> str:
    """An address as browsers write it in Origin: without the port that the scheme has anyway."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port in (None, PORTS.get(scheme)) else f"{scheme}://{name}:{port}"


def _origin_of(page: str) -> str | None:
    try:
        parts = urlsplit(page)
        return _origin(parts.scheme, parts.hostname or "", parts.port)
    except ValueError:
        return None


def _host(called: str) -> str | None:
    """The host in a Host header, in small letters; None where there is none."""
    try:
        parts = urlsplit(f"//{called}")
        _ = parts.port
    except ValueError:
        return None
    return None if parts.username or parts.path or parts.query or parts.fragment else parts.hostname


def _digits(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

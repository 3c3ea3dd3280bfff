"""Limits for what nobody should do often: so many of something in so many seconds, by who does it."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web

KEPT = 4096
FORWARDED = "X-Forwarded-For"
NEIGHBOURS = 64
"""Bits of an IPv6 address that a provider gives to one customer."""


class Limit:
    """`most` of something within `seconds`, for each key; they come back one by one.

    It remembers the last few thousand keys, so somebody with very many addresses is held by a limit for all alone.
    """

    def __init__(self, most: int, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Count one; False, and nothing counted, where it is one too many."""
        left = self._now(key)
        if left < 1:
            return False
        self._keep(key, left - 1)
        return True

    def give_back(self, key: str) -> None:
        """Count one less: it was well."""
        self._keep(key, min(self._now(key) + 1, self._most))

    def _now(self, key: str) -> float:
        left, at = self._left.get(key, (float(self._most), 0.0))
        return min(left + (self._clock() - at) * self._most / self._seconds, self._most)

    def _keep(self, key: str, left: float) -> None:
        self._left[key] = (left, self._clock())
        self._left.move_to_end(key)
        if len(self._left) > KEPT:
            self._left.popitem(last=False)


class Limits:
    """Several limits that are to hold at once, each by its own key."""

    def __init__(self, *limits: Limit) -> None:
        self._limits = limits

    def take(self, *keys: str) -> bool:
        """Count one with each; False, and nothing counted, where it is one too many for any."""
        taken: list[tuple[Limit, str]] = []
        for limit, key in zip(self._limits, keys, strict=True):
            if not limit.take(key):
                for each, its in taken:
                    each.give_back(its)
                return False
            taken.append((limit, key))
        return True

    def give_back(self, *keys: str) -> None:
        """Count one less with each."""
        for limit, key in zip(self._limits, keys, strict=True):
            limit.give_back(key)


def sender(request: web.Request, *, proxied: bool) -> str:
    """The address that a request came from, as a key; of an IPv6 address, the part that is one customer's.

    With `proxied` it came through a server of ours in the same house, which says from where; whoever reaches us around
    it could say anything, and is held by the limits for all.
    """
    address = _address(request.remote or "")
    if proxied and address is not None and address.is_private:
        said = ",".join(request.headers.getall(FORWARDED, ())).rpartition(",")[2].strip()
        address = _address(said) or address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, NEIGHBOURS), strict=False))
    return str(address)


def _address(said: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(said)
    except ValueError:
        return None

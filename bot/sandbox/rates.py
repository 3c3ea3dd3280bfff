"""Rate limits: fifty requests a second for the application, and a bucket for each route and channel."""

import hashlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from .refusal import Refusal

GLOBAL_PER_S = 50
INVALID_PER_10_MIN = 10_000
BUCKETS: Mapping[str, tuple[int, float]] = {
    "POST /channels/{channel_id}/messages": (10, 1.0),
    "PATCH /channels/{channel_id}/messages/{message_id}": (10, 1.0),
    "POST /channels/{channel_id}/threads": (10, 1.0),
    "PUT /applications/{application_id}/commands": (20, 5.0),
}
ORDINARY = (50, 1.0)
_MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token", "interaction_token")


@dataclass
class _Bucket:
    limit: int
    window_s: float
    used: int = 0
    resets: float = 0.0


class Rates:
    """Counts requests; `buckets` gives (requests, seconds) by "METHOD /path"."""

    def __init__(self, buckets: Mapping[str, tuple[int, float]] = BUCKETS, per_second: int = GLOBAL_PER_S) -> None:
        self._limits = buckets
        self._per_second = per_second
        self._buckets: dict[tuple[str, ...], _Bucket] = {}
        self._recent: deque[float] = deque()
        self._invalid: deque[float] = deque()

    def admit(self, route: str, params: Mapping[str, str]) -> dict[str, str]:
        """Count one request and return its rate limit headers; Refusal 429 when it is one too many."""
        now = time.time()
        self._check_ban(now)
        if "interaction_token" not in params and "webhook_token" not in params:
            self._check_global(now)
        key = (route, *(params.get(name, "") for name in _MAJOR))
        if key not in self._buckets and len(self._buckets) > 1000:  # tokens come and go
            self._buckets = {k: each for k, each in self._buckets.items() if each.resets > now}
        bucket = self._buckets.setdefault(key, _Bucket(*self._limits.get(route, ORDINARY)))
        if now >= bucket.resets:
            bucket.used, bucket.resets = 0, now + bucket.window_s
        bucket.used += 1
        headers = {
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(max(bucket.limit - bucket.used, 0)),
            "X-RateLimit-Reset": f"{bucket.resets:.3f}",
            "X-RateLimit-Reset-After": f"{bucket.resets - now:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
        }
        if bucket.used > bucket.limit:
            raise _limited(bucket.resets - now, everywhere=False, headers=headers)
        return headers

    def invalid(self) -> None:
        """Count one request answered 401, 403 or 429."""
        self._invalid.append(time.time())

    def _check_global(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        if len(self._recent) >= self._per_second:
            raise _limited(self._recent[0] + 1.0 - now, everywhere=True, headers={})
        self._recent.append(now)

    def _check_ban(self, now: float) -> None:
        while self._invalid and self._invalid[0] <= now - 600.0:
            self._invalid.popleft()
        if len(self._invalid) >= INVALID_PER_10_MIN:
            raise Refusal(429, 0, "Too many invalid requests: this address is banned.", fault=True)


def _limited(wait_s: float, *, everywhere: bool, headers: dict[str, str]) -> Refusal:
    headers = headers | {
        "Retry-After": f"{wait_s:.3f}",
        "Via": "1.1 google",
        "X-RateLimit-Scope": "global" if everywhere else "user",
    }
    if everywhere:
        headers["X-RateLimit-Global"] = "true"
    return Refusal(
        429,
        0,
        "You are being rate limited.",
        headers=headers,
        extra={"retry_after": round(wait_s, 3), "global": everywhere},
    )

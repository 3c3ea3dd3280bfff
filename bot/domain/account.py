"""Tokens: what a member has, what is reserved, and the rules an operator sets per role.

An account's tokens are moved by transfers, each of entries that sum to zero. What a job may cost is held when it is
queued, captured image by image, and the rest released at its end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Why tokens moved: opening and grant bring some, hold reserves, capture spends, release gives back, link moves."""

    OPENING = "opening"
    GRANT = "grant"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    LINK = "link"


@dataclass(frozen=True)
class Balance:
    """Tokens of one account: free to use, and reserved for jobs that have not ended."""

    available: int
    held: int


@dataclass(frozen=True)
class Movement:
    """Transfers of one kind for one job (or a single transfer without a job), as a member reads them.

    `tokens` is what it did to the account's available tokens, except for a capture: those had been held, and
    it tells what was spent, as a negative number. `count` says how many transfers they are; `at` is the latest one.
    """

    kind: Kind
    tokens: int
    at: datetime
    count: int = 1
    job: str = ""
    note: str = ""


@dataclass(frozen=True)
class Terms:
    """What one member may: `weight` is their share beside others, `daily` the tokens of a day (None: any number)."""

    weight: float = 1.0
    daily: int | None = None
    queued: int = 16


@dataclass(frozen=True)
class Rules:
    """An operator's rules, by role id; of a member's several roles the most generous counts.

    `queued` bounds the jobs of a member that wait or are drawn at one time. Where no role of a member stands in
    `daily`, `daily_for_all` holds; None there means any number.
    """

    queued: int = 16
    daily_for_all: int | None = None
    daily: Mapping[int, int] = field(default_factory=dict)
    weights: Mapping[int, float] = field(default_factory=dict)

    def terms(self, roles: Iterable[int]) -> Terms:
        """What somebody with these roles may."""
        held = set(roles)
        weights = [weight for role, weight in self.weights.items() if role in held]
        daily = [tokens for role, tokens in self.daily.items() if role in held]
        return Terms(max(weights, default=1.0), max(daily) if daily else self.daily_for_all, self.queued)


@dataclass(frozen=True)
class WebSession:
    """A browser's session: an account of its own until it is linked, then a member's."""

    id: str
    member_id: int | None
    data: Mapping[str, object]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Act:
    """One privileged act, as the audit log keeps it."""

    at: datetime
    actor_id: int
    actor: str
    act: str
    target: str
    detail: Mapping[str, Any]

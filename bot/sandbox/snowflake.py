"""Snowflakes: Discord's time-based ids, milliseconds since 2015 in the upper bits, always rising."""

import time
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
_FIXED_DAY_MS = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp() * 1000)


class Snowflakes:
    """Hands out ids; no two alike, each greater than the one before."""

    def __init__(self, after: int = 0) -> None:
        self._last = after

    def next(self) -> str:
        """A new id, made of the present moment."""
        self._last = max(self._last + 1, (int(time.time() * 1000) - EPOCH_MS) << 22)
        return str(self._last)


def fixed(number: int) -> str:
    """The id of something that was always there: the same in every sandbox."""
    return str((_FIXED_DAY_MS - EPOCH_MS) << 22 | number)


def moment(id: str) -> float:
    """When an id was made, in seconds since 1970."""
    return ((int(id) >> 22) + EPOCH_MS) / 1000

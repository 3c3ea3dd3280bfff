"""The nonces of messages that were posted lately: Discord knows one for a few minutes, each in its own channel."""

import time

NONCES_S = 5 * 60.0


class Nonces:
    """Which message a nonce made; nothing of it survives a restart."""

    def __init__(self, seconds: float = NONCES_S) -> None:
        self._seconds = seconds
        self._made: dict[tuple[str, str], tuple[float, str]] = {}

    def find(self, channel: str, nonce: str | int) -> str | None:
        """The id of the message that this nonce made in this channel, while it is remembered."""
        made, id = self._made.get((channel, str(nonce)), (0.0, None))
        return id if time.monotonic() - made < self._seconds else None

    def keep(self, channel: str, nonce: str | int, id: str) -> None:
        """Remember a message by its nonce."""
        self._made[channel, str(nonce)] = (time.monotonic(), id)

    def forget(self) -> None:
        """Remember none any more, as after minutes."""
        self._made.clear()

"""The console with some of its mechanisms taken out, for the negative controls.

    python -P careless_console.py FAULT [FAULT ...]

Each fault is a function below; what it replaces is named in its sentence. Everything else is the console as it is.
"""

import heapq
import sys
from collections.abc import Sequence
from typing import Any

from disnake import File

from bot import __main__ as atelier
from bot.domain.ports import Drawn
from bot.jobs import line
from bot.renderer import LocalRenderer
from bot.store.images import Images
from bot.store.leases import LeaseStore
from bot.store.presence import Presence
from bot.ui import announcer
from sweeps.recipe import Recipe

LEAKED_BYTES = 128 * 2**10


def nonces() -> None:
    """Messages are posted without `enforce_nonce`, so a second try is a second message."""
    encode = announcer.to_multipart_with_attachments

    def without(payload: dict[str, Any], files: Sequence[File]) -> list[dict[str, Any]]:
        return encode({name: value for name, value in payload.items() if name != "enforce_nonce"}, files)

    announcer.to_multipart_with_attachments = without


def look() -> None:
    """Nobody looks into the channel for a message that was tried before."""

    async def find(*_: object, **__: object) -> None:
        return None

    announcer.Announcer.find = find  # type: ignore[method-assign, assignment]


def order() -> None:
    """Behind an outage the job that was queued last goes first."""

    class Stack:
        heappush = staticmethod(heapq.heappush)

        @staticmethod
        def heappop(waiting: list[Any]) -> Any:
            waiting.sort()
            return waiting.pop()

    line.heapq = Stack  # type: ignore[assignment]


def leases() -> None:
    """Leases are not released at the end, and the kernel is not asked whether their holder lives."""

    async def _release(self: LeaseStore) -> None:
        return None

    def is_dead(self: Presence, worker: str) -> bool:
        return False

    LeaseStore._release = _release  # type: ignore[method-assign]
    Presence.is_dead = is_dead  # type: ignore[method-assign]


def loop() -> None:
    """Images are drawn on the event loop, which meanwhile answers nobody."""

    async def draw(self: LocalRenderer, recipe: Recipe, **asked: Any) -> Drawn:
        engine = await self._engine()
        drawing = engine.draw(recipe, **asked).result()
        return Drawn(drawing.png, drawing.notes, drawing.bases, drawing.passes)

    LocalRenderer.draw = draw  # type: ignore[method-assign, assignment]


def leak() -> None:
    """Every image that is stored leaves 128 KiB behind in memory."""
    put, kept = Images.put, []

    async def leaking(self: Images, png: bytes) -> str:
        kept.append(bytearray(png.ljust(LEAKED_BYTES, b"x")))
        return await put(self, png)

    Images.put = leaking  # type: ignore[method-assign]


FAULTS = {each.__name__: each for each in (nonces, look, order, leases, loop, leak)}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        FAULTS[name]()
    del sys.argv[1:]
    atelier.main()

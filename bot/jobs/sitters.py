"""The sitters: the people of one running job, whose photos its lanes share."""

import asyncio
from collections.abc import Iterable

from bot.domain.job import Member
from bot.domain.person import Person
from bot.domain.ports import FaceStore

MOST_KEPT = 8
"""People whose photos are kept at one time: a job draws one after another, and few of them side by side."""


class Sitters:
    """Reads a person's photos once, and asks for each picture anew whether the member may draw that person."""

    def __init__(self, faces: FaceStore, member: Member) -> None:
        self._faces = faces
        self._member = member
        self._kept: dict[str, tuple[Person, tuple[bytes, ...]]] = {}
        self._turn = asyncio.Lock()  # so that of many lanes one reads, and the others find it read

    async def photos(self, names: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
        """Each person's photos by name. Raises NotFound, NotYours, NoRights as things stand now."""
        async with self._turn:
            return {name: await self._of(name) for name in names}

    async def _of(self, name: str) -> tuple[bytes, ...]:
        kept = self._kept.pop(name, None)  # let go of when the member may not draw them any more
        person = await self._faces.drawable(name, self._member)
        if kept is None or kept[0] != person:  # photos have come or gone
            kept = person, await self._faces.photos(name, self._member)
        self._kept[name] = kept
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]  # the one who was drawn longest ago
        return kept[1]

"""The wall: what each visitor may see of the pictures and people on it, out of memory."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain.ports import FaceStore, ImageStore
from bot.domain.stores import Publications
from bot.domain.wall import (
    Blob,
    Choices,
    Found,
    Media,
    Provenance,
    Published,
    Query,
    Sitter,
    Statistics,
    Visitor,
    Visitors,
)
from bot.wall.choices import choices
from bot.wall.holdings import Behind, Holdings, Kind
from bot.wall.index import Key, Scope, may_see
from bot.wall.keeper import Keeper
from bot.wall.maker import Maker
from bot.wall.prints import Prints
from bot.wall.provenance import Signer, read_provenance

PROVENANCES = 256
"""So many answers are remembered; a file behind an address never changes, and neither does what it says."""


class Wall:
    """The Gallery port. `budget` are the bytes of pictures it may hold in memory; who may look says `visitors`."""

    def __init__(
        self,
        publications: Publications,
        images: ImageStore,
        faces: FaceStore,
        data: Path,
        *,
        budget: int,
        visitors: Visitors = Visitors.MEMBERS,
        signer: Signer | None = None,
    ) -> None:
        self._holdings = Holdings(Prints(images, data, signer), budget)
        self._maker = Maker(self._holdings, faces)
        self._keeper = Keeper(self._holdings, self._maker, publications, faces, data)
        self._visitors = visitors
        self._signed = signer is not None
        self._provenances: OrderedDict[str, Provenance | None] = OrderedDict()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Wall"]:
        """Following what is published while the context is open. Raises Unavailable, OSError."""
        async with self._keeper.open():
            yield self

    async def settled(self) -> None:
        """Returns when all that is known is made, and small pictures are in memory as far as there is room."""
        await self._maker.settled.wait()

    @property
    def title(self) -> str:
        """What wall.yaml calls the wall; empty where it has no name of its own."""
        return self._holdings.people.whitelist.title

    @property
    def for_everyone(self) -> bool:
        """Whether it is shown to whoever has the address, rather than to members."""
        return self._visitors is Visitors.EVERYONE

    @property
    def memory(self) -> int:
        """The bytes in memory now, of pictures and of what is known of them, as they count against the budget."""
        return self._holdings.bytes.used

    @property
    def statistics(self) -> Statistics:
        """How much the wall holds, whoever may see it."""
        return self._holdings.statistics

    def people(self, visitor: Visitor) -> tuple[Sitter, ...]:
        """Who is on the wall, in the order of the whitelist."""
        people, prints = self._holdings.people, self._holdings.prints
        photos: dict[str, list[Media]] = {}
        for photo in self._holdings.photos.values():
            if prints.has_photo(photo.source):
                media = prints.photo(photo.source)
                if self._holdings.behind(media.name):
                    photos.setdefault(photo.person, []).append(media)
        counts = {name: count for name, _, count in self.choices(visitor).people}
        return tuple(
            Sitter(name, title, tuple(photos.get(name, ())), counts.get(name, 0))
            for name, title in people.whitelist.people.items()
            if people.seen_by(visitor, name, self._visitors)
        )

    def find(
        self,
        visitor: Visitor,
        query: Query,
        *,
        starred: Collection[Key] = (),
        after: str | None = None,
        limit: int = 60,
    ) -> Found:
        """Pictures that fit; `starred` are the visitor's own stars by job and number.

        Raises Refusal for an `after` that was never given out.
        """
        return self._holdings.index.find(self._scope(visitor), query, starred, after, limit)

    def picture(self, visitor: Visitor, name: str) -> Published | None:
        """The picture of that name, e.g. S42-c017, if the visitor may see it."""
        return self._holdings.index.named(self._scope(visitor), name)

    def of_job(self, visitor: Visitor, job: str) -> tuple[Published, ...]:
        """All pictures of a job, e.g. S42, that the visitor may see, in display order."""
        return self._holdings.index.of_job(self._scope(visitor), job)

    def choices(self, visitor: Visitor) -> Choices:
        """What the visitor can narrow the wall by."""
        index, scope, titles = self._holdings.index, self._scope(visitor), self._holdings.people.whitelist.people
        asked = ("choices", scope, tuple(titles.items()))
        return index.once(asked, lambda: choices(index.visible(scope), titles))

    def thumb(self, picture: Published) -> Media:
        """The picture, small. Where it is on the wall no longer there is nothing behind the address."""
        try:
            return self._holdings.prints.thumb(picture.image or "")
        except KeyError:
            return Media(f"{picture.image}.webp", picture.recipe.width, picture.recipe.height)

    def full(self, picture: Published) -> Media:
        """The picture as it was drawn, signed where there is a signer."""
        try:
            return self._holdings.prints.full(picture.image or "")
        except KeyError:
            return Media(f"{picture.image}.png", picture.recipe.width, picture.recipe.height)

    async def blob(self, visitor: Visitor, name: str) -> Blob | None:
        """The file behind a Media's name, if the visitor may see what it shows."""
        for behind in self._holdings.behind(name):
            if self._sees(visitor, behind):
                return self._holdings.bytes.get(name) or await self._maker.read(behind, name)
        return None

    async def provenance(self, picture: Published) -> Provenance | None:
        """What the picture, as it is served, says of its origin; None where it is not signed."""
        name = self.full(picture).name
        if name in self._provenances:
            self._provenances.move_to_end(name)
            return self._provenances[name]
        behind = self._holdings.behind(name)
        if not self._signed or not behind:
            return None
        blob = self._holdings.bytes.get(name) or await self._maker.read(behind[0], name)
        if blob is None:
            return None
        said = self._provenances[name] = await asyncio.to_thread(read_provenance, blob.data)
        if len(self._provenances) > PROVENANCES:
            self._provenances.popitem(last=False)
        return said

    async def reload(self) -> Statistics:
        """Read all of it anew. Raises Unavailable."""
        await self._keeper.read_all()
        return self.statistics

    @property
    def listed(self) -> Collection[str]:
        """The people whom wall.yaml names."""
        return self._holdings.people.whitelist.people.keys()

    def touch(self) -> None:
        """Something changed in the store; look soon."""
        self._keeper.touch()

    async def people_anew(self) -> None:
        """Look at once at who may be shown: what consent does not cover any more is seen by nobody when it returns."""
        await self._keeper.people_anew()

    async def forget(self, images: Collection[str]) -> None:
        """Drop these pictures (SHA-256), and every file that was made of them, at once."""
        await self._keeper.forget(images)

    def _scope(self, visitor: Visitor) -> Scope:
        return Scope(self._guilds(visitor), visitor.operates, self._holdings.people.shown(), visitor)

    def _sees(self, visitor: Visitor, behind: Behind) -> bool:
        if behind.kind is Kind.PHOTO:
            return self._holdings.people.seen_by(visitor, behind.person, self._visitors)
        entries = self._holdings.index.holding(behind.source)
        return any(self._sees_picture(visitor, entry.picture) for entry in entries)

    def _sees_picture(self, visitor: Visitor, picture: Published) -> bool:
        # Without a scope, which tells of all people: this is asked for each file.
        return may_see(picture, self._guilds(visitor), visitor.operates, self._holdings.people.since)

    def _guilds(self, visitor: Visitor) -> frozenset[int] | None:
        return None if self._visitors is Visitors.EVERYONE else visitor.guilds

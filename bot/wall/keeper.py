"""The keeper: has the wall follow the database, the people's folders and the pictures, and makes what is missing.

Pictures are told of by the database alone, which is asked every few seconds, as another console may have published.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from bot.domain.errors import Refusal, Unavailable
from bot.domain.ports import FaceStore
from bot.domain.stores import Publications
from bot.domain.wall import Published
from bot.wall import whitelist
from bot.wall.holdings import Holdings
from bot.wall.index import Entry
from bot.wall.maker import Maker
from bot.wall.people import people_of, photos_of
from bot.wall.shelf import read_file
from bot.wall.watching import changes
from bot.wall.whitelist import Whitelist, read_whitelist
from sweeps.errors import SweepError

log = structlog.get_logger("atelier.wall")

LOOK_SECONDS = 3.0
OVERLAP = timedelta(seconds=90)
"""A change is seen when its transaction ends, which may be so long after the moment that it carries."""
PEOPLE_SECONDS = 5.0
"""Folders are watched, but not everywhere, and what another console on another machine writes there is not told."""
WIDE_LOOK_SECONDS = 600.0
WIDE_OVERLAP = timedelta(hours=2)
"""Now and then much more is looked at again: for what a stopped console wrote late, and what could not be read."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IMAGE = re.compile(r"[0-9a-f]{64}")

DATABASE = "the wall cannot read the database, and shows what it knows"
PEOPLE = "the people's folders cannot be read; the wall shows whom it knows"
WHITELIST = f"{whitelist.NAME} cannot be used; what it said before holds"
BACKGROUND = "the wall could not be brought up to date"


class Keeper:
    """Keeps `holdings` as they should be while its context is open."""

    def __init__(
        self, holdings: Holdings, maker: Maker, publications: Publications, faces: FaceStore, data: Path
    ) -> None:
        self._holdings = holdings
        self._maker = maker
        self._publications = publications
        self._faces = faces
        self._data = data
        self._turn = asyncio.Lock()
        self._touched = asyncio.Event()
        self._seen: datetime | None = None
        self._listed = Whitelist()
        self._list_read: bytes | None = None
        self._told: dict[str, str] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Holding all that was made before from the start; the rest is made while the context is open.

        Raises Unavailable, OSError.
        """
        for name in ("faces", "images"):
            await asyncio.to_thread(partial((self._data / name).mkdir, parents=True, exist_ok=True))
        await self.read_all()
        work: list[Coroutine[None, None, None]] = [
            self._have_made(),
            self._look_again(),
            self._watch(self._data / "faces", None, self._people_changed),
            self._watch(self._data, whitelist.NAME, self._people_changed),
            self._watch(self._data / "images", None, self._images_changed),
        ]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._maker.close()

    def touch(self) -> None:
        """Something changed; look soon."""
        self._touched.set()

    async def people_anew(self) -> None:
        """Look at once at who may be shown."""
        async with self._turn:
            await self._read_people()

    async def read_all(self) -> None:
        """Read all of it anew, also what could not be read before. Raises Unavailable."""
        async with self._turn:
            await asyncio.to_thread(self._holdings.prints.survey)
            await self._read_people()
            found = await self._publications.changed()
            there = {(picture.job_id, picture.number) for picture in found}
            self._holdings.drop(self._holdings.keys() - there)
            self._maker.try_again()
            for entry in self._holdings.index.everything():
                if not self._ready(entry.picture):  # what was made of it is gone
                    self._holdings.hold_back(entry.picture)
            await self._take(found)
            images = {picture.image for picture in found if picture.image}
            photos = frozenset(self._holdings.photos)
            await self._maker.at_disk(lambda: self._holdings.prints.keep_only(images=images, photos=photos))

    async def forget(self, images: Collection[str]) -> None:
        """Drop these at once, with all that was made of them; and the photos of who is on the wall no longer."""
        self._holdings.drop_images(images)
        async with self._turn:
            # Whoever read the database before they were erased has told of them by now.
            self._holdings.drop_images(images)
            await self._maker.at_disk(lambda: self._holdings.prints.forget(images))
            await self._read_people()

    # --- pictures

    async def _look(self, overlap: timedelta, *, people: bool, again: bool = False) -> None:
        """Take in what changed since the last look; `again` tries what is broken anew, too."""
        async with self._turn:
            if people:
                await self._read_people()
            since = EPOCH if self._seen is None else self._seen - overlap
            found = await self._publications.changed(since)
            self._well(DATABASE)
            await self._take(found)
            if again:
                self._maker.try_again()

    async def _take(self, found: Collection[Published]) -> None:
        if found:
            latest = max(picture.changed_at for picture in found)
            self._seen = latest if self._seen is None else max(self._seen, latest)
        known = self._holdings.known
        news = [picture for picture in found if picture != known((picture.job_id, picture.number))]
        changed = [was for each in news if (was := known((each.job_id, each.number))) and was.image != each.image]
        if changed:
            left = self._holdings.drop([(was.job_id, was.number) for was in changed])
            await self._maker.at_disk(lambda: self._holdings.prints.forget(left))
        here = [picture for picture in news if picture.image is not None]
        ready = [picture for picture in here if self._ready(picture)]
        if ready:
            self._holdings.admit(await asyncio.to_thread(lambda: [Entry(picture) for picture in ready]))
        if len(ready) < len(here):
            for picture in here:
                if not self._ready(picture):
                    self._holdings.hold_back(picture)
            self._maker.wake()

    def _ready(self, picture: Published) -> bool:
        image = picture.image
        return image is not None and image not in self._holdings.broken and self._holdings.prints.has(image)

    async def _have_made(self) -> None:
        """Small pictures into memory at the start, and whatever is missing made as soon as it is."""
        await self._guarded(self._maker.fill_memory)
        while True:  # it comes back from its work only where something went wrong
            await self._guarded(self._maker.work)
            await asyncio.sleep(LOOK_SECONDS)

    # --- people

    async def _read_people(self) -> None:
        """Who is on the wall now, by the whitelist and the records beside the photos."""
        listed = await self._read_whitelist()
        persons = list(self._holdings.people.persons.values())
        try:
            persons = await self._faces.everybody()
            self._well(PEOPLE)
        except (Refusal, OSError) as error:
            self._troubled(PEOPLE, error)
        people = people_of(listed, persons)
        photos = await asyncio.to_thread(photos_of, people, self._data / "faces")
        known = self._holdings.people
        reordered = list(listed.people) != list(known.whitelist.people)
        if reordered or people != known or [photo.source for photo in photos] != list(self._holdings.photos):
            self._holdings.show_people(people, photos)
            sources = frozenset(self._holdings.photos)
            await self._maker.at_disk(lambda: self._holdings.prints.keep_only(photos=sources))
        if any(map(self._maker.lacks, self._holdings.photos.values())):
            self._maker.wake()

    async def _read_whitelist(self) -> Whitelist:
        """The whitelist as its file says; while that is broken, as it last said. Without a file nobody is on it."""
        try:
            text = await asyncio.to_thread(read_file, self._data / whitelist.NAME)
        except FileNotFoundError:
            text = b""
        except OSError as error:
            self._troubled(WHITELIST, error)
            return self._listed
        if text != self._list_read:
            self._list_read = text
            try:
                self._listed = read_whitelist(text)
                self._well(WHITELIST)
            except SweepError as error:
                self._troubled(WHITELIST, error)
        return self._listed

    # --- following

    async def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        wide = loop.time()
        people = wide - PEOPLE_SECONDS  # what changed before the folders were watched is seen at the first look
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._touched.wait()
            touched, now = self._touched.is_set(), loop.time()
            self._touched.clear()
            if see_people := touched or now >= people + PEOPLE_SECONDS:
                people = now
            if now >= wide + WIDE_LOOK_SECONDS:
                wide = now
                await self._guarded(partial(self._look, WIDE_OVERLAP, people=True, again=True))
            else:
                await self._guarded(partial(self._look, OVERLAP, people=see_people))

    async def _people_changed(self, _: Collection[Path]) -> None:
        await self.people_anew()

    async def _images_changed(self, paths: Collection[Path]) -> None:
        """Files among the stored pictures changed: those that were broken may be mended, others may be broken now."""
        for image in {path.stem for path in paths}:
            if IMAGE.fullmatch(image):
                self._maker.suspect(image)

    async def _watch(
        self, folder: Path, name: str | None, changed: Callable[[Collection[Path]], Awaitable[None]]
    ) -> None:
        async for paths in changes(folder, name):
            await self._guarded(partial(changed, paths))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work that goes on in the background: trouble is told, once while it lasts, and the wall goes on."""
        try:
            await work()
            self._well(BACKGROUND)
        except Unavailable as error:
            self._troubled(DATABASE, error)
        except Exception as error:  # whatever it is, the wall goes on to show what it knows
            self._troubled(BACKGROUND, error, exc_info=error)

    def _troubled(self, event: str, error: Exception, **more: object) -> None:
        if self._told.get(event) != str(error):
            log.error(event, reason=str(error), **more)
        self._told[event] = str(error)

    def _well(self, event: str) -> None:
        self._told.pop(event, None)

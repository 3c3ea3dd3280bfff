"""The maker: makes what is missing, reads what is asked for, and has small pictures in memory; on threads."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from bot.domain.errors import Refusal
from bot.domain.ports import FaceStore
from bot.domain.wall import Blob
from bot.wall.holdings import Behind, Holdings, Kind
from bot.wall.index import Entry
from bot.wall.people import Photo
from bot.wall.progress import progress
from bot.wall.thumbnails import Unfit

log = structlog.get_logger("atelier.wall")

THREADS = 2
AT_ONCE = 64
"""So many small files are read at one go; each alone would take less than going to a thread for it."""

Answer = TypeVar("Answer")


class Maker:
    """Makes for `holdings` what they lack. `settled` is set while nothing is left to be made, or looked at again."""

    def __init__(self, holdings: Holdings, faces: FaceStore) -> None:
        self._holdings = holdings
        self._faces = faces
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="wall")
        self.settled = asyncio.Event()
        self._wanted = asyncio.Event()
        self._suspects: set[str] = set()
        self._spoilt: set[str] = set()

    async def close(self) -> None:
        """What was begun ends, nothing else is begun."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def wake(self) -> None:
        """Something is missing: make it soon."""
        self.settled.clear()
        self._wanted.set()

    async def work(self) -> None:
        """Make what is missing, and then whenever something is."""
        while True:
            if not self._wanted.is_set():
                self.settled.set()
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.make_missing()
            except Exception:
                self.wake()  # the rest of it is still to be made
                raise

    def lacks(self, photo: Photo) -> bool:
        """Whether a person's photo is still to be made."""
        return photo.source not in self._spoilt and not self._holdings.prints.has_photo(photo.source)

    def try_again(self) -> None:
        """Try anew what could not be made before."""
        self._spoilt.clear()
        self._holdings.mend_all()
        self.wake()

    def suspect(self, image: str) -> None:
        """A picture's file was changed or came back: look at it again."""
        if self._holdings.mend(image):
            self.wake()
        elif image in self._holdings.index.images():
            self._suspects.add(image)
            self.wake()

    async def read(self, behind: Behind, name: str) -> Blob | None:
        """A file from the disk, kept in memory; None where it is not that file any more. What is broken is mended."""
        prints, holdings = self._holdings.prints, self._holdings
        try:
            match behind.kind:
                case Kind.THUMB:
                    blob = await asyncio.to_thread(prints.read_thumb, behind.source)
                case Kind.FULL:
                    drawn_at = self._drawn_at(behind.source)
                    blob = await asyncio.to_thread(prints.read_full, behind.source, drawn_at)
                case Kind.PHOTO:
                    read = await asyncio.to_thread(prints.read_photo, behind.source)
                    if read is None:  # it is made anew, and then has another address
                        holdings.displace(name, behind)
                        self.wake()
                        return None
                    blob = read
        except KeyError:  # it was forgotten a moment ago
            return None
        except (Unfit, OSError) as error:
            self._cannot_serve(behind.source, error)
            return None
        if not holdings.holds(behind):
            await self._unmake(behind)
            return None
        if self._place(behind) != name:
            holdings.displace(name, behind)
            return None
        holdings.keep(name, blob)
        return blob

    async def make_missing(self) -> None:
        """Make all that is missing, first the photos of people, then the newest pictures."""
        photos = [photo for photo in self._holdings.photos.values() if self.lacks(photo)]
        people = list(dict.fromkeys(photo.person for photo in photos))
        images = self._holdings.missing()
        suspects, self._suspects = list(self._suspects), set()
        work = [
            *(partial(self._make_photos, name) for name in people),
            *(partial(self._make, image) for image in images),
            *(partial(self._check, image) for image in suspects),
        ]
        with progress("pictures and people made ready", len(work)) as step:
            await _by(THREADS, work, step)

    async def _make(self, image: str) -> None:
        waiting = self._holdings.waiting(image)
        if not waiting:
            return
        drawn_at = min(picture.drawn_at for picture in waiting)
        prints, behind = self._holdings.prints, Behind(Kind.THUMB, image)
        try:
            await self._in_pool(lambda: prints.make(image, drawn_at))
        except (Unfit, OSError) as error:
            self._cannot_serve(image, error)
            return
        self._holdings.admit([Entry(picture) for picture in self._holdings.waiting(image)])
        if self._holdings.holds(behind):
            await self._load([behind])
        else:  # it was forgotten while it was made
            await self._unmake(behind)

    async def _make_photos(self, name: str) -> None:
        """Those photos of a person that are not made yet."""
        person = self._holdings.people.persons.get(name)
        lacking = {photo.file: photo for photo in self._holdings.photos.values() if photo.person == name}
        lacking = {file: photo for file, photo in lacking.items() if self.lacks(photo)}
        if person is None or not lacking:
            return
        try:
            contents = await self._faces.photos(name, None)
        except Refusal as error:
            log.warning("a person's photos cannot be shown", person=name, reason=str(error))
            self._spoilt |= {photo.source for photo in lacking.values()}
            return
        if len(contents) != len(person.photos):  # they changed just now; the next look knows of it
            return
        for file, data in zip(person.photos, contents, strict=True):
            photo = lacking.get(file)
            if photo is None:
                continue
            try:
                await self._in_pool(partial(self._print, photo, data))
            except (Unfit, OSError) as error:
                log.warning("a person's photo is skipped", person=name, photo=file, reason=str(error))
                self._spoilt.add(photo.source)
                continue
            behind = Behind(Kind.PHOTO, photo.source, name)
            if self._holdings.holds(behind):
                await self._load([behind])
            else:
                await self._unmake(behind)

    def _print(self, photo: Photo, data: bytes) -> None:
        self._holdings.prints.make_photo(photo.source, data, "The photo")

    async def _unmake(self, behind: Behind) -> None:
        """What was made or read of something while it was forgotten goes, too."""
        prints = self._holdings.prints
        forget = prints.forget_photos if behind.kind is Kind.PHOTO else prints.forget
        await self.at_disk(partial(forget, [behind.source]))

    async def _check(self, image: str) -> None:
        try:
            await self._in_pool(lambda: self._holdings.prints.check(image))
        except (Unfit, OSError) as error:
            self._cannot_serve(image, error)

    async def fill_memory(self) -> None:
        """Small pictures into memory, those of people and the newest first, until the budget is used."""
        wanted = [Behind(Kind.PHOTO, photo.source, photo.person) for photo in self._holdings.photos.values()]
        images = dict.fromkeys(entry.picture.image or "" for entry in self._holdings.index.everything())
        wanted += [Behind(Kind.THUMB, image) for image in images]
        with progress("small pictures read", len(wanted)) as step:
            for start in range(0, len(wanted), AT_ONCE):
                some = wanted[start : start + AT_ONCE]
                await self._load(some)
                for _ in some:
                    step()
                if not self._holdings.bytes.fits(0):
                    return

    def _small(self, behind: Behind) -> Blob | None:
        """A small picture from the disk; a broken one is left to whoever asks for it. On a thread."""
        try:
            prints = self._holdings.prints
            return prints.read_photo(behind.source) if behind.kind is Kind.PHOTO else prints.read_thumb(behind.source)
        except (Unfit, OSError, KeyError):
            return None

    async def _load(self, wanted: Sequence[Behind]) -> None:
        """Have these small pictures in memory, as far as there is room."""
        for behind, blob in await self._in_pool(lambda: [(each, self._small(each)) for each in wanted]):
            if not self._holdings.holds(behind):
                await self._unmake(behind)
            elif blob is not None and self._holdings.bytes.fits(len(blob.data)):
                self._holdings.keep(self._place(behind), blob)

    def _place(self, behind: Behind) -> str:
        """Its address; empty where what was made of it is gone."""
        try:
            return self._holdings.place(behind.kind, behind.source, behind.person)
        except KeyError:
            return ""

    def _cannot_serve(self, image: str, error: Exception) -> None:
        if isinstance(error, FileNotFoundError):
            reason = "its file is not there"
        else:
            reason = getattr(error, "strerror", None) or str(error)
        self._holdings.set_aside(image, reason)

    def _drawn_at(self, image: str) -> datetime:
        return min((entry.picture.drawn_at for entry in self._holdings.index.holding(image)), default=datetime.now(UTC))

    async def at_disk(self, work: Callable[[], None]) -> None:
        """Delete something; where the disk refuses that, the log says so and the wall goes on without."""
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            log.error("what was made for the wall could not be deleted", reason=str(error))

    async def _in_pool(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


async def _by(hands: int, work: Collection[Callable[[], Awaitable[None]]], step: Callable[[], None]) -> None:
    """Do all of it, so many at one time, in order."""
    left = iter(work)

    async def hand() -> None:
        for each in left:
            await each()
            step()

    async with asyncio.TaskGroup() as group:
        for _ in range(hands):
            group.create_task(hand())

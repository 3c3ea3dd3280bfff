"""What the wall holds at this moment: pictures and people that can be served, and behind which address each file is.

Only used on the event loop; nothing here waits.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import structlog

from bot.domain.wall import Blob, Published, Statistics
from bot.wall.bytestore import ByteStore
from bot.wall.index import Entry, Index, Key
from bot.wall.people import People, Photo
from bot.wall.prints import Prints

log = structlog.get_logger("atelier.wall")


METADATA = 8 * 1024
"""About what is known of one picture takes in memory, in bytes; it counts against the budget too."""
MOST_NAMED = 5
"""Of the pictures with one image, so many are named in the log."""


class Kind(StrEnum):
    """What a file of the wall is: a picture's thumbnail, a picture, or a person's photo."""

    THUMB = "thumb"
    FULL = "full"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind an address: of which image (or photo: its `source`), and of whom it is a photo."""

    kind: Kind
    source: str
    person: str = ""


class Holdings:
    """The index and what is around it. A picture is in the index from when all that serving it takes was made.

    The pictures that are not, yet, are unshown; `broken` are the images that cannot be served. `photos` are those of
    all people who may be shown, whether their thumbnails are made or not.
    """

    def __init__(self, prints: Prints, budget: int) -> None:
        self.prints = prints
        self.bytes = ByteStore(budget)
        self.index = Index()
        self.people = People()
        self.photos: dict[str, Photo] = {}
        self._unshown: dict[Key, Published] = {}
        self.broken: set[str] = set()
        self._told: dict[str, str] = {}
        self.updated: datetime | None = None
        # Two pictures can differ in their recipe alone, and then have one thumbnail.
        self._behind: dict[str, tuple[Behind, ...]] = {}
        self._addresses: dict[str, set[str]] = {}
        self._waiting: dict[str, set[Key]] = {}

    def behind(self, name: str) -> tuple[Behind, ...]:
        """What is behind that address; mostly one thing, or nothing."""
        return self._behind.get(name, ())

    @property
    def statistics(self) -> Statistics:
        """How much there is; a picture that was drawn twice counts once, as its file does."""
        photos = [source for source in self.photos if self.prints.has_photo(source)]
        images = self.index.images()
        size = self.index.once(("size", *photos), lambda: self.prints.size(images, photos))
        return Statistics(len(images) + len(photos), size, self.bytes.thumbs, self.updated)

    def known(self, key: Key) -> Published | None:
        """What is known of that picture, shown or not."""
        return self.index.get(key) or self._unshown.get(key)

    def keys(self) -> set[Key]:
        """Job and number of all that are known, shown or not."""
        return {*self.index.keys(), *self._unshown}

    def admit(self, entries: Iterable[Entry]) -> None:
        """Show these pictures, all that serving them takes having been made."""
        shown = []
        for entry in entries:
            image = entry.picture.image
            if image is None or not self.prints.has(image):
                self.hold_back(entry.picture)
                continue
            self._wait_no_more(entry.key)
            shown.append(entry)
            self.place(Kind.THUMB, image)
            self.place(Kind.FULL, image)
            self.broken.discard(image)
            self._told.pop(image, None)
        self.index.put(shown)
        self._changed()

    def hold_back(self, picture: Published) -> None:
        """Not to be shown before all is made that serving it takes."""
        key = (picture.job_id, picture.number)
        self.index.drop([key])
        self._wait(key, picture)

    def place(self, kind: Kind, source: str, person: str = "") -> str:
        """The address of a file, behind which it is from now on."""
        told = {Kind.THUMB: self.prints.thumb, Kind.FULL: self.prints.full, Kind.PHOTO: self.prints.photo}
        name, behind = told[kind](source).name, Behind(kind, source, person)
        there = self._behind.get(name, ())
        if behind not in there:
            self._behind[name] = (*there, behind)
            self._addresses.setdefault(source, set()).add(name)
        return name

    def displace(self, name: str, behind: Behind) -> None:
        """That is behind this address no longer."""
        self._take_away(name, behind)

    def keep(self, name: str, blob: Blob) -> None:
        """Keep a file's bytes in memory, unless it was forgotten while they were read."""
        if behind := self._behind.get(name):
            self.bytes.put(name, blob, thumb=behind[0].kind is not Kind.FULL)

    def drop(self, keys: Collection[Key]) -> set[str]:
        """Pictures are no longer on the wall; the images that nothing else on it shows."""
        images = set()
        for key in keys:
            picture = self._wait_no_more(key) or self.index.get(key)
            if picture is not None and picture.image is not None:
                images.add(picture.image)
        self.index.drop(keys)
        left = {image for image in images if image not in self.index.images() and image not in self._waiting}
        for image in left:
            self._forget(image)
            self.broken.discard(image)
            self._told.pop(image, None)
        self._changed()
        return left

    def drop_images(self, images: Collection[str]) -> None:
        """These images are gone, whatever shows them."""
        wanted = frozenset(images)
        keys = [entry.key for image in wanted for entry in self.index.holding(image)]
        keys += [key for image in wanted for key in self._waiting.get(image, ())]
        self.drop(keys)

    def set_aside(self, image: str, reason: str) -> None:
        """An image cannot be served: what shows it waits for it to be mended. One line in the log says so."""
        shown = list(self.index.holding(image))
        if self._told.get(image) != reason:
            names = [picture.name for picture in (*(entry.picture for entry in shown), *self.waiting(image))]
            log.warning("a picture on the wall is skipped", pictures=names[:MOST_NAMED], image=image, reason=reason)
        self._told[image] = reason
        self.broken.add(image)
        self.index.drop([entry.key for entry in shown])
        for entry in shown:
            self._wait(entry.key, entry.picture)
        self._forget(image)

    def mend(self, image: str) -> bool:
        """Try a broken image again; False where it is none."""
        was = image in self.broken
        self.broken.discard(image)
        return was

    def mend_all(self) -> bool:
        """Try all of them again; False where there are none."""
        any_broken = bool(self.broken)
        self.broken.clear()
        return any_broken

    def show_people(self, people: People, photos: Iterable[Photo]) -> None:
        """Who is on the wall now, and their photos; all others are forgotten."""
        before, self.people = self.photos, people
        self.photos = {photo.source: photo for photo in photos}
        for source in before.keys() - self.photos.keys():
            self._forget(source)
        for photo in self.photos.values():
            if self.prints.has_photo(photo.source):
                self.place(Kind.PHOTO, photo.source, photo.person)
        self.updated = datetime.now(UTC)

    def holds(self, behind: Behind) -> bool:
        """Whether that is still to be served."""
        if behind.kind is Kind.PHOTO:
            return behind.source in self.photos
        return behind.source in self.index.images()

    def missing(self) -> list[str]:
        """The images of pictures that are not shown yet, the newest first, but for those that are broken."""
        waiting = sorted(self._unshown.values(), key=lambda each: (each.published_at, each.job_id), reverse=True)
        images = dict.fromkeys(each.image for each in waiting if each.image and each.image not in self.broken)
        return list(images)

    def waiting(self, image: str) -> list[Published]:
        """The pictures that are shown as soon as that image can be."""
        return [self._unshown[key] for key in self._waiting.get(image, ())]

    def _changed(self) -> None:
        self.updated = datetime.now(UTC)
        self.bytes.reserve((len(self.index) + len(self._unshown)) * METADATA)

    def _wait(self, key: Key, picture: Published) -> None:
        self._wait_no_more(key)
        self._unshown[key] = picture
        self._waiting.setdefault(picture.image or "", set()).add(key)

    def _wait_no_more(self, key: Key) -> Published | None:
        """The picture that waited; None where none did."""
        picture = self._unshown.pop(key, None)
        if picture is not None:
            keys = self._waiting[picture.image or ""]
            keys.discard(key)
            if not keys:
                del self._waiting[picture.image or ""]
        return picture

    def _forget(self, source: str) -> None:
        """Nothing is behind an address any more that was made of this; an image and a photo never have one hash."""
        for name in list(self._addresses.get(source, ())):
            for behind in self._behind[name]:
                if behind.source == source:
                    self._take_away(name, behind)

    def _take_away(self, name: str, behind: Behind) -> None:
        left = tuple(each for each in self._behind.get(name, ()) if each != behind)
        if left:
            self._behind[name] = left
        else:
            self._behind.pop(name, None)
            self.bytes.drop(name)
        if all(each.source != behind.source for each in left) and behind.source in self._addresses:
            self._addresses[behind.source].discard(name)
            if not self._addresses[behind.source]:
                del self._addresses[behind.source]

"""People's photos: the folders below `faces/`, one a person, each with its record `person.json`.

A folder without a record was laid there by the operator's own hand and is everybody's.
"""

import asyncio
import hashlib
import io
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from bot.domain.errors import BadName, BadUpload, NoRights, NotFound, NotYours, Refusal
from bot.domain.job import Member
from bot.domain.person import MOST_PHOTOS, Added, Person, Receipt, checked_name, same_name, short_name
from bot.pictures import MOST_BYTES, open_picture, to_png
from bot.store.consent import Record
from bot.store.files import HALF_DONE, write_whole
from sweeps.words import nearest, quote

log = structlog.get_logger("atelier.faces")

RECORD = "person.json"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
PNG = b"\x89PNG\r\n\x1a\n"
JPEG_QUALITY = 95
MOST_PEOPLE = 25


class Faces:
    """The FaceStore port on a folder. A name is a folder's name; nothing outside the folder is reached."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()  # changes come one at a time, each on a thread; reading needs no turn

    def names(self, member: Member | None = None) -> list[str]:
        """The names of the people whom the member may draw, in order; None: of everybody. Reads the disk."""
        return [person.name for person in self._people() if member is None or person.usable_by(member)]

    async def everybody(self) -> list[Person]:
        """All people, in order, whoever may draw them."""
        return await asyncio.to_thread(self._people)

    async def people(self, member: Member) -> list[Person]:
        """The people whom the member may draw, or whose photos they keep, in order."""
        everybody = await asyncio.to_thread(self._people)
        return [person for person in everybody if person.usable_by(member) or person.kept_by(member)]

    async def person(self, member: Member, name: str) -> Person:
        """One of `people`. Raises NotFound, which names no others than theirs, or NoRights."""
        mine = {person.name: person for person in await self.people(member)}
        alike = (person for person in mine.values() if same_name(person.name) == same_name(name.strip()))
        person = mine.get(name.strip()) or next(alike, None)
        if person is None:
            await asyncio.to_thread(self._read, name.strip())  # says so where a folder may not be looked into
            meant = nearest(name, mine)
            hint = f"did you mean {quote(meant)}?" if meant else "/faces list shows whom you may draw."
            raise NotFound(f"You have no person named {quote(name)}; {hint}")
        return person

    async def drawable(self, name: str, member: Member | None) -> Person:
        """The person of exactly that name, if the member may draw them now; None asks for nobody's leave.

        Reads the record and no photo. Raises NotFound, NotYours, NoRights.
        """
        return await asyncio.to_thread(self._drawable, name, member)

    async def photos(self, name: str, member: Member | None) -> tuple[bytes, ...]:
        """The photos of a person who is `drawable`, in the order of their names. Raises as that does."""
        return await asyncio.to_thread(lambda: tuple(self._contents(self._drawable(name, member)).values()))

    async def album(self, name: str, member: Member) -> dict[str, bytes]:
        """The photos of one of `people` by the names of their files. Raises NotFound, NoRights."""
        return await asyncio.to_thread(lambda: self._contents(self._told(name, member)))

    async def add(
        self, member: Member, name: str, photos: Sequence[tuple[str, bytes]], shared: bool | None, consent: str
    ) -> Added:
        """Add uploads (name, bytes) to a person of the member's, or a new one: all of them, or none.

        `consent` is what the member agreed to. `shared` None leaves a person as they are, and a new one unshared.
        Raises BadName, BadUpload, NotYours, Refusal.
        """
        return await asyncio.to_thread(self._add, member, name, photos, shared, consent)

    async def share(self, member: Member, name: str, shared: bool) -> Person:
        """Let the member's server draw a person, which only the owner may, or stop that, as an operator may too.

        Raises NotFound, NotYours, NoRights.
        """
        person = await self.person(member, name)
        return await asyncio.to_thread(self._share, member, person.name, shared)

    async def remove(self, member: Member, name: str, photo: str | None = None) -> Receipt:
        """Delete a person, or one photo by its name; the last photo takes the person along.

        Raises NotFound, NotYours, NoRights.
        """
        person = await self.person(member, name)
        return await asyncio.to_thread(self._remove, member, person.name, photo)

    async def tidy(self) -> None:
        """Delete what a crash left half written, or half deleted: photos that were to go do not stay."""
        await asyncio.to_thread(self._tidy)

    def _add(
        self, member: Member, name: str, uploads: Sequence[tuple[str, bytes]], shared: bool | None, consent: str
    ) -> Added:
        name = checked_name(name)
        with self._turn, _rights(f"The folder of {name}", "changed"):
            person = self._found_for(member, name)
            before = person.photos if person else ()
            cleaned = [_cleaned(upload, data) for upload, data in uploads]
            new = {file: data for file, data in cleaned if file not in before}
            if len(before) + len(new) > MOST_PHOTOS:
                there = f" {name} has {len(before)}, and {len(new)} more are too many." if before else ""
                raise BadUpload(f"A person has at most {MOST_PHOTOS} photos.{there}")
            record = (self._record(name) if person else None) or Record.begun_by(member)
            if shared is not None:
                record = _shared(record, name, member, shared)
            if new:
                record = record.with_photos(member, sorted(new), consent)
            if person:
                # The record first: cut off here, it names photos that never came, and never a photo lies unrecorded.
                write_whole(self._folder / name / RECORD, record.as_json())
                for file, data in new.items():
                    write_whole(self._folder / name / file, data)
            else:
                self._create(name, {RECORD: record.as_json(), **new})
            photos = tuple(sorted({*before, *new}))
            files = tuple(file for file, _ in cleaned)
            return Added(record.person(name, photos), files, frozenset(before) & frozenset(files))

    def _found_for(self, member: Member, name: str) -> Person | None:
        """The person of that name if the member may add photos; None where the name is free."""
        same = [person for person in self._people() if same_name(person.name) == same_name(name)]
        for person in same:
            if person.kept_by(member) and person.name == name:
                return person
            if person.kept_by(member):
                raise BadName(f"{quote(person.name)} is there already; write the name like that to add photos.")
            if person.usable_by(member):
                _refuse_others(person, member)
        # A name is one folder for everybody, whose it is stays untold, and Mina beside mina would be mistaken for her.
        if same_name(name) in {same_name(entry.name) for entry in self._entries()}:
            raise BadName(f"The name {quote(name)} is taken. Choose another one.")
        if sum(person.owner_id == member.id for person in self._people()) >= MOST_PEOPLE:
            raise Refusal(f"You keep {MOST_PEOPLE} people, which is the most. Remove one first.")
        return None

    def _create(self, name: str, files: Mapping[str, bytes]) -> None:
        """A person's folder appears whole: without its record it would be everybody's."""
        self._folder.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=HALF_DONE, dir=self._folder))
        try:
            for file, data in files.items():
                write_whole(half / file, data)
            os.rename(half, self._folder / name)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise

    def _share(self, member: Member, name: str, shared: bool) -> Person:
        with self._turn, _rights(f"The record of {name}", "changed"):
            person, record = self._kept(member, name)
            changed = _shared(record, name, member, shared)
            if changed != record:
                write_whole(self._folder / name / RECORD, changed.as_json())
        if member.id != person.owner_id and changed != record:
            log.info("an operator stopped the sharing", by=member.id, owner=person.owner_id)
        return changed.person(name, person.photos)

    def _remove(self, member: Member, name: str, photo: str | None) -> Receipt:
        with self._turn, _rights(f"All photos of {name}" if photo is None else f"That photo of {name}", "deleted"):
            person, record = self._kept(member, name)
            gone = person.photos if photo is None else (_chosen(person, photo),)
            whole = gone == person.photos
            if whole:
                # Out of sight in one step: a record that went before its photos would make them everybody's.
                half = Path(tempfile.mkdtemp(prefix=HALF_DONE, dir=self._folder))
                os.rename(self._folder / name, half)
                shutil.rmtree(half)
            else:
                (self._folder / name / gone[0]).unlink()
                write_whole(self._folder / name / RECORD, record.without_photo(gone[0]).as_json())
        if member.id != person.owner_id:
            log.info("an operator removed photos", by=member.id, owner=person.owner_id, count=len(gone), whole=whole)
        return Receipt(person, gone, whole)

    def _kept(self, member: Member, name: str) -> tuple[Person, Record]:
        """A person whom the member may change, and the record. Raises NotFound, NotYours, NoRights."""
        person, record = self._read(name), self._record(name)
        if person is None:
            raise NotFound(f"{quote(name)} is gone already.")
        _refuse_others(person, member)
        assert record is not None  # who has an owner has a record
        return person, record

    def _tidy(self) -> None:
        with self._turn:
            for folder in self._folder.glob(f"{HALF_DONE}*"):
                shutil.rmtree(folder, ignore_errors=True)
            for file in self._folder.glob(f"*/{HALF_DONE}*"):
                file.unlink(missing_ok=True)

    def _drawable(self, name: str, member: Member | None) -> Person:
        person = self._told(name, member)
        if member is not None and not person.usable_by(member):
            raise NotYours(f"{person.name} belongs to {person.owner_name}, and is not shared on this server.")
        return person

    def _told(self, name: str, member: Member | None) -> Person:
        """The person of exactly that name, if it is one of the member's `people`. Raises NotFound, NoRights."""
        person = self._read(name)
        if person is None and member is None:
            raise _removed(name)
        if person is None or not (member is None or person.usable_by(member) or person.kept_by(member)):
            changed = "photos can be removed, and sharing can end"
            raise NotFound(f"You have no person named {quote(name)}, or no longer: {changed}.")
        return person

    def _contents(self, person: Person) -> dict[str, bytes]:
        """A person's photos by the names of their files. Raises NotFound, NoRights."""
        photos = {}
        for photo in person.photos:
            with _rights(f"{person.name}'s {person.called(photo)}"):
                try:
                    photos[photo] = _read(self._folder / person.name / photo)
                except FileNotFoundError as error:  # somebody removed it just now
                    raise _removed(person.name) from error
        return photos

    def _people(self) -> list[Person]:
        people = []
        for entry in self._entries():
            with suppress(NoRights):  # the log tells the operator; the others are there
                people.append(self._read(entry.name))
        return sorted((person for person in people if person is not None), key=lambda person: same_name(person.name))

    def _entries(self) -> list[Path]:
        with _rights("The folder of all people"):
            return list(self._folder.iterdir()) if self._folder.is_dir() else []

    def _read(self, name: str) -> Person | None:
        """The person in that folder; None where there is none, or what is there is not to be trusted.

        Raises NoRights where the console may not look.
        """
        folder = self._folder / name
        try:
            with _rights(f"The folder of {name}"):
                if checked_name(name) != name or folder.is_symlink():
                    return None
                if not folder.resolve().is_relative_to(self._folder.resolve()):
                    return None
                photos = tuple(sorted(entry.name for entry in folder.iterdir() if _is_photo(entry))[:MOST_PHOTOS])
                record = self._record(name)
        except (BadName, FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            # Whose photos lie beside a damaged record is not known, so they are nobody's.
            log.warning("a person's folder cannot be read and is left out", folder=name, reason=str(error))
            return None
        if not photos:
            return None
        return record.person(name, photos) if record else Person(name, None, None, None, True, None, photos)

    def _record(self, name: str) -> Record | None:
        """The record of a person's folder; None where it was laid by hand. Raises ValueError."""
        path = self._folder / name / RECORD
        return Record.from_json(_read(path)) if os.path.lexists(path) else None


@contextmanager
def _rights(what: str, act: str = "read") -> Iterator[None]:
    """What the file system forbids inside becomes a sentence for the member, and is told the operator in the log."""
    try:
        yield
    except PermissionError as error:
        log.warning("file rights are missing", what=what, act=act, reason=str(error))
        raise NoRights(what, act) from error


def _removed(name: str) -> NotFound:
    return NotFound(f"There is nobody named {quote(name)}, or their photos were removed.")


def _shared(record: Record, name: str, member: Member, shared: bool) -> Record:
    """The record of a person who is shared on the member's server now, or no longer. Raises NotYours."""
    if shared and record.owner_id != member.id and not (record.shared and record.guild_id == member.guild_id):
        raise NotYours(f"{name} belongs to {record.owner_name}; only they may share it.")
    return record.shared_on(member.guild_id, shared)


def _refuse_others(person: Person, member: Member) -> None:
    if person.owner_id is None:
        raise NotYours(f"{person.name} was laid in the faces folder by hand, and is changed only there.")
    if not person.kept_by(member):
        raise NotYours(f"{person.name} belongs to {person.owner_name}; only they or an operator may change it.")


def _chosen(person: Person, photo: str) -> str:
    """The file that a photo's name means: its file's, the short one, or "photo 2". Raises NotFound."""
    wanted = same_name(photo.strip())
    chosen = [
        file
        for number, file in enumerate(person.photos, start=1)
        if wanted in map(same_name, (file, short_name(file), person.called(file), f"photo {number}"))
    ]
    if len(chosen) != 1:
        there = ", ".join(person.called(file) for file in person.photos)
        raise NotFound(f"{person.name} has no photo {quote(photo)}; there are {there}.")
    return chosen[0]


def _is_photo(path: Path) -> bool:
    """Whether it is a picture's file by its name, neither hidden nor a link nor a pipe."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return False
    return stat.S_ISREG(path.lstat().st_mode)


def _cleaned(name: str, data: bytes) -> tuple[str, bytes]:
    """An upload as it is kept: the file's name, by its content, and its pixels alone. Raises BadUpload."""
    picture = open_picture(data, name)
    clean, suffix = (to_png(picture), ".png") if data.startswith(PNG) else (b"", "")
    if not clean or len(clean) > MOST_BYTES:
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        clean, suffix = jpeg.getvalue(), ".jpg"
    return hashlib.sha256(clean).hexdigest() + suffix, clean


def _read(path: Path) -> bytes:
    """A file's bytes; a link is refused, also one that was put there a moment ago. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read()

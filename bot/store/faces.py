"""People's photos: the folders below `faces/`, one a person, each with its record `person.json`.

A folder without a record, or whose record names no owner, was laid there by the operator's own hand and is everybody's.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import structlog

from bot.domain.errors import BadName, BadUpload, ConsentEnded, NoRights, NotFound, NotYours, Refusal
from bot.domain.job import Member
from bot.domain.person import MOST_PHOTOS, Added, Person, Receipt, Scope, checked_name, same_name
from bot.domain.until import last_day
from bot.store.consent import Record
from bot.store.files import HALF_DONE, write_whole
from bot.store.photos import chosen, cleaned, is_photo, read
from bot.store.turn import Turn
from sweeps.words import nearest, quote

log = structlog.get_logger("atelier.faces")

RECORD = "person.json"
MOST_PEOPLE = 25


class Faces:
    """The FaceStore port on a folder. A name is a folder's name; nothing outside the folder is reached."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = Turn(folder, "People's photos")  # changes come one at a time; reading needs no turn
        self._left_out: dict[str, str] = {}

    def names(self, member: Member | None = None) -> list[str]:
        """The names of the people whom the member may draw, in order; None: of whom anybody may. Reads the disk."""
        return [
            person.name
            for person in self._people()
            if not person.expired and (member is None or person.usable_by(member))
        ]

    async def everybody(self) -> list[Person]:
        """All people, in order, whoever may draw them."""
        return await asyncio.to_thread(self._people)

    async def people(self, member: Member) -> list[Person]:
        """The people whom the member may draw, or whose photos or consent are in their hands, in order."""
        return [person for person in await asyncio.to_thread(self._people) if person.told_to(member)]

    async def person(self, member: Member, name: str) -> Person:
        """One of `people`. Raises NotFound, which names no others than theirs, ConsentEnded or NoRights."""
        mine = {person.name: person for person in await self.people(member)}
        alike = (person for person in mine.values() if same_name(person.name) == same_name(name.strip()))
        person = mine.get(name.strip()) or next(alike, None)
        if person is None:
            # Says so where a folder may not be looked into.
            there = await asyncio.to_thread(self._read, name.strip())
            if there is not None and there.open_to(member):
                raise _ended(there)
            meant = nearest(name, mine)
            hint = f"did you mean {quote(meant)}?" if meant else "/faces list shows whom you may draw."
            raise NotFound(f"You have no person named {quote(name)}; {hint}")
        return person

    async def drawable(self, name: str, member: Member | None) -> Person:
        """The person of exactly that name, if the member may draw them now; None asks for nobody's leave.

        Reads the record and no photo. Raises NotFound, NotYours, ConsentEnded, NoRights.
        """
        return await asyncio.to_thread(self._drawable, name, member)

    async def photos(self, name: str, member: Member | None) -> tuple[bytes, ...]:
        """The photos of a person who is `drawable`, in the order of their names. Raises as that does."""
        return await asyncio.to_thread(lambda: tuple(self._contents(self._drawable(name, member)).values()))

    async def album(self, name: str, member: Member) -> dict[str, bytes]:
        """The photos of one of `people` by the names of their files. Raises NotFound, ConsentEnded, NoRights."""
        return await asyncio.to_thread(lambda: self._contents(_consenting(self._told(name, member))))

    async def add(
        self, member: Member, name: str, photos: Sequence[tuple[str, bytes]], shared: bool | None, consent: str
    ) -> Added:
        """Add uploads (name, bytes) to a person of the member's, or a new one: all of them, or none.

        `consent` is what the member agreed to, or for an owner's person on the wall, the statement that says so too;
        photos that an operator adds end that. `shared` None leaves a person as they are, and a new one unshared.
        Raises BadName, BadUpload, NotYours, ConsentEnded, Refusal.
        """
        return await asyncio.to_thread(self._add, member, name, photos, shared, consent)

    async def share(self, member: Member, name: str, shared: bool) -> Person:
        """Let the member's server draw a person, which only the owner may, or stop that, as an operator may too.

        Raises NotFound, NotYours, ConsentEnded, NoRights.
        """
        person = await self.person(member, name)
        return await asyncio.to_thread(self._share, member, person.name, shared)

    async def consent(
        self, member: Member, name: str, scope: Scope, expires_at: datetime | None, statement: str
    ) -> Person:
        """Record that the member agrees to the statement: what the person's pictures are for, and until when.

        That is for the owner to say, and for an operator where there is none. Raises NotFound, NotYours, NoRights, and
        ConsentEnded where it was revoked.
        """
        person = await self.person(member, name)
        return await asyncio.to_thread(self._consent, member, person.name, scope, expires_at, statement)

    async def revoke(self, member: Member, name: str) -> Person:
        """End a person's consent for good: nobody draws them from here on, and they are `revoked`.

        For who keeps the photos, or may say what the person consents to. Raises NotFound, NotYours, NoRights.
        """
        person = await self.person(member, name)
        return await asyncio.to_thread(self._revoke, member, person.name)

    async def delete(self, name: str) -> None:
        """Delete the photos and the record of a person who is `revoked`; nothing is done where there is none."""
        await asyncio.to_thread(self._delete, name)

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
        with _rights(f"The folder of {name}", "changed"), self._turn.taken():
            person = self._found_for(member, name)
            before = _consenting(person).photos if person else ()
            clean = [cleaned(upload, data) for upload, data in uploads]
            new = {file: data for file, data in clean if file not in before}
            if len(before) + len(new) > MOST_PHOTOS:
                there = f" {name} has {len(before)}, and {len(new)} more are too many." if before else ""
                raise BadUpload(f"A person has at most {MOST_PHOTOS} photos.{there}")
            record = (self._record(name) if person else None) or Record.begun_by(member)
            if shared is not None:
                record = _shared(record, name, member, shared)
            before_them = record.scope
            if new:
                record = record.with_more(member, sorted(new), consent)
            if person:
                # The record first: cut off here, it names photos that never came, and never a photo lies unrecorded.
                write_whole(self._folder / name / RECORD, record.as_json())
                for file, data in new.items():
                    write_whole(self._folder / name / file, data)
            else:
                self._create(name, {RECORD: record.as_json(), **new})
            photos = tuple(sorted({*before, *new}))
            files = tuple(file for file, _ in clean)
            known, narrowed = frozenset(before) & frozenset(files), record.scope != before_them
            return Added(record.person(name, photos), files, known, narrowed)

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
        with _rights(f"The record of {name}", "changed"), self._turn.taken():
            person, record = self._kept(member, name)
            if shared:
                _consenting(person)
            changed = _shared(record, name, member, shared)
            if changed != record:
                write_whole(self._folder / name / RECORD, changed.as_json())
        if member.id != person.owner_id and changed != record:
            log.info("an operator stopped the sharing", by=member.id, owner=person.owner_id)
        return changed.person(name, person.photos)

    def _remove(self, member: Member, name: str, photo: str | None) -> Receipt:
        with (
            _rights(f"All photos of {name}" if photo is None else f"That photo of {name}", "deleted"),
            self._turn.taken(),
        ):
            person, record = self._kept(member, name)
            gone = person.photos if photo is None else (chosen(person, photo),)
            whole = gone == person.photos
            if whole:
                self._discard(name)
            else:
                (self._folder / name / gone[0]).unlink()
                write_whole(self._folder / name / RECORD, record.without_photo(gone[0]).as_json())
        if member.id != person.owner_id:
            log.info("an operator removed photos", by=member.id, owner=person.owner_id, count=len(gone), whole=whole)
        return Receipt(person, gone, whole)

    def _discard(self, name: str) -> None:
        # Out of sight in one step: a record that went before its photos would make them everybody's.
        half = Path(tempfile.mkdtemp(prefix=HALF_DONE, dir=self._folder))
        os.rename(self._folder / name, half)
        shutil.rmtree(half)

    def _consent(self, member: Member, name: str, scope: Scope, expires_at: datetime | None, statement: str) -> Person:
        with _rights(f"The record of {name}", "changed"), self._turn.taken():
            person, record = self._there(name)
            if not person.vouched_by(member):
                who = f"belongs to {person.owner_name}; only they" if person.owner_id else "is everybody's; an operator"
                raise NotYours(f"{name} {who} may say what they consent to.")
            if record.revoked:
                raise _ended(person)
            changed = record.consented(member, person.photos, scope, expires_at, statement)
            write_whole(self._folder / name / RECORD, changed.as_json())
        return changed.person(name, person.photos)

    def _revoke(self, member: Member, name: str) -> Person:
        with _rights(f"The record of {name}", "changed"), self._turn.taken():
            person, record = self._there(name)
            if not (person.kept_by(member) or person.vouched_by(member)):
                who = f"belongs to {person.owner_name}; only they or" if person.owner_id else "is everybody's; only"
                raise NotYours(f"{name} {who} an operator may revoke the consent.")
            changed = record if record.revoked else record.withdrawn()
            write_whole(self._folder / name / RECORD, changed.as_json())
        return changed.person(name, person.photos)

    def _delete(self, name: str) -> None:
        with _rights(f"All photos of {name}", "deleted"), self._turn.taken(), suppress(NotFound):
            if self._there(name)[1].revoked:
                self._discard(name)

    def _there(self, name: str) -> tuple[Person, Record]:
        """A person and their record, a new one where they were laid by hand. Raises NotFound, NoRights."""
        person, record = self._read(name), self._record(name)
        if person is None:
            raise NotFound(f"{quote(name)} is gone already.")
        return person, record or Record.of_nobody()

    def _kept(self, member: Member, name: str) -> tuple[Person, Record]:
        """A person whom the member may change, and the record. Raises NotFound, NotYours, NoRights."""
        person, record = self._there(name)
        _refuse_others(person, member)
        return person, record

    def _tidy(self) -> None:
        if not self._folder.is_dir():
            return
        with self._turn.taken():
            for folder in self._folder.glob(f"{HALF_DONE}*"):
                shutil.rmtree(folder, ignore_errors=True)
            for file in self._folder.glob(f"*/{HALF_DONE}*"):
                file.unlink(missing_ok=True)

    def _drawable(self, name: str, member: Member | None) -> Person:
        person = self._told(name, member)
        if member is not None and not person.open_to(member):
            raise NotYours(f"{person.name} belongs to {person.owner_name}, and is not shared on this server.")
        return _consenting(person)

    def _told(self, name: str, member: Member | None) -> Person:
        """The person of exactly that name, if it is one of the member's `people`. Raises NotFound, NoRights."""
        person = self._read(name)
        if person is None and member is None:
            raise _removed(name)
        if person is None or not (member is None or person.open_to(member) or person.told_to(member)):
            changed = "photos can be removed, and sharing can end"
            raise NotFound(f"You have no person named {quote(name)}, or no longer: {changed}.")
        return person

    def _contents(self, person: Person) -> dict[str, bytes]:
        """A person's photos by the names of their files. Raises NotFound, NoRights."""
        photos = {}
        for photo in person.photos:
            with _rights(f"{person.name}'s {person.called(photo)}"):
                try:
                    photos[photo] = read(self._folder / person.name / photo)
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
                photos = tuple(sorted(entry.name for entry in folder.iterdir() if is_photo(entry))[:MOST_PHOTOS])
                record = self._record(name)
        except (BadName, FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            # Whose photos lie beside a damaged record is not known, so they are nobody's. The wall looks often.
            if self._left_out.get(name) != str(error):
                log.warning("a person's folder cannot be read and is left out", folder=name, reason=str(error))
            self._left_out[name] = str(error)
            return None
        self._left_out.pop(name, None)
        if not photos:
            return None
        return record.person(name, photos) if record else Person(name, None, None, None, True, None, photos)

    def _record(self, name: str) -> Record | None:
        """The record of a person's folder; None where it was laid by hand. Raises ValueError."""
        path = self._folder / name / RECORD
        return Record.from_json(read(path)) if os.path.lexists(path) else None


@contextmanager
def _rights(what: str, act: str = "read") -> Iterator[None]:
    """What the file system forbids inside becomes a sentence for the member, and is told the operator in the log."""
    try:
        yield
    except PermissionError as error:
        log.warning("file rights are missing", what=what, act=act, reason=str(error))
        raise NoRights(what, act) from error


def _consenting(person: Person) -> Person:
    """The person, who consents now. Raises ConsentEnded."""
    if person.expired:
        raise _ended(person)
    return person


def _ended(person: Person) -> ConsentEnded:
    assert person.expires_at is not None
    if person.revoked:
        return ConsentEnded(f"The consent for {person.name} was revoked, and what is left of them is being deleted.")
    who = "An operator" if person.owner_id is None else "Who added them"
    return ConsentEnded(
        f"The consent for {person.name} ended on {last_day(person.expires_at)} (UTC), so nobody may draw them. "
        f"{who} can renew it with /faces consent."
    )


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

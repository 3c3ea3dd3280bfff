"""The examination of a person: every photo looked at, and what is to be mended."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.domain.errors import CannotDraw
from bot.domain.job import Member
from bot.domain.person import Finding, Person, PhotoSeen, lint
from bot.domain.ports import FaceStore, Renderer


@dataclass(frozen=True)
class Examined:
    """One photo under the name that it is called by, its file, and what was seen in it; None: it cannot be opened."""

    name: str
    file: str
    photo: bytes
    seen: PhotoSeen | None


@dataclass(frozen=True)
class Examination:
    """A person's photos in the order of their files, and what the lint found."""

    person: Person
    photos: tuple[Examined, ...]
    findings: tuple[Finding, ...]


async def examine(
    faces: FaceStore, renderer: Renderer, member: Member, person: Person, uploads: Mapping[str, str] | None = None
) -> Examination:
    """Look for the member at each photo of a person. Raises NotFound, NoRights.

    `uploads` says of files as what they were uploaded; that stands before what the photo is called here.
    """
    photos = []
    album = await faces.album(person.name, member)
    person = replace(person, photos=tuple(album))  # as they are read, so that each has its number
    for file, photo in album.items():
        seen = None
        with suppress(CannotDraw):  # laid by hand and no picture; the lint says so
            seen = await renderer.look(photo)
        upload = (uploads or {}).get(file)
        name = f"{upload}, {person.called(file)}" if upload else person.called(file)
        photos.append(Examined(name, file, photo, seen))
    return Examination(person, tuple(photos), lint([(each.name, each.seen) for each in photos]))

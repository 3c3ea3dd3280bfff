"""The examination of a person: every photo looked at, and what is to be mended."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from bot.domain.errors import CannotDraw
from bot.domain.person import Finding, Person, PhotoSeen, lint, short_name
from bot.domain.ports import FaceStore, Renderer


@dataclass(frozen=True)
class Examined:
    """One photo under the name the member knows, and what was seen in it; None: it cannot be opened."""

    name: str
    photo: bytes
    seen: PhotoSeen | None


@dataclass(frozen=True)
class Examination:
    """A person's photos in the order of their files, and what the lint found."""

    person: Person
    photos: tuple[Examined, ...]
    findings: tuple[Finding, ...]


async def examine(
    faces: FaceStore, renderer: Renderer, person: Person, called: Mapping[str, str] | None = None
) -> Examination:
    """Look at each photo of a person. `called` names files otherwise than by their short names. Raises NotFound."""
    photos = []
    for file, photo in (await faces.album(person.name)).items():
        seen = None
        with suppress(CannotDraw):  # laid by hand and no picture; the lint says so
            seen = await renderer.look(photo)
        photos.append(Examined((called or {}).get(file, short_name(file)), photo, seen))
    return Examination(person, tuple(photos), lint([(each.name, each.seen) for each in photos]))

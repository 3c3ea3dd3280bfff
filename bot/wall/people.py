"""People on the wall: who is on the whitelist, whose consent holds, and their photos as small pictures."""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.domain.person import Person
from bot.domain.wall import Visitor, Visitors
from bot.wall.whitelist import Whitelist


@dataclass(frozen=True)
class Photo:
    """One photo of a person: `source` names this very state of its file, `size` is in bytes."""

    person: str
    file: str
    source: str
    size: int


@dataclass(frozen=True)
class People:
    """Who is known, and who of them is whitelisted; whether their consent holds is asked each time anew."""

    whitelist: Whitelist = field(default_factory=Whitelist)
    persons: Mapping[str, Person] = field(default_factory=dict)

    def on_wall(self, name: str) -> bool:
        """Whether that person may be shown at this moment."""
        return self.since(name) is not None

    def since(self, name: str) -> datetime | None:
        """From when on pictures of that person may be shown; None where none may, at this moment."""
        person = self.persons.get(name)
        if person is None or name not in self.whitelist.people or not person.on_wall:
            return None
        return person.shown_since

    def shown(self) -> frozenset[tuple[str, datetime]]:
        """All who may be shown at this moment, each with `since` when."""
        found = ((name, self.since(name)) for name in self.whitelist.people)
        return frozenset((name, since) for name, since in found if since is not None)

    def seen_by(self, visitor: Visitor, name: str, visitors: Visitors) -> bool:
        """Whether the visitor sees that person's photos: on the person's server, or, where nobody owns them, on any."""
        if not self.on_wall(name):
            return False
        person = self.persons[name]
        if visitors is Visitors.EVERYONE:
            return True
        if person.owner_id is None:
            return visitor.member_id is not None and bool(visitor.guilds)
        return person.guild_id is not None and person.guild_id in visitor.guilds


def people_of(whitelist: Whitelist, persons: Iterable[Person]) -> People:
    """These people under that whitelist."""
    return People(whitelist, {person.name: person for person in persons})


def photos_of(people: People, folder: Path) -> tuple[Photo, ...]:
    """The photos of all who may be shown, in order; `folder` is that of all people. Reads the disk, opens no file."""
    photos = []
    for name in people.whitelist.people:
        if not people.on_wall(name):
            continue
        for file in people.persons[name].photos:
            try:
                facts = (folder / name / file).lstat()
            except OSError:  # it was removed just now; the next look knows of it
                continue
            if stat.S_ISREG(facts.st_mode):
                state = f"{name}\0{file}\0{facts.st_size}\0{facts.st_mtime_ns}"
                photos.append(Photo(name, file, hashlib.sha256(os.fsencode(state)).hexdigest(), facts.st_size))
    return tuple(photos)

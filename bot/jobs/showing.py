"""Showing: what members put on the wall and take down again, and a picture's values as their own settings."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.errors import NotFound, NotYours, Refusal
from bot.domain.job import Item, Job, Member
from bot.domain.ports import FaceStore, Gallery
from bot.domain.stores import JobStore, Publications, SettingsStore
from bot.domain.wall import Visitor, picture_name
from bot.jobs.naming import usable
from sweeps.parameters import CATALOGUE, Value

FACE = "face_folder"


@dataclass(frozen=True)
class Shown:
    """What came of putting pictures on the wall: how many are new there, and who keeps some from being seen.

    `unseen` counts pictures by person, of those who are not on the wall; nobody sees them while that is so.
    """

    job: Job
    new: int
    unseen: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Taken:
    """A member's settings after they took a picture's: the values, and whom they may not draw (None: nobody)."""

    values: dict[str, Value]
    missing: str | None


class Showing:
    """Owners decide what of theirs is on the wall; operators of the server may take anything down."""

    def __init__(
        self,
        jobs: JobStore,
        publications: Publications,
        settings: SettingsStore,
        faces: FaceStore,
        gallery: Gallery,
        usual: Callable[[str], Value | None],
    ) -> None:
        self._jobs = jobs
        self._publications = publications
        self._settings = settings
        self._faces = faces
        self._gallery = gallery
        self._usual = usual

    async def publish(self, actor: Member, job_id: int, cell: str | None = None) -> Shown:
        """Put a job's pictures, or one cell's, on the wall. Raises NotFound, NotYours, Refusal."""
        job = await self._job(job_id)
        if job.owner.id != actor.id:
            raise NotYours(f"{job.name} belongs to {job.owner.name}; only they may put it on the wall.")
        items = self._chosen(job, await self._jobs.items(job_id), cell)
        new = await self._publications.publish(actor, job_id, [item.number for item in items])
        self._gallery.touch()
        everybody, listed = await self._faces.everybody(), self._gallery.listed
        since = {person.name: person.shown_since for person in everybody if person.on_wall and person.name in listed}
        absent: dict[str, int] = {}
        for item in items:
            drawn_at = item.settled_at or job.created_at
            for name in set(item.recipe.people):
                if name not in since or drawn_at < since[name]:
                    absent[name] = absent.get(name, 0) + 1
        return Shown(job, new, tuple(sorted(absent.items())))

    async def take_down(self, actor: Member, job_id: int, cell: str | None = None) -> tuple[Job, int]:
        """Take a job's pictures, or one, off the wall; how many were there. Raises NotFound, NotYours."""
        job = await self._job(job_id)
        if job.owner.id != actor.id and not (actor.operator and actor.guild_id == job.place.guild_id):
            raise NotYours(f"{job.name} belongs to {job.owner.name}; only they or an operator may take it down.")
        numbers = None
        if cell is not None:
            numbers = [item.number for item in self._chosen(job, await self._jobs.items(job_id), cell)]
        taken = await self._publications.take_down(job_id, numbers, by=None if job.owner.id == actor.id else actor)
        self._gallery.touch()
        return job, taken

    async def use(self, actor: Member, name: str) -> Taken:
        """Make a picture's values the member's settings. Raises NotFound: it is neither theirs nor on their wall.

        What is as usual is left unset; a person whom they may not draw, and what stays behind a spoiler, is left out.
        """
        kept = frozenset[str]()
        job_id, cell = picture_name(name)
        job = await self._jobs.get(job_id)
        found = None
        if job is not None and job.owner.id == actor.id:
            items = await self._jobs.items(job_id)
            found = next((item.recipe for item in items if item.name == cell), None)
        elif job is not None:
            visitor = _as_visitor(actor)
            if published := self._gallery.picture(visitor, f"{job.name}-{cell}"):
                found, kept = published.recipe, published.kept_from(visitor)
        if found is None:
            raise NotFound(f"{name.strip()[:40]} is none of your pictures, and is not on the wall that you see.")
        values = {
            key: value
            for key, value in found.as_dict().items()
            if key in CATALOGUE and key not in kept and value != self._usual(key)
        }
        missing = None
        if values.get(FACE):
            try:
                values[FACE] = ", ".join([await usable(self._faces, actor, person) for person in found.people])
            except Refusal:
                missing = str(values.pop(FACE))
        await self._settings.replace(actor.id, values)
        return Taken(values, missing)

    async def _job(self, job_id: int) -> Job:
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        return job

    @staticmethod
    def _chosen(job: Job, items: list[Item], cell: str | None) -> list[Item]:
        """The items that have a picture; of one cell, that one. Raises NotFound, Refusal."""
        drawn = [item for item in items if item.image and (cell is None or item.name == cell)]
        if not drawn and cell is not None:
            raise NotFound(f"There is no picture {job.name}-{cell}.")
        if not drawn:
            raise Refusal(f"Nothing of {job.name} is drawn yet.")
        return drawn


def _as_visitor(actor: Member) -> Visitor:
    guilds = frozenset() if actor.guild_id is None else frozenset({actor.guild_id})
    return Visitor(actor.id, actor.name, guilds, guilds if actor.operator else frozenset())

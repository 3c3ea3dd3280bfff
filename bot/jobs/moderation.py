"""Moderation: what operators of a server decide about its pictures. Each act stands in the audit log."""

from collections.abc import Callable

import structlog

from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotFound, NotYours, Refusal
from bot.domain.gate import Incident
from bot.domain.job import Item, Job, Member
from bot.domain.ports import FaceStore, Gallery, ImageStore
from bot.domain.stores import AuditLog, Incidents, JobStore, Publications
from bot.domain.wall import Statistics, picture_name
from bot.jobs.erasure import Erasure

log = structlog.get_logger("atelier.moderation")

DELETED = "An operator of this server has deleted it."
"""What stands in place of a picture that an operator has deleted."""


class Moderation:
    """Operators hide, delete and release pictures of their own server, and nobody else does.

    `changed` is told a job of which there is something to bring to its channel, `gallery_touched` that the wall is to
    look into the store soon.
    """

    def __init__(
        self,
        publications: Publications,
        incidents: Incidents,
        jobs: JobStore,
        images: ImageStore,
        erasure: Erasure,
        audit: AuditLog,
        changed: Callable[[Job], None],
        gallery_touched: Callable[[], None],
        faces: FaceStore,
    ) -> None:
        self._publications = publications
        self._incidents = incidents
        self._jobs = jobs
        self._images = images
        self._erasure = erasure
        self._audit = audit
        self._changed = changed
        self._gallery_touched = gallery_touched
        self._faces = faces

    async def find(self, actor: Member, name: str) -> tuple[str, int, int]:
        """A picture by its name: as it is written (S42-c017), its job and number. Raises NotFound, NotYours."""
        job_id, cell = picture_name(name)
        job = await self._job(actor, job_id)
        item = next((item for item in await self._jobs.items(job_id) if item.name == cell), None)
        if item is None:
            raise NotFound(f"There is no picture {job.name}-{cell}.")
        return f"{job.name}-{cell}", job_id, item.number

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        """Let nobody but operators see a picture on the wall, or everybody again; its file stays on the disk.

        Raises NotYours unless the actor is an operator of the picture's server, NotFound where it is not on the wall.
        """
        await self._picture(actor, job_id, number)
        await self._publications.hide(actor, job_id, number, hidden)
        self._gallery_touched()

    async def delete(self, actor: Member, job_id: int, number: int) -> ErasureReceipt:
        """Delete a picture wherever it is: from the records, the disk, the wall and its channel; the receipt.

        Raises NotYours unless the actor is an operator of the picture's server, NotFound where there is no picture.
        """
        job, item = await self._picture(actor, job_id, number)
        if item.image is None and not await self._incidents.withheld(job_id, number):
            raise NotFound(f"There is no picture {job.name}-{item.name}: it was not drawn, or it is deleted.")
        # Noted first: what is done must not be without a trace.
        await self._audit.note(actor, "delete", f"{job.name}-{item.name}", owner=job.owner.name)
        receipt = await self._erasure.pictures([(job_id, number)], DELETED)
        self._gallery_touched()
        return receipt

    async def reload(self, actor: Member, gallery: Gallery) -> Statistics:
        """Have the wall read all of it anew; how much it holds then. Raises NotYours, Unavailable."""
        _operators_only(actor)
        await self._audit.note(actor, "reload", "the wall")
        return await gallery.reload()

    async def incidents(
        self, actor: Member, limit: int = 25, *, after: int | None = None, drawn: bool | None = None
    ) -> list[Incident]:
        """What the gate withheld on the actor's server and nobody has decided on, the newest first.

        `after` an incident: what is older; `drawn`: with a picture alone, or (False) without. Raises NotYours.
        """
        _operators_only(actor)
        return await self._incidents.open(actor.guild_id, limit, after=after, drawn=drawn)

    async def waiting(self, actor: Member) -> tuple[int, int]:
        """How many of them there are: with a picture, and without. Raises NotYours."""
        _operators_only(actor)
        return await self._incidents.count(actor.guild_id)

    async def picture(self, actor: Member, incident_id: int) -> bytes | None:
        """The PNG that was withheld; None where nothing was drawn, or it is gone. Raises NotFound, NotYours."""
        image = (await self._incident(actor, incident_id)).image
        if image is None:
            return None
        try:
            return await self._images.get(image)
        except OSError as error:
            log.warning("a withheld picture cannot be read", incident=incident_id, reason=str(error))
            return None

    async def release(self, actor: Member, incident_id: int) -> Incident:
        """The withheld picture goes to its channel after all, at no cost; the incident as it stands now.

        Raises NotFound, NotYours, WrongState where it is decided already or nothing was drawn, and Refusal where
        somebody in it may not be drawn any more.
        """
        await self._ask_for_people(await self._incident(actor, incident_id))
        job = await self._incidents.release(actor, incident_id)
        if job is not None:
            self._changed(job)
        return await self._incident(actor, incident_id)

    async def drop(self, actor: Member, incident_id: int) -> Incident:
        """Close an incident and delete its picture for good; the incident as it stands now.

        Raises NotFound, NotYours, WrongState where it is decided already.
        """
        incident = await self._incident(actor, incident_id)
        await self._incidents.delete(actor, incident_id)
        await self._erasure.clear_disk()
        if incident.job_id is not None and (job := await self._jobs.get(incident.job_id)):
            self._changed(job)
        return await self._incident(actor, incident_id)

    async def _ask_for_people(self, incident: Incident) -> None:
        """Refuse where consent has ended since the picture was drawn. Raises Refusal."""
        job = None if incident.job_id is None else await self._jobs.get(incident.job_id)
        if job is None:
            return
        item = next((item for item in await self._jobs.items(job.id) if item.number == incident.number), None)
        for name in item.recipe.people if item else ():
            try:
                await self._faces.drawable(name, job.asker)
            except Refusal as error:
                raise Refusal(f"Incident {incident.id} cannot be released: {error} Delete it to close it.") from error

    async def _incident(self, actor: Member, incident_id: int) -> Incident:
        """An incident of the actor's own server. Raises NotFound, NotYours."""
        _operators_only(actor)
        incident = await self._incidents.get(incident_id)
        if incident is None:
            raise NotFound(f"There is no incident {incident_id}.")
        if incident.guild_id != actor.guild_id:
            raise NotYours(f"Incident {incident_id} is another server's; its operators decide about it.")
        return incident

    async def _picture(self, actor: Member, job_id: int, number: int) -> tuple[Job, Item]:
        """An item of a job of the actor's own server. Raises NotFound, NotYours."""
        job = await self._job(actor, job_id)
        item = next((item for item in await self._jobs.items(job_id) if item.number == number), None)
        if item is None:
            raise NotFound(f"There is no such picture of {job.name}.")
        return job, item

    async def _job(self, actor: Member, job_id: int) -> Job:
        _operators_only(actor)
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        if job.place.guild_id != actor.guild_id:
            raise NotYours(f"{job.name} is another server's; its operators decide about it.")
        return job


def _operators_only(actor: Member) -> None:
    """Raises NotYours for everybody else."""
    if not actor.operator:
        raise NotYours("Only an operator of this server may moderate its pictures.")

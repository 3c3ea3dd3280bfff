"""Moderation: what operators of a server decide about its pictures. Each act stands in the audit log."""

import re
from collections.abc import Callable, Collection

import structlog

from bot.domain.account import Act
from bot.domain.erasure import Doomed, Dropped, ErasureReceipt
from bot.domain.errors import NotFound, NotYours, Refusal, WrongState
from bot.domain.gate import Decided, Incident, Waiting
from bot.domain.job import Item, Job, Member
from bot.domain.ports import FaceStore, Gallery, ImageStore
from bot.domain.stores import AuditLog, Incidents, JobStore, Publications
from bot.domain.wall import Statistics, picture_name
from bot.jobs.erasure import Erasure, keep_receipt

log = structlog.get_logger("atelier.moderation")

DELETED = "An operator of this server has deleted it."
"""What stands in place of a picture that an operator has deleted."""

DELETING = ("delete", "drop")
ACTS = ("hide", "show", "release", *DELETING)
"""As the audit log calls them: what is done to a picture, to all that is withheld of a job, or to an incident."""
OF_A_JOB = re.compile(r"[A-Z](\d{1,9})(-c\d{1,9})?")
OF_AN_INCIDENT = re.compile(r"incident (\d{1,9})")


class Moderation:
    """Operators hide, delete and release pictures of their own server, and nobody else does.

    `changed` is told a job of which there is something to bring to its channel, `gallery_touched` that the wall is to
    look into the store soon. `gate_mistake` gives why what the gate's file says now does not hold; empty where it does.
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
        gate_mistake: Callable[[], str],
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
        self._gate_mistake = gate_mistake

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

    async def doomed(self, actor: Member, job_id: int, number: int) -> Doomed:
        """What `delete` would take away; nothing is done yet. Raises as that does."""
        job, item, image = await self._deletable(actor, job_id, number)
        return Doomed(
            f"{job.name}-{item.name}",
            job.owner.name,
            item.recipe.prompt,
            await self._png(image),
            await self._erasure.foreseen(job_id, number),
            withheld=item.image is None,
        )

    async def delete(self, actor: Member, job_id: int, number: int) -> ErasureReceipt:
        """Delete a picture wherever it is: from the records, the disk, the wall and its channel; the receipt.

        The sheets that show it are made anew without it, and the audit log keeps the receipt. Raises NotYours unless
        the actor is an operator of the picture's server, NotFound where there is no picture.
        """
        job, item, _ = await self._deletable(actor, job_id, number)
        # Noted first: what is done must not be without a trace.
        noted = await self._audit.note(actor, "delete", f"{job.name}-{item.name}", owner=job.owner.name)
        receipt = await self._erasure.pictures([(job_id, number)], DELETED, renewing=True)
        self._gallery_touched()
        await keep_receipt(self._audit, noted, receipt)
        return receipt

    async def last(self, actor: Member, target: str, acts: Collection[str] = ACTS) -> Act | None:
        """The last of such acts that an operator did to what is called so: S42-c017, S42 (all of it) or incident 5.

        Raises NotYours where that is another server's, NotFound where there is no such thing.
        """
        if found := OF_A_JOB.fullmatch(target):
            await self._job(actor, int(found[1]))
        elif found := OF_AN_INCIDENT.fullmatch(target):
            await self.incident(actor, int(found[1]))
        else:
            _operators_only(actor)
            raise NotFound("Nothing is called so that an operator decides about.")
        return await self._audit.last(target, acts)

    async def reload(self, actor: Member, gallery: Gallery) -> Statistics:
        """Have the wall read all of it anew; how much it holds then. Raises NotYours, Unavailable."""
        _operators_only(actor)
        await self._audit.note(actor, "reload", "the wall")
        return await gallery.reload()

    def gate_mistake(self, actor: Member) -> list[str]:
        """Why what the gate's file says now does not hold, a line for each mistake in it. Raises NotYours."""
        _operators_only(actor)
        return self._gate_mistake().splitlines()

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

    async def by_job(self, actor: Member) -> list[Waiting]:
        """Of which jobs several pictures are withheld, and can be decided on together. Raises NotYours."""
        _operators_only(actor)
        return await self._incidents.by_job(actor.guild_id)

    async def incident(self, actor: Member, incident_id: int) -> Incident:
        """An incident of the actor's own server. Raises NotFound, NotYours."""
        _operators_only(actor)
        incident = await self._incidents.get(incident_id)
        if incident is None:
            raise NotFound(f"There is no incident {incident_id}.")
        if incident.guild_id != actor.guild_id:
            raise NotYours(f"Incident {incident_id} is another server's; its operators decide about it.")
        return incident

    async def picture(self, actor: Member, incident_id: int) -> bytes | None:
        """The PNG that was withheld; None where nothing was drawn, or it is gone. Raises NotFound, NotYours."""
        image = (await self.incident(actor, incident_id)).image
        return None if image is None else await self._png(image)

    async def release(self, actor: Member, incident_id: int) -> Incident:
        """The withheld picture goes to its channel after all, at no cost; the incident as it stands now.

        Raises NotFound, NotYours, WrongState where it is decided already or nothing was drawn, and Refusal where
        somebody in it may not be drawn any more.
        """
        await self._ask_for_people(await self.incident(actor, incident_id))
        job = await self._incidents.release(actor, incident_id)
        if job is not None:
            self._released(job)
        return await self.incident(actor, incident_id)

    async def job_name(self, actor: Member, job_id: int) -> str:
        """What a job of the actor's own server is called: S42. Raises NotFound, NotYours."""
        return (await self._job(actor, job_id)).name

    async def release_all(self, actor: Member, job_id: int, last: int) -> Decided:
        """All withheld pictures of a job, up to the incident `last`, go to their channel after all, at no cost.

        Those of somebody who may not be drawn any more are left. Raises as `release` does; WrongState where none waits.
        """
        job = await self._job(actor, job_id)
        reasons = await self._not_drawable(job)
        done = await self._incidents.release_all(actor, job_id, last, reasons)
        if not done.pictures and done.left:
            why = next(iter(reasons.values()))
            raise Refusal(f"No picture of {job.name} can be released: {why} Delete them to close their incidents.")
        _some(done)
        self._released(await self._job(actor, job_id))
        return done

    async def drop(self, actor: Member, incident_id: int) -> Incident:
        """Close an incident and delete its picture for good; the incident as it stands now.

        Raises NotFound, NotYours, WrongState where it is decided already.
        """
        incident = await self.incident(actor, incident_id)
        await self._off_the_disk(await self._incidents.delete(actor, incident_id))
        if incident.job_id is not None and (job := await self._jobs.get(incident.job_id)):
            self._changed(job)
        return await self.incident(actor, incident_id)

    async def drop_all(self, actor: Member, job_id: int, last: int) -> Decided:
        """Delete all withheld pictures of a job for good, up to the incident `last`. Raises as `drop` does."""
        await self._job(actor, job_id)
        dropped = await self._incidents.delete_all(actor, job_id, last)
        _some(done := Decided(dropped.target, dropped.pictures))
        await self._off_the_disk(dropped)
        self._changed(await self._job(actor, job_id))
        return done

    async def _off_the_disk(self, dropped: Dropped) -> None:
        """Delete the files now, and have the audit log tell which of them are gone."""
        left = await self._erasure.clear_disk()
        if dropped.noted is not None and dropped.files:
            await keep_receipt(self._audit, dropped.noted, dropped.receipt(left))

    def _released(self, job: Job) -> None:
        self._changed(job)
        self._erasure.look()  # a sheet may be there already, which is to show it

    async def _ask_for_people(self, incident: Incident) -> None:
        """Refuse where consent has ended since the picture was drawn. Raises Refusal."""
        job = None if incident.job_id is None else await self._jobs.get(incident.job_id)
        reasons = {} if job is None else await self._not_drawable(job)
        if why := reasons.get(incident.number or 0):
            raise Refusal(f"{incident.name.capitalize()} cannot be released: {why} Delete it to close it.") from why

    async def _not_drawable(self, job: Job) -> dict[int, Refusal]:
        """By the numbers of items: why somebody in them may not be drawn any more."""
        people = {item.number: item.recipe.people for item in await self._jobs.items(job.id)}
        refused = dict[str, Refusal]()
        for name in dict.fromkeys(name for names in people.values() for name in names):
            try:
                await self._faces.drawable(name, job.asker)
            except Refusal as error:
                refused[name] = error
        return {number: refused[name] for number, names in people.items() for name in names if name in refused}

    async def _deletable(self, actor: Member, job_id: int, number: int) -> tuple[Job, Item, str]:
        """An item with its picture (SHA-256), which may be withheld. Raises NotFound, NotYours."""
        job, item = await self._picture(actor, job_id, number)
        image = item.image or await self._incidents.withheld(job_id, number)
        if image is None:
            raise NotFound(f"There is no picture {job.name}-{item.name}: it was not drawn, or it is deleted.")
        return job, item, image

    async def _png(self, image: str) -> bytes | None:
        """A picture's bytes; None where they cannot be read."""
        try:
            return await self._images.get(image)
        except OSError as error:
            log.warning("a picture cannot be read", image=image, reason=str(error))
            return None

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


def _some(done: Decided) -> None:
    """Raises WrongState where there was nothing to decide."""
    if not done.pictures:
        raise WrongState(f"Nothing that was withheld of {done.job} waits any more: it is decided already.")


def _operators_only(actor: Member) -> None:
    """Raises NotYours for everybody else."""
    if not actor.operator:
        raise NotYours("Only an operator of this server may moderate its pictures.")

"""Incidents: what the gate withheld, as the database knows it, and what operators decide about it."""

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.errors import NotFound, WrongState
from bot.domain.gate import Cause, Hit, Incident, IncidentState
from bot.domain.job import ItemState, Job, Member
from bot.store import audit, rows
from bot.store.database import Sessions
from bot.store.schema import IncidentRow, ItemRow, JobRow, OutboxRow, now
from bot.store.withdrawals import discard, unreferenced
from sweeps.recipe import PHOTO

DELETED = "It was withheld, and an operator has deleted it."
"""What stands in place of a withheld picture once an operator has deleted it."""

MOST_PROMPTS = 20
"""So many prompts of one member wait on a server: whoever tries what is refused again and again fills no list."""


class IncidentStore:
    """The Incidents port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def note(self, member: Member, hit: Hit, prompt: str) -> Incident:
        """A prompt that was refused before there was a job; one that is tried again while it is open stays one.

        Of a member's that nobody decides on only the latest wait; those before them are superseded.
        """
        noted = row(hit, member=member, prompt=prompt, guild_id=member.guild_id)
        theirs = (
            (IncidentRow.member_id == noted.member_id)
            & (IncidentRow.guild_id == noted.guild_id)
            & (IncidentRow.state == IncidentState.OPEN.value)
            & IncidentRow.job_id.is_(None)
        )
        async with self._sessions.begin() as session:
            same = select(IncidentRow).where(theirs, IncidentRow.prompt == noted.prompt)
            if (found := await session.scalar(same.limit(1))) is not None:
                return _incident(found)
            session.add(noted)
            await session.flush()
            latest = select(IncidentRow.id).where(theirs).order_by(IncidentRow.id.desc()).limit(MOST_PROMPTS)
            oldest = min(await session.scalars(latest))
            older = update(IncidentRow).where(theirs, IncidentRow.id < oldest)
            await session.execute(older.values(state=IncidentState.SUPERSEDED.value))
            return _incident(noted)

    async def get(self, incident_id: int) -> Incident | None:
        async with self._sessions.reading() as session:
            found = await session.get(IncidentRow, incident_id)
            return None if found is None else _incident(found)

    async def withheld(self, job_id: int, number: int) -> bool:
        """Whether that item's picture is withheld, and there."""
        its = (IncidentRow.job_id == job_id) & (IncidentRow.number == number)
        found = select(IncidentRow.id).where(
            its, IncidentRow.state == IncidentState.OPEN.value, IncidentRow.image.is_not(None)
        )
        async with self._sessions.reading() as session:
            return await session.scalar(found.limit(1)) is not None

    async def open(
        self, guild_id: int | None, limit: int = 25, *, after: int | None = None, drawn: bool | None = None
    ) -> list[Incident]:
        """What no operator of that server has decided on, the newest first; `after` an incident: what is older.

        `drawn` asks for those with a picture alone, or (False) for those without.
        """
        waiting = select(IncidentRow).where(_open(guild_id))
        if after is not None:
            waiting = waiting.where(IncidentRow.id < after)
        if drawn is not None:
            waiting = waiting.where(IncidentRow.image.is_not(None) if drawn else IncidentRow.image.is_(None))
        async with self._sessions.reading() as session:
            found = await session.scalars(waiting.order_by(IncidentRow.id.desc()).limit(limit))
            return [_incident(each) for each in found]

    async def count(self, guild_id: int | None) -> tuple[int, int]:
        """How many are open on that server: with a picture, and without."""
        both = select(func.count(IncidentRow.image), func.count()).where(_open(guild_id))
        async with self._sessions.reading() as session:
            drawn, all_of_them = (await session.execute(both)).one()
            return drawn, all_of_them - drawn

    async def release(self, actor: Member, incident_id: int) -> Job | None:
        """The picture becomes drawn and is owed to its channel, at no cost; its job.

        Also an ended job that was wholly delivered is to be delivered again. Raises NotFound, and WrongState where it
        is decided already, or where nothing was drawn: a prompt cannot be released, only dismissed by `delete`.
        """
        async with self._sessions.begin() as session:
            job, item, found = await _locked(session, incident_id)
            if found.image is None:
                raise WrongState(
                    f"Incident {incident_id} has no picture to release: nothing was drawn. Delete it to close it."
                )
            if job is None or item is None or item.state != ItemState.WITHHELD.value:
                raise WrongState(f"The picture of incident {incident_id} is not withheld any more.")
            # From here on the picture is the item's alone: whoever erases that need not know of the incident.
            item.state, item.image, item.remark = ItemState.DRAWN.value, found.image, None
            found.state, found.image = IncidentState.RELEASED.value, None
            job.delivered_at = None
            session.add(OutboxRow(job_id=item.job_id, number=item.number))
            session.add(audit.row(actor, "release", f"incident {incident_id}", **_about(job, item, found)))
            return rows.job(job)

    async def delete(self, actor: Member, incident_id: int) -> None:
        """The incident is closed, and its picture to be deleted, where nothing else refers to it.

        Its file, and the photo that its recipe began with, are noted down to go off the disk in the same transaction,
        so that they are gone also after a failure. Raises NotFound, WrongState (decided already).
        """
        async with self._sessions.begin() as session:
            job, item, found = await _locked(session, incident_id)
            image, images, drawn_no_more = found.image, set[str](), {}
            found.state, found.image = IncidentState.DELETED.value, None
            if image is not None:
                images.add(image)
            if image is not None and item is not None and item.state == ItemState.WITHHELD.value:
                item.remark = DELETED
                drawn_no_more = {item.job_id: {item.number}}
                if photo := item.recipe.get(PHOTO):
                    images.add(photo)
            await session.flush()
            await discard(session, await unreferenced(session, images, drawn_no_more))
            session.add(audit.row(actor, "drop", f"incident {incident_id}", **_about(job, item, found)))


def row(
    hit: Hit,
    *,
    member: Member,
    prompt: str,
    guild_id: int | None,
    job_id: int | None = None,
    number: int | None = None,
    image: str | None = None,
) -> IncidentRow:
    """An open incident for the caller's own transaction; `member` is whose prompt or picture it is."""
    # PostgreSQL refuses what is longer than its column, and nothing must be posted because a word was long.
    return IncidentRow(
        at=now(),
        cause=hit.cause.value,
        what=hit.what[:120],
        score=hit.score,
        prompt=prompt.replace("\0", ""),  # which PostgreSQL refuses in a text
        member_id=member.id,
        member=member.name[:100],
        guild_id=guild_id,
        job_id=job_id,
        number=number,
        image=image,
        state=IncidentState.OPEN.value,
    )


def _open(guild_id: int | None) -> ColumnElement[bool]:
    return (IncidentRow.guild_id == guild_id) & (IncidentRow.state == IncidentState.OPEN.value)


async def _locked(session: AsyncSession, incident_id: int) -> tuple[JobRow | None, ItemRow | None, IncidentRow]:
    """An open incident with its job and item, if it has them; all locked. Raises NotFound, WrongState.

    The job comes first, then the item, as wherever they are changed, so that nobody waits for somebody who waits for
    them.
    """
    there = (
        await session.execute(select(IncidentRow.job_id, IncidentRow.number).where(IncidentRow.id == incident_id))
    ).one_or_none()
    if there is None:
        raise NotFound(f"There is no incident {incident_id}.")
    job = item = None
    if there.job_id is not None:
        job = await session.get(JobRow, there.job_id, with_for_update=True, populate_existing=True)
        if there.number is not None:
            key = (there.job_id, there.number)
            item = await session.get(ItemRow, key, with_for_update=True, populate_existing=True)
    found = await session.get_one(IncidentRow, incident_id, with_for_update=True, populate_existing=True)
    if found.state != IncidentState.OPEN.value:
        raise WrongState(f"Incident {incident_id} is decided already: it is {found.state}.")
    return job, item, found


def _about(job: JobRow | None, item: ItemRow | None, found: IncidentRow) -> dict[str, str]:
    """What the audit log keeps of an incident beside its number."""
    told = {"what": found.what, "member": found.member}
    if job is not None and item is not None:
        told = {"picture": f"{rows.job(job).name}-{item.name}"} | told
    return told


def _incident(found: IncidentRow) -> Incident:
    return Incident(
        id=found.id,
        at=found.at,
        cause=Cause(found.cause),
        what=found.what,
        score=found.score,
        prompt=found.prompt,
        member_id=found.member_id,
        member=found.member,
        guild_id=found.guild_id,
        job_id=found.job_id,
        number=found.number,
        image=found.image,
        state=IncidentState(found.state),
    )

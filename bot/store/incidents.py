"""Incidents: what the gate withheld, as the database knows it, and what operators decide about it."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.erasure import Dropped
from bot.domain.errors import NotFound, WrongState
from bot.domain.gate import Cause, Decided, Hit, Incident, IncidentState, Waiting
from bot.domain.job import ItemState, Job, Member
from bot.store import audit, rows
from bot.store.database import Sessions
from bot.store.schema import IncidentRow, ItemRow, JobRow, OutboxRow, now
from bot.store.sheets import renew_sheet, sheets_of
from bot.store.withdrawals import FORMER, NO_MESSAGE, REPLACED, UNWELCOME, discard, unreferenced
from sweeps.recipe import PHOTO

DELETED = "It was withheld, and an operator has deleted it."
"""What stands in place of a withheld picture once an operator has deleted it."""

MOST_PROMPTS = 20
"""So many prompts of one member wait on a server: whoever tries what is refused again and again fills no list."""


OF_IT = (ItemRow.job_id == IncidentRow.job_id) & (ItemRow.number == IncidentRow.number)
"""Joins an incident with its item."""


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
            found = (await session.execute(_told().where(IncidentRow.id == incident_id))).one_or_none()
            return None if found is None else _incident(*found)

    async def withheld(self, job_id: int, number: int) -> str | None:
        """That item's picture (SHA-256) where it is withheld, and there."""
        its = (IncidentRow.job_id == job_id) & (IncidentRow.number == number)
        found = select(IncidentRow.image).where(
            its, IncidentRow.state == IncidentState.OPEN.value, IncidentRow.image.is_not(None)
        )
        async with self._sessions.reading() as session:
            return await session.scalar(found.limit(1))

    async def open(
        self, guild_id: int | None, limit: int = 25, *, after: int | None = None, drawn: bool | None = None
    ) -> list[Incident]:
        """What no operator of that server has decided on, the newest first; `after` an incident: what is older.

        `drawn` asks for those with a picture alone, or (False) for those without.
        """
        waiting = _told().where(_open(guild_id))
        if after is not None:
            waiting = waiting.where(IncidentRow.id < after)
        if drawn is not None:
            waiting = waiting.where(IncidentRow.image.is_not(None) if drawn else IncidentRow.image.is_(None))
        async with self._sessions.reading() as session:
            found = await session.execute(waiting.order_by(IncidentRow.id.desc()).limit(limit))
            return [_incident(*each) for each in found]

    async def count(self, guild_id: int | None) -> tuple[int, int]:
        """How many are open on that server: with a picture, and without."""
        both = select(func.count(IncidentRow.image), func.count()).where(_open(guild_id))
        async with self._sessions.reading() as session:
            drawn, all_of_them = (await session.execute(both)).one()
            return drawn, all_of_them - drawn

    async def by_job(self, guild_id: int | None, limit: int = 25) -> list[Waiting]:
        """Of which jobs several withheld pictures are open on that server, the newest first."""
        last, count = func.max(IncidentRow.id).label("last"), func.count().label("count")
        several = select(IncidentRow.job_id, last, count).where(_open(guild_id), IncidentRow.image.is_not(None))
        # What else is open of a job, nobody decides on together; see `_all_locked`.
        several = several.join(ItemRow, OF_IT).where(ItemRow.state == ItemState.WITHHELD.value)
        several = several.group_by(IncidentRow.job_id).having(count > 1)
        each = several.subquery()
        found = select(JobRow, each.c.count, each.c.last).join(each, JobRow.id == each.c.job_id)
        async with self._sessions.reading() as session:
            newest_first = await session.execute(found.order_by(each.c.last.desc()).limit(limit))
            return [Waiting(job.id, rows.job(job).name, count, last) for job, count, last in newest_first]

    async def release(self, actor: Member, incident_id: int) -> Job | None:
        """The picture becomes drawn and is owed to its channel, at no cost; its job.

        Also an ended job that was wholly delivered is to be delivered again, and the sheet that is there made anew.
        Raises NotFound, and WrongState where it is decided already, or where nothing was drawn: a prompt cannot be
        released, only dismissed by `delete`.
        """
        async with self._sessions.begin() as session:
            job, item, found = await _locked(session, incident_id)
            name = _name(job, item, found)
            if found.image is None:
                raise WrongState(f"There is no picture of {name} to release: nothing was drawn. Delete it to close it.")
            if job is None or item is None or item.state != ItemState.WITHHELD.value:
                raise WrongState(f"The picture of {name} is not withheld any more.")
            await _release(session, job, [(item, found)])
            session.add(audit.row(actor, "release", name, what=found.what, member=found.member))
            return rows.job(job)

    async def release_all(self, actor: Member, job_id: int, last: int, but: Collection[int] = ()) -> Decided:
        """As `release` does, all that is open of a job up to the incident `last`, but the items of those numbers.

        It is one transaction, and one line of the audit log. What came after `last` no operator has seen yet.
        """
        async with self._sessions.begin() as session:
            job, waiting = await _all_locked(session, job_id, last)
            freed = [(item, found) for item, found in waiting if item.number not in but]
            done = Decided(rows.job(job).name, len(freed), len(waiting) - len(freed))
            if freed:
                await _release(session, job, freed)
                left = {"left": done.left} if done.left else {}
                session.add(audit.row(actor, "release", done.job, pictures=done.pictures, **left))
            return done

    async def delete(self, actor: Member, incident_id: int) -> Dropped:
        """The incident is closed, and its picture to be deleted, where nothing else refers to it.

        Its file, and the photo that its recipe began with, are noted down to go off the disk in the same transaction,
        so that they are gone also after a failure; until whoever deletes them amends it, the audit log tells of them as
        left. Raises NotFound, WrongState (decided already).
        """
        async with self._sessions.begin() as session:
            job, item, found = await _locked(session, incident_id)
            name, told = _name(job, item, found), {"what": found.what, "member": found.member}
            return await _delete(session, actor, name, [(item, found)], **told)

    async def delete_all(self, actor: Member, job_id: int, last: int) -> Dropped:
        """As `delete` does, all withheld pictures of a job up to the incident `last`; see `release_all`."""
        async with self._sessions.begin() as session:
            job, waiting = await _all_locked(session, job_id, last)
            name = rows.job(job).name
            return await _delete(session, actor, name, waiting) if waiting else Dropped(name)


async def _release(session: AsyncSession, job: JobRow, those: Sequence[tuple[ItemRow, IncidentRow]]) -> None:
    for item, found in those:
        # From here on the picture is the item's alone: whoever erases that need not know of the incident.
        item.state, item.image, item.remark = ItemState.DRAWN.value, found.image, None
        found.state, found.image = IncidentState.RELEASED.value, None
        session.add(OutboxRow(job_id=item.job_id, number=item.number))
    job.delivered_at = None
    await _show_on_sheets(session, job, [item for item, _ in those])


async def _delete(
    session: AsyncSession, actor: Member, name: str, those: Sequence[tuple[ItemRow | None, IncidentRow]], **told: str
) -> Dropped:
    """Close them, with one line of the audit log under that name: what is `told`, and what goes."""
    pictures, images, drawn_no_more = 0, set[str](), dict[int, set[int]]()
    for item, found in those:
        image = found.image
        found.state, found.image = IncidentState.DELETED.value, None
        if image is None:
            continue
        pictures += 1
        images.add(image)
        if item is not None and item.state == ItemState.WITHHELD.value:
            item.remark = DELETED
            drawn_no_more.setdefault(item.job_id, set()).add(item.number)
            if photo := item.recipe.get(PHOTO):
                images.add(photo)
    await session.flush()
    files = await unreferenced(session, images, drawn_no_more)
    await discard(session, files)
    done = Dropped(name, pictures, tuple(files))
    gone = {"gone": done.receipt(left=files).kept()} if pictures else {}
    session.add(noted := audit.row(actor, "drop", name, **told, **gone))
    await session.flush()
    return replace(done, noted=noted.id)


async def _show_on_sheets(session: AsyncSession, job: JobRow, items: Sequence[ItemRow]) -> None:
    """The sheets that are there are to be made anew; where there was nothing to show, one is owed. Former ones stay."""
    for sheet in await sheets_of(session, job, items, locked=True):
        if FORMER in sheet.part:
            continue
        if sheet.message_id == NO_MESSAGE:
            await session.delete(sheet)
        elif sheet.message_id == UNWELCOME:
            sheet.message_id = REPLACED
        else:
            await renew_sheet(session, job, sheet)


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
        raise WrongState(f"{_name(job, item, found).capitalize()} is decided already: it is {found.state}.")
    return job, item, found


async def _all_locked(
    session: AsyncSession, job_id: int, last: int
) -> tuple[JobRow, list[tuple[ItemRow, IncidentRow]]]:
    """A job and what is withheld of it and open, up to that incident, each with its item; all locked, as above.

    Whoever decides locks the job first, so that what was read here stays so.
    """
    job = await session.get_one(JobRow, job_id, with_for_update=True, populate_existing=True)
    its = (IncidentRow.job_id == job_id) & (IncidentRow.id <= last) & IncidentRow.image.is_not(None)
    waiting = (
        select(ItemRow, IncidentRow).join(ItemRow, OF_IT).where(its, IncidentRow.state == IncidentState.OPEN.value)
    )
    waiting = waiting.where(ItemRow.state == ItemState.WITHHELD.value).order_by(ItemRow.number, IncidentRow.id)
    found = await session.execute(waiting.with_for_update().execution_options(populate_existing=True))
    return job, [(item, incident) for item, incident in found]


def _told() -> Select[*tuple[IncidentRow, JobRow | None, str | None]]:
    """What an Incident is made of."""
    told = select(IncidentRow, JobRow, ItemRow.name).outerjoin(JobRow, JobRow.id == IncidentRow.job_id)
    return told.outerjoin(ItemRow, OF_IT)


def _name(job: JobRow | None, item: ItemRow | None, found: IncidentRow) -> str:
    """As operators call it, and as the audit log does."""
    return _incident(found, job, item.name if item is not None else None).name


def _incident(found: IncidentRow, job: JobRow | None = None, cell: str | None = None) -> Incident:
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
        picture=f"{rows.job(job).name}-{cell}" if job is not None and cell is not None else "",
    )

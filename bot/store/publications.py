"""Pictures on the wall, and what members think of them, as the database knows it."""

import asyncio
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, Text, cast, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.errors import NotFound
from bot.domain.job import ItemState, Job, Member
from bot.domain.wall import LEAST_RATING, MOST_RATING, Mark, Published
from bot.store import audit, rows
from bot.store.database import Sessions, changed
from bot.store.schema import ItemRow, JobRow, MarkRow, OutboxRow, PublicationRow, now
from bot.store.withdrawals import chunks
from sweeps.recipe import Recipe

KNOWN_RECIPES = 4096
"""What changed lately is read again and again; its recipes are checked once."""


class PublicationStore:
    """The Publications port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def publish(self, actor: Member, job_id: int, numbers: Collection[int] | None = None) -> int:
        """Put a job's drawn pictures on the wall (None: all of them); how many are new there."""
        async with self._sessions.begin() as session:
            return await publish(session, job_id, numbers, actor.id)

    async def take_down(self, job_id: int, numbers: Collection[int] | None = None, *, by: Member | None = None) -> int:
        """Take them off the wall again, with their marks; how many were there.

        Where an operator did it, `by` stands in the audit log, in the same transaction.
        """
        theirs = PublicationRow.job_id == job_id
        marks = MarkRow.job_id == job_id
        if numbers is not None:
            theirs &= PublicationRow.number.in_(numbers)
            marks &= MarkRow.number.in_(numbers)
        async with self._sessions.begin() as session:
            # Whoever stars one of them at this moment comes before, or finds it gone.
            await session.execute(_locked(theirs))
            nothing = {"stars": 0, "ratings": 0, "rating_sum": 0}
            gone = update(PublicationRow).where(theirs, ~PublicationRow.gone).values(gone=True, **nothing)
            count = changed(await session.execute(gone.values(changed_at=_moment(session))))
            await session.execute(delete(MarkRow).where(marks))
            if by is not None and count:
                job = rows.job(await session.get_one(JobRow, job_id))
                session.add(audit.row(by, "wall take down", job.name, pictures=count, owner=job.owner.name))
            return count

    async def hide(self, actor: Member, job_id: int, number: int, hidden: bool) -> None:
        """Let nobody but operators see a picture, or everybody again. Raises NotFound.

        It stands in the audit log, in the same transaction.
        """
        async with self._sessions.begin() as session:
            row = await _there(session, job_id, number)
            await _set(session, row, hidden=hidden)
            job = rows.job(await session.get_one(JobRow, job_id))
            item = await session.get_one(ItemRow, (job_id, number))
            picture = f"{job.name}-{item.name}"
            session.add(audit.row(actor, "hide" if hidden else "show", picture, owner=job.owner.name))

    async def star(self, job_id: int, number: int, member_id: int, starred: bool) -> Published:
        """Star a picture, or no longer; the picture as it stands. Raises NotFound."""
        async with self._sessions.begin() as session:
            row = await _there(session, job_id, number)
            mark = await _mark(session, row, member_id)
            more = int(starred) - int(mark.starred)
            mark.starred = starred
            await _keep(session, mark)
            await _set(session, row, stars=row.stars + more)
            (picture,) = await _read(session, _published(_one(job_id, number)))
            return picture

    async def rate(self, job_id: int, number: int, member_id: int, rating: int | None) -> Published:
        """Rate a picture from 1 to 5, or (None) take that back. Raises NotFound, ValueError."""
        if rating is not None and (type(rating) is not int or not LEAST_RATING <= rating <= MOST_RATING):
            raise ValueError(f"expected a whole number from {LEAST_RATING} to {MOST_RATING}, got {rating!r:.40}")
        async with self._sessions.begin() as session:
            row = await _there(session, job_id, number)
            mark = await _mark(session, row, member_id)
            count = int(rating is not None) - int(mark.rating is not None)
            total = (rating or 0) - (mark.rating or 0)
            mark.rating = rating
            await _keep(session, mark)
            await _set(session, row, ratings=row.ratings + count, rating_sum=row.rating_sum + total)
            (picture,) = await _read(session, _published(_one(job_id, number)))
            return picture

    async def mark(self, job_id: int, number: int, member_id: int) -> Mark:
        """What a member thinks of one picture."""
        its = (MarkRow.job_id == job_id) & (MarkRow.number == number) & (MarkRow.member_id == member_id)
        async with self._sessions.reading() as session:
            found = (await session.execute(select(MarkRow.starred, MarkRow.rating).where(its))).one_or_none()
            return Mark(*found) if found else Mark()

    async def starred(self, member_id: int) -> frozenset[tuple[int, int]]:
        """What a member has starred, by job and number."""
        theirs = (MarkRow.member_id == member_id) & MarkRow.starred
        async with self._sessions.reading() as session:
            found = await session.execute(select(MarkRow.job_id, MarkRow.number).where(theirs))
            return frozenset((job_id, number) for job_id, number in found)

    async def changed(self, since: datetime | None = None) -> list[Published]:
        """All publications that changed at that moment or later, in the order of that; None: all that are not gone."""
        condition = ~PublicationRow.gone if since is None else PublicationRow.changed_at >= since
        newest_last = (PublicationRow.changed_at, PublicationRow.job_id, PublicationRow.number)
        async with self._sessions.surveying() as session:
            return await _read(session, _published(condition).order_by(*newest_last))


async def told_anew(session: AsyncSession, job_id: int) -> None:
    """The wall is to look again at what is told of this job's pictures, within a transaction."""
    theirs = PublicationRow.job_id == job_id
    await session.execute(_locked(theirs))
    await session.execute(update(PublicationRow).where(theirs).values(changed_at=_moment(session)))


async def publish(session: AsyncSession, job_id: int, numbers: Collection[int] | None, by_id: int) -> int:
    """The same within a transaction: what is drawn of these is on the wall at its end; how many are new there.

    What was taken down comes back, as new; what an operator has hidden stays hidden.
    """
    drawn = (
        select(ItemRow.number)
        .where(ItemRow.job_id == job_id, ItemRow.state == ItemState.DRAWN.value, ItemRow.image.is_not(None))
        .order_by(ItemRow.number)
    )
    if numbers is not None:
        drawn = drawn.where(ItemRow.number.in_(numbers))
    # Of two who publish the same at once the second finds it there.
    if await session.scalar(select(JobRow.id).where(JobRow.id == job_id).with_for_update()) is None:
        return 0
    wanted = list(await session.scalars(drawn))
    there = {row.number: row for row in await session.scalars(_locked(PublicationRow.job_id == job_id))}
    moment = await _clock(session)
    new = 0
    for number in wanted:
        row = there.get(number)
        if row is None:
            session.add(
                PublicationRow(job_id=job_id, number=number, by_id=by_id, published_at=moment, changed_at=moment)
            )
        elif row.gone:
            row.gone, row.by_id, row.published_at, row.changed_at = False, by_id, moment, moment
        else:
            continue
        new += 1
    await session.flush()
    return new


async def _there(session: AsyncSession, job_id: int, number: int) -> PublicationRow:
    """A picture on the wall, locked. Raises NotFound."""
    row = (await session.scalars(_locked(_one(job_id, number)))).one_or_none()
    if row is None or row.gone:
        raise NotFound("That picture is not on the wall, or no longer.")
    return row


async def _mark(session: AsyncSession, row: PublicationRow, member_id: int) -> MarkRow:
    """What the member thinks of it so far; the publication is locked, so nobody else writes its marks."""
    mark = await session.get(MarkRow, (row.job_id, row.number, member_id))
    return mark or MarkRow(job_id=row.job_id, number=row.number, member_id=member_id, starred=False, rating=None)


async def _keep(session: AsyncSession, mark: MarkRow) -> None:
    if mark.starred or mark.rating is not None:
        session.add(mark)
    elif mark in session:
        await session.delete(mark)


async def _set(session: AsyncSession, row: PublicationRow, **values: object) -> None:
    moment = _moment(session)
    await session.execute(
        update(PublicationRow).where(_one(row.job_id, row.number)).values(changed_at=moment, **values)
    )


def _moment(session: AsyncSession) -> Any:
    """This moment by the database's clock, which is one for all consoles; SQLite's is this machine's."""
    return func.clock_timestamp() if session.get_bind().dialect.name == "postgresql" else now()


async def _clock(session: AsyncSession) -> datetime:
    moment = _moment(session)
    return moment if isinstance(moment, datetime) else (await session.execute(select(moment))).scalar_one()


def _one(job_id: int, number: int) -> Any:
    return (PublicationRow.job_id == job_id) & (PublicationRow.number == number)


def _locked(condition: Any) -> Select[PublicationRow]:
    """These publications, locked in one order, so that nobody waits for somebody who waits for them."""
    ordered = select(PublicationRow).where(condition).order_by(PublicationRow.job_id, PublicationRow.number)
    return ordered.with_for_update().execution_options(populate_existing=True)


def _published(condition: Any) -> Select[*tuple[Any, ...]]:
    """What a Published is made of; JSON comes as text, so that it can be read on a thread."""
    return (
        select(
            PublicationRow.job_id,
            PublicationRow.number,
            PublicationRow.published_at,
            PublicationRow.changed_at,
            PublicationRow.gone,
            PublicationRow.hidden,
            PublicationRow.stars,
            PublicationRow.ratings,
            PublicationRow.rating_sum,
            ItemRow.name.label("cell"),
            ItemRow.state,
            ItemRow.image,
            ItemRow.settled_at,
            ItemRow.spoiler,
            cast(ItemRow.recipe, Text).label("recipe"),
            cast(ItemRow.at, Text).label("at"),
            OutboxRow.message_id,
        )
        .join(ItemRow, (ItemRow.job_id == PublicationRow.job_id) & (ItemRow.number == PublicationRow.number))
        .outerjoin(OutboxRow, (OutboxRow.job_id == PublicationRow.job_id) & (OutboxRow.number == PublicationRow.number))
        .where(condition)
    )


async def _read(session: AsyncSession, statement: Select[*tuple[Any, ...]]) -> list[Published]:
    found = (await session.execute(statement)).all()
    ids = sorted({row.job_id for row in found})
    theirs: list[JobRow] = []
    for some in chunks(ids):
        theirs += await session.scalars(select(JobRow).where(JobRow.id.in_(some)))
    # A thousand recipes take a tenth of a second to check, which the event loop must not wait for.
    return await asyncio.to_thread(_pictures, found, theirs)


def _pictures(found: Sequence[Row[Any]], theirs: Sequence[JobRow]) -> list[Published]:
    jobs = {row.id: rows.job(row) for row in theirs}
    return [_picture(row, jobs[row.job_id]) for row in found]


def _picture(row: Row[Any], job: Job) -> Published:
    """A picture as it is stored. What was taken down or deleted has no image."""
    seen = row.image is not None and not row.gone and row.state == ItemState.DRAWN.value
    return Published(
        job_id=job.id,
        number=row.number,
        job=job.name,
        cell=row.cell,
        kind=job.kind,
        title=job.title,
        image=row.image if seen else None,
        recipe=_recipe(row.recipe),
        owner=job.owner,
        guild_id=job.place.guild_id,
        channel_id=job.place.channel_id,
        message_id=row.message_id or None,
        layout=job.layout,
        at=json.loads(row.at) if row.at is not None else None,
        drawn_at=row.settled_at or job.created_at,
        published_at=row.published_at,
        changed_at=row.changed_at,
        hidden=row.hidden,
        spoiler=row.spoiler or job.spoiler,
        stars=row.stars,
        ratings=row.ratings,
        rating=row.rating_sum / row.ratings if row.ratings else 0.0,
    )


@lru_cache(KNOWN_RECIPES)
def _recipe(text: str) -> Recipe:
    return rows.recipe(json.loads(text))

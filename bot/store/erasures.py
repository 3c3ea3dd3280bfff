"""Erasure in the records: pictures are forgotten at once; what channels and disk still have of them is noted down."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.erasure import PERSON, Departure, Entry, Erased, Foreseen, Withdrawal, message_link
from bot.domain.gate import IncidentState
from bot.domain.job import ACCEPTED, ItemState, JobState
from bot.store import audit, departures
from bot.store.database import Sessions
from bot.store.orders import end
from bot.store.schema import (
    IncidentRow,
    ItemRow,
    JobRow,
    MarkRow,
    OutboxRow,
    PublicationRow,
    WithdrawalRow,
    now,
)
from bot.store.sheets import renew_sheet, sheets_of, withdraw_sheet
from bot.store.withdrawals import (
    NO_MESSAGE,
    chunks,
    discard,
    hold,
    noted_files,
    seemingly_unreferenced,
    shown,
    strike,
    unreferenced,
    withdraw_erased,
    withdrawal,
)
from sweeps.recipe import PHOTO

FILES_AT_A_TIME = 20
"""How many files are deleted in one transaction: others wait for its end."""

Remove = Callable[[str], Awaitable[bool]]
"""Deletes a picture's file; False where there was none. Raises OSError."""


class ErasureStore:
    """The Erasures port on a database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def of_person(self, name: str, since: datetime | None = None) -> list[tuple[int, int]]:
        """Job and number of each picture that shows this person: drawn since then, or not drawn yet.

        What was only quoted has no pictures, and is asked for the person's consent before it is drawn.
        """
        people = ItemRow.recipe["face_folder"].as_string()
        found = (
            select(ItemRow.job_id, ItemRow.number, people)
            .join(JobRow, JobRow.id == ItemRow.job_id)
            .where(JobRow.state != JobState.QUOTED.value, people.contains(name, autoescape=True))
            .order_by(ItemRow.job_id, ItemRow.number)
        )
        if since is not None:
            waits = ItemRow.state == ItemState.WAITING.value
            found = found.where(waits | (func.coalesce(ItemRow.settled_at, JobRow.created_at) >= since))
        async with self._sessions.surveying() as session:
            return [(job, number) for job, number, told in await session.execute(found) if name in told.split(", ")]

    async def erase(self, pictures: Collection[tuple[int, int]], remark: str, *, renewing: bool = False) -> Erased:
        """Forget these pictures, in one transaction: image, wall entry, marks, incident, and what is owed of them.

        What waits to be drawn fails, and a job of which nothing waits any more ends, with what is held for it given
        back. The sheets that show them go too, or (`renewing`) others are to stand in their places. Of a message that
        was begun and of which nobody knows whether it arrived, the pictures stay owed, without an image: whoever
        delivers looks for it, and `withdraw_erased` sees to the rest.
        """
        numbers: dict[int, set[int]] = {}
        for job_id, number in pictures:
            numbers.setdefault(job_id, set()).add(number)
        tally = _Tally()
        async with self._sessions.begin() as session:
            for job_id in sorted(numbers):  # in one order, so that nobody waits for somebody who waits for them
                row = await session.get(JobRow, job_id, with_for_update=True, populate_existing=True)
                if row is not None and row.state != JobState.QUOTED.value:
                    await _erase(session, row, sorted(numbers[job_id]), remark, renewing, tally)
            images = await unreferenced(session, tally.images, numbers)
            disk = await discard(session, images)
            messages = {row.id: replace(withdrawal(row), guild_id=guild) for row, guild in tally.messages}
            return Erased(
                tally.pictures,
                tally.wall_entries,
                tally.sheets,
                tuple(images),
                tuple(messages[id] for id in sorted(messages)),
                tuple(sorted(tally.jobs)),
                withdrawal(disk) if disk else None,
            )

    async def foreseen(self, job_id: int, number: int) -> Foreseen:
        """What of one picture an erasure would take away at this moment, beside its records and its file."""
        async with self._sessions.reading() as session:
            job, item = await session.get_one(JobRow, job_id), await session.get_one(ItemRow, (job_id, number))
            owed = await session.get(OutboxRow, (job_id, number))
            wall = await session.get(PublicationRow, (job_id, number))
            sheets = [] if item.image is None else await sheets_of(session, job, [item], locked=False)
            at, *of_sheets = (
                message_link(job.guild_id, job.channel_id, message) if message and message > NO_MESSAGE else None
                for message in (owed and owed.message_id, *(sheet.message_id for sheet in sheets))
            )
            entry = Entry(wall.stars, wall.ratings) if wall is not None and not wall.gone else None
            return Foreseen(at, tuple(filter(None, of_sheets)), entry)

    async def withdrawals(self) -> list[Withdrawal]:
        """What is still to be taken out of the channels, and off the disk, the oldest first."""
        noted = select(WithdrawalRow).where(WithdrawalRow.channel_id != PERSON).order_by(WithdrawalRow.id)
        async with self._sessions.reading() as session:
            return [withdrawal(row) for row in await session.scalars(noted)]

    async def withdrawn(self, done: Withdrawal) -> None:
        """It is out of its channel, or never will be; where more of its message is to go since, that stays."""
        async with self._sessions.begin() as session:
            row = await session.get(WithdrawalRow, done.id, with_for_update=True)
            if row is not None and withdrawal(row) == done:
                await session.delete(row)

    async def clear(self, noted: Withdrawal, remove: Remove) -> tuple[int, int]:
        """Have `remove` delete the files that were noted down, but what somebody needs by now.

        While one goes nobody can come to need it: `withdrawals.needed` comes before that, or after it. How many there
        were, and how many are left since it raised OSError, to be tried again.
        """
        count, left = 0, set[str]()
        while True:
            async with self._sessions.begin() as session:
                row = await session.get(WithdrawalRow, noted.id)
                some = [image for image in (row.files or () if row else ()) if image not in left][:FILES_AT_A_TIME]
                if not some:
                    return count, len(left)
                await hold(session, some)
                row = await session.get(WithdrawalRow, noted.id, with_for_update=True, populate_existing=True)
                if row is None:
                    continue
                alive = await shown(session, some)
                for image in set(some) & set(row.files or ()) - alive:
                    try:
                        count += await remove(image)
                    except OSError:
                        left.add(image)
                await strike(session, row, set(some) - left)

    async def orphans(self, images: Collection[str]) -> list[str]:
        """Those of the images that nothing refers to, nor are they noted down to be deleted, as it seems."""
        async with self._sessions.surveying() as session:
            left = await seemingly_unreferenced(session, images)
            going = await noted_files(session)
            return [image for image in left if image not in going]

    async def sweep(self, images: Collection[str], remove: Remove) -> int:
        """Have `remove` delete those of the images that nothing refers to; how many there were. Raises OSError."""
        count, images = 0, sorted(images)
        for start in range(0, len(images), FILES_AT_A_TIME):
            async with self._sessions.begin() as session:
                for image in await unreferenced(session, images[start : start + FILES_AT_A_TIME]):
                    count += await remove(image)
        return count

    async def depart(self, name: str, since: datetime | None) -> Departure:
        """Note down who was revoked: the name has been theirs since then (None: ever)."""
        async with self._sessions.begin() as session:
            return await departures.depart(session, name, since)

    async def departures(self) -> list[Departure]:
        """Of whom something may be left, the oldest first."""
        async with self._sessions.reading() as session:
            return await departures.departures(session)

    async def unname(self, gone: Departure) -> tuple[list[int], bool]:
        """Take the name off the jobs that were to show them; which jobs, and whether it is off all that it can be.

        It goes off what the audit log tells of them too.
        """
        async with self._sessions.begin() as session:
            await audit.unname(session, gone.name, gone.since, gone.at)
        async with self._sessions.surveying() as session:
            jobs = await departures.jobs_naming(session, gone)
        unnamed: dict[int, bool | None] = {}
        for job_id in jobs:
            async with self._sessions.begin() as session:
                unnamed[job_id] = await departures.unname(session, job_id, gone)
        return [job_id for job_id, stood in unnamed.items() if stood], None not in unnamed.values()

    async def departed(self, gone: Departure) -> None:
        """Nothing is left of them, unless they were noted anew meanwhile."""
        theirs = (WithdrawalRow.id == gone.id) & (WithdrawalRow.at == gone.at)
        async with self._sessions.begin() as session:
            await session.execute(delete(WithdrawalRow).where(theirs))


@dataclass
class _Tally:
    """What one erasure has come to so far."""

    pictures: int = 0
    wall_entries: int = 0
    sheets: int = 0
    images: set[str] = field(default_factory=set)
    messages: list[tuple[WithdrawalRow, int | None]] = field(default_factory=list)  # and the server it is on
    jobs: set[int] = field(default_factory=set)


async def _erase(
    session: AsyncSession, job: JobRow, numbers: Sequence[int], remark: str, renewing: bool, tally: _Tally
) -> None:
    """Erase these pictures of one job, whose row is locked."""
    items = [
        row
        for some in chunks(numbers)
        for row in await session.scalars(
            select(ItemRow).where(ItemRow.job_id == job.id, ItemRow.number.in_(some)).with_for_update()
        )
    ]
    gone = [row for row in items if row.image is not None]
    waiting = [row for row in items if row.state == ItemState.WAITING.value]
    tally.images |= {row.image for row in gone if row.image is not None}
    tally.images |= {photo for row in items if (photo := row.recipe.get(PHOTO))}
    for row in waiting:
        row.state, row.remark, row.settled_at = ItemState.FAILED.value, remark, now()
    for row in gone:
        row.image, row.remark = None, remark
    incidents = await _drop_incidents(session, job.id, numbers, tally)
    for row in items:
        if row.number in incidents:
            row.remark = remark
    await session.flush()
    tally.pictures += len(gone) + len(incidents)
    tally.wall_entries += await _take_down(session, job.id, numbers)
    if gone:
        await _withdraw_messages(session, job, [row.number for row in gone], tally)
        for sheet in await sheets_of(session, job, gone, locked=True):
            noted = await (renew_sheet if renewing else withdraw_sheet)(session, job, sheet)
            if noted is not None:
                tally.messages.append((noted, job.guild_id))
                tally.sheets += 1
        await session.flush()
    if gone or waiting or incidents:
        tally.jobs.add(job.id)
    if waiting and JobState(job.state) in ACCEPTED:
        await end(session, job)


async def _withdraw_messages(session: AsyncSession, job: JobRow, numbers: Sequence[int], tally: _Tally) -> None:
    """Note down which messages carry these pictures, and forget what was owed of them and not begun."""
    carried: set[int] = set()
    for some in chunks(numbers):
        owed = select(OutboxRow).where(OutboxRow.job_id == job.id, OutboxRow.number.in_(some)).with_for_update()
        for row in await session.scalars(owed):
            if row.message_id is not None and row.message_id > NO_MESSAGE:
                carried.add(row.message_id)
            elif row.message_id is None and row.batch is None:
                row.message_id = NO_MESSAGE
    await session.flush()
    for message_id in sorted(carried):
        tally.messages += [(row, job.guild_id) for row in await withdraw_erased(session, job, message_id)]


async def _take_down(session: AsyncSession, job_id: int, numbers: Sequence[int]) -> int:
    """Take these pictures off the wall, with their marks; how many were there."""
    count = 0
    for some in chunks(numbers):
        theirs = (PublicationRow.job_id == job_id) & PublicationRow.number.in_(some)
        # Whoever stars one of them at this moment comes before, or finds it gone.
        locking = select(PublicationRow.number).where(theirs).order_by(PublicationRow.number).with_for_update()
        if not (await session.scalars(locking)).all():
            continue
        count += await session.scalar(select(func.count()).where(theirs, ~PublicationRow.gone)) or 0
        values = {"gone": True, "stars": 0, "ratings": 0, "rating_sum": 0, "changed_at": _moment(session)}
        await session.execute(update(PublicationRow).where(theirs).values(values))
        await session.execute(delete(MarkRow).where(MarkRow.job_id == job_id, MarkRow.number.in_(some)))
    return count


async def _drop_incidents(session: AsyncSession, job_id: int, numbers: Sequence[int], tally: _Tally) -> set[int]:
    """Forget the pictures that operators were still to judge; which of the items they were."""
    dropped = set()
    for some in chunks(numbers):
        theirs = (IncidentRow.job_id == job_id) & IncidentRow.number.in_(some) & IncidentRow.image.is_not(None)
        for row in await session.scalars(select(IncidentRow).where(theirs).order_by(IncidentRow.id).with_for_update()):
            tally.images.add(row.image or "")
            row.image = None
            if row.state == IncidentState.OPEN.value:
                row.state = IncidentState.DELETED.value
                dropped.add(row.number or 0)
    return dropped


def _moment(session: AsyncSession) -> Any:
    """This moment by the database's clock, which is one for all consoles; SQLite's is this machine's."""
    return func.clock_timestamp() if session.get_bind().dialect.name == "postgresql" else now()

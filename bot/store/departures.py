"""Departures in the records: the name of a person who was revoked goes off the jobs that were to show them.

Of whom something may be left is noted down among the withdrawals, under `PERSON` in place of a channel.
"""

import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.erasure import PERSON, Departure
from bot.domain.job import ItemState, JobState
from bot.store.audit import GONE
from bot.store.publications import told_anew
from bot.store.schema import ItemRow, JobRow, OutboxRow, SheetRow, WithdrawalRow, now
from bot.store.withdrawals import NO_MESSAGE

Change = Callable[[str], str]


async def depart(session: AsyncSession, name: str, since: datetime | None) -> Departure:
    """Note down who was revoked just now, and since when the name was theirs (None: ever); who is noted is it anew."""
    said = [name] if since is None else [name, since.isoformat()]
    row = next((row for row in await _noted(session) if row.files == said), None)
    if row is None:
        row = WithdrawalRow(channel_id=PERSON, message_id=NO_MESSAGE, files=said)
        session.add(row)
    row.at = now()
    await session.flush()
    return _departure(row)


async def departures(session: AsyncSession) -> list[Departure]:
    """Of whom something may be left, the oldest first."""
    return [_departure(row) for row in await _noted(session)]


async def jobs_naming(session: AsyncSession, gone: Departure) -> list[int]:
    """The jobs that were to show this person; a quote's card says whom it would draw, so those are among them."""
    people = ItemRow.recipe["face_folder"].as_string()
    found = (
        select(ItemRow.job_id, people)
        .join(JobRow, JobRow.id == ItemRow.job_id)
        .where(people.contains(gone.name, autoescape=True), JobRow.created_at <= gone.at)
        .distinct()
    )
    if gone.since is not None:
        undrawn = (ItemRow.state == ItemState.WAITING.value) | (JobRow.state == JobState.QUOTED.value)
        found = found.where(undrawn | (func.coalesce(ItemRow.settled_at, JobRow.created_at) >= gone.since))
    return sorted({job for job, told in await session.execute(found) if gone.name in told.split(", ")})


async def unname(session: AsyncSession, job_id: int, gone: Departure) -> bool | None:
    """Take the name off a job: its title, labels, notes and remarks; whether it stood there. Prompts stay as drawn.

    It stays where there is a picture of who had the name before, or has it since. None where it is to wait: what is
    drawn, or to be drawn, of them is not erased yet, or a message may have arrived whose files are called by the name,
    and would not be found.
    """
    job = await session.get_one(JobRow, job_id, with_for_update=True, populate_existing=True)
    items = list(await session.scalars(select(ItemRow).where(ItemRow.job_id == job_id)))
    people = {item.number: str(item.recipe.get("face_folder")).split(", ") for item in items}
    theirs = [item for item in items if gone.name in people[item.number]]
    waits = job.state != JobState.QUOTED.value and any(item.state == ItemState.WAITING.value for item in theirs)
    if waits or any(item.image and _in_time(item, gone) for item in theirs) or await _under_way(session, job):
        return None
    if any(item.image for item in theirs):
        return False
    without = _without(gone.name, {each for names in people.values() for each in names})
    job.title, job.reason = without(job.title), job.reason and without(job.reason)
    job.notes = [without(note) for note in job.notes]
    job.layout = _relabelled(job.layout, without)
    for item in items:
        item.remark = item.remark and without(item.remark)
    if stood := session.is_modified(job) or any(map(session.is_modified, items)):
        await session.flush()
        await told_anew(session, job_id)
    return stood


async def _under_way(session: AsyncSession, job: JobRow) -> bool:
    """Whether messages of a job were begun, and may have arrived, that are told by its parts."""
    if job.layout.get("apart") is None or job.delivered_at is not None:
        return False
    begun = (OutboxRow.job_id == job.id) & OutboxRow.batch.is_not(None) & OutboxRow.message_id.is_(None)
    tried = (SheetRow.job_id == job.id) & (SheetRow.message_id.is_(None) | (SheetRow.message_id < NO_MESSAGE))
    return bool(await session.scalar(select(exists().where(begun) | exists().where(tried))))


def _relabelled(layout: dict[str, Any], change: Change) -> dict[str, Any]:
    """A stored layout with other labels; the parameters' names stay."""
    axes = [[name, [change(label) for label in labels]] for name, labels in layout["axes"]]
    fixed = [[name, change(value)] for name, value in layout.get("fixed", ())]
    return {**layout, "axes": axes, "fixed": fixed}


def _without(name: str, people: Collection[str]) -> Change:
    """Puts GONE in place of the name where it is a word of its own, in any case: in "team-Ada", not in "Adam".

    The names of the other `people` stay whole: who else is "ada-2", or "Ada Lovelace", is told so.
    """
    known = sorted({name, *people} - {""}, key=len, reverse=True)
    either = "|".join(f"(?P<gone>{re.escape(each)})" if each == name else re.escape(each) for each in known)
    word = re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])", re.IGNORECASE)
    instead = "…" if any(met["gone"] for met in word.finditer(GONE)) else GONE
    return lambda text: word.sub(lambda met: instead if met["gone"] else met[0], text)


def _in_time(item: ItemRow, gone: Departure) -> bool:
    """Whether a picture that was drawn is theirs, and of nobody who had the name before, or has it since."""
    at = item.settled_at or gone.at
    return (gone.since is None or gone.since <= at) and at <= gone.at


async def _noted(session: AsyncSession) -> list[WithdrawalRow]:
    theirs = select(WithdrawalRow).where(WithdrawalRow.channel_id == PERSON).order_by(WithdrawalRow.id)
    return list(await session.scalars(theirs))


def _departure(row: WithdrawalRow) -> Departure:
    name, *since = row.files or [""]
    return Departure(row.id, name, datetime.fromisoformat(since[0]) if since else None, row.at)

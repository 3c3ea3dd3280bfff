"""Withdrawals: what is noted down to be taken out of a message, or off the disk, for somebody to do soon."""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.erasure import DISK, Withdrawal
from bot.domain.job import ItemState
from bot.store import rows
from bot.store.schema import IncidentRow, ItemRow, JobRow, OutboxRow, WithdrawalRow, now
from sweeps.recipe import PHOTO

NO_MESSAGE = 0
"""In place of a message's id: the picture was withheld, or the sheet."""
UNWELCOME = -1
"""The same of a sheet that may have arrived, though nobody knows: where it is found, it is withdrawn."""
STALE = -2
"""The same, but where it is found, another one is to be put in its place."""
REPLACED = -3
"""The same as unwelcome, but then there is something to show, and another one is owed."""

FORMER = "\n"
"""What stands between the attempt and the part of a sheet that was posted before failed images were drawn again."""

OF_PHOTOS = "detail"
"""The kind of job whose recipes begin with an uploaded photo."""

AT_ONCE = 500
"""How many values a statement may name; SQLite allows about a thousand."""

FILES, SHELVES = 0x46494C45, 256
"""PostgreSQL's locks for the files: one a shelf, of which few cover any number of pictures."""


async def withdraw_erased(
    session: AsyncSession, job: JobRow, message_id: int, batches: Collection[str] = ()
) -> list[WithdrawalRow]:
    """Note down what a message of that job is to lose: the erased pictures that it carries, or was begun with.

    They are in no message from here on. Without anything else in it the message is to be withdrawn whole.
    """
    begun = OutboxRow.batch.in_(batches) & or_(OutboxRow.message_id.is_(None), OutboxRow.message_id == NO_MESSAGE)
    carried = (
        select(ItemRow, OutboxRow)
        .join(OutboxRow, (OutboxRow.job_id == ItemRow.job_id) & (OutboxRow.number == ItemRow.number))
        .where(OutboxRow.job_id == job.id, or_(OutboxRow.message_id == message_id, begun))
    )
    found = (await session.execute(carried)).all()
    erased = [(item, owed) for item, owed in found if item.image is None]
    if not erased:
        return []
    for _, owed in erased:
        owed.message_id = NO_MESSAGE
    stays = any(item.image is not None and owed.message_id == message_id for item, owed in found)
    shown = rows.job(job)
    files = {shown.file_name(rows.item(item)) for item, _ in erased} if stays else None
    return [await withdraw(session, job.channel_id, message_id, files)]


def former(attempt: int, part: str) -> str:
    """In place of its part: what the sheet of an earlier attempt is kept under."""
    return f"{attempt}{FORMER}{part}"[-400:]


async def withdraw(
    session: AsyncSession, channel_id: int, message_id: int, files: Collection[str] | None
) -> WithdrawalRow:
    """Note down what a message is to lose; what was noted of it before counts too."""
    there = select(WithdrawalRow).where(WithdrawalRow.channel_id == channel_id, WithdrawalRow.message_id == message_id)
    row = (await session.scalars(there.order_by(WithdrawalRow.id).limit(1).with_for_update())).first()
    if row is None:
        row = WithdrawalRow(
            channel_id=channel_id, message_id=message_id, files=None if files is None else sorted(files), at=now()
        )
        session.add(row)
    elif row.files is not None:
        row.files = None if files is None else sorted({*row.files, *files})
    await session.flush()
    return row


async def hold(session: AsyncSession, images: Collection[str]) -> None:
    """Until this transaction ends nobody else comes to refer to these pictures, or deletes their files.

    Whoever takes this comes with their jobs locked already, and locks nothing after it but what is noted down of files.
    """
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time
        for shelf in sorted({zlib.crc32(image.encode()) % SHELVES for image in images}):
            await session.execute(select(func.pg_advisory_xact_lock(FILES, shelf)))


async def needed(session: AsyncSession, images: Collection[str]) -> None:
    """These pictures are referred to from here on: whoever has noted down that their files are to go is overruled.

    What is not there is to be written anew before this transaction ends: until here somebody may have deleted it.
    """
    await hold(session, images)
    for image in sorted(images):
        noted = select(WithdrawalRow).where(
            WithdrawalRow.channel_id == DISK, cast(WithdrawalRow.files, Text).contains(image, autoescape=True)
        )
        for row in await session.scalars(noted.order_by(WithdrawalRow.id).with_for_update()):
            await strike(session, row, {image})


async def strike(session: AsyncSession, row: WithdrawalRow, images: Collection[str]) -> None:
    """These files are not to be deleted any more, or are; where no other is left, that is forgotten."""
    row.files = [image for image in row.files or () if image not in images]
    if not row.files:
        await session.delete(row)
    await session.flush()


async def unreferenced(
    session: AsyncSession, images: Collection[str], erased: Mapping[int, Collection[int]] | None = None
) -> list[str]:
    """Those of the images that nothing refers to: no item, no open incident, and no recipe that begins with one.

    The recipes of `erased` items, by job, do not count: they are drawn no more. It stays true until this transaction
    ends.
    """
    await hold(session, images)
    return await seemingly_unreferenced(session, images, erased)


async def seemingly_unreferenced(
    session: AsyncSession, images: Collection[str], erased: Mapping[int, Collection[int]] | None = None
) -> list[str]:
    """The same at this moment: somebody may be about to refer to one."""
    photo, left = ItemRow.recipe[PHOTO].as_string(), set(images)
    for some in chunks(sorted(images)):
        left -= await shown(session, some)
        begun = (
            select(ItemRow.job_id, ItemRow.number, photo)
            .join(JobRow, JobRow.id == ItemRow.job_id)
            .where(JobRow.kind == OF_PHOTOS, photo.in_(some))
            .where(ItemRow.image.is_not(None) | (ItemRow.state != ItemState.DRAWN.value))
        )
        for job_id, number, image in await session.execute(begun):
            if number not in (erased or {}).get(job_id, ()):
                left.discard(image)
    return sorted(left)


async def shown(session: AsyncSession, images: Collection[str]) -> set[str]:
    """Those of the images (at most `AT_ONCE`) that are an item's, or that operators are still to judge."""
    found = set()
    # In this order: released, a picture goes from its incident to its item, and must not be missed between the two.
    for column in (IncidentRow.image, ItemRow.image):
        found |= {image for image in await session.scalars(select(column).where(column.in_(images))) if image}
    return found


async def discard(session: AsyncSession, images: Collection[str]) -> WithdrawalRow | None:
    """Note down that the files of these pictures are to be deleted; None where there are none."""
    if not images:
        return None
    row = WithdrawalRow(channel_id=DISK, message_id=NO_MESSAGE, files=sorted(images), at=now())
    session.add(row)
    await session.flush()
    return row


async def noted_files(session: AsyncSession) -> set[str]:
    """The pictures whose files are to be deleted."""
    rows_of_files = await session.scalars(select(WithdrawalRow.files).where(WithdrawalRow.channel_id == DISK))
    return {image for files in rows_of_files for image in files or ()}


async def dismiss(session: AsyncSession, job_id: int, number: int, image: str | None) -> None:
    """Note down that a picture is to be deleted which came when its item had an outcome: it was erased, or cancelled.

    Where the item still waits, another worker draws the same picture, and keeps it.
    """
    its = select(ItemRow.state).where(ItemRow.job_id == job_id, ItemRow.number == number)
    if image is not None and await session.scalar(its) != ItemState.WAITING.value:
        await discard(session, await unreferenced(session, [image]))


def withdrawal(row: WithdrawalRow) -> Withdrawal:
    """What is to be taken away, as it is stored."""
    return Withdrawal(row.id, row.channel_id, row.message_id, None if row.files is None else frozenset(row.files))


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """The values, in as many pieces as statements can take."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))

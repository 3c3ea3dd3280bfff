"""Sheets in the records: which show a picture, and what is noted down where they are not true any more."""

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.job import SPOILER
from bot.store import rows
from bot.store.schema import ItemRow, JobRow, SheetRow, WithdrawalRow
from bot.store.withdrawals import FORMER, NO_MESSAGE, STALE, UNWELCOME, withdraw


async def sheets_of(session: AsyncSession, job: JobRow, items: Sequence[ItemRow], *, locked: bool) -> list[SheetRow]:
    """The sheets of the parts that these items belong to, of each time they were tried."""
    layout = rows.job(job).layout
    parts = {layout.part(rows.item(row)) for row in items} if layout.apart else {""}
    theirs = select(SheetRow).where(SheetRow.job_id == job.id).order_by(SheetRow.part)
    found = await session.scalars(theirs.with_for_update() if locked else theirs)
    return [sheet for sheet in found if sheet.part.rpartition(FORMER)[2] in parts]


async def withdraw_sheet(session: AsyncSession, job: JobRow, sheet: SheetRow) -> WithdrawalRow | None:
    """Note down that a sheet is to be taken away; None where it is not there, or not yet."""
    if sheet.message_id is None or sheet.message_id == STALE:
        sheet.message_id = UNWELCOME
    elif sheet.message_id > NO_MESSAGE:
        row = await withdraw(session, job.channel_id, sheet.message_id, None)
        sheet.message_id = NO_MESSAGE
        return row
    return None


async def renew_sheet(session: AsyncSession, job: JobRow, sheet: SheetRow) -> WithdrawalRow | None:
    """Note down that another sheet is to stand in the place of this one; one of an earlier attempt is taken away.

    None where it is not there, or not yet.
    """
    if FORMER in sheet.part:
        return await withdraw_sheet(session, job, sheet)
    if sheet.message_id is None:
        sheet.message_id = STALE
    elif sheet.message_id > NO_MESSAGE:
        # Whoever can make no other takes these files away. The mark tells this from what was noted before: of that it
        # may be said at this moment that it is done.
        name = rows.job(job).sheet_name(sheet.part).removeprefix(SPOILER)
        return await withdraw(session, job.channel_id, sheet.message_id, {name, SPOILER + name, secrets.token_hex(4)})
    return None

"""Sheets that stand in a channel: another one takes the place of what is not true any more."""

import asyncio
from collections.abc import Sequence

import structlog

from bot.domain.erasure import Withdrawal
from bot.domain.errors import CannotPost
from bot.domain.job import Item
from bot.jobs.delivery import Post, as_shown

log = structlog.get_logger("atelier.sheets")


async def renewed(post: Post, stands: Withdrawal) -> bool:
    """Put a sheet of what is there now in the place of the one that stands in that message.

    False where there is no sheet in it, or nothing to show any more: then what the message is to lose is to be taken
    out of it. Raises CannotDeliver; everything else that it raises will pass.
    """
    found = None if stands.files is None else await post.owed.sheet_at(stands.channel_id, stands.message_id)
    if found is None:
        return False
    job, part = found

    async def there() -> Sequence[Item]:
        return job.parted(await post.jobs.items(job.id)).get(part, [])

    shown, items = None, await there()
    while shown != (shown := [item.image for item in items]):  # else what was deleted meanwhile may be on it
        sheet = await asyncio.to_thread(post.make_sheet, job, items, post.images.read)
        try:
            if sheet is None:
                raise CannotPost("there is nothing to show any more")
            await post.channel.renew_sheet(as_shown(job, items), stands.message_id, sheet, part)
        except CannotPost as error:
            log.info("a sheet goes without another one", job=job.name, part=part, reason=str(error))
            await post.owed.sheet_posted(job, part, None)
            return False
        items = await there()
    return True

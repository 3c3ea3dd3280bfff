"""Departures: what is left of people who were revoked is seen to until nothing is, here or on another console.

Their name goes off the jobs that were to show them, as soon as no message is on its way that is told by it; and files
go that show them and that no record tells of, also those of pictures that were being drawn at that moment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from bot.domain.erasure import Departure
from bot.domain.ports import ImageStore
from bot.domain.stores import Erasures
from bot.jobs.orphans import SAFE_SECONDS, delete_of

log = structlog.get_logger("atelier.departures")

LOOK_SECONDS = 300.0

LATE_SECONDS = 2 * SAFE_SECONDS
"""So long after a person was revoked, whatever was being drawn of them is either recorded or an orphan."""


async def see_off(erasures: Erasures, images: ImageStore, changed: Callable[[Sequence[int]], Awaitable[None]]) -> None:
    """See to it for ever; `changed` is told the jobs whose cards are to be shown anew."""
    looked = set[int]()
    while True:
        noted: Sequence[Departure] = ()
        try:
            noted = await erasures.departures()
        except Exception as error:  # the store is away
            log.warning("who was revoked is not known", reason=str(error))
        for gone in noted:
            try:
                await _see_off(erasures, images, changed, gone, first=gone.id not in looked)
                looked.add(gone.id)
            except Exception as error:  # the store is away, or the disk refuses; others are seen to all the same
                log.warning("what is left of a person who was revoked cannot be seen to yet", reason=str(error))
        await asyncio.sleep(LOOK_SECONDS)


async def _see_off(
    erasures: Erasures,
    images: ImageStore,
    changed: Callable[[Sequence[int]], Awaitable[None]],
    gone: Departure,
    *,
    first: bool,
) -> None:
    """Their files are looked for at once, and at last, when no other can come."""
    unnamed, everywhere = await erasures.unname(gone)
    await changed(unnamed)
    late = datetime.now(UTC) >= gone.at + timedelta(seconds=LATE_SECONDS)
    if first or late:
        await delete_of(gone, erasures, images)
    if late and everywhere:
        await erasures.departed(gone)

"""Orphans: files in the images folder that nothing refers to, since a console died between the file and its record."""

import asyncio

import structlog

from bot.domain.ports import ImageStore
from bot.domain.stores import Erasures

log = structlog.get_logger("atelier.orphans")

SAFE_SECONDS = 3600.0
"""A younger file may be one that somebody is about to record."""

AT_A_TIME = 400
AGAIN_SECONDS = 60.0

MANY = 100
"""So many orphans, and more than half of all old files, are no accident: they are another database's."""


async def sweep(erasures: Erasures, images: ImageStore) -> None:
    """Delete the orphans once; what fails is tried again until it is done."""
    while True:
        try:
            return await _sweep(erasures, images)
        except Exception as error:  # the store is away, or the disk refuses
            log.warning("files that nothing refers to cannot be looked for yet", reason=str(error))
            await asyncio.sleep(AGAIN_SECONDS)


async def _sweep(erasures: Erasures, images: ImageStore) -> None:
    since = await erasures.since()
    if since is None:
        return
    orphans, old = list[str](), 0
    async for files in images.old(SAFE_SECONDS):
        # What was there before the first job that is known is another database's, where this one is new.
        ours = [image for image, at in files if at >= since.timestamp()]
        old += len(ours)
        for start in range(0, len(ours), AT_A_TIME):
            orphans += await erasures.orphans(ours[start : start + AT_A_TIME])
    if len(orphans) > MANY and 2 * len(orphans) > old:
        log.error(
            "nothing refers to most of the images folder, which is left as it is: is it another database's?",
            files=old,
            orphans=len(orphans),
        )
        return
    deleted = await erasures.sweep(orphans, lambda image: images.remove(image, SAFE_SECONDS))
    if deleted:
        log.info("files that nothing referred to were deleted", count=deleted)

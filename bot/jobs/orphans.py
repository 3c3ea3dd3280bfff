"""Orphans: pictures in the images folder that no record tells of. They stay.

A console that dies between a file and its record leaves one; an older copy of the database that is put back makes one
of all that was drawn since. Which it was nobody can tell, so none is deleted, but for those of people who were revoked.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import structlog
from PIL import Image

from bot.domain.erasure import Departure
from bot.domain.ports import ImageStore
from bot.domain.stores import Erasures

log = structlog.get_logger("atelier.orphans")

SAFE_SECONDS = 3600.0
"""A younger file may be one that somebody is about to record."""

AT_A_TIME = 400
AGAIN_SECONDS = 60.0


async def tell(erasures: Erasures, images: ImageStore) -> None:
    """Tell operators once how many there are; while that cannot be known it is tried again."""
    while True:
        try:
            found = [at async for _, at in _orphans(erasures, images)]
            break
        except Exception as error:  # the store is away, or the disk refuses
            log.warning("files that nothing refers to cannot be looked for yet", reason=str(error))
            await asyncio.sleep(AGAIN_SECONDS)
    if found:
        log.warning(
            "the images folder holds pictures that the database does not know, and keeps them: if it is an older copy "
            "that was put back, they are known again to the newer one; if a console was killed, they may be deleted",
            count=len(found),
            put_there=f"{_moment(min(found))} to {_moment(max(found))}",
        )


async def delete_of(gone: Departure, erasures: Erasures, images: ImageStore) -> None:
    """Delete those that show a person who was revoked, as the recipe in the file says. Raises Unavailable, OSError."""
    since = gone.since.timestamp() if gone.since else 0.0
    theirs, unread = list[str](), list[str]()
    async for image, at in _orphans(erasures, images):
        if at < since:
            continue
        try:
            png = await images.get(image)
        except FileNotFoundError:  # another console has just deleted it
            continue
        except OSError as error:
            unread.append(f"{image}: {error}")
            continue
        if gone.name in await asyncio.to_thread(_people, png):
            theirs.append(image)
    if deleted := await erasures.sweep(theirs, lambda image: images.remove(image, SAFE_SECONDS)):
        log.info("pictures of a revoked person that nothing referred to were deleted", count=deleted)
    if unread:
        raise OSError(f"{len(unread)} of the files that nothing refers to cannot be read, e.g. {unread[0]}")


async def _orphans(erasures: Erasures, images: ImageStore) -> AsyncIterator[tuple[str, float]]:
    """Each with when it was put there (POSIX time)."""
    async for files in images.old(SAFE_SECONDS):
        for start in range(0, len(files), AT_A_TIME):
            some = dict(files[start : start + AT_A_TIME])
            for image in await erasures.orphans(some):
                yield image, some[image]


def _people(png: bytes) -> list[str]:
    """Whom a picture of ours shows; nobody is told by a file without a recipe."""
    try:
        with Image.open(io.BytesIO(png)) as picture:
            return str(json.loads(picture.info["atelier"])["face_folder"]).split(", ")
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, Image.DecompressionBombError):
        return []


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")

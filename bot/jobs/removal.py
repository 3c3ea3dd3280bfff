"""The removal of a person, or of one photo: from the disk, and from what the renderer remembers.

A revoked consent takes every picture of the person along, wherever it is.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotYours, Refusal
from bot.domain.job import Member
from bot.domain.person import Person, Receipt
from bot.domain.ports import FaceStore, Renderer
from bot.jobs.erasure import Erasure

log = structlog.get_logger("atelier.removal")

AGAIN_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0

REVOKED = "The consent for a person in it was revoked."
"""What stands in place of a picture; the person is not named any more."""


async def remove(
    faces: FaceStore, renderer: Renderer, member: Member, name: str, photo: str | None, *, confirmed: bool = False
) -> Receipt:
    """Delete a person, or one photo by its name. Raises NotFound, NotYours, NoRights.

    Raises Refusal where an operator would delete a whole person of somebody else and has not confirmed that.
    """
    person = await faces.person(member, name)
    others = person.kept_by(member) and person.owner_id != member.id
    if others and not confirmed and (photo is None or len(person.photos) == 1):
        raise Refusal(
            f"{person.name} belongs to {person.owner_name}, and the whole person would be deleted. "
            "If that is meant, run it again with confirm: true."
        )
    receipt = await faces.remove(member, name, photo)
    await renderer.forget()  # only now: what was drawn with them until here is forgotten too
    return receipt


async def revoke(faces: FaceStore, member: Member, name: str, *, confirmed: bool = False) -> Person:
    """End a person's consent for good, so that nobody draws them from here on; `erase` is to follow.

    For the owner, or an operator: of their server, or anywhere where there is no owner. Raises NotFound, NotYours,
    NoRights, and Refusal where that is not confirmed.
    """
    person = await faces.person(member, name)
    if not (person.kept_by(member) or person.vouched_by(member)):
        whose = "is everybody's" if person.owner_id is None else f"belongs to {person.owner_name}"
        raise NotYours(f"{person.name} {whose}; only {_revokers(person)} may revoke the consent.")
    if not confirmed:
        raise Refusal(
            f"Nothing was deleted yet. This deletes {person.name}'s photos and every picture of them, also those of "
            "other members: the files, what is on the wall, and the messages in Discord. It cannot be undone. If that "
            "is meant, run it again with confirm: true."
        )
    return await faces.revoke(member, person.name)


async def erase(
    faces: FaceStore, renderer: Renderer, erasure: Erasure, person: Person
) -> tuple[Receipt, ErasureReceipt]:
    """Delete a person whose consent was revoked, and every picture of them, wherever it is.

    The person's folder goes last: where this is cut off, it says what is still to be done.
    """
    erased = await erasure.person(person, REVOKED)
    await faces.delete(person.name)
    await renderer.forget()  # only now: what was being drawn until here is forgotten too
    return Receipt(person, person.photos, whole=True), erased


@asynccontextmanager
async def resuming(faces: FaceStore, renderer: Renderer, erasure: Erasure) -> AsyncIterator[None]:
    """Finish the erasures that were begun before the console ended, beside what goes on while the context is open."""

    async def finish() -> None:
        pause = AGAIN_SECONDS
        while await resume(faces, renderer, erasure):
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    work = asyncio.create_task(finish(), name="revocations")
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def resume(faces: FaceStore, renderer: Renderer, erasure: Erasure) -> int:
    """Try once to finish the erasures that were begun; how many are left."""
    left = 0
    try:
        people = await faces.revoked()
    except Exception as error:
        log.warning("who was revoked is not known", reason=str(error))
        return 1
    for person in people:
        try:
            receipt, erased = await erase(faces, renderer, erasure, person)
        except Exception:
            log.exception("a revoked person is not erased yet", owner=person.owner_id)
            left += 1
        else:
            log.info("a revoked person was erased", photos=len(receipt.photos), pictures=erased.pictures)
    return left


def _revokers(person: Person) -> str:
    return "an operator" if person.owner_id is None else "they or an operator"

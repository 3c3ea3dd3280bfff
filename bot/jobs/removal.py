"""The removal of a person, or of one photo: from the disk, and from what the renderer remembers.

A revoked consent takes every picture of the person along, wherever it is.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

import structlog

from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotYours, Refusal
from bot.domain.job import Member
from bot.domain.person import Person, Receipt
from bot.domain.ports import FaceStore, Renderer
from bot.jobs.erasure import Erasure

log = structlog.get_logger("atelier.removal")

LOOK_SECONDS = 60.0
"""How often it is looked whose consent was revoked, here or on another console."""
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
    """See to who was revoked, or whose photos went, while the context is open, also on another console.

    An erasure that was cut off is finished, and the renderer forgets whom it is not to remember.
    """
    work = asyncio.create_task(_watch(faces, renderer, erasure), name="revocations")
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _watch(faces: FaceStore, renderer: Renderer, erasure: Erasure) -> None:
    """Look for ever. At first all who are revoked are taken for left over; later those who still are at the next look,
    since whoever has just revoked one is at it."""
    before: Collection[str] | None = None
    pause, memory = AGAIN_SECONDS, _Memory(renderer)
    while True:
        try:
            people = await faces.everybody()
            revoked = [person for person in people if person.revoked]
            mine = [person for person in revoked if before is None or person.name in before]
            failed = await finish(faces, renderer, erasure, mine)
            before = {person.name for person in revoked}
            await memory.look(people)
        except Exception as error:
            log.warning("who was revoked is not known", reason=str(error))
            failed = 1
        wait, pause = (pause, min(2 * pause, LONGEST_PAUSE_SECONDS)) if failed else (LOOK_SECONDS, AGAIN_SECONDS)
        await asyncio.sleep(wait)


class _Memory:
    """What the renderer may remember of photos: where some went it forgets, and once more at the next look.

    Then what was being drawn with them is drawn.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._photos = frozenset[tuple[str, str]]()
        self._once_more = False

    async def look(self, people: Sequence[Person]) -> None:
        """These are all people there are now."""
        photos = frozenset((each.name, photo) for each in people if not each.revoked for photo in each.photos)
        gone = not self._photos <= photos
        if gone or self._once_more:
            await self._renderer.forget()
        self._photos, self._once_more = photos, gone


async def finish(faces: FaceStore, renderer: Renderer, erasure: Erasure, people: Sequence[Person]) -> int:
    """Try once to finish the erasures of these people, who were revoked; how many are left."""
    left = 0
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

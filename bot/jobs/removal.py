"""The removal of a person, or of one photo: from the disk, and from what the renderer remembers."""

from bot.domain.errors import Refusal
from bot.domain.job import Member
from bot.domain.person import Receipt
from bot.domain.ports import FaceStore, Renderer


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

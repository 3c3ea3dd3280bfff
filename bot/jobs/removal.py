"""The removal of a person, or of one photo: from the disk, and from what the renderer remembers."""

from bot.domain.job import Member
from bot.domain.person import Receipt
from bot.domain.ports import FaceStore, Renderer


async def remove(faces: FaceStore, renderer: Renderer, member: Member, name: str, photo: str | None) -> Receipt:
    """Delete a person, or one photo by its name. Raises NotFound, NotYours, NoRights."""
    receipt = await faces.remove(member, name, photo)
    await renderer.forget()  # only now: what was drawn with them until here is forgotten too
    return receipt

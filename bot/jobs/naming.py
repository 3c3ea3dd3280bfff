"""Names of people as members write them: looked up in the store, and refused with the same sentence everywhere."""

from collections.abc import Iterable, Mapping

from bot.domain.errors import NotFound, NotYours
from bot.domain.job import Member
from bot.domain.ports import FaceStore
from sweeps.words import quote

CLEARED_BY = "/params reset face_folder clears it."


async def usable(faces: FaceStore, member: Member, name: str) -> str:
    """The name of a person whom the member may draw, as its owner wrote it. Raises NotFound, NotYours, NoRights."""
    person = await faces.person(member, name)
    return (await faces.drawable(person.name, member)).name


async def written(
    faces: FaceStore, member: Member, names: Iterable[str], from_set: frozenset[str] = frozenset()
) -> Mapping[str, str]:
    """Each name as its owner wrote it. Of a name in `from_set` a refusal says that it is the member's own setting."""
    known: dict[str, str] = {}
    for name in sorted(set(names)):
        try:
            known[name] = await usable(faces, member, name)
        except (NotFound, NotYours) as error:
            if name not in from_set:
                raise
            raise type(error)(f"Your /set face_folder names {quote(name)}. {error} {CLEARED_BY}") from error
    return known

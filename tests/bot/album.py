"""Members, and photos for them to add to a face store."""

import io
from pathlib import Path

from PIL import Image

from bot.domain.job import Member
from bot.domain.person import CONSENT, Added, Person
from bot.store.faces import Faces
from bot.store.turn import LOCK

MINA, THEO, ADA = Member(1, "Mina", guild_id=7), Member(2, "Theo", guild_id=7), Member(3, "Ada", guild_id=8)
OPERATOR = Member(4, "Olga", operator=True, guild_id=7)
ELSEWHERE = Member(5, "Otto", operator=True, guild_id=8)


def picture(number: int = 0, form: str = "PNG") -> bytes:
    """A plain picture of 80 x 64 pixels; another number is another colour."""
    file = io.BytesIO()
    Image.new("RGB", (80, 64), (number * 13 % 256, number * 7 % 256, 90)).save(file, form)
    return file.getvalue()


async def add(
    faces: Faces, member: Member = MINA, name: str = "mina", *photos: bytes, shared: bool | None = None
) -> Added:
    """Add photos, or a single plain one."""
    uploads = [(f"upload{number}.png", photo) for number, photo in enumerate(photos or (picture(),))]
    return await faces.add(member, name, uploads, shared, CONSENT)


def entries(folder: Path) -> list[str]:
    """What lies in the folder itself, but for the file that is locked."""
    return sorted(path.name for path in folder.iterdir() if path.name != LOCK)


async def revoked(faces: Faces) -> list[Person]:
    """The people whose consent was revoked, and who are still to be deleted."""
    return [person for person in await faces.everybody() if person.revoked]


def files(folder: Path) -> list[str]:
    """Every file below the folder, with its path; but the one that is locked."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != LOCK)

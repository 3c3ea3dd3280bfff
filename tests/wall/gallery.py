"""A wall on real stores in a folder, with pictures, people and certificates that tests make."""

import asyncio
import hashlib
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import update

from bot.domain.job import ItemState, Job, Layout, Member, Place, Quote
from bot.domain.stores import NewItem
from bot.domain.wall import Published, Visitor, Visitors
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.jobs import Jobs
from bot.store.publications import PublicationStore
from bot.store.schema import ItemRow
from bot.wall.provenance import Signer
from bot.wall.wall import Wall
from sweeps.recipe import Recipe, resolve

GUILD, OTHER = 7, 8
MINA = Member(1, "Mina", guild_id=GUILD)
VISITOR = Visitor(1, "Mina", frozenset({GUILD}))
OPERATOR = Visitor(4, "Olga", frozenset({GUILD}), frozenset({GUILD}))
STRANGER = Visitor(5, "Otto", frozenset({OTHER}), frozenset({OTHER}))
NOBODY = Visitor()
BUDGET = 64 * 2**20


def png(number: int = 0, size: tuple[int, int] = (96, 64), recipe: Recipe | None = None) -> bytes:
    """A picture; another number is another one. With its recipe inside, where there is one."""
    file, info = io.BytesIO(), PngInfo()
    if recipe:
        info.add_text("atelier", json.dumps(recipe.as_dict()))
    colour = (number * 37 % 256, number * 101 % 256, number // 7 % 256)
    picture = Image.new("RGB", size, colour)
    picture.paste((255 - colour[0], 90, 30), (8, 8, 8 + number % 40 + 8, 40))
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


class Studio:
    """Draws what tests ask for, publishes it, and opens the wall in `data`."""

    def __init__(self, sessions: Sessions, data: Path) -> None:
        self.sessions = sessions
        self.data = data
        self.images = Images(data / "images")
        self.faces = Faces(data / "faces")
        self.publications = PublicationStore(sessions)

    def wall(
        self, *, budget: int = BUDGET, visitors: Visitors = Visitors.MEMBERS, signer: Signer | None = None
    ) -> Wall:
        """A wall, not open yet."""
        return Wall(
            self.publications, self.images, self.faces, self.data, budget=budget, visitors=visitors, signer=signer
        )

    @asynccontextmanager
    async def showing(
        self, *, budget: int = BUDGET, visitors: Visitors = Visitors.MEMBERS, signer: Signer | None = None
    ) -> AsyncIterator[Wall]:
        """A wall that is open."""
        async with self.wall(budget=budget, visitors=visitors, signer=signer).open() as wall:
            yield wall

    async def draw(
        self,
        *pictures: bytes | str,
        publish: bool = True,
        guild: int | None = GUILD,
        owner: Member = MINA,
        title: str = "a test",
        person: str = "",
        **settings: str | int | float | bool,
    ) -> Job:
        """A job with these pictures (or the hash of one, whatever its file holds), a seed each."""
        values = {"prompt": "a harbour", "detail": False, "face_folder": person, **settings}
        recipes = [resolve(values, seed=seed) for seed in range(len(pictures))]
        job = await Jobs(self.sessions).create(
            kind="sweep",
            title=title,
            owner=owner,
            place=Place(10, guild),
            layout=Layout((("seed", tuple(map(str, range(len(pictures))))),)),
            items=[NewItem(f"c{n + 1:03d}", n, recipe, {"seed": n}) for n, recipe in enumerate(recipes)],
            quote=Quote(len(pictures), 0, len(pictures), 0, 1.0, None, "", 1),
        )
        for number, picture in enumerate(pictures, start=1):
            image = picture if isinstance(picture, str) else await self.images.put(picture)
            done = update(ItemRow).where(ItemRow.job_id == job.id, ItemRow.number == number)
            async with self.sessions.begin() as session:
                await session.execute(
                    done.values(state=ItemState.DRAWN.value, image=image, settled_at=datetime.now(UTC))
                )
        if publish:
            await self.publications.publish(owner, job.id)
        return job

    def lay(self, name: str, *photos: bytes, guild: int | None = None, scope: str = "wall", until: str = "") -> Path:
        """A person's folder as the store keeps it; without a guild it is nobody's, and everybody's."""
        folder = self.data / "faces" / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, photo in enumerate(photos or (png(200),)):
            (folder / f"{number:02d}.png").write_bytes(photo)
        record: dict[str, object] = {
            "owner_id": None if guild is None else 1,
            "owner_name": None if guild is None else "Mina",
            "guild_id": guild,
            "shared": True,
            "added_at": "2026-01-01T00:00:00+00:00",
            "consents": [],
            "scope": scope,
            "expires_at": until or None,
        }
        (folder / "person.json").write_text(json.dumps(record))
        return folder

    def whitelist(self, text: str) -> None:
        """Write wall.yaml, so that nobody reads half of it."""
        (self.data / "wall.new").write_text(text)
        os.replace(self.data / "wall.new", self.data / "wall.yaml")

    def file(self, image: str) -> Path:
        """Where a stored picture lies."""
        return self.data / "images" / image[:2] / f"{image}.png"

    def disguised(self, content: bytes) -> str:
        """Put something into the store of pictures as it is, under the name that its content has; its hash."""
        image = hashlib.sha256(content).hexdigest()
        self.file(image).parent.mkdir(parents=True, exist_ok=True)
        self.file(image).write_bytes(content)
        return image

    def cached(self) -> list[Path]:
        """Every file that was made for the wall."""
        return sorted(path for path in (self.data / "cache" / "wall").rglob("*") if path.is_file())


async def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until that holds; fail when it never does."""
    for _ in range(round(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it was waited for in vain")


def ago(**time: float) -> str:
    """A moment that long ago, as records write it."""
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def names(pictures: tuple[Published, ...]) -> list[str]:
    return [picture.name for picture in pictures]

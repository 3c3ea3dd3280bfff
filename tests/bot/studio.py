"""Quotes on real stores for tests, photos to quote, and people to draw."""

import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from bot.domain.errors import CannotDraw
from bot.domain.job import Place
from bot.domain.ports import Gate
from bot.jobs.forecast import Forecast
from bot.jobs.meter import Meter
from bot.jobs.queue import JobQueue
from bot.jobs.quotes import Quotes, Stores
from bot.mecene.grammar import Grammar
from bot.store.database import Sessions
from bot.store.faces import Faces
from bot.store.images import Images
from bot.store.incidents import IncidentStore
from bot.store.jobs import Jobs
from bot.store.members import MemberSettings
from sweeps.parameters import Value
from sweeps.plan import Prices
from sweeps.recipe import Recipe
from tests.bot.album import MINA, add
from tests.bot.drawer import Drawer
from tests.bot.warden import Warden

HERE = Place(10, guild_id=7)


class Detailer(Drawer):
    """A drawer that draws faces again, too."""

    def check(self, recipe: Recipe) -> None:
        if recipe.weight > 1:
            raise CannotDraw(f"weight {recipe.weight} is too much")


def quotes_of(
    sessions: Sessions,
    faces: Faces,
    queue: JobQueue,
    folder: Path,
    drawer: Drawer,
    most: int = 5,
    production: Mapping[str, Value] | None = None,
    gate: Gate | None = None,
) -> Quotes:
    stores = Stores(Jobs(sessions), MemberSettings(sessions), Images(folder / "images"), faces, IncidentStore(sessions))
    return Quotes(
        stores=stores,
        queue=queue,
        renderer=drawer,
        forecast=Forecast(drawer, queue, Meter(), Prices()),
        ideas=Grammar(),
        gate=gate or Warden(),
        max_cells=most,
        production=production or {},
    )


def photo(width: int, height: int, form: str = "PNG", orientation: int = 1) -> bytes:
    """A picture whose left half is red."""
    picture = Image.new("RGB", (width, height), (0, 0, 200))
    picture.paste((200, 0, 0), (0, 0, width // 2, height))
    exif = Image.Exif()
    exif[0x112] = orientation
    exif[0x10F] = "a camera"
    file = io.BytesIO()
    picture.save(file, form, exif=exif)
    return file.getvalue()


async def people(faces: Faces, *names: str) -> None:
    for name in names:
        await add(faces, MINA, name)

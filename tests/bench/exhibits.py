"""Ten thousand pictures for the wall's bench: small real PNGs with recipes, published long ago, and three people."""

import hashlib
import io
import json
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import insert

from bot.domain.job import ItemState, JobState, Layout
from bot.store.database import open_database
from bot.store.schema import ItemRow, JobRow, MarkRow, PublicationRow
from sweeps.recipe import Recipe, resolve

MEMBER, GUILD = 1, 7
WIDTH, HEIGHT = 384, 288
OF_A_JOB = 100
PEOPLE = ("mina", "theo", "grace")
WORDS = ("harbour", "lighthouse", "rain", "night", "meadow", "window", "violin", "market", "snow", "orchard", "tram")
RECORD = {
    "owner_id": 1,
    "owner_name": "Mina",
    "guild_id": GUILD,
    "shared": True,
    "added_at": "2026-01-01T00:00:00+00:00",
    "consents": [],
    "scope": "wall",
    "expires_at": None,
}


def database(data: Path) -> str:
    """Where the bench's database lies."""
    return f"sqlite+aiosqlite:///{data / 'atelier.db'}"


def recipe(number: int) -> Recipe:
    """The recipe of one picture."""
    chance = random.Random(number)
    return resolve(
        {
            "prompt": f"a portrait of a person img, {', '.join(chance.sample(WORDS, 4))}, number {number}, film grain, "
            "a soft light from the left, muted colours, sharp focus, a shallow depth of field",
            "negative_prompt": "blurred, low quality, text",
            "face_folder": chance.choice(("", *PEOPLE)),
            "steps": chance.choice((20, 30, 40)),
            "guidance_scale": chance.choice((4, 6.5, 8)),
        },
        seed=number,
    )


def png(number: int) -> bytes:
    """A picture with its recipe inside; its thumbnail takes about 14 KB, as those of photos do."""
    blots = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
    info = PngInfo()
    info.add_text("atelier", json.dumps(recipe(number).as_dict()))
    file = io.BytesIO()
    smooth = Image.fromarray(blots).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    smooth.save(file, "PNG", pnginfo=info, compress_level=1)
    return file.getvalue()


async def make(data: Path, count: int) -> int:
    """The files and the database; how many bytes the pictures take."""
    with ProcessPoolExecutor(2) as pool:
        stored = list(pool.map(_store, [data] * count, range(count), chunksize=50))
    for number, name in enumerate(PEOPLE):
        folder = data / "faces" / name
        folder.mkdir(parents=True)
        (folder / "person.json").write_text(json.dumps(RECORD))
        for photo in range(4):
            (folder / f"{photo}.png").write_bytes(png(1_000_000 + 10 * number + photo))
    (data / "wall.yaml").write_text("title: The bench\npeople: [mina, theo, grace]\n")
    begun = datetime.now(UTC) - timedelta(days=30)
    async with open_database(database(data)) as sessions, sessions.begin() as session:
        await session.execute(insert(JobRow), [_job(number) for number in range(1, 1 + -(-count // OF_A_JOB))])
        items, publications, marks = [], [], []
        for number, (image, _) in enumerate(stored):
            key = {"job_id": 1 + number // OF_A_JOB, "number": 1 + number % OF_A_JOB}
            at = begun + timedelta(seconds=30 * number)
            rated = number % 5 == 0
            items.append(key | _item(number, image, at))
            publications.append(
                key
                | {"by_id": MEMBER, "published_at": at, "changed_at": at, "gone": False, "hidden": False}
                | {"stars": int(rated), "ratings": int(rated), "rating_sum": number % 3 + 3 if rated else 0}
            )
            if rated:
                marks.append(key | {"member_id": 2, "starred": True, "rating": number % 3 + 3})
        await session.execute(insert(ItemRow), items)
        await session.execute(insert(PublicationRow), publications)
        await session.execute(insert(MarkRow), marks)
    return sum(size for _, size in stored)


def _store(data: Path, number: int) -> tuple[str, int]:
    content = png(number)
    image = hashlib.sha256(content).hexdigest()
    path = data / "images" / image[:2] / f"{image}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return image, len(content)


def _job(number: int) -> dict[str, object]:
    return {
        "id": number,
        "kind": "sweep",
        "title": f"sweep {number}",
        "owner_id": 1 + number % 4,
        "owner_name": ("Mina", "Theo", "Ada", "Olga")[number % 4],
        "channel_id": 10,
        "guild_id": GUILD,
        "state": JobState.DONE.value,
        "urgent": False,
        "layout": asdict(Layout((("seed", tuple(map(str, range(OF_A_JOB)))),))),
        "quote": None,
        "notes": [],
    }


def _item(number: int, image: str, at: datetime) -> dict[str, object]:
    place = number % OF_A_JOB
    return {
        "name": f"c{place + 1:03d}",
        "rank": place,
        "recipe": recipe(number).as_dict(),
        "at": {"seed": place},
        "state": ItemState.DRAWN.value,
        "image": image,
        "settled_at": at,
    }

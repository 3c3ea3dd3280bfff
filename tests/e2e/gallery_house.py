"""The wall as it is served, on real stores, with drawings of invented people hung on it; and a browser that looks."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cryptography.fernet import Fernet
from playwright.async_api import Browser, BrowserContext, Page
from sqlalchemy import update

from bot.domain.gate import Cause, Hit, Verdict
from bot.domain.job import ItemState, Job, JobState, Layout, Member, Place
from bot.domain.stores import NewItem
from bot.jobs.erasure import Erasure
from bot.jobs.moderation import Moderation
from bot.store.audit import Audit
from bot.store.database import open_database
from bot.store.erasures import ErasureStore
from bot.store.incidents import IncidentStore
from bot.store.incidents import row as incident
from bot.store.jobs import Jobs
from bot.store.schema import ItemRow, JobRow
from bot.store.web_sessions import WebSessions
from bot.wall.wall import Wall
from bot.web.server import address_of, listen, serving
from bot.web.site import Rooms, application
from pipeline.families.sketch.draw import compose, draw, invent
from sweeps.recipe import Recipe, resolve
from tests.bot.channel import ShortMemory
from tests.wall.gallery import GUILD, MINA, Studio

PEOPLE = {"bruno": 2_000_013, "cleo": 2_000_035, "olga": 2_000_068}
OPERATOR = Member(4, "Olga", True, GUILD)
HIT = Hit(Cause.IMAGE, Verdict.WITHHOLD, "a tie", 0.93)
SIZE = 192
DRAWINGS = 6
LOOSE = 66
"""Pictures beside the sweep: with it they are more than one page of the wall."""
GUIDANCE, WEIGHTS = (2.0, 4.0, 6.0), (0.5, 1.0, 1.5)


class Servers:
    """The Memberships port: Mina is a member, Olga an operator."""

    async def of(self, member_id: int) -> tuple[Member, ...]:
        return {MINA.id: (MINA,), OPERATOR.id: (OPERATOR,)}.get(member_id, ())


@dataclass
class House:
    """Where the wall is, and who may come in."""

    address: str
    browser: Browser
    sessions: WebSessions
    studio: Studio
    wall: Wall

    async def code(self, member_id: int) -> str:
        """What /link would tell that member."""
        return await self.sessions.code(member_id, timedelta(minutes=10))

    @asynccontextmanager
    async def visitor(
        self, member: Member | None = MINA, faults: Sequence[str] = (), **more: Any
    ) -> AsyncIterator[Page]:
        """A browser's page, signed in as that member; whatever its console complains of is a failure.

        But for what begins with one of `faults`, which a test expects.
        """
        more = {"viewport": {"width": 1280, "height": 900}} | more
        context: BrowserContext = await self.browser.new_context(**more)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        try:
            if member is not None:
                await page.goto(f"{self.address}/link")
                await page.get_by_label("Code").fill(await self.code(member.id))
                await page.get_by_role("button", name="Sign in").click()
                await page.wait_for_url(f"{self.address}/")
            yield page
        finally:
            await context.close()
        assert [each for each in complaints if not each.startswith(tuple(faults))] == []


@asynccontextmanager
async def opened(browser: Browser, data: Path) -> AsyncIterator[House]:
    """The wall with everything on it, served."""
    data.mkdir(parents=True, exist_ok=True)
    bound = listen("127.0.0.1", 0)
    address = address_of(bound)
    async with open_database(f"sqlite+aiosqlite:///{data / 'atelier.db'}") as sessions:
        studio = Studio(sessions, data)
        await furnish(studio)
        async with studio.showing() as wall:
            store = WebSessions(sessions, 0)
            rooms = Rooms(
                wall,
                studio.publications,
                moderation(studio, wall),
                store,
                Servers(),
            )
            site = application(rooms, lambda: {"ready": True}, key=Fernet.generate_key(), address=address)
            async with serving(site, bound):
                yield House(address, browser, store, studio, wall)


async def furnish(studio: Studio) -> None:
    """Three people, a sweep of 27 pictures of which one is withheld, and single pictures, one of them a spoiler."""
    drawings = {name: await asyncio.to_thread(_drawings, seed) for name, seed in PEOPLE.items()}
    for name, pictures in drawings.items():
        studio.lay(name, *pictures[:3])
    studio.whitelist("people:\n  cleo: Cleo, of the red hair\n  bruno: Bruno\n  olga: Olga\n")
    names = list(PEOPLE)
    for number in range(LOOSE):
        name = names[number % 3]
        prompt = f"a woman img {('in the rain', 'with a hat', 'at night')[number % 3]}, {number}"
        recipe = resolve({"prompt": prompt, "face_folder": name, "steps": 10 + 10 * (number % 2)}, seed=number)
        await _hang(
            studio, "imagine", prompt, [(recipe, None, drawings[name][number % DRAWINGS])], spoiler=number == 65
        )
    cells: list[tuple[Recipe, dict[str, int] | None, bytes]] = []
    for face, name in enumerate(names):
        for row, guidance in enumerate(GUIDANCE):
            for column, weight in enumerate(WEIGHTS):
                settings = {"prompt": "a portrait of a woman img", "face_folder": name, "weight": weight}
                recipe = resolve(settings | {"guidance_scale": guidance}, seed=7)
                at = {"face_folder": face, "guidance_scale": row, "weight": column}
                cells.append((recipe, at, drawings[name][(row * 3 + column) % DRAWINGS]))
    layout = Layout(
        (
            ("face_folder", tuple(names)),
            ("guidance_scale", tuple(f"{value:g}" for value in GUIDANCE)),
            ("weight", tuple(f"{value:g}" for value in WEIGHTS)),
        ),
        "guidance_scale",
        "weight",
    )
    await _hang(studio, "sweep", "guidance against the weight of a face", cells, layout, withheld=4)


async def _hang(
    studio: Studio,
    kind: str,
    title: str,
    cells: Sequence[tuple[Recipe, dict[str, int] | None, bytes]],
    layout: Layout | None = None,
    *,
    withheld: int | None = None,
    spoiler: bool = False,
) -> Job:
    """A job whose pictures are drawn and on the wall, but for the one that is `withheld`."""
    items = [NewItem(f"c{at + 1:03d}", at, recipe, place) for at, (recipe, place, _) in enumerate(cells)]
    job = await Jobs(studio.sessions).create(
        kind=kind, title=title, owner=MINA, place=Place(10, GUILD), layout=layout, items=items
    )
    for at, stored in enumerate(await Jobs(studio.sessions).items(job.id)):
        image = await studio.images.put(cells[at][2])
        values: dict[str, Any] = {"state": ItemState.DRAWN.value, "image": image, "spoiler": spoiler}
        done = update(ItemRow).where(ItemRow.job_id == job.id, ItemRow.number == stored.number)
        async with studio.sessions.begin() as session:
            if at == withheld:
                values = {"state": ItemState.WITHHELD.value}
                session.add(
                    incident(
                        HIT, member=MINA, prompt=stored.recipe.prompt, guild_id=GUILD, job_id=job.id,
                        number=stored.number, image=image,
                    )
                )  # fmt: skip
            await session.execute(done.values(settled_at=datetime.now(UTC), **values))
    async with studio.sessions.begin() as session:
        await session.execute(update(JobRow).where(JobRow.id == job.id).values(state=JobState.DONE.value))
    await studio.publications.publish(MINA, job.id)
    return job


def _drawings(seed: int) -> list[bytes]:
    """One person drawn several times, some of them higher than wide."""
    random = Random(seed)
    character = invent(random)
    found = []
    for number in range(DRAWINGS):
        image = draw(character, replace(compose(random), hat=""), SIZE).image
        if number % 3 == 1:
            image = image.crop((SIZE // 8, 0, SIZE - SIZE // 8, SIZE))
        file = io.BytesIO()
        image.save(file, "PNG")
        found.append(file.getvalue())
    return found


def moderation(studio: Studio, wall: Wall) -> Moderation:
    """What operators do, on the same stores; nothing was posted, so no channel has anything to give back."""

    async def told(_: int) -> None:
        pass

    erasure = Erasure(ErasureStore(studio.sessions), studio.images, ShortMemory(), wall.forget, told)
    return Moderation(
        studio.publications,
        IncidentStore(studio.sessions),
        Jobs(studio.sessions),
        studio.images,
        erasure,
        Audit(studio.sessions),
        lambda _: None,
        wall.touch,
        studio.faces,
        lambda: "",
    )

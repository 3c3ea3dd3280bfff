"""The real wall behind the real door, over HTTP: what nobody may see is nowhere, whichever way one asks for it."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import pytest
import structlog

from bot.domain.job import ItemState, Layout, Place, Quote
from bot.domain.stores import NewItem
from bot.domain.wall import Query, Visitor, Visitors
from bot.store.database import open_database
from bot.store.jobs import Jobs
from bot.store.schema import ItemRow
from bot.wall.wall import Wall
from sweeps.recipe import resolve
from tests.wall.gallery import GUILD, MINA, OPERATOR, OTHER, VISITOR, Studio, ago, png, until
from tests.wall.test_files import HTML, SVG, bomb
from tests.web.exhibition import SERVER
from tests.web.house import OLGA, Browser, House, opened

AXES = ("face_folder", "prompt", "seed", "-")
MARK = "a-prompt-that-stands-nowhere-else"
Open: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[House, Wall]]]


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    data = tmp_path / "data"
    data.mkdir()
    async with open_database("sqlite+aiosqlite:///:memory:") as sessions:
        yield Studio(sessions, data)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def open_wall(studio: Studio) -> Open:
    @asynccontextmanager
    async def open_wall(visitors: Visitors = Visitors.MEMBERS) -> AsyncIterator[tuple[House, Wall]]:
        async with studio.showing(visitors=visitors) as wall, opened(gallery=wall) as house:
            await wall.settled()
            yield house, wall

    return open_wall


async def everywhere(browser: Browser, name: str, files: list[str], person: str = "") -> dict[str, int | bool]:
    """For each way to a picture: whether it leads there, or the status."""
    listed: dict[str, int | bool] = {}
    for path in ("/", f"/?q={MARK}", "/api/wall", f"/api/wall?q={MARK}"):
        listed[path] = name in (await browser.get(path)).text
    choices = (await browser.ask("GET", "/api/wall/choices")).text
    listed["/api/wall/choices"] = bool(json.loads(choices)["jobs"]) or (bool(person) and person in choices)
    roads = [f"/pictures/{name}", f"/api/pictures/{name}", f"/jobs/{name.partition('-')[0]}"]
    roads += [f"/media/{file}" for file in files] + ([f"/people/{quote(person)}"] if person else [])
    return listed | {road: (await browser.get(road)).status for road in roads}


def files_of(wall: Wall, visitor: Visitor = VISITOR) -> tuple[str, list[str]]:
    """The one picture that is on the wall, and its two files."""
    (picture,) = wall.find(visitor, Query()).pictures
    return picture.name, [wall.thumb(picture).name, wall.full(picture).name]


def seen(ways: dict[str, int | bool]) -> set[int | bool]:
    return set(ways.values())


async def test_a_picture_of_a_listed_person_is_seen_on_every_road(studio: Studio, open_wall: Open) -> None:
    studio.lay("mina", guild=GUILD)
    studio.whitelist("people: [mina]")
    await studio.draw(png(1), person="mina", prompt=MARK)
    async with open_wall() as (house, wall), house.browser() as browser:
        await browser.sign_in()
        assert seen(await everywhere(browser, *files_of(wall), "mina")) == {True, 200}


async def test_a_person_who_is_taken_off_the_list_is_nowhere_from_the_reload_on(
    studio: Studio, open_wall: Open
) -> None:
    studio.lay("mina", guild=GUILD)
    studio.whitelist("people: [mina]")
    await studio.draw(png(1), person="mina", prompt=MARK)
    async with open_wall() as (house, wall), house.browser() as browser, house.browser() as operator:
        await browser.sign_in()
        await operator.sign_in(OLGA)
        name, files = files_of(wall)
        (photo,) = wall.people(VISITOR)[0].photos
        await everywhere(browser, name, files, "mina")  # all of it is in memory now
        studio.whitelist("people: []")
        assert (await browser.post("/api/wall/reload")).status == 403
        assert (await operator.post("/api/wall/reload")).status == 303
        for who in (browser, operator):
            assert seen(await everywhere(who, name, [*files, photo.name], "mina")) == {False, 404}


@pytest.mark.parametrize("record", [{"until": ago(seconds=1)}, {"scope": "draw"}], ids=["expired", "to draw alone"])
async def test_without_consent_to_the_wall_that_holds_a_picture_is_nowhere(
    record: dict[str, str], studio: Studio, open_wall: Open
) -> None:
    studio.lay("mina", guild=GUILD)
    studio.whitelist("people: [mina]")
    job = await studio.draw(png(1), person="mina", prompt=MARK)
    async with studio.showing() as before:
        await before.settled()
        name, files = files_of(before)
        photo = before.people(VISITOR)[0].photos[0].name
    studio.lay("mina", guild=GUILD, **record)
    async with open_wall() as (house, _), house.browser() as browser:
        await browser.sign_in(OLGA)
        assert seen(await everywhere(browser, name, [*files, photo], "mina")) == {False, 404}
    assert job.name in name


async def test_a_picture_of_two_is_seen_while_both_are_listed(studio: Studio, open_wall: Open) -> None:
    studio.lay("mina", guild=GUILD)
    studio.whitelist("people: [mina]")
    await studio.draw(png(1), person="theo", prompt=MARK)
    async with open_wall() as (house, _), house.browser() as browser:
        await browser.sign_in()
        assert MARK not in (await browser.get("/")).text
        assert (await browser.get("/people/theo")).status == 404
        assert (await browser.get("/people/mina")).status == 200


async def test_a_jobs_page_names_nobody_and_says_nothing_of_pictures_that_one_may_not_see(
    studio: Studio, open_wall: Open
) -> None:
    """A sweep of people and prompts: one person is not listed, and of the other one picture is hidden."""
    for name in ("cleo", "ivo", "unlisted-person"):
        studio.lay(name, guild=GUILD)
    studio.whitelist("people: [cleo, ivo]")
    people, prompts, seeds = ("unlisted-person", "cleo", "ivo"), ("a calm harbour", "a withheld-word", "a fire"), (5, 6)
    layout = Layout(
        (("face_folder", people), ("prompt", prompts), ("seed", tuple(map(str, seeds)))), "face_folder", "prompt"
    )
    cells = [(face, prompt, seed) for face in range(3) for prompt in range(3) for seed in range(2)]
    job = await Jobs(studio.sessions).create(
        kind="sweep",
        title="people in places",
        owner=MINA,
        place=Place(10, GUILD),
        layout=layout,
        items=[
            NewItem(
                f"c{n + 1:03d}",
                n,
                resolve({"prompt": prompts[p], "detail": False, "face_folder": people[f]}, seed=seeds[s]),
                {"face_folder": f, "prompt": p, "seed": s},
            )
            for n, (f, p, s) in enumerate(cells)
        ],
        quote=Quote(len(cells), 0, len(cells), 0, 1.0, None, "", 1),
    )
    for number in range(1, len(cells) + 1):
        image = await studio.images.put(png(number))
        async with studio.sessions.begin() as session:
            row = await session.get_one(ItemRow, (job.id, number))
            row.state, row.image, row.settled_at = ItemState.DRAWN.value, image, datetime.now(UTC)
    await studio.publications.publish(MINA, job.id)
    names = [f"{job.name}-c{n + 1:03d}" for n in range(len(cells))]
    for number, (_, prompt, _) in enumerate(cells, start=1):
        if prompt == 1:
            await studio.publications.hide(OPERATOR.acts_on(GUILD), job.id, number, True)
    unseen = [name for name, (face, prompt, _) in zip(names, cells, strict=True) if face == 0 or prompt == 1]
    page = f"/jobs/{job.name}"
    roads = [page, *(f"{page}?rows={rows}&columns={columns}" for rows in AXES for columns in AXES)]
    roads += [f"{page}?rows=seed&columns=-&at.face_folder={f}&at.prompt={p}" for f in range(3) for p in range(3)]
    roads += [f"{page}?compare={names[0]}&compare={names[7]}", f"{page}?compare={names[6]}&compare={names[12]}"]
    roads += ["/", "/api/wall", "/api/wall/choices", "/people/cleo"]
    async with open_wall() as (house, wall), house.browser() as browser, house.browser() as operator:
        await browser.sign_in()
        await operator.sign_in(OLGA)
        shown = [each.name for each in wall.of_job(VISITOR, job.name)]
        assert shown == [name for name in names if name not in unseen] and len(shown) == 8
        roads += [f"{road}{name}" for name in shown for road in ("/pictures/", "/api/pictures/")]
        for road in roads:
            answer = await browser.get(road)
            assert answer.status == 200, road
            for told in ("unlisted-person", "withheld-word", *unseen):
                assert told not in answer.text, (road, told)
        assert "a fire" in (await browser.get(page)).text and "ivo" in (await browser.get(page)).text
        assert "withheld-word" in (await operator.get(page)).text, "who operates the server sees what is hidden"
        assert "unlisted-person" not in (await operator.get(page)).text


async def test_another_servers_picture_and_a_hidden_one_are_nowhere(studio: Studio, open_wall: Open) -> None:
    hidden = await studio.draw(png(1), prompt=MARK)
    async with open_wall() as (house, wall), house.browser() as browser, house.browser() as operator:
        await browser.sign_in()
        await operator.sign_in(OLGA)
        name, files = files_of(wall)
        await studio.publications.hide(OPERATOR.acts_on(GUILD), hidden.id, 1, True)
        wall.touch()
        await until(lambda: not wall.find(VISITOR, Query()).total)
        assert seen(await everywhere(browser, name, files)) == {False, 404}
        assert 404 not in seen(await everywhere(operator, name, files))
    await studio.draw(png(2), prompt=MARK, guild=OTHER + 1)
    async with open_wall() as (house, wall), house.browser() as browser:
        await browser.sign_in()
        elsewhere = Visitor(9, "Otto", frozenset({OTHER + 1}))
        assert seen(await everywhere(browser, *files_of(wall, elsewhere))) == {False, 404}


async def test_who_has_not_signed_in_sees_nothing_unless_everyone_may(studio: Studio, open_wall: Open) -> None:
    await studio.draw(png(1), prompt=MARK)
    async with open_wall() as (house, wall), house.browser() as nobody:
        assert seen(await everywhere(nobody, *files_of(wall))) == {False, 404}
        nobody.carry("forged")
        assert seen(await everywhere(nobody, *files_of(wall))) == {False, 404}
    async with open_wall(Visitors.EVERYONE) as (house, wall), house.browser() as nobody:
        assert seen(await everywhere(nobody, *files_of(wall))) == {True, 200}


@pytest.mark.parametrize("content", [HTML, SVG, b"\x89PNG\r\n\x1a\n" + HTML, b"GIF89a" + HTML, bomb()], ids=range(5))
async def test_what_is_no_picture_is_served_under_no_address(
    content: bytes, studio: Studio, open_wall: Open, lines: list[Any]
) -> None:
    image = studio.disguised(content)
    studio.lay("mina", png(3), content)
    studio.whitelist("people: [mina]")
    await studio.draw(image, png(2))
    async with open_wall() as (house, wall), house.browser() as browser:
        await browser.sign_in(OLGA)
        for name in (f"{image}.png", f"{image}.webp"):
            assert (await browser.get(f"/media/{name}")).status == 404
        shown = [wall.thumb(each) for each in wall.find(OPERATOR, Query()).pictures]
        shown += [photo for sitter in wall.people(OPERATOR) for photo in sitter.photos]
        assert len(shown) == 2
        for media in shown:
            answer = await browser.get(f"/media/{media.name}")
            assert answer.status == 200 and answer.headers["Content-Type"] in ("image/png", "image/webp")
            assert answer.headers["X-Content-Type-Options"] == "nosniff" and "<script" not in answer.text
        assert len([line for line in lines if line.get("reason")]) >= 2, "both are told"


HOSTILE = [
    '"><script>alert(1)<!--.png',
    "a\nb.png",
    "'onerror='x.png",
    "%2e%2e%2fx.png",
    "‮gnp.exe.png",
    "{{7*7}}.png",
]


async def test_hostile_names_of_files_and_people_are_text_or_nothing(studio: Studio, open_wall: Open) -> None:
    folder = studio.lay("mina")
    for number, name in enumerate(HOSTILE):
        (folder / name).write_bytes(png(10 + number))
    secret = studio.data / "session.key"
    secret.write_text("the-key-of-all-sessions")
    (folder / "key.png").symlink_to(secret)
    os.mkfifo(folder / "pipe.png")
    studio.whitelist("people:\n  mina: " + json.dumps('<script>alert("title")</script>'))
    await studio.draw(png(1), title="<script>alert(2)</script>", prompt=MARK)
    async with open_wall() as (house, wall), house.browser() as browser:
        await browser.sign_in(OLGA)
        for path in ("/", "/people/mina", "/api/wall/choices", "/pictures/S1-c001", "/moderation"):
            answer = await browser.get(path)
            assert answer.status == 200, path
            if answer.headers["Content-Type"].startswith("text/html"):
                assert (
                    "<script>alert" not in answer.text
                    and "{{7*7}}" not in answer.text
                    and "onerror='x" not in answer.text
                )
        for name in ("../..", "a/b", "<b>x</b>", "..", "mina/key.png", "mina%2fkey.png"):
            status, body = await house.raw_get(f"/people/{quote(name)}", f"atelier={browser.cookie}".encode())
            assert status in (400, 404) and b"the-key" not in body, name
        (sitter,) = [each for each in wall.people(OPERATOR) if each.name == "mina"]
        for photo in sitter.photos:
            assert "the-key" not in (await browser.get(f"/media/{photo.name}")).text


@pytest.mark.parametrize("name", ["../..", "a/b", "<b>x</b>:", "..", "x\\y"])
async def test_a_whitelist_with_a_name_that_is_a_path_shows_nobody(
    name: str, studio: Studio, open_wall: Open, lines: list[Any]
) -> None:
    studio.lay("mina")
    studio.whitelist(f"people: [mina, {json.dumps(name)}]")
    async with open_wall() as (house, wall), house.browser() as browser:
        await browser.sign_in(OLGA)
        assert wall.people(OPERATOR) == ()
        assert (await browser.get("/people/mina")).status == 404
        assert any("wall.yaml" in line["event"] for line in lines)
        studio.whitelist("people: [mina]")
        await until(lambda: wall.people(OPERATOR))
        assert (await browser.get("/people/mina")).status == 200


def test_the_studio_and_the_house_are_on_one_server() -> None:
    assert GUILD == SERVER

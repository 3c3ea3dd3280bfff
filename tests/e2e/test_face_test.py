"""/test_face_mecene: people in ideas, quoted, run, and laid out person by person."""

import io
import json
import re
from pathlib import Path

import aiohttp
import pytest
from PIL import Image
from skimage import data

from tests.e2e.conftest import Open, Running

pytestmark = pytest.mark.asyncio(loop_scope="session")


def lay(folder: Path, *people: str) -> Path:
    """A console's data folder with people whose photos the operator laid there by hand."""
    for number, name in enumerate(people):
        person = folder / "faces" / name
        person.mkdir(parents=True)
        for shift in range(2):
            edge = 20 * number + 10 * shift
            Image.fromarray(data.astronaut()[:400, edge : edge + 400]).save(person / f"{shift}.png")
    return folder


async def recipe_of(url: str) -> dict[str, object]:
    async with aiohttp.ClientSession(raise_for_status=True) as browser, browser.get(url) as response:
        with Image.open(io.BytesIO(await response.read())) as picture:
            return json.loads(picture.info["atelier"])


def messages_of(atelier: Running, job: str) -> list[tuple[str, list[str]]]:
    """The text and the files of each message that carries this job's pictures or sheets."""
    shown = [
        (each["content"], [file["filename"] for file in each["attachments"]]) for each in atelier.sandbox.messages()
    ]
    return [(text, names) for text, names in shown if names and names[0].startswith(f"{job}-")]


async def test_people_are_tested_in_ideas_and_each_has_messages_and_a_sheet_of_their_own(
    open_console: Open, tmp_path: Path
) -> None:
    async with open_console(lay(tmp_path / "data", "mina", "théo b", "tom")) as atelier:
        member = atelier.sandbox.members["ada"]
        offered = await member.complete("/test_face_mecene", "face_folders", "mina, th")
        assert offered == [("mina, théo b", "mina, théo b")]
        await member.run("/set", parameter="steps", value="2")
        await member.run("/set", parameter="seed", value="7")
        quoted = await member.run(
            "/test_face_mecene", face_folders="mina, théo b", generations_per_input=2, ideas=3, theme="noir"
        )
        answer = await quoted.reply()
        (embed,) = answer["embeds"]
        job = embed["title"].split(" · ")[0]
        assert embed["title"] == f"{job} · Face test · noir"
        assert job.startswith("T")
        first, second, *_ = embed["description"].splitlines()
        assert first == "**2 people × 3 ideas × 2 generations**"
        assert second == "12 images = up to 12 bases + 12 face passes"
        assert [field["name"] for field in embed["fields"]] == [
            "First seed",
            "People (2)",
            "Generations → (2)",
            "Ideas ↓ (3)",
        ]
        assert answer["components"][0]["components"][0]["label"] == "Run 12 images"
        assert messages_of(atelier, job) == []  # nothing is drawn before Run

        await member.press(quoted, "Run")
        card = await atelier.ended(quoted)
        sheets = [f"{job}-mina-sheet.png", f"{job}-theo-b-sheet.png"]
        await atelier.sandbox.until(lambda: messages_of(atelier, job)[-1][1] == sheets[-1:])
        assert card["embeds"][0]["description"].startswith("**12 images** in ")

        posted = messages_of(atelier, job)
        assert posted[-1] == (
            f"**{job}** · théo b: the contact sheet. {job} is done, <@{member.id}>.",
            sheets[1:],
        )
        assert (f"**{job}** · mina: the contact sheet.", sheets[:1]) in posted
        by_person: dict[str, list[str]] = {"mina": [], "théo b": []}
        for text, names in posted:
            if names[0] in sheets:
                continue
            match = re.fullmatch(rf"-# \*\*{job}\*\* · (mina|théo b) · (c\d{{3}}[ –,c\d]*)", text)
            assert match, text
            by_person[match[1]] += names
        assert sorted(by_person["mina"]) == [f"{job}-mina-c{number:03d}.png" for number in range(1, 7)]
        assert sorted(by_person["théo b"]) == [f"{job}-theo-b-c{number:03d}.png" for number in range(7, 13)]

        urls = {each["filename"]: each["url"] for each in atelier.results()}
        recipes = [await recipe_of(urls[name]) for name in [*sorted(by_person["mina"]), *sorted(by_person["théo b"])]]
        assert [recipe["face_folder"] for recipe in recipes] == ["mina"] * 6 + ["théo b"] * 6
        assert [recipe["seed"] for recipe in recipes] == [7, 8] * 6
        assert [recipe["prompt"] for recipe in recipes[:6]] == [recipe["prompt"] for recipe in recipes[6:]]
        assert len({recipe["prompt"] for recipe in recipes}) == 3
        assert all("noir" in str(recipe["prompt"]) and recipe["detail"] for recipe in recipes)


async def test_a_person_is_drawn_by_one_command(open_console: Open, tmp_path: Path) -> None:
    async with open_console(lay(tmp_path / "data", "mina")) as atelier:
        member = atelier.sandbox.members["theo"]
        asked = {"prompt": "a sailor", "steps": 2, "seed": 3}
        alone = await member.run("/imagine", **asked)
        await alone.reply()
        await atelier.ended(alone)
        shown = await member.run("/imagine", face_folder="MINA", weight=0.5, detail=True, denoise=0.7, **asked)
        await shown.reply()
        await atelier.ended(shown)
        plain, drawn = [await recipe_of(each["url"]) for each in atelier.results()]
        assert plain["face_folder"] == ""
        assert (drawn["face_folder"], drawn["weight"], drawn["detail"], drawn["denoise"]) == ("mina", 0.5, True, 0.7)


async def test_everybody_is_offered_and_names_go_on_behind_a_whole_one(open_console: Open, tmp_path: Path) -> None:
    async with open_console(lay(tmp_path / "data", "tom", "mina")) as atelier:
        member = atelier.sandbox.members["ada"]
        offered = await member.complete("/test_face_mecene", "face_folders", "")
        assert [value for _, value in offered] == ["*", "mina", "tom"]
        offered = await member.complete("/test_face_mecene", "face_folders", "tom")
        assert [value for _, value in offered] == ["tom", "tom, mina"]
        offered = await member.complete("/imagine", "face_folder", "M")
        assert [value for _, value in offered] == ["mina", "tom"]  # names that begin so, then those that hold it
        offered = await member.complete("/detail", "face_folder", "mina,M")
        assert [value for _, value in offered] == ["mina, tom"]
        quoted = await member.run("/test_face_mecene", face_folders="*")
        (embed,) = (await quoted.reply())["embeds"]
        assert embed["description"].startswith("**2 people × 4 ideas × 3 generations**\n24 images = ")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"face_folders": "nobody"},
            'You have no person named "nobody"; /faces list shows whom you may draw.',
        ),
        ({"face_folders": "n*"}, '"n*" fits nobody whom you may draw; there is nobody yet, see /faces add.'),
        ({"face_folders": ","}, "Say whose faces to test: names with commas, or * for everybody whom you may draw."),
    ],
)
async def test_a_test_of_nobody_is_refused_with_a_sentence(
    open_console: Open, options: dict[str, object], sentence: str
) -> None:
    async with open_console() as atelier:
        shown = await atelier.sandbox.members["ada"].run("/test_face_mecene", **options)
        assert (await shown.reply())["content"] == sentence

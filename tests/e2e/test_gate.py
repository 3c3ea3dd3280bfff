"""The gate before posting, as members and operators meet it: refused, withheld, released, hidden, and for whom."""

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bot.sandbox import File, Interaction
from bot.sandbox.driver import Member
from bot.sandbox.world import ARTISTS, GENERAL, OPERATORS, STUDIO
from bot.ui.sheet import HOLLOW
from tests.e2e.conftest import Open, Running, console_on, strict_sandbox
from tests.e2e.test_drawing import fetch
from tests.e2e.test_tokens import balance, imagine, sweep
from tests.gate.classifiers import onnx_folder, png

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL_WITHHELD = "images: {model: model, labels: {other: {withhold: 0.0001}}}"
"""Whatever it shows, the classifier is at least that sure of a picture."""
NOTHING_YET = "Nothing yet. What operators do with others' jobs and tokens is kept here."
TWO = b"{base: {prompt: x, steps: 1, width: 64, height: 64}, parameters: {seed: '1-2'}}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A console's data with a classifier in it; a test writes its gate.yaml."""
    onnx_folder(tmp_path / "data" / "model", scale=0.0)
    return tmp_path / "data"


def names(atelier: Running) -> list[str]:
    """The files that everybody sees, in order."""
    public = [each for each in atelier.sandbox.messages() if not each["flags"] & 64]
    return [file["filename"] for each in public for file in each["attachments"]]


async def listed(member: Member) -> Interaction:
    """What /moderation list shows."""
    shown = await member.run("/moderation list")
    await shown.reply()
    assert shown.ephemeral
    return shown


async def told(interaction: Interaction) -> str:
    await interaction.reply()
    assert interaction.ephemeral
    return interaction.content


async def audited(member: Member) -> list[str]:
    """The audit log's lines, without their moments."""
    shown = await member.run("/audit")
    await shown.reply()
    return [re.sub(r"^<t:\d+:R> ", "", line) for line in shown.embeds[0]["description"].splitlines()]


def labels(message: dict[str, Any]) -> list[str]:
    return [button["label"] for row in message["components"] for button in row["components"]]


async def test_a_word_is_refused_at_quoting_and_operators_see_what_was_asked(open_console: Open, data: Path) -> None:
    (data / "gate.yaml").write_text("words: [gore]")
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        refused = await told(await theo.run("/imagine", prompt="much g.o.r.e"))
        assert refused.startswith("The prompt holds something that this console's operators do not want drawn.")
        of_a_sweep = await theo.run("/sweep", config=File("a.yaml", b"{parameters: {prompt: [a lake, gore]}}"))
        await of_a_sweep.reply()  # which may be open to all, so it says no such word either
        assert "The prompt of c002 holds" in of_a_sweep.content and "gore" not in of_a_sweep.content
        assert names(atelier) == []
        assert await balance(theo) == ("**1,000** free", ["`+1,000` to begin with"])

        shown = await listed(mina)
        story = shown.embeds[0]["description"]
        assert shown.embeds[0]["title"] == "Withheld · 2"
        assert "much g.o.r.e" in story and story.count("what was asked says “gore”") == 2 and story.count("Theo") == 2
        assert labels(await shown.reply()) == ["Close incident 2", "Close incident 1"]
        await mina.press(shown, "Close incident 2")
        await atelier.sandbox.until(lambda: shown.content == "**Incident 2** is closed.")
        await mina.press(shown, "Close incident 1")
        await atelier.sandbox.until(lambda: shown.embeds[0]["title"] == "Nothing is withheld")
        assert shown.message is not None and shown.message["components"] == []
        assert [line.partition(" · what")[0] for line in await audited(mina)] == [
            f"**Mina** · drop incident {number}" for number in (1, 2)
        ]


async def test_a_person_gets_no_name_of_the_list(open_console: Open, data: Path) -> None:
    (data / "gate.yaml").write_text("words: [gore]")
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        asked = {"consent": True, "photo1": File("a.png", png((200, 0, 0)))}
        refused = await told(await theo.run("/faces add", person="Go-re", **asked))
        assert refused == (
            "A person's name holds something that this console's operators do not want drawn. Nothing was added, and "
            "they are shown what was asked."
        )
        assert "Go-re" in (await listed(mina)).embeds[0]["description"]
        assert (await told(await theo.run("/faces add", person="Gorey", **asked))).startswith("Added 1 photo")
        assert [value for _, value in await theo.complete("/faces add", "person", "")] == ["Gorey"]


async def test_what_a_classifier_withholds_is_refunded_and_posted_once_an_operator_lets_it_go(
    open_console: Open, data: Path
) -> None:
    (data / "gate.yaml").write_text(ALL_WITHHELD)
    async with open_console(data, price_image=3) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        quoted = await sweep(theo, TWO)
        await theo.press(quoted, "Run")
        card = (await atelier.ended(quoted))["embeds"][0]
        assert card["description"].startswith("**0 images**, 2 withheld in ")
        assert "`c001` and 1 more: Withheld, at no cost: an operator looks at it first." in str(card["fields"])
        assert (await balance(theo))[0] == "**1,000** free"
        assert names(atelier) == []

        shown = await listed(mina)
        message = await shown.reply()
        story = shown.embeds[0]["description"]
        assert story.count("the picture shows “other”, 50 % sure") == 2 and "image" not in shown.embeds[0]
        files = [file["filename"] for file in message["attachments"]]
        newer, older = (file.removeprefix("SPOILER_").removesuffix(".png") for file in files)
        assert {newer, older} == {"S1-c001", "S1-c002"} and f"`{files[0]}`" in story
        both = ["Release all 2 of S1", "Delete all 2 of S1"]
        assert labels(message) == [
            *(f"Release {newer}", f"Delete {newer}", *both),
            *(f"Release {older}", f"Delete {older}"),
        ]

        second = await listed(mina)
        await mina.press(shown, f"Release {older}")
        await atelier.sandbox.until(lambda: shown.content.startswith(f"**{older}** is released: "))
        assert shown.message is not None
        assert [file["filename"] for file in shown.message["attachments"]] == files[:1]
        await atelier.sandbox.until(lambda: any(re.fullmatch(r"S1-c00[12]\.png", name) for name in names(atelier)))
        pressed = await mina.press(second, f"Delete {older}")
        await atelier.sandbox.until(lambda: pressed.followups or "decided already" in second.content)
        await mina.press(shown, f"Delete {newer}")
        await atelier.sandbox.until(lambda: shown.embeds[0]["title"] == f"Delete {newer} for good?")
        await mina.press(shown, "Keep")
        await atelier.sandbox.until(lambda: shown.content.startswith(f"Nothing was deleted: **{newer}** still"))
        assert labels(await shown.reply()) == [f"Release {newer}", f"Delete {newer}"]
        await mina.press(shown, f"Delete {newer}")
        await atelier.sandbox.until(lambda: shown.embeds[0]["title"].startswith("Delete S1-c"))
        await mina.press(shown, "Delete")
        await atelier.sandbox.until(lambda: shown.content.startswith(f"**{newer}** is deleted for good"))
        deleted = "It was withheld, and an operator has deleted it."
        await atelier.sandbox.until(lambda: deleted in str((quoted.message or {})["embeds"]))
        assert (await balance(theo))[0] == "**1,000** free"
        assert len(list((data / "images").rglob("*.png"))) == 1
        assert await audited(mina) == [
            f"**Mina** · drop {newer} · what: other · member: Theo · gone: 1 picture, 1 file",
            f"**Mina** · release {older} · what: other · member: Theo",
        ]


async def test_all_that_is_withheld_of_a_sweep_is_decided_by_one_press(open_console: Open, data: Path) -> None:
    (data / "gate.yaml").write_text(ALL_WITHHELD)
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        for _ in range(2):
            quoted = await sweep(theo, TWO)
            await theo.press(quoted, "Run")
            await atelier.ended(quoted)
        shown = await listed(mina)
        await mina.press(shown, "Delete all 2 of S2")
        await atelier.sandbox.until(lambda: shown.embeds[0]["title"] == "Delete all that is withheld of S2 for good?")
        await mina.press(shown, "Delete")
        await atelier.sandbox.until(lambda: shown.content.startswith("Deleted for good: **2 pictures** of S2."))
        await mina.press(shown, "Release all 2 of S1")
        await atelier.sandbox.until(lambda: shown.content == "Released, at no cost: **2 pictures** of S1.")
        assert shown.embeds[0]["title"] == "Nothing is withheld"
        await atelier.sandbox.until(lambda: names(atelier).count("S1-c001.png") == 1 and len(names(atelier)) == 3)
        assert len(list((data / "images").rglob("*.png"))) == 2
        assert await audited(mina) == [
            "**Mina** · release S1 · pictures: 2",
            "**Mina** · drop S2 · gone: 2 pictures",  # their files are those of S1 too
        ]


async def test_what_a_role_draws_goes_behind_spoilers(open_console: Open, data: Path) -> None:
    rules = [f"{{roles: [{OPERATORS}], spoiler: false}}", f"{{roles: [{ARTISTS}], spoiler: true}}"]
    (data / "gate.yaml").write_text(f"rules: [{', '.join(rules)}]")
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        quoted = await sweep(theo, TWO)
        await theo.press(quoted, "Run")
        await atelier.sandbox.until(lambda: len(names(atelier)) == 3, timeout=60)
        assert names(atelier) == [f"SPOILER_S1-{name}.png" for name in ("c001", "c002", "sheet")]
        await imagine(atelier, mina)
        assert names(atelier)[3:] == ["I2-c001.png"]


async def test_in_a_channel_kept_for_others_nothing_is_quoted_and_nothing_is_run(
    open_console: Open, data: Path
) -> None:
    gate = data / "gate.yaml"
    gate.write_text("rules: []")
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        quoted = await sweep(theo, TWO)
        gate.write_text(f"rules: [{{channels: [{STUDIO}], draw: false}}]  # from now on")

        async def refused() -> bool:
            shown = await theo.run("/imagine", prompt="x")
            await shown.reply()
            return shown.content.startswith("Your roles do not allow you to draw in ")

        async with asyncio.timeout(30):
            while not await refused():  # the file is looked at once a second
                await asyncio.sleep(0.2)
        pressed = await theo.press(quoted, "Run")
        assert (await atelier.told(pressed)).startswith("Your roles do not allow you to draw in ")
        elsewhere = await theo.run("/imagine", to=GENERAL, prompt="x", steps=1, width=64, height=64)
        await elsewhere.reply()
        assert elsewhere.embeds
        await imagine(atelier, mina)  # operators may draw anywhere


async def test_a_posted_picture_is_deleted_by_its_name_with_a_receipt(open_console: Open, data: Path) -> None:
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        await imagine(atelier, theo, seed=1)
        assert names(atelier) == ["I1-c001.png"]
        assert "called like S42-c017" in await told(await mina.run("/moderation delete", picture="that one"))
        assert "There is no picture I1-c002." in await told(await mina.run("/moderation delete", picture="I1-c002"))
        assert "is not on the wall" in await told(await mina.run("/moderation hide", picture="I1-c001"))
        asked = await mina.run("/moderation delete", picture="I1-c001.png")
        await asked.reply()
        assert asked.ephemeral and "- the picture in its message" in asked.embeds[0]["description"]
        assert names(atelier) == ["I1-c001.png"] and await audited(mina) == [NOTHING_YET]
        await mina.press(asked, "Keep")
        await atelier.sandbox.until(lambda: asked.content == "Nothing was deleted: **I1-c001** stays as it is.")
        assert asked.message is not None and not asked.message["attachments"] and labels(asked.message) == []
        asked = await mina.run("/moderation delete", picture="I1-c001.png")
        await asked.reply()
        await mina.press(asked, "Delete")
        await atelier.sandbox.until(lambda: asked.content)
        receipt = asked.content
        assert receipt.startswith("**I1-c001** is deleted for good:") and "1 file off the disk" in receipt
        assert "1 message in Discord" in receipt
        assert names(atelier) == []
        assert list((data / "images").rglob("*.png")) == []
        (line,) = await audited(mina)
        assert line.startswith("**Mina** · delete I1-c001")
        assert line.endswith(" · gone: 1 picture, 1 file, 1 message")


async def hollow(atelier: Running) -> list[int]:
    """How many places of each sheet in the channel show no picture; by message, of which none may be there twice."""
    found = {
        message["id"]: file["url"]
        for message in atelier.sandbox.messages()
        for file in message["attachments"]
        if file["filename"].endswith("-sheet.png")
    }
    places = []
    for url in found.values():
        sheet = Image.open(io.BytesIO(await fetch(url))).convert("RGB")
        paper = dict((colour, count) for count, colour in sheet.getcolors(sheet.width * sheet.height) or ())
        places.append(round(paper.get(HOLLOW, 0) / 160**2))
    return places


async def test_the_sheet_in_the_channel_shows_what_is_released_and_not_what_is_deleted(
    open_console: Open, data: Path, tmp_path: Path, weights_cache: Path
) -> None:
    (data / "gate.yaml").write_text(ALL_WITHHELD)
    async with strict_sandbox() as sandbox:
        mina, theo = sandbox.members["mina"], sandbox.members["theo"]
        async with console_on(sandbox, data, weights_cache) as atelier:
            quoted = await sweep(theo, TWO)
            await theo.press(quoted, "Run")
            await atelier.ended(quoted)
            shown = await listed(mina)
            await mina.press(shown, "Release S1-c001")
            await sandbox.until(lambda: len(names(atelier)) == 2, timeout=30)
            assert await hollow(atelier) == [1]
            (sheet,) = [each for each in sandbox.messages() if "contact sheet" in each["content"]]
            old = sheet["attachments"][0]["url"]
            await mina.press(shown, "Release S1-c002")

            def other() -> bool:
                files = [each["attachments"] for each in sandbox.messages() if each["id"] == sheet["id"]]
                return bool(files[0]) and files[0][0]["url"].partition("?")[0] != old.partition("?")[0]

            await sandbox.until(other, timeout=30)
            await sandbox.until(lambda: len(names(atelier)) == 3, timeout=30)
            assert await hollow(atelier) == [0]
            asked = await mina.run("/moderation delete", picture="S1-c001")
            await asked.reply()
            assert (
                "- the contact sheet that shows it; one without it takes that place, if anything is left to show: "
                in str(asked.embeds)
            )
        async with console_on(sandbox, data, weights_cache) as atelier:  # the question outlives a restart
            before = next(each for each in sandbox.messages() if each["id"] == sheet["id"])
            await mina.press(asked, "Delete")
            await sandbox.until(lambda: asked.content, timeout=30)
            assert "2 messages in Discord" in asked.content
            assert "1 contact sheet that showed it" in asked.content
            assert (await audited(mina))[0].endswith("1 picture, 1 file, 2 messages, 1 contact sheet")
            assert names(atelier) == ["S1-c002.png", "S1-sheet.png"] or names(atelier) == [
                "S1-sheet.png",
                "S1-c002.png",
            ]
            assert await hollow(atelier) == [1]
            for url in (old, before["attachments"][0]["url"]):  # what showed it is nowhere any more
                with pytest.raises(aiohttp.ClientResponseError):
                    await fetch(url)
            asked = await mina.run("/moderation delete", picture="S1-c002")
            await asked.reply()
            await mina.press(asked, "Delete")
            await sandbox.until(lambda: asked.content, timeout=30)
            assert names(atelier) == []


async def test_operators_read_in_the_list_what_is_wrong_in_the_gates_file(open_console: Open, data: Path) -> None:
    gate = data / "gate.yaml"
    gate.write_text("words: [gore]")
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        gate.write_text("words: [1]  # from now on")
        async with asyncio.timeout(30):
            while "cannot be used" not in (text := (await listed(mina)).embeds[0]["description"]):
                await asyncio.sleep(0.2)  # the file is looked at once a second
        assert "- gate.yaml: words\\[0]: expected a word or phrase, got 1 (put it in quotes)" in text
        assert (await told(await theo.run("/imagine", prompt="gore"))).startswith("The prompt holds something")
        gate.write_text("words: [gore]  # mended")
        async with asyncio.timeout(30):
            while "cannot be used" in (await listed(mina)).embeds[0]["description"]:
                await asyncio.sleep(0.2)


async def test_members_moderate_nothing(open_console: Open, data: Path) -> None:
    (data / "gate.yaml").write_text(ALL_WITHHELD)
    async with open_console(data) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        await imagine(atelier, theo)
        for command, values in (
            ("list", {}),
            ("hide", {"picture": "I1-c001"}),
            ("show", {"picture": "I1-c001"}),
            ("delete", {"picture": "I1-c001"}),
        ):
            said = await told(await theo.run(f"/moderation {command}", **values))
            assert said == "Only an operator of this server may moderate its pictures."
        (command,) = [each for each in atelier.sandbox.world.all_commands() if each["name"] == "moderation"]
        assert command["default_member_permissions"] == "8"
        assert (await listed(mina)).embeds[0]["title"] == "Withheld · 1"
        assert await audited(mina) == [NOTHING_YET]

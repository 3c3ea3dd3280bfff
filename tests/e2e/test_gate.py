"""The gate before posting, as members and operators meet it: refused, withheld, released, hidden, and for whom."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import File, Interaction
from bot.sandbox.driver import Member
from bot.sandbox.world import ARTISTS, GENERAL, OPERATORS, STUDIO
from tests.e2e.conftest import Open, Running
from tests.e2e.test_tokens import balance, imagine, sweep
from tests.gate.classifiers import onnx_folder

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL_WITHHELD = "images: {model: model, labels: {other: {withhold: 0.0001}}}"
"""Whatever it shows, the classifier is at least that sure of a picture."""
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
        assert "much g.o.r.e" in story and story.count("the prompt says “gore”") == 2 and story.count("Theo") == 2
        assert labels(await shown.reply()) == ["Close 2", "Close 1"]
        await mina.press(shown, "Close 2")
        await atelier.sandbox.until(lambda: shown.content == "Incident 2 is closed.")
        await mina.press(shown, "Close 1")
        await atelier.sandbox.until(lambda: shown.embeds[0]["title"] == "Nothing is withheld")
        assert shown.message is not None and shown.message["components"] == []
        assert [line.partition(" · what")[0] for line in await audited(mina)] == [
            f"**Mina** · drop incident {number}" for number in (1, 2)
        ]


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
        assert files == ["SPOILER_incident-2.png", "SPOILER_incident-1.png"]
        assert labels(message) == ["Release 2", "Delete 2", "Release 1", "Delete 1"]

        second = await listed(mina)
        await mina.press(shown, "Release 1")
        await atelier.sandbox.until(lambda: shown.content.startswith("Incident 1 is released: "))
        assert shown.message is not None
        assert [file["filename"] for file in shown.message["attachments"]] == ["SPOILER_incident-2.png"]
        await atelier.sandbox.until(lambda: any(re.fullmatch(r"S1-c00[12]\.png", name) for name in names(atelier)))
        pressed = await mina.press(second, "Delete 1")
        await atelier.sandbox.until(lambda: pressed.followups or "decided already" in second.content)
        await mina.press(shown, "Delete 2")
        await atelier.sandbox.until(lambda: shown.content.startswith("Incident 2 is closed, and"))
        deleted = "It was withheld, and an operator has deleted it."
        await atelier.sandbox.until(lambda: deleted in str((quoted.message or {})["embeds"]))
        assert (await balance(theo))[0] == "**1,000** free"
        assert len(list((data / "images").rglob("*.png"))) == 1
        assert [line.partition(" · picture")[0] for line in await audited(mina)] == [
            "**Mina** · drop incident 2",
            "**Mina** · release incident 1",
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
        receipt = await told(await mina.run("/moderation delete", picture="I1-c001.png"))
        assert receipt.startswith("**I1-c001** is deleted for good:") and "1 file off the disk" in receipt
        assert "1 message in Discord" in receipt
        assert names(atelier) == []
        assert list((data / "images").rglob("*.png")) == []
        (line,) = await audited(mina)
        assert line.startswith("**Mina** · delete I1-c001")


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
        assert await audited(mina) == ["Nothing yet. What operators do with others' jobs and tokens is kept here."]

"""From a slash command to images in the channel."""

import io
import json

import aiohttp
import pytest
from PIL import Image

from bot.sandbox import File
from tests.e2e.conftest import Open, Running

pytestmark = pytest.mark.asyncio(loop_scope="session")

SWEEP = b"""
name: two by two
base: {prompt: "a portrait of a {woman|man}", steps: 3, width: 64, height: 64}
parameters:
  guidance_scale: {values: [2, 6]}
seed: 7
"""


async def fetch(url: str) -> bytes:
    async with aiohttp.ClientSession(raise_for_status=True) as browser, browser.get(url) as response:
        return await response.read()


async def test_a_sweep_is_quoted_run_drawn_and_laid_out(atelier: Running) -> None:
    mina = atelier.sandbox.members["mina"]
    before = len(atelier.results())
    quoted = await mina.run("/sweep", config=File("grid.yaml", SWEEP))
    answer = await quoted.reply()
    embed = answer["embeds"][0]
    job = embed["title"].split(" · ")[0]
    assert embed["title"] == f"{job} · two by two"
    assert "4 cells" in embed["description"]
    assert "4 bases" in embed["description"]
    assert any("`2` `6`" in field["value"] for field in embed["fields"])
    labels = [button["label"] for row in answer["components"] for button in row["components"]]
    assert [label.split()[0] for label in labels] == ["Run", "Cancel"]
    assert len(atelier.results()) == before  # nothing is drawn before Run

    await mina.press(quoted, "Run")
    card = await atelier.ended(quoted)
    await atelier.sandbox.until(lambda: any("sheet" in each["filename"] for each in atelier.results()[before:]))
    posted = {each["filename"]: each["url"] for each in atelier.results()[before:]}
    assert sorted(posted) == [*(f"{job}-c00{n}.png" for n in (1, 2, 3, 4)), f"{job}-sheet.png"]
    assert "4 images" in card["embeds"][0]["description"]
    assert card["components"] == []

    recipes = []
    for n in (1, 2, 3, 4):
        with Image.open(io.BytesIO(await fetch(posted[f"{job}-c00{n}.png"]))) as picture:
            assert picture.size == (64, 64)
            recipes.append(json.loads(picture.info["atelier"]))
            assert "Steps: 3" in picture.info["parameters"]
    assert [(recipe["prompt"], recipe["guidance_scale"]) for recipe in recipes] == [
        ("a portrait of a woman", 2),
        ("a portrait of a woman", 6),
        ("a portrait of a man", 2),
        ("a portrait of a man", 6),
    ]
    assert {recipe["seed"] for recipe in recipes} == {7}
    with Image.open(io.BytesIO(await fetch(posted[f"{job}-sheet.png"]))) as sheet:
        assert "atelier" not in sheet.info
        assert sheet.width > 2 * 64


async def test_imagine_draws_at_once_with_the_members_values(atelier: Running) -> None:
    theo = atelier.sandbox.members["theo"]
    await theo.run("/set", parameter="steps", value="2")
    before = len(atelier.results())
    shown = await theo.run("/imagine", prompt="a red hat", seed=5, width=64, height=64)
    await shown.reply()
    card = await atelier.ended(shown)
    assert "1 image" in card["embeds"][0]["description"]
    (posted,) = atelier.results()[before:]
    with Image.open(io.BytesIO(await fetch(posted["url"]))) as picture:
        recipe = json.loads(picture.info["atelier"])
    assert (recipe["prompt"], recipe["seed"], recipe["steps"]) == ("a red hat", 5, 2)
    await theo.run("/params reset")


async def test_several_images_of_one_imagine_differ_in_their_seed(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    before = len(atelier.results())
    shown = await ada.run("/imagine", prompt="x", seed=5, steps=1, width=64, height=64, images=3)
    await shown.reply()
    await atelier.ended(shown)
    await atelier.sandbox.until(lambda: len(atelier.results()) == before + 4)
    images = {await fetch(each["url"]) for each in atelier.results()[before : before + 3]}
    assert len(images) == 3


async def test_results_come_ten_a_message_as_plain_attachments(atelier: Running) -> None:
    mina = atelier.sandbox.members["mina"]
    text = b"{base: {prompt: x, steps: 1, width: 64, height: 64}, parameters: {seed: '1-12'}}"
    quoted = await mina.run("/sweep", config=File("seeds.yaml", text))
    await quoted.reply()
    known = len(atelier.sandbox.messages())
    await mina.press(quoted, "Run")
    await atelier.ended(quoted)
    await atelier.sandbox.until(lambda: "sheet" in str(atelier.sandbox.messages()[-1]["attachments"]))
    messages = atelier.sandbox.messages()[known:]
    assert [len(message["attachments"]) <= 10 for message in messages] == [True] * len(messages)
    assert sum(len(message["attachments"]) for message in messages) == 13
    assert all(message["embeds"] == [] for message in messages)


async def test_an_example_is_quoted_by_its_name(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    offered = await ada.complete("/sweep", "example", "guid")
    assert offered[0][1] == "guidance"
    quoted = await ada.run("/sweep", example="guidance")
    answer = await quoted.reply()
    await ada.press(quoted, "Cancel")
    card = await atelier.ended(quoted)
    assert card["id"] == answer["id"]
    assert "Cancelled" in card["embeds"][0]["description"]


async def test_a_quote_called_off_by_command_loses_its_buttons(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    quoted = await ada.run("/sweep", example="seeds")
    job = (await quoted.reply())["embeds"][0]["title"].split(" · ")[0]
    await ada.run("/cancel", job=job)
    assert "Cancelled" in (await atelier.ended(quoted))["embeds"][0]["description"]


async def test_an_image_drawn_before_is_answered_with_a_finished_card(atelier: Running) -> None:
    theo = atelier.sandbox.members["theo"]
    for _ in range(3):
        shown = await theo.run("/imagine", prompt="once more", seed=1, steps=1, width=64, height=64)
        await shown.reply()
        assert "1 image" in (await atelier.ended(shown))["embeds"][0]["description"]


async def test_what_is_refused_at_once_is_told_to_the_member_alone(atelier: Running) -> None:
    shown = await atelier.sandbox.members["ada"].run("/imagine", prompt=" ")
    assert shown.content == "Say what to draw: give a prompt, or set one with /set prompt."
    assert shown.ephemeral


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Give a sweep file (config), or choose an example."),
        ({"example": "seeds", "config": File("a.yaml", b"")}, "Give a sweep file (config) or an example, not both."),
        ({"example": "guidence"}, 'There is no example "guidence"; did you mean "guidance"?'),
        ({"config": File("a.yaml", b"steps: [1")}, ""),
        ({"config": File("a.yaml", b"parameters: {guidance_scale: {values: [4, high]}}")}, "parameters.guidance"),
        ({"config": File("a.yaml", b"a: &x [1]\nb: *x")}, "anchors and aliases are not allowed"),
        ({"config": File("big.yaml", b"#" * 70_000)}, "64 KB"),
        ({"config": File("a.png", b"\x89PNG\r\n\x1a\n\x00\x00")}, ""),
        ({"config": File("a.yaml", b"parameters: {seed: '1-2000'}")}, "1,000"),
    ],
)
async def test_a_sweep_that_cannot_be_read_is_answered_with_a_sentence(
    atelier: Running, options: dict[str, object], sentence: str
) -> None:
    shown = await atelier.sandbox.members["ada"].run("/sweep", **options)
    content = (await shown.reply())["content"]
    assert sentence in content.replace("\\", "")
    assert content and "Traceback" not in content and "incident" not in content


async def test_where_no_face_is_found_the_picture_stays_and_the_card_says_so(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    text = b"{base: {prompt: x, steps: 1, detail: true}, parameters: {seed: '1-2'}}"
    quoted = await ada.run("/sweep", config=File("a.yaml", text))
    assert "2 cells = 2 bases + 2 face passes" in (await quoted.reply())["embeds"][0]["description"]
    await ada.press(quoted, "Run")
    embed = (await atelier.ended(quoted))["embeds"][0]
    assert "2 images" in embed["description"]
    said = {field["name"]: field["value"] for field in embed["fields"]}["Good to know"]
    assert "No face was found in any of the 2 pictures: they stay as they were." in said


async def test_somebody_who_is_not_there_is_refused_in_the_quote(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    sentence = 'You have no person named "no'
    text = b"{base: {prompt: x}, parameters: {face_folder: {values: [nobody, noone]}}}"
    swept = await ada.run("/sweep", config=File("a.yaml", text))
    imagined = await ada.run("/imagine", prompt="x", face_folder="noone")
    for shown in (swept, imagined):
        assert (await shown.reply())["content"].startswith(sentence)


async def test_only_the_owner_or_an_operator_may_press_run(atelier: Running) -> None:
    ada, theo, mina = (atelier.sandbox.members[name] for name in ("ada", "theo", "mina"))
    quoted = await ada.run("/sweep", config=File("grid.yaml", SWEEP))
    await quoted.reply()
    assert "belongs to" in await atelier.told(await theo.press(quoted, "Run"))
    await mina.press(quoted, "Cancel")  # an administrator
    assert "Cancelled" in (await atelier.ended(quoted))["embeds"][0]["description"]


async def test_a_mention_in_a_prompt_pings_nobody(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    shown = await ada.run("/imagine", prompt="@everyone <@1> **bold**", steps=1, width=64, height=64)
    await shown.reply()
    card = await atelier.ended(shown)
    assert "\\*\\*bold" in card["embeds"][0]["title"]


async def test_cancel_stops_a_running_sweep_and_keeps_what_is_drawn(open_console: Open) -> None:
    async with open_console() as atelier:
        mina = atelier.sandbox.members["mina"]
        text = b"{base: {prompt: x, steps: 60}, parameters: {seed: '1-60'}}"
        quoted = await mina.run("/sweep", config=File("long.yaml", text))
        await quoted.reply()
        await mina.press(quoted, "Run")
        await atelier.sandbox.until(lambda: atelier.results(), timeout=60)
        job = (quoted.message or {})["embeds"][0]["title"].split(" · ")[0]
        assert any(value == job for _, value in await mina.complete("/cancel", "job", ""))
        answer = await mina.run("/cancel", job=job)
        assert answer.content.startswith(("Cancelling", job))
        card = await atelier.ended(quoted)
        assert "Cancelled after" in card["embeds"][0]["description"]
        assert 0 < len([each for each in atelier.results() if "sheet" not in each["filename"]]) < 60
        again = await mina.run("/cancel", job=job)
        assert again.content == f"{job} has already ended (cancelled); there is nothing to cancel."


async def test_a_full_queue_refuses_at_once_with_a_sentence(open_console: Open) -> None:
    async with open_console(queue_capacity=1) as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        text = b"{base: {prompt: x, steps: 100}, parameters: {seed: '1-40'}}"
        first = await mina.run("/sweep", config=File("long.yaml", text))
        await first.reply()
        second = await theo.run("/sweep", config=File("long.yaml", text))
        await second.reply()
        await mina.press(first, "Run")
        await atelier.sandbox.until(lambda: "of 40" in (first.message or {})["embeds"][0]["description"])
        refused = await atelier.told(await theo.press(second, "Run"))
        assert refused.startswith("The queue is full: 1 of 1 places are taken. Nothing was queued;")
        imagined = await theo.run("/imagine", prompt="x")
        assert (await imagined.reply())["content"].startswith("The queue is full")
        queue = await theo.run("/queue")
        assert "1 job of 1" in queue.embeds[0]["title"]
        await mina.press(first, "Cancel")
        await atelier.ended(first)
        await theo.press(second, "Run")  # the quote was kept, and now there is room
        await theo.press(second, "Cancel")
        await atelier.ended(second)


async def test_an_imagine_overtakes_a_long_sweep(open_console: Open) -> None:
    async with open_console() as atelier:
        mina, theo = atelier.sandbox.members["mina"], atelier.sandbox.members["theo"]
        text = b"{base: {prompt: x, steps: 40}, parameters: {seed: '1-80'}}"
        quoted = await mina.run("/sweep", config=File("long.yaml", text))
        await quoted.reply()
        await mina.press(quoted, "Run")
        await atelier.sandbox.until(lambda: atelier.results(), timeout=60)
        shown = await theo.run("/imagine", prompt="quick", steps=2)
        await shown.reply()
        await atelier.ended(shown, timeout=30)
        assert (quoted.message or {})["components"], "the sweep goes on"
        await mina.press(quoted, "Cancel")
        await atelier.ended(quoted)


async def test_only_the_owner_or_an_operator_may_cancel(atelier: Running) -> None:
    ada, theo = (atelier.sandbox.members[name] for name in ("ada", "theo"))
    quoted = await ada.run("/sweep", config=File("grid.yaml", SWEEP))
    job = (await quoted.reply())["embeds"][0]["title"].split(" · ")[0]
    assert "belongs to" in await atelier.told(await theo.press(quoted, "Cancel"))
    refused = await theo.run("/cancel", job=job)
    assert refused.ephemeral and "belongs to" in refused.content
    assert (quoted.message or {})["components"], "the quote stands"
    assert all(value != job for _, value in await theo.complete("/cancel", "job", ""))
    await ada.press(quoted, "Cancel")
    assert "Cancelled" in (await atelier.ended(quoted))["embeds"][0]["description"]

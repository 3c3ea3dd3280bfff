"""/set, /params and /help as a member meets them."""

import pytest

from sweeps.parameters import CATALOGUE
from tests.e2e.conftest import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_set_value_is_confirmed_kept_and_shown(atelier: Running) -> None:
    theo = atelier.sandbox.members["theo"]
    shown = await theo.run("/set", parameter="steps", value="12")
    assert shown.content == "`steps` is now `12` (was `20`)."
    assert shown.ephemeral
    listed = await theo.run("/params show")
    assert "**steps** = `12`" in str(listed.embeds)
    reset = await theo.run("/params reset", parameter="steps")
    assert reset.content == "`steps` is back to the default."
    assert "**steps**" not in str((await theo.run("/params show")).embeds)


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        ("guidance_scale", "high", '`guidance_scale`: expected a number from 1 to 30, got "high"'),
        ("guidance_scale", "31", "`guidance_scale`: expected a number from 1 to 30, got 31"),
        ("steps", "2.5", "`steps`: expected a whole number from 1 to 150, got 2.5"),
        ("sampler", "eular", '`sampler`: expected euler, dpmpp_2m, dpmpp_2m_sde, unipc, euler_a or ddim, got "eular"'),
        ("guidnce", "3", "There is no parameter `guidnce`; did you mean `guidance_scale`?"),
    ],
)
async def test_a_wrong_value_is_answered_with_what_is_allowed(
    atelier: Running, parameter: str, value: str, sentence: str
) -> None:
    shown = await atelier.sandbox.members["ada"].run("/set", parameter=parameter, value=value)
    assert shown.content.startswith(sentence)
    assert shown.ephemeral
    assert not await atelier.sandbox.members["ada"].complete("/params reset", "parameter", "")


async def test_parameters_are_offered_with_their_present_value(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    offered = dict(await ada.complete("/set", "parameter", ""))
    assert set(offered.values()) == set(CATALOGUE)
    narrowed = await ada.complete("/set", "parameter", "guid")
    assert [value for _, value in narrowed][:1] == ["guidance_scale"]
    assert narrowed[0][0].startswith("guidance_scale = 8 ·")


async def test_a_valid_typed_value_comes_first_then_recent_default_and_landmarks(atelier: Running) -> None:
    mina = atelier.sandbox.members["mina"]
    for value in ("11", "13"):
        await mina.run("/set", parameter="steps", value=value)
    offered = await mina.complete("/set", "value", "17", parameter="steps")
    assert offered[:4] == [("17", "17"), ("13 (recent)", "13"), ("11 (recent)", "11"), ("20 (default)", "20")]
    assert {"10", "30", "50"} <= {value for _, value in offered}
    await mina.run("/params reset")


async def test_a_typed_value_that_is_not_allowed_is_not_offered(atelier: Running) -> None:
    offered = await atelier.sandbox.members["theo"].complete("/set", "value", "999", parameter="steps")
    assert "999" not in [value for _, value in offered]
    assert "20" in [value for _, value in offered]
    narrowed = await atelier.sandbox.members["theo"].complete("/set", "value", "dpm", parameter="sampler")
    assert [value for _, value in narrowed] == ["dpmpp_2m", "dpmpp_2m_sde"]


async def test_recent_values_are_each_members_own(atelier: Running) -> None:
    await atelier.sandbox.members["mina"].run("/set", parameter="weight", value="0.77")
    offered = await atelier.sandbox.members["theo"].complete("/set", "value", "", parameter="weight")
    assert "0.77" not in [value for _, value in offered]
    await atelier.sandbox.members["mina"].run("/params reset")


async def test_help_says_what_mecene_is_and_what_img_does(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    start = (await ada.run("/help")).embeds[0]["description"]
    assert "Mecene, the console's own idea service" in start and "`/detail`" in start
    people = (await ada.run("/help", topic="people")).embeds[0]["description"]
    assert "`a fisherwoman img mending nets`" in people
    queue = (await ada.run("/queue")).embeds[0]["description"]
    assert all(command in queue for command in ("/imagine", "/detail", "/sweep", "/test_face_mecene"))


async def test_nobody_is_a_word_for_one_image_too(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    shown = await ada.run("/imagine", prompt="x", face_folder="nobody", steps=1, width=64, height=64)
    assert "embeds" in await shown.reply() and shown.embeds[0]["title"].startswith("I")
    await atelier.ended(shown)


async def test_a_preset_brings_values_back(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    await ada.run("/set", parameter="guidance_scale", value="5.5")
    saved = await ada.run("/params save", name="soft *light*")
    assert saved.content == "Saved 1 parameter as **soft \\*light\\***."
    await ada.run("/params reset")
    assert await ada.complete("/params load", "name", "soft") == [("soft *light*", "soft *light*")]
    loaded = await ada.run("/params load", name="soft *light*")
    assert loaded.content == "Loaded **soft \\*light\\***: guidance_scale `5.5`."
    missing = await ada.run("/params load", name="none")
    assert missing.content.startswith('You have no preset named "none".')
    await ada.run("/params reset")


async def test_values_that_do_not_go_together_are_said_at_once(atelier: Running) -> None:
    ada = atelier.sandbox.members["ada"]
    await ada.run("/set", parameter="schedule", value="ays")
    shown = await ada.run("/set", parameter="sampler", value="ddim")
    assert "expected uniform for sampler ddim" in shown.content
    await ada.run("/params reset")


async def test_help_turns_its_pages_with_a_select(atelier: Running) -> None:
    theo = atelier.sandbox.members["theo"]
    shown = await theo.run("/help")
    assert shown.embeds[0]["title"] == "First images"
    await theo.select(shown, ["commands"])
    text = shown.embeds[0]["description"]
    for command in ("/set", "/params", "/imagine", "/sweep", "/queue", "/cancel", "/help"):
        assert command in text
    await theo.select(shown, ["parameters"])
    assert [field["name"] for field in shown.embeds[0]["fields"]] == list(CATALOGUE)


async def test_names_that_begin_with_what_is_typed_come_first_then_those_that_hold_it(atelier: Running) -> None:
    offered = await atelier.sandbox.members["ada"].complete("/set", "parameter", "step")
    assert [value for _, value in offered] == ["steps", "start_merge_step", "detail_steps", "sampler", "schedule"]

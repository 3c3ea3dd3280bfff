"""Tokens as members meet them: what a job costs, what comes back, what operators may, and that it stays private."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import Refusal
from bot.sandbox import File, Interaction
from bot.sandbox.driver import Member
from bot.sandbox.world import ARTISTS
from bot.store.database import open_database
from bot.store.web_sessions import WebSessions
from bot.ui.tokens import FIGURE_SPACE, MINUS
from tests.e2e.conftest import Open, Running
from tests.e2e.test_faces_command import PLAIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = b"{base: {prompt: x, steps: 60}, parameters: {seed: '1-60'}}"
SMALL = {"steps": 1, "width": 64, "height": 64}


async def balance(member: Member, /, **values: object) -> tuple[str, list[str]]:
    """The head of a member's balance and its lines, without when they were."""
    shown = await member.run("/balance", **values)
    await shown.reply(timeout=30)  # on a busy machine it is deferred
    assert shown.ephemeral
    head, _, *told = f"{shown.embeds[0]['description']}\n".replace(FIGURE_SPACE, "").splitlines()
    return head, [line.rpartition(" · <t:")[0] for line in told]


async def imagine(atelier: Running, member: Member, **values: object) -> dict[str, Any]:
    """A drawn image's card, as it ended."""
    shown = await member.run("/imagine", **{"prompt": "x", **SMALL} | values)
    await shown.reply()
    return (await atelier.ended(shown))["embeds"][0]


async def sweep(member: Member, text: bytes) -> Interaction:
    quoted = await member.run("/sweep", config=File("a.yaml", text))
    await quoted.reply()
    return quoted


def cards(atelier: Running) -> list[dict[str, Any]]:
    """The messages of the channel that everybody sees."""
    return [message for message in atelier.sandbox.messages() if not message["flags"] & 64]


async def test_an_image_costs_what_drawing_it_took_and_a_remembered_one_nothing(open_console: Open) -> None:
    async with open_console(price_image=3) as atelier:
        theo = atelier.sandbox.members["theo"]
        assert await balance(theo) == ("**1,000** free", ["`+1,000` to begin with"])
        embed = await imagine(atelier, theo, seed=1, images=2)
        assert re.fullmatch(r"\*\*2 images\*\* in \d+ s · 6 tokens spent\n2 images = 2 bases", embed["description"])
        again = await imagine(atelier, theo, seed=1)
        assert re.fullmatch(r"\*\*1 image\*\* in \d+ s\n1 image = 1 base", again["description"])
        assert await balance(theo) == (
            "**994** free",
            ["`0` **I2** · no image, 3 given back", f"`{MINUS}6` **I1** · 2 images", "`+1,000` to begin with"],
        )


async def test_a_cancelled_sweep_costs_what_was_drawn_and_the_rest_comes_back(open_console: Open) -> None:
    async with open_console() as atelier:
        theo = atelier.sandbox.members["theo"]
        quoted = await sweep(theo, LONG)
        assert quoted.embeds[0]["description"].endswith("60 tokens.")
        await theo.press(quoted, "Run")
        await atelier.sandbox.until(atelier.results, timeout=60)
        head, (line, _) = await balance(theo)
        assert re.fullmatch(r"\*\*940\*\* free · \*\*\d+\*\* reserved", head)
        assert re.fullmatch(rf"`{MINUS}60` \*\*S1\*\* · \d+ spent on \d+ images?, \d+ reserved", line)
        await theo.press(quoted, "Cancel")
        told = (await atelier.ended(quoted))["embeds"][0]["description"]
        found = re.fullmatch(r"Cancelled after (\d+) images? of 60 · (\d+) tokens? spent\.", told)
        assert found and found[1] == found[2] and 0 < int(found[1]) < 60
        spent = int(found[1])
        assert await balance(theo) == (
            f"**{1000 - spent}** free",
            [
                f"`{MINUS}{spent}` **S1** · {spent} image{'s' * (spent > 1)}, {60 - spent} given back",
                "`+1,000` to begin with",
            ],
        )


async def test_who_has_too_few_tokens_is_told_alone_and_no_card_is_left_behind(open_console: Open) -> None:
    async with open_console(starting_tokens=3) as atelier:
        theo = atelier.sandbox.members["theo"]
        refused = await theo.run("/imagine", prompt="x", images=4, **SMALL)
        told = await atelier.told(refused)
        assert told.startswith("This costs up to 4 tokens and you have 3.")
        await atelier.sandbox.until(lambda: not cards(atelier))
        assert await theo.complete("/cancel", "job", "") == []
        assert (await theo.run("/queue")).embeds[0]["description"].startswith("Nothing waits.")
        assert await balance(theo) == ("**3** free", ["`+3` to begin with"])

        quoted = await sweep(theo, b"{base: {prompt: x}, parameters: {seed: '1-4'}}")
        assert (await atelier.told(await theo.press(quoted, "Run"))) == told
        labels = [button["label"] for button in (quoted.message or {})["components"][0]["components"]]
        assert labels == ["Run 4 images", "Cancel"]  # a quote stays, there may be more tokens tomorrow
        await imagine(atelier, theo, images=3)
        assert (await balance(theo))[0] == "**0** free"


async def test_operators_grant_tokens_and_take_them_back_and_nobody_else_does_or_hears_of_it(
    open_console: Open,
) -> None:
    async with open_console() as atelier:
        mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
        refused = await theo.run("/grant", member="theo", tokens=500, reason="please")
        assert (refused.content, refused.ephemeral) == ("Only an operator may grant tokens.", True)
        granted = await mina.run("/grant", member="theo", tokens=500, reason="for the *exhibition*")
        assert (granted.content, granted.ephemeral) == (
            "Granted 500 tokens to **Theo**; they have 1,500 free now.",
            True,
        )
        taken = await mina.run("/grant", member="theo", tokens=-1400, reason="a slip")
        assert taken.content == "Took 1,400 tokens back from **Theo**; they have 100 free now."
        refused = await mina.run("/grant", member="theo", tokens=-101, reason="a slip")
        assert refused.ephemeral and refused.content.startswith("They have 100 free, so 101 cannot be taken back")
        assert (await mina.run("/grant", member="theo", tokens=0, reason="x")).content.startswith("0 tokens change")

        history = [
            f"`{MINUS}1,400` taken back · a slip",
            "`+500` granted · for the \\*exhibition\\*",
            "`+1,000` to begin with",
        ]
        assert await balance(theo) == ("**100** free", history)
        assert await balance(mina, member="theo") == ("**100** free", history)
        assert (await balance(ada))[0] == "**1,000** free"
        refused = await theo.run("/balance", member="ada")
        assert (refused.content, refused.ephemeral) == ("Only an operator may look at somebody else's tokens.", True)
        assert (await balance(theo, member="theo"))[0] == "**100** free"

        refused = await ada.run("/audit")
        assert (refused.content, refused.ephemeral) == ("Only an operator may read the audit log.", True)
        audit = await mina.run("/audit")
        assert audit.ephemeral
        acts = [re.sub(r"<t:\d+:R>", "", line) for line in audit.embeds[0]["description"].splitlines()]
        assert acts == [
            f" **Mina** · grant <@{theo.id}> · tokens: -1400 · note: a slip",
            f" **Mina** · grant <@{theo.id}> · tokens: 500 · note: for the \\*exhibition\\*",
        ]
        assert cards(atelier) == []


async def test_what_operators_do_with_others_people_is_kept_without_a_deleted_name(open_console: Open) -> None:
    async with open_console() as atelier:
        mina, ada = atelier.sandbox.members["mina"], atelier.sandbox.members["ada"]
        for member, person in ((ada, "Secret"), (mina, "Own")):
            await (await member.run("/faces add", person=person, photo1=PLAIN, consent=True)).reply()
        await ada.run("/faces share", person="Secret", shared=True)
        await mina.run("/faces share", person="Secret", shared=False)
        await mina.run("/faces remove", person="Secret", confirm=True)
        await mina.run("/faces remove", person="Own")
        acts = (await mina.run("/audit")).embeds[0]["description"]
        assert [line.partition(" · ")[2] for line in acts.splitlines()] == [
            f"faces remove <@{ada.id}> · photos: 1 · whole: True",
            f"faces share <@{ada.id}> · person: (deleted) · shared: False",
        ]


async def test_a_role_decides_how_many_tokens_a_day_may_cost(open_console: Open) -> None:
    daily = f"everyone:100,{ARTISTS}:2"
    async with open_console(role_daily_tokens=daily) as atelier:
        ada = atelier.sandbox.members["ada"]
        assert "spend 2 tokens a day" in (await ada.run("/balance")).embeds[0]["footer"]["text"]
        refused = await ada.run("/imagine", prompt="x", images=3, **SMALL)
        assert (await atelier.told(refused)).startswith("You may spend 2 tokens a day:")
        await atelier.sandbox.until(lambda: not cards(atelier))
        await imagine(atelier, ada, images=2)
        refused = await ada.run("/imagine", prompt="x", **SMALL)
        assert "2 are spent or reserved" in await atelier.told(refused)


async def test_a_member_has_so_many_jobs_at_one_time_and_others_theirs(open_console: Open) -> None:
    async with open_console(member_queued=1) as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        first = await sweep(theo, LONG)
        await theo.press(first, "Run")
        refused = await theo.run("/imagine", prompt="x", **SMALL)
        assert (await atelier.told(refused)).startswith("You have 1 ")
        await imagine(atelier, ada)
        await theo.press(first, "Cancel")
        await atelier.ended(first)
        await imagine(atelier, theo)


async def test_a_code_makes_a_browsers_tokens_the_members_once(open_console: Open, tmp_path: Path) -> None:
    async with (
        open_console(tmp_path / "data") as atelier,
        open_database(f"sqlite+aiosqlite:///{tmp_path}/data/atelier.db") as sessions,
    ):
        theo = atelier.sandbox.members["theo"]
        assert (await balance(theo))[0] == "**1,000** free"
        codes = []
        for _ in range(2):
            shown = await theo.run("/link")
            assert shown.ephemeral and "for 10 minutes" in shown.content
            codes.append(shown.content.split("`")[1])
        web = WebSessions(sessions, 1000)
        _, browser = await web.create({}, 50, timedelta(hours=1))
        with pytest.raises(Refusal, match="does not fit"):
            await web.link(browser.id, codes[0])  # the second took its place
        _, linked = await web.link(browser.id, codes[1])
        assert linked.member_id == int(theo.id)
        assert await balance(theo) == (
            "**1,050** free",
            ["`+50` from a web session that became yours", "`+1,000` to begin with"],
        )
        _, another = await web.create({}, 50, timedelta(hours=1))
        with pytest.raises(Refusal, match="does not fit"):
            await web.link(another.id, codes[1])


async def test_help_explains_tokens_and_the_queue(atelier: Running) -> None:
    shown = await atelier.sandbox.members["ada"].run("/help", topic="tokens")
    assert shown.embeds[0]["title"] == "Tokens and the queue"
    text = shown.embeds[0]["description"]
    for command in ("/balance", "/queue", "/pause", "/resume", "/move", "/cancel", "/retry"):
        assert f"`{command}" in text, command

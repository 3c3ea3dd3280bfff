"""/wall and /params use: what members put on the wall is seen there, by those who may, until it is taken down."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest

from bot.sandbox.driver import Member
from tests.e2e.conftest import Open, Running
from tests.e2e.test_tokens import imagine, sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO = b"{base: {prompt: a red sailor, steps: 1, width: 64, height: 64}, parameters: {seed: '1-2'}}"


async def told(member: Member, command: str, **values: object) -> str:
    """What the member alone is answered."""
    shown = await member.run(command, **values)
    await shown.reply()
    assert shown.ephemeral
    return shown.content


async def address(member: Member) -> str:
    found = re.search(r"http://\S+", await told(member, "/wall open"))
    assert found is not None
    return found[0]


async def drawn(atelier: Running, member: Member) -> None:
    quoted = await sweep(member, TWO)
    await member.press(quoted, "Run")
    await atelier.ended(quoted)


async def seen(wall: str, browser: aiohttp.ClientSession | None = None) -> list[str]:
    """The pictures that a visitor sees, the newest first."""
    async with aiohttp.ClientSession() as nobody, (browser or nobody).get(f"{wall}/api/wall") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return [each["name"] for each in found["pictures"]]


async def signed_in(member: Member, wall: str, browser: aiohttp.ClientSession) -> None:
    """The browser becomes the member's, by the code of /link."""
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", await told(member, "/link"))
    assert code is not None
    async with browser.get(f"{wall}/link") as page:
        token = re.search(r'name="token" value="([^"]+)"', await page.text())
    assert token is not None
    form = {"code": code[0], "token": token[1]}
    async with browser.post(f"{wall}/link", data=form, headers={"Origin": wall}) as answer:
        assert answer.status == 200


async def test_what_a_member_publishes_is_seen_by_members_until_it_is_taken_down(open_console: Open) -> None:
    async with open_console() as atelier, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
        wall = await address(theo)
        await drawn(atelier, theo)
        await signed_in(ada, wall, browser)
        assert await seen(wall, browser) == []
        assert "belongs to Theo" in await told(ada, "/wall publish", what="S1")
        said = await told(theo, "/wall publish", what="s1-c002")
        assert said.startswith(f"1 picture of S1 is on the wall now. {wall}/jobs/S1\n")
        assert "works on the console's own machine only" in said  # as nobody has given the wall an address
        await until_seen(wall, browser, ["S1-c002"])
        assert await seen(wall) == []  # nobody has signed in
        assert (await told(theo, "/wall publish", what="S1")).startswith("1 picture of S1 is on the wall now.")
        await until_seen(wall, browser, ["S1-c001", "S1-c002"])
        assert "belongs to Theo" in await told(ada, "/wall take_down", what="S1")
        assert await told(mina, "/wall take_down", what="S1-c001") == "1 picture of S1 is off the wall."
        await until_seen(wall, browser, ["S1-c002"])
        assert await told(theo, "/wall take_down", what="S1") == "1 picture of S1 is off the wall."
        await until_seen(wall, browser, [])
        assert "S42-c017" in await told(theo, "/params use", image="what") and "no job 9" in await told(
            theo, "/wall publish", what="S9"
        )


async def until_seen(wall: str, browser: aiohttp.ClientSession | None, names: list[str]) -> None:
    """The wall looks into the store a moment after it was told."""
    async with asyncio.timeout(20):
        while sorted(await seen(wall, browser)) != names:
            await asyncio.sleep(0.05)


async def test_what_is_posted_is_on_an_open_wall_where_the_operator_wants_that(open_console: Open) -> None:
    async with open_console(wall_images="posted", wall_visitors="everyone") as atelier:
        theo = atelier.sandbox.members["theo"]
        await drawn(atelier, theo)
        await until_seen(await address(theo), None, ["S1-c001", "S1-c002"])


async def test_a_pictures_values_become_a_members_own(open_console: Open) -> None:
    async with open_console() as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        await drawn(atelier, theo)
        said = await told(ada, "/params use", image="S1-c002")
        assert "is none of your pictures, and is not on the wall" in said
        await told(ada, "/set", parameter="guidance_scale", value="9")
        await told(theo, "/wall publish", what="S1")
        said = await told_until(ada, "/params use", "are made like", image="S1-c002.png")
        assert "prompt `a red sailor`" in said and "seed `2`" in said and "guidance_scale" not in said
        card = await imagine(atelier, ada, prompt="another")
        assert card["title"].endswith("another")
        shown = await ada.run("/params show")
        await shown.reply()
        assert "**seed** = `2`" in str(shown.embeds[0]["fields"])


async def told_until(member: Member, command: str, words: str, **values: object) -> str:
    async with asyncio.timeout(20):
        while words not in (said := await told(member, command, **values)):
            await asyncio.sleep(0.1)
    return said

"""The wall where something goes wrong or has no room: a dropped connection, a session that ended, a long word."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from bot.sandbox import Sandbox
from bot.sandbox.world import STUDIO
from bot.web.messages import discord_pages, message_address
from tests.e2e.gallery_house import OPERATOR, House, opened
from tests.e2e.test_page import QUIET, browser_page
from tests.e2e.test_wall_pages import SWEEP
from tests.web.exhibition import Exhibition

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXPECTED = ["Failed to load resource"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(chromium), args=QUIET)
        async with opened(browser, tmp_path_factory.mktemp("troubles")) as house:
            yield house
        await browser.close()


async def test_where_the_connection_drops_the_page_stays_and_says_so(house: House) -> None:
    async with house.visitor(faults=EXPECTED) as page:
        await page.goto(house.address)
        await page.wait_for_load_state("networkidle")
        await page.context.set_offline(True)
        await page.get_by_label("Search the prompts").fill("hat")
        await expect(page.get_by_role("alert")).to_contain_text("The wall cannot be reached")
        await expect(page.locator("#count")).to_have_text("92 pictures")
        await page.context.set_offline(False)
        await page.keyboard.press("Enter")
        await expect(page.locator("#count")).to_have_text("22 pictures")
        await expect(page.locator("#trouble")).to_have_text("")
        await page.goto(f"{house.address}/pictures/{SWEEP}-c001")
        await page.context.set_offline(True)
        await page.get_by_role("button", name="Star", exact=False).click()
        await expect(page.locator("#mean")).to_contain_text("The wall cannot be reached")


async def test_a_value_that_cannot_be_meant_is_told_of_beside_what_hangs(house: House) -> None:
    async with house.visitor(faults=EXPECTED) as page:
        await page.goto(house.address)
        await page.get_by_text("Parameters", exact=True).click()
        await page.get_by_label("seed", exact=True).fill("first")
        await expect(page.get_by_role("alert")).to_contain_text("seed: expected a whole number")
        await page.get_by_label("seed", exact=True).fill("0-9")
        await expect(page.locator(".chip").filter(has_text="seed 0 to 9")).to_be_visible()
        await expect(page.locator("#trouble")).to_have_text("")


async def test_who_was_signed_out_elsewhere_is_led_to_sign_in_and_back(house: House) -> None:
    async with house.visitor(faults=EXPECTED) as page:
        await page.goto(f"{house.address}/pictures/{SWEEP}-c001")
        cookies = await page.context.cookies()
        elsewhere = await page.context.new_page()
        await elsewhere.goto(house.address)
        await elsewhere.get_by_role("button", name="Sign out").click()
        await expect(elsewhere.get_by_role("link", name="Sign in").first).to_be_visible()
        await page.context.add_cookies(cookies)  # as another browser has them, in which nobody signed out
        await page.get_by_role("button", name="Star", exact=False).click()
        await page.locator("#mean").get_by_role("link", name="Sign in").click()
        await page.get_by_label("Code").fill(await house.code(1))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"**/pictures/{SWEEP}-c001")


async def test_a_long_word_fits_the_narrowest_phone_and_nobody_is_left_out(house: House) -> None:
    async with house.visitor(OPERATOR, viewport={"width": 320, "height": 640}) as page:
        await page.goto(f"{house.address}/?q={'w' * 60}")
        await expect(page.locator(".chip .icon")).to_be_in_viewport(ratio=1)
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        await expect(page.locator(".signed-in")).to_be_visible()
        await page.goto(f"{house.address}/pictures/{SWEEP}-c001")
        tops = await page.locator(".rating button").evaluate_all("all => all.map(b => b.getBoundingClientRect().top)")
        assert len(tops) == 5 and len(set(tops)) == 1


async def test_a_pictures_message_is_found_in_the_sandbox_and_its_words_stay_in_their_card(chromium: Path) -> None:
    posted = []
    async with Sandbox() as sandbox, aiohttp.ClientSession() as bot:
        headers = {"Authorization": f"Bot {sandbox.token}", "User-Agent": "DiscordBot (https://example.org, 1.0)"}
        for number in range(4):
            lines = "\n".join(f"line {line} of message {number}" for line in range(100))
            embed = {"title": "w" * 200, "description": lines if number != 1 else "the picture"}
            url = f"{sandbox.api_url}/channels/{STUDIO}/messages"
            async with bot.post(url, json={"embeds": [embed]}, headers=headers) as answer:
                posted.append((await answer.json())["id"])
        shown = Exhibition().hang(channel_id=int(STUDIO), message_id=int(posted[1]))
        address = message_address(discord_pages(sandbox.api_url), shown) or ""
        async with browser_page(chromium, address, width=390, height=844) as page:
            await expect(page.get_by_text("the picture", exact=True)).to_be_in_viewport()
            card = page.locator(f'[data-message-id="{posted[1]}"] .embed')
            assert await card.evaluate("card => card.scrollWidth <= card.clientWidth")
            await page.goto(f"{sandbox.url}/?channel={STUDIO}")
            await expect(page.get_by_text("line 99 of message 3")).to_be_in_viewport()

"""A newcomer in a browser: types /sweep, uploads a file, presses Run and sees the images."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.e2e.conftest import Open

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
SWEEP = """
name: guidance against steps
base: {prompt: "a portrait of a {woman|man}"}
parameters:
  steps: {values: [2, 6]}
  guidance_scale: "2-8 (+3)"
seed: 11
"""


@asynccontextmanager
async def browser_page(chromium: Path, url: str, **viewport: int) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(chromium), args=QUIET)
        page = await browser.new_page(viewport={"width": 1280, "height": 900, **viewport})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        await page.goto(url)
        yield page
        await browser.close()
    assert faults == []


async def test_a_newcomer_uploads_a_sweep_presses_run_and_sees_the_images(
    open_console: Open, chromium: Path, tmp_path: Path
) -> None:
    file = tmp_path / "guidance.yaml"
    file.write_text(SWEEP)
    async with open_console() as atelier, browser_page(chromium, atelier.sandbox.url) as page:
        composer = page.get_by_test_id("composer")
        await composer.click()
        await page.keyboard.type("/sw")
        await page.locator('[data-testid="command"][data-command="sweep"]').click()
        await page.get_by_test_id("file-input").set_input_files(file)
        await page.keyboard.press("Enter")
        run = page.locator('[data-testid="button"][data-label^="Run"]')
        await expect(run).to_have_attribute("data-label", "Run 12 images", timeout=15_000)
        await run.click()
        images = page.get_by_test_id("attachment-image")
        await expect(images).to_have_count(13, timeout=60_000)
        for number in range(13):
            loaded = "image => image.complete && image.naturalWidth > 0"
            await images.nth(number).scroll_into_view_if_needed()
            node = await images.nth(number).element_handle()
            assert node is not None
            picture = await node.query_selector("img") or node
            await page.wait_for_function(loaded, arg=picture, timeout=10_000)
        await images.first.scroll_into_view_if_needed()
        await page.screenshot(path=tmp_path / "page.png")
        await images.first.click()
        await expect(page.get_by_test_id("lightbox")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("lightbox")).to_be_hidden()
        assert (tmp_path / "page.png").stat().st_size > 50_000


async def test_typing_offers_commands_options_and_live_choices(open_console: Open, chromium: Path) -> None:
    async with open_console() as atelier, browser_page(chromium, atelier.sandbox.url, width=390, height=844) as page:
        await page.get_by_test_id("composer").click()
        await page.keyboard.type("/")
        commands = page.get_by_test_id("command")
        await expect(commands.filter(has_text="/imagine")).to_be_visible()
        await page.keyboard.type("set")
        await page.locator('[data-testid="command"][data-command="set"]').click()
        await page.keyboard.type("guid")
        choice = page.get_by_test_id("choice").filter(has_text="guidance_scale = 8")
        await expect(choice.first).to_be_visible(timeout=10_000)
        await choice.first.click()
        await page.keyboard.type("5.5")
        await expect(page.get_by_test_id("choice").first).to_contain_text("5.5", timeout=10_000)
        await page.keyboard.press("Enter")
        await asyncio.sleep(0.3)
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("message").last).to_contain_text("guidance_scale is now 5.5", timeout=10_000)
        await expect(page.get_by_test_id("ephemeral").last).to_be_visible()


async def test_a_long_line_of_code_scrolls_within_its_card_on_a_phone(open_console: Open, chromium: Path) -> None:
    async with open_console() as atelier, browser_page(chromium, atelier.sandbox.url, width=390, height=844) as page:
        steps = page.get_by_test_id("step")
        for name in ("/sweep", "/imagine", "/faces add", "/test_face_mecene", "/detail"):
            step = steps.filter(has=page.get_by_text(name, exact=True))
            await expect(step).to_have_count(1)
            command, text = (
                await step.locator(".step-name").bounding_box(),
                await step.locator(".step-text").bounding_box(),
            )
            assert command and text and command["y"] + command["height"] <= text["y"]  # beside it there is no room
        asked = await atelier.sandbox.members["mina"].run("/help", topic="sweeps")
        await asked.reply()
        words = page.locator(".embed-words").last
        await expect(words.locator(".code-block")).to_be_visible(timeout=10_000)
        fits = "node => node.scrollWidth <= node.clientWidth + 1"
        assert await words.evaluate(fits)
        assert await page.locator(".embed").last.evaluate(fits)
        scrolls = "node => node.scrollWidth > node.clientWidth"
        assert await words.locator(".code-block").evaluate(scrolls)

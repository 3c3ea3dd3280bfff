"""Two pictures of a sweep compared in a browser: marked, zoomed, laid over each other, and where that stops."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect
from sqlalchemy import update

from bot.store.publications import told_anew
from bot.store.schema import ItemRow
from tests.e2e.gallery_house import LOOSE, House, opened
from tests.e2e.test_page import QUIET
from tests.e2e.test_wall_pages import AXE, NOT_FOUND, SWEEP
from tests.wall.gallery import VISITOR, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEN = "frames => frames.map(f => getComputedStyle(f.querySelector('img, canvas')).transform)"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(chromium), args=QUIET)
        async with opened(browser, tmp_path_factory.mktemp("comparison")) as house:
            yield house
        await browser.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
async def test_what_is_compared_and_what_moves_it_are_on_the_screen_together(
    house: House, width: int, height: int
) -> None:
    # Only for axe, which is put into the page; the other tests see that nothing breaks the policy.
    async with house.visitor(viewport={"width": width, "height": height}, bypass_csp=True) as page:
        await page.goto(f"{house.address}/jobs/{SWEEP}?rows=face_folder")
        for name in ("c001", "c021"):
            await page.get_by_label(f"Compare {SWEEP}-{name}").click()
        modes = {"Side by side": ".pair .frame", "Overlaid": "#layers, #slide", "Difference": ".minus .frame, #gain"}
        for mode, parts in modes.items():
            await page.get_by_label(mode, exact=True).check()
            for part in [*await page.locator(parts).all(), page.get_by_label("Larger")]:
                await expect(part).to_be_in_viewport(ratio=1)
            await page.evaluate(AXE)
            found = await page.evaluate("axe.run('#compare')")
            assert (len(found["passes"]) > 10, found["violations"]) == (True, [])
        assert await page.locator(".minus .frame").evaluate("frame => frame.clientHeight") >= min(width - 60, 500)


async def test_compared_pictures_show_the_same_part_however_one_zooms(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(f"{house.address}/jobs/{SWEEP}?compare={SWEEP}-c001&compare={SWEEP}-c010")

        async def seen() -> str:
            """The scale and the place of the pictures, which are all the same."""
            (found,) = set(await page.locator(".frame").evaluate_all(SEEN)) - {"none"}
            return str(found)

        async def drag(at: float, to: float) -> None:
            box = await page.locator(".frame:visible").first.bounding_box() or pytest.fail("no frame")
            await page.mouse.move(box["x"] + at * box["width"], box["y"] + box["height"] / 2)
            await page.mouse.down()
            await page.mouse.move(box["x"] + to * box["width"], box["y"] + box["height"] / 2)
            await page.mouse.up()

        await page.get_by_label("Larger").click()
        await page.get_by_label("Larger").press("Enter")
        await expect(page.locator("#zoom")).to_have_text("225 %")
        views = [await seen()]
        await drag(0.3, 0.6)
        views.append(await seen())
        await page.locator("#lens").focus()
        for key in ("ArrowDown", "ArrowRight", "-"):
            await page.keyboard.press(key)
            views.append(await seen())
        await page.mouse.move(500, 500)
        await page.keyboard.down("Control")
        await page.mouse.wheel(0, -100)
        await page.keyboard.up("Control")
        await expect(page.locator("#zoom")).not_to_have_text("150 %")
        views.append(await seen())
        assert len(set(views)) == len(views)
        await page.get_by_label("Overlaid").check()
        await drag(0.9, 0.7)
        await expect(page.locator("#slide")).to_have_value("50")
        assert await seen() != views[-1]
        view = await seen()
        await drag(0.5, 0.3)
        await expect(page.locator("#slide")).to_have_value("30")
        assert await seen() == view
        await page.locator("#slide").press("ArrowRight")
        await expect(page.locator("#slide")).to_have_value("31")
        await page.locator("#lens").press("0")
        await expect(page.locator("#zoom")).to_have_text("100 %")
        await drag(0.9, 0.8)
        await expect(page.locator("#slide")).to_have_value("80")


async def test_a_third_mark_takes_the_place_of_the_oldest_one_wherever_that_lies(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(f"{house.address}/jobs/{SWEEP}")
        compared = page.locator("#compared")
        await page.get_by_label(f"Compare {SWEEP}-c003").click()
        await page.get_by_label(f"Compare {SWEEP}-c001").click()
        await expect(compared).to_have_text(f"{SWEEP}-c003 and {SWEEP}-c001")
        await page.get_by_label("Overlaid").check()
        await page.get_by_label("Larger").click()
        await page.get_by_label(f"Compare {SWEEP}-c002").click()
        await expect(compared).to_have_text(f"{SWEEP}-c001 and {SWEEP}-c002")
        await expect(page.get_by_label("Overlaid")).to_be_checked()
        await expect(page.locator("#zoom")).to_have_text("150 %")
        await page.get_by_label("face_folder").select_option("1")
        await page.get_by_label(f"Compare {SWEEP}-c010").click()
        await expect(compared).to_have_text(f"{SWEEP}-c002 and {SWEEP}-c010")
        await page.get_by_role("link", name="Stop comparing").click()
        await expect(page.locator("#grid :checked")).to_have_count(0)


async def test_without_a_connection_the_grid_stays_and_says_so(house: House) -> None:
    async with house.visitor(faults=["Failed to load resource: net::ERR_INTERNET_DISCONNECTED", NOT_FOUND]) as page:
        address = f"{house.address}/jobs/{SWEEP}"
        await page.goto(address)
        await page.context.set_offline(True)
        await page.get_by_label("Rows").select_option("face_folder")
        await expect(page.locator("#picked")).to_contain_text("The wall cannot be reached.")
        await expect(page.get_by_label("Rows")).to_have_value("guidance_scale")
        assert page.url == address
        await page.context.set_offline(False)
        await page.get_by_label("Rows").select_option("face_folder")
        await expect(page.locator("#grid tbody th")).to_have_text(["bruno", "cleo", "olga"])
        await page.context.clear_cookies()
        await page.get_by_label("Rows").select_option("guidance_scale")
        await page.get_by_role("main").get_by_role("link", name="sign in").click()
        await expect(page.get_by_label("Code")).to_be_visible()


async def test_the_corner_of_a_narrow_grid_breaks_between_words(house: House) -> None:
    async with house.visitor(viewport={"width": 390, "height": 844}) as page:
        await page.goto(f"{house.address}/jobs/{SWEEP}")
        lines = """span => {
          const range = document.createRange();
          const tops = new Map();
          for (const node of [...span.childNodes].filter(each => each.data)) {
            for (let at = 0; at < node.data.length; at += 1) {
              range.setStart(node, at);
              range.setEnd(node, at + 1);
              const top = Math.round(range.getBoundingClientRect().top);
              tops.set(top, (tops.get(top) ?? "") + node.data[at]);
            }
          }
          return [...tops.values()];
        }"""
        found = await page.locator(".corner span").evaluate_all(f"spans => spans.map({lines})")
        assert found == [["guidance_", "scale\u00a0↓"], ["weight\u00a0→"]]


async def test_a_spoiler_is_compared_under_its_lid_until_somebody_lifts_it(house: House) -> None:
    spoiled = update(ItemRow).where(ItemRow.job_id == LOOSE + 1, ItemRow.number == 10)
    async with house.studio.sessions.begin() as session:
        await session.execute(spoiled.values(spoiler=True))
        await told_anew(session, LOOSE + 1)
    house.wall.touch()
    await until(lambda: any(each.spoiler for each in house.wall.of_job(VISITOR, SWEEP)))
    async with house.visitor() as page:
        await page.goto(f"{house.address}/jobs/{SWEEP}?compare={SWEEP}-c001&compare={SWEEP}-c010")
        await expect(page.get_by_label("Overlaid")).to_be_disabled()
        await page.get_by_text("Spoiler: show").click()
        await page.get_by_label("Overlaid").check()
        await expect(page.locator("#layers")).to_be_visible()

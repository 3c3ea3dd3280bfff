"""The wall in a browser, with the real parts: signed in by a code, on a desk, on a phone, and without script."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import axe_playwright_python
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from sweeps.expand import expand
from sweeps.parse import parse
from tests.e2e.gallery_house import LOOSE, OPERATOR, House, opened
from tests.e2e.test_page import QUIET

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
SWEEP = f"S{LOOSE + 1}"
PATHS = [
    "/",
    "/?q=rain&steps=20",
    "/?q=nowhere",
    f"/pictures/{SWEEP}-c014",
    "/pictures/I66-c001",
    f"/jobs/{SWEEP}",
    f"/jobs/{SWEEP}?compare={SWEEP}-c001&compare={SWEEP}-c002",
    "/people/cleo",
    "/moderation",
    "/link",
]
NOT_FOUND = "Failed to load resource: the server responded with a status of 404"
LOADED = "[...document.querySelectorAll('img')].every(image => image.loading === 'lazy' || image.naturalWidth > 0)"
BLUR = "image => getComputedStyle(image).filter"


@asynccontextmanager
async def _browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(chromium), args=QUIET)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with _browser(chromium) as browser, opened(browser, tmp_path_factory.mktemp("wall")) as house:
        yield house


async def names(page: Page) -> list[str]:
    found: list[str] = await page.locator("#masonry .card").evaluate_all("cards => cards.map(c => c.dataset.name)")
    return found


async def test_who_has_not_signed_in_sees_no_picture_and_how_to_get_in(house: House) -> None:
    async with house.visitor(None) as page:
        await page.goto(house.address)
        await expect(page.locator(".card")).to_have_count(0)
        await expect(page.get_by_role("heading", name="Nothing to see yet")).to_be_visible()
        await page.get_by_role("main").get_by_role("link", name="Sign in").click()
        await page.get_by_label("Code").fill(await house.code(1))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator(".card").first).to_be_visible()
        await expect(page.get_by_role("banner")).to_contain_text("Mina")


async def test_the_wall_hangs_without_a_jump_and_goes_on_as_one_comes_near_its_end(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(house.address)
        await page.wait_for_load_state("networkidle")
        shift = "new Promise(done => new PerformanceObserver(list => done(list.getEntries().reduce((sum, each) =>"
        shift += " sum + each.value, 0))).observe({type: 'layout-shift', buffered: true}) || setTimeout(done, 300, 0))"
        assert await page.evaluate(shift) < 0.1
        assert await page.evaluate(LOADED)
        await expect(page.locator("#count")).to_have_text("92 pictures")
        await expect(page.locator("#masonry .card")).to_have_count(60)
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(page.locator("#masonry .card")).to_have_count(92)
        assert len(set(await names(page))) == 92
        await expect(page.locator("#more")).to_have_count(0)
        # No card lies on another one.
        boxes = await page.locator("#masonry .card").evaluate_all(
            "cards => cards.map(c => c.getBoundingClientRect()).map(b => [b.x, b.y, b.right, b.bottom])"
        )
        for at, (left, top, right, bottom) in enumerate(boxes):
            for x, y, other_right, other_bottom in boxes[at + 1 :]:
                assert not (left < other_right - 1 and x < right - 1 and top < other_bottom - 1 and y < bottom - 1)


async def test_the_way_back_leads_to_where_one_was(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(house.address)
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await expect(page.locator("#masonry .card")).to_have_count(92)
        for leave in (page.go_back, lambda: page.keyboard.press("Escape")):
            await page.locator("#masonry .card").nth(80).scroll_into_view_if_needed()
            link = page.locator("#masonry .card").nth(80).locator("a")
            await expect(link).to_be_in_viewport()
            before = await page.evaluate("scrollY")
            assert before > 1500
            await link.click()
            await page.wait_for_url("**/pictures/*")
            await leave()
            await page.wait_for_url(f"{house.address}/")
            await expect(page.locator("#masonry .card")).to_have_count(92)
            await expect(link).to_be_in_viewport()
        await expect(link).to_be_focused()


async def test_filters_live_in_the_address_and_the_way_back_works(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(house.address)
        await page.get_by_label("Person").select_option("cleo")
        await expect(page.locator("#count")).to_have_text("31 pictures")
        assert page.url == f"{house.address}/?person=cleo"
        await page.get_by_label("Search the prompts").press_sequentially("hat")
        await expect(page.locator("#count")).to_have_text("22 pictures")
        assert page.url == f"{house.address}/?q=hat&person=cleo"
        await page.get_by_text("Parameters", exact=True).click()
        await page.get_by_label("steps", exact=True).select_option("10")
        await expect(page.locator("#count")).to_have_text("11 pictures")
        seen = await names(page)
        await page.get_by_role("link", name="“hat”").click()
        await expect(page.locator("#count")).to_have_text("11 pictures")
        assert "q=" not in page.url
        await page.go_back()
        await expect(page.get_by_label("Search the prompts")).to_have_value("hat")
        await page.go_back()
        await expect(page.locator("#count")).to_have_text("22 pictures")
        await expect(page.get_by_label("steps", exact=True)).to_have_value("")
        await page.goto(f"{house.address}/?q=hat&person=cleo&steps=10")
        assert await names(page) == seen
        await page.goto(f"{house.address}/?q=nowhere")
        await expect(page.get_by_role("heading", name="No picture fits that")).to_be_visible()
        await page.get_by_role("link", name="Show all pictures").click()
        await expect(page.locator("#count")).to_have_text("92 pictures")


async def test_a_picture_is_starred_rated_copied_and_left_with_the_keys(house: House) -> None:
    permitted = ["clipboard-read", "clipboard-write"]
    async with house.visitor(permissions=permitted) as page:
        await page.goto(f"{house.address}/?person=cleo")
        await page.wait_for_load_state("networkidle")
        first, second, third = (await names(page))[:3]
        await page.locator(f'[data-name="{second}"] a').click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(second)
        await page.get_by_role("button", name="Star", exact=False).click()
        await expect(page.locator("#star")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("#stars")).to_have_text("1")
        await page.get_by_role("button", name="Rate 4 of 5").click()
        await expect(page.locator("#mean")).to_have_text("4.0 of 5, rated by 1 member")
        await page.reload()
        await expect(page.get_by_role("button", name="Rate 4 of 5")).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name="Rate 4 of 5").click()
        await expect(page.locator("#mean")).to_have_text("Not rated yet")
        await page.get_by_role("button", name="Copy as YAML").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
        (recipe,) = expand(parse(copied)).recipes
        shown = next(each for each in await house.studio.publications.changed() if each.name == second)
        assert recipe == shown.recipe
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("heading", level=1)).to_have_text(third)
        await page.keyboard.press("ArrowLeft")
        await page.wait_for_url(f"**/pictures/{second}")
        await page.keyboard.press("ArrowLeft")
        await expect(page.get_by_role("heading", level=1)).to_have_text(first)
        await page.get_by_role("link", name="the wall").click()
        assert page.url == f"{house.address}/?person=cleo"


async def test_a_picture_is_enlarged_and_closed_with_the_keys(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(f"{house.address}/pictures/{SWEEP}-c014")
        await page.locator("#enlarge").focus()
        await page.keyboard.press("Enter")
        image = page.locator("dialog img")
        await expect(image).to_be_visible()
        fitting = await image.evaluate("image => image.clientHeight")
        assert 600 < fitting <= 900
        await page.keyboard.press("+")
        assert await image.evaluate("image => image.clientHeight") > fitting * 1.4
        await page.keyboard.press("0")
        assert await image.evaluate("image => image.clientHeight") == fitting
        await page.keyboard.press("Escape")
        await expect(image).to_be_hidden()
        await expect(page.locator("#enlarge")).to_be_focused()


async def test_a_spoiler_is_seen_only_when_somebody_lifts_the_lid(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(f"{house.address}/?person=olga")
        card = page.locator('[data-name="I66-c001"]')
        assert "blur" in await card.locator("img").evaluate(BLUR)
        await card.get_by_text("Spoiler: show").click()
        assert page.url.endswith("/?person=olga")
        assert await card.locator("img").evaluate(BLUR) == "none"
        await card.get_by_text("Hide again").click()
        assert "blur" in await card.locator("img").evaluate(BLUR)


async def test_the_grid_turns_compares_and_moves_with_the_keys(house: House) -> None:
    async with house.visitor() as page:
        await page.goto(f"{house.address}/jobs/{SWEEP}")
        grid = page.locator("#grid")
        await expect(grid.locator("tbody tr")).to_have_count(3)
        await expect(grid.locator("[data-cell]")).to_have_count(8)  # one picture is withheld
        await page.get_by_label("Columns").select_option("face_folder")
        await expect(grid.locator("thead th")).to_have_text(["bruno", "cleo", "olga"])
        await page.get_by_label("Rows").select_option("face_folder")
        await expect(grid.locator("thead th")).to_have_text(["2", "4", "6"])
        await expect(grid.locator("tbody th")).to_have_text(["bruno", "cleo", "olga"])
        await page.get_by_label("weight").select_option("2")
        await expect(grid.locator("[data-cell]").first).to_have_attribute("href", f"/pictures/{SWEEP}-c003")
        await page.go_back()
        await expect(grid.locator("[data-cell]").first).to_have_attribute("href", f"/pictures/{SWEEP}-c001")
        size = page.get_by_label("Size")
        before = await grid.evaluate("grid => grid.clientWidth")
        await size.fill("320")
        assert await grid.evaluate("grid => grid.clientWidth") > before + 300
        await grid.locator("[data-cell]").first.focus()
        await page.keyboard.press("c")
        await expect(page.locator("#picked")).to_contain_text(f"{SWEEP}-c001 is marked")
        for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
            await page.keyboard.press(key)
        await page.keyboard.press("c")
        await expect(page.get_by_role("heading", name=f"{SWEEP}-c001 and {SWEEP}-c016")).to_be_visible()
        rows = page.locator(".differences tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(0)).to_contain_text("guidance_scale")
        await expect(rows.nth(1)).to_contain_text("face_folder")
        await page.get_by_label("Difference", exact=True).check()
        await expect(page.locator("#difference")).to_contain_text("of the pixels differ visibly")
        drawn = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
        assert await page.locator("#canvas").evaluate(drawn) > 10
        await page.get_by_label("Overlaid").check()
        await page.locator("#slide").fill("80")
        cut = await page.locator(".layer").nth(1).evaluate("layer => getComputedStyle(layer).clipPath")
        assert "80%" in cut
        await page.get_by_role("link", name="Stop comparing").click()
        await expect(page.locator("#compare")).to_have_count(0)
        await page.locator(f'[href="/pictures/{SWEEP}-c016"]').click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"{SWEEP}-c016")


async def test_everything_but_the_comfort_works_without_script(house: House) -> None:
    async with house.visitor(java_script_enabled=False) as page:
        await page.goto(f"{house.address}/?person=cleo")
        await page.get_by_label("Search the prompts").fill("hat")
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator("#count")).to_have_text("22 pictures")
        assert page.url == f"{house.address}/?q=hat&person=cleo"
        await page.get_by_label("Rating at least").select_option("5")
        await page.get_by_role("button", name="Show", exact=True).click()
        await expect(page.locator("#count")).to_have_text("0 pictures")
        await page.goto(house.address)
        await page.get_by_role("link", name="More", exact=True).click()
        await expect(page.locator(".card")).to_have_count(32)
        await page.goto(f"{house.address}/pictures/{SWEEP}-c002")
        await page.get_by_role("button", name="Rate 5 of 5").click()
        await page.wait_for_url(f"**/pictures/{SWEEP}-c002")
        await expect(page.get_by_role("button", name="Rate 5 of 5")).to_have_attribute("aria-pressed", "true")
        await page.goto(f"{house.address}/jobs/{SWEEP}")
        await page.get_by_label("Rows").select_option("face_folder")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#grid tbody th")).to_have_text(["bruno", "cleo", "olga"])
        for name in ("c001", "c010"):
            await page.get_by_label(f"Compare {SWEEP}-{name}").check(force=True)
        await page.get_by_role("button", name="Compare the two").click()
        await expect(page.locator(".pair img")).to_have_count(2)


@pytest.mark.parametrize(("scheme", "width", "height"), [("dark", 1280, 900), ("light", 390, 844)])
async def test_every_page_fits_its_screen_and_axe_finds_nothing_serious(
    house: House, scheme: str, width: int, height: int, tmp_path: Path
) -> None:
    faults = [NOT_FOUND]
    viewport = {"width": width, "height": height}
    # Only for axe, which is put into the page; the other tests see that nothing breaks the policy.
    async with house.visitor(OPERATOR, faults, viewport=viewport, color_scheme=scheme, bypass_csp=True) as page:
        for number, path in enumerate([*PATHS, "/pictures/nope"]):
            await page.goto(house.address + path)
            await page.wait_for_load_state("networkidle")
            await page.screenshot(path=tmp_path / f"{number}.png")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            await page.evaluate(AXE)
            found = await page.evaluate("axe.run()")
            assert len(found["passes"]) > 10
            serious = [
                (each["id"], [node["html"][:200] for node in each["nodes"]])
                for each in found["violations"]
                if each["impact"] in ("serious", "critical")
            ]
            assert serious == [], path


async def test_axe_would_notice(house: House) -> None:
    async with house.visitor(bypass_csp=True) as page:
        await page.goto(house.address)
        await page.evaluate("document.querySelector('.card img').removeAttribute('alt')")
        await page.evaluate(AXE)
        found = await page.evaluate("axe.run()")
        assert "image-alt" in [each["id"] for each in found["violations"]]


async def test_an_operator_releases_hides_and_deletes(house: House) -> None:
    async with house.visitor(OPERATOR, [NOT_FOUND]) as page, house.visitor(faults=[NOT_FOUND]) as member:
        await page.goto(f"{house.address}/moderation")
        await expect(page.get_by_role("heading", name="The picture shows “a tie” 93 % sure")).to_be_visible()
        withheld = page.locator(".incident img")
        await withheld.scroll_into_view_if_needed()
        await page.wait_for_function("image => image.naturalWidth > 0", arg=await withheld.element_handle())
        assert "blur" in await withheld.evaluate(BLUR)
        await page.get_by_text("Withheld: show").click()
        assert await withheld.evaluate(BLUR) == "none"
        await page.get_by_role("button", name="Release").click()
        await expect(page.get_by_text("Nothing waits for you")).to_be_visible()
        done = page.get_by_role("status")
        await expect(done).to_have_text(f"{SWEEP}-c005 is released; it goes to its channel, at no cost to Mina.")
        await expect(done).to_be_focused()
        picture = f"{house.address}/pictures/{SWEEP}-c027"
        await page.goto(picture)
        await page.get_by_role("button", name="Hide it").click()
        await expect(page.get_by_text("only operators see it")).to_be_visible()
        assert ((await member.goto(picture)) or pytest.fail("no answer")).status == 404
        await page.goto(f"{house.address}/moderation")
        await expect(page.locator(f'[data-name="{SWEEP}-c027"]')).to_be_visible()
        await page.goto(picture)
        await page.get_by_role("button", name="Show it again").click()
        await expect(page.get_by_role("button", name="Hide it")).to_be_visible()
        await page.get_by_text("Delete …").click()
        await page.get_by_role("button", name=f"Delete {SWEEP}-c027 for good").click()
        await expect(page.get_by_role("heading", name=f"{SWEEP}-c027 is deleted")).to_be_visible()
        await expect(page.locator(".receipt li").first).to_have_text("1 picture deleted from the records.")
        receipt = page.url
        await page.reload()
        await expect(page.get_by_role("heading", name=f"{SWEEP}-c027 is deleted")).to_be_visible()
        assert page.url == receipt
        await page.get_by_role("link", name=f"Back to {SWEEP}").click()
        await page.wait_for_url(f"**/jobs/{SWEEP}")
        assert ((await page.goto(picture)) or pytest.fail("no answer")).status == 404
        assert len(await house.studio.publications.changed()) == 91

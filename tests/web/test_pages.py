"""The pages as the server draws them: what they show, to whom, and that what people write stays text."""

import html
import re
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient

from bot.domain.job import Layout
from bot.domain.wall import Choices, Mark, Provenance, Visitor
from tests.web.exhibition import (
    ELSEWHERE,
    LOOKING,
    MINA,
    NOBODY,
    OLGA,
    OPERATING,
    PAGE,
    TOKEN,
    Exhibition,
    drawn,
    grid,
    recipe,
    visiting,
)

THEO = Visitor(12, "Theo", LOOKING.guilds)
NASTY = '<script>alert(1)</script> " onload="x {{ 7*7 }}'


async def page(client: TestClient, path: str, status: int = 200) -> str:  # type: ignore[type-arg]
    answer = await client.get(path, headers=PAGE)
    assert answer.status == status
    assert answer.content_type == "text/html"
    return await answer.text()


def names(text: str) -> list[str]:
    """The pictures on a page of the wall, in order."""
    return re.findall(r'data-name="([^"]+)"', text)


async def test_the_wall_shows_pictures_with_their_size_and_what_they_show() -> None:
    shown = Exhibition()
    shown.hang(drawn(1, (64, 48)), settings={"prompt": "a red hat"})
    async with visiting(shown) as client:
        text = await page(client, "/")
    assert names(text) == ["S1-c001"]
    assert 'width="64" height="48" alt="a red hat"' in text
    assert ">1 picture<" in text
    assert "Our wall" in text


async def test_the_wall_begins_with_sixty_and_leads_on_to_the_rest() -> None:
    shown = Exhibition()
    for _ in range(130):
        shown.hang(drawn(0))
    async with visiting(shown) as client:
        seen, path = [], "/"
        while path:
            text = await page(client, path)
            seen += [names(text)]
            (more,) = re.findall(r'id="more" href="([^"]+)"', text) or [""]
            path = html.unescape(f"/{more}") if more else ""
    assert [len(part) for part in seen] == [60, 60, 10]
    assert len({name for part in seen for name in part}) == 130


async def test_the_filters_of_the_address_are_set_and_can_be_taken_away() -> None:
    shown = Exhibition()
    shown.seat("mina", "Mina M.", drawn(9))
    shown.hang(settings={"steps": 10, "face_folder": "mina"})
    shown.hang(settings={"steps": 30})
    async with visiting(shown) as client:
        text = await page(client, "/?person=mina&steps=10&order=best")
        assert names(text) == ["S1-c001"]
        assert '<option value="mina" selected>' in text
        assert '<option value="10" selected>' in text
        assert 'href="/?steps=10&amp;order=best"' in text
        nothing = await page(client, "/?q=nowhere")
        assert "No picture fits that" in nothing
        assert "“nowhere”" in nothing


async def test_own_stars_are_a_filter() -> None:
    shown = Exhibition()
    shown.hang()
    shown.hang()
    await shown.star(1, 1, MINA.id, True)
    await shown.star(1, 0, OLGA.id, True)
    async with visiting(shown) as client:
        assert names(await page(client, "/?starred=1")) == ["S1-c002"]


@pytest.mark.parametrize(
    ("visitor", "told"), [(NOBODY, "/link?next="), (LOOKING, "/wall publish"), (ELSEWHERE, "/wall publish")]
)
async def test_an_empty_wall_says_what_to_do(visitor: Visitor, told: str) -> None:
    shown = Exhibition()
    if visitor is not LOOKING:
        shown.hang()
    async with visiting(shown, visitor) as client:
        text = await page(client, "/")
        assert names(text) == []
        assert told in text


async def test_an_empty_wall_offers_nothing_to_seek_in_and_asks_nobody_to_sign_in_where_everybody_may_look() -> None:
    async with visiting(Exhibition(for_everyone=True), NOBODY) as client:
        text = await page(client, "/")
    assert "/wall publish" in text
    assert "Members see" not in text
    assert 'id="seek"' not in text
    assert "0 pictures" not in text


async def test_a_job_of_a_sweep_leads_to_its_grid_from_the_wall_and_from_a_picture() -> None:
    shown = Exhibition()
    list(grid(shown))
    shown.hang(job=2)
    async with visiting(shown) as client:
        assert re.search(r'href="/jobs/S1">.*See S1 as a grid', await page(client, "/?job=S1"))
        assert "as a grid" not in await page(client, "/")
        assert re.search(r'href="/jobs/S1">.*All of S1 as a grid', await page(client, "/pictures/S1-c001"))
        assert "as a grid" not in await page(client, "/pictures/S2-c001")


async def test_a_hidden_picture_is_marked_on_the_wall_in_its_grid_and_on_its_page() -> None:
    shown = Exhibition()
    list(grid(shown))
    marks = {
        "/": '<span class="badge">hidden',
        "/jobs/S1": '<span class="badge">hidden',
        "/pictures/S1-c001": "Hidden.",
    }
    async with visiting(shown, OPERATING) as client:
        for path, mark in marks.items():
            assert mark not in await page(client, path)
        await shown.hide(OLGA, 1, 0, True)
        for path, mark in marks.items():
            assert (await page(client, path)).count(mark) == 1


async def test_a_grid_explains_its_blanks_where_it_has_some() -> None:
    shown = Exhibition()
    pictures = list(grid(shown))
    async with visiting(shown) as client:
        assert "swatch" not in await page(client, "/jobs/S1")
        del shown.pictures[pictures[1].name]
        assert re.search(r'"swatch"></span>not on the wall', await page(client, "/jobs/S1"))


async def test_many_values_of_a_parameter_are_typed_rather_than_listed() -> None:
    shown = Exhibition()
    for seed in range(90):
        shown.hang(drawn(0), settings={"seed": seed})
    async with visiting(shown) as client:
        text = await page(client, "/?seed=7")
    assert '<input type="text" name="seed" value="7"' in text


async def test_what_a_form_without_script_leaves_empty_does_not_stay_in_the_address() -> None:
    async with visiting(Exhibition()) as client:
        answer = await client.get(
            "/?q=hat&person=&job=&steps=10.0&starred=&order=", headers=PAGE, allow_redirects=False
        )
        assert (answer.status, answer.headers["Location"]) == (303, "/?q=hat&steps=10")
        nothing = await client.get("/?q=&person=", headers=PAGE, allow_redirects=False)
        assert nothing.headers["Location"] == "/"
        assert 'role="alert"' in await page(client, "/?q=hat&steps=10")


async def test_a_value_that_a_parameter_cannot_have_is_a_sentence() -> None:
    async with visiting(Exhibition()) as client:
        text = await page(client, "/?steps=abc", 400)
    assert "<p data-sentence>steps: expected a whole number from 1 to 150" in text


async def test_a_picture_shows_its_whole_recipe_and_where_it_came_from() -> None:
    shown = Exhibition()
    shown.hang(settings={"steps": 12, "prompt": "a woman in the rain"}, owner=OLGA)
    async with visiting(shown) as client:
        text = await page(client, "/pictures/S1-c001")
    assert "a woman in the rain" in text
    assert re.search(r'<tr class=changed>\s*<th[^>]*>steps</th>\s*<td><span class="value">12</span>.*default 20', text)
    assert "/params use image: S1-c001" in text
    assert 'href="https://discord.com/channels/7/10/11"' in text
    assert 'href="https://discord.com/channels/7/10" rel="noopener noreferrer">its channel in Discord</a>' in text
    assert "name: &#34;S1-c001&#34;" in text
    assert "This file is not signed" in text
    assert re.search(r'href="/media/[0-9a-f]{64}.png" download="S1-c001.png"', text)


async def test_a_signed_picture_says_what_its_manifest_says() -> None:
    facts = (("Made by", "a trained model"), ("Created", "2026-11-26T03:10:41Z"), ("Certificate number", "20261126"))
    shown = Exhibition(signed=Provenance(True, "Our signer", "2026-11-26T05:11:00+02:00", facts))
    shown.hang()
    async with visiting(shown) as client:
        text = await page(client, "/pictures/S1-c001")
        assert "Signed, and unchanged since" in text
        assert "Our signer" in text
        assert "a trained model" in text
        assert re.findall(r"<dd>([^<]*2026[^<]*)</dd>", text) == [
            "26 November 2026, 03:11 UTC",
            "26 November 2026, 03:10 UTC",
            "20261126",
        ]
        shown.signed = replace(shown.signed or Provenance(False, "", "", ()), valid=False)
        assert "does not fit the file" in await page(client, "/pictures/S1-c001")


async def test_a_picture_knows_its_neighbours_and_what_comes_before_and_after() -> None:
    shown = Exhibition()
    list(grid(shown, 3, 3))
    async with visiting(shown) as client:
        text = await page(client, "/pictures/S1-c005")
    assert 'rel="prev" href="/pictures/S1-c004"' in text
    assert 'rel="next" href="/pictures/S1-c006"' in text
    beside = re.findall(r'class="step-side" href="/pictures/([^"]+)"', text)
    assert beside == ["S1-c002", "S1-c008", "S1-c004", "S1-c006"]


async def test_a_member_sees_their_own_marks_and_a_stranger_none_to_give() -> None:
    shown = Exhibition()
    shown.hang()
    shown.given[1, 0, MINA.id] = Mark(True, 4)
    async with visiting(shown) as client:
        text = await page(client, "/pictures/S1-c001")
        assert 'name="starred" value="0" aria-pressed="true"' in text
        assert re.search(r'value="" data-value="4" aria-pressed="true"', text)
        assert f'name="token" value="{TOKEN}"' in text
    async with visiting(shown, replace(LOOKING, member_id=None)) as client:
        text = await page(client, "/pictures/S1-c001")
        assert 'name="starred"' not in text
        assert "/link?next=/pictures/S1-c001" in text


async def test_a_spoiler_is_covered_wherever_it_hangs_and_its_words_too() -> None:
    shown = Exhibition()
    pictures = list(grid(shown))
    for picture in pictures:
        shown.pictures[picture.name] = replace(picture, spoiler=True)
    async with visiting(shown) as client:
        wall = await page(client, "/")
        assert wall.count('class="card covered"') == len(pictures)
        assert 'alt="a portrait of a woman"' not in wall
        assert (await page(client, "/jobs/S1")).count('class="cell covered"') == len(pictures)
        assert 'class="large covered"' in await page(client, "/pictures/S1-c001")


@pytest.mark.parametrize(("visitor", "reads"), [(THEO, False), (LOOKING, True), (OPERATING, True)])
async def test_of_what_is_behind_a_spoiler_only_the_owner_and_operators_read_the_title(
    visitor: Visitor, reads: bool
) -> None:
    shown = Exhibition()
    gory, layout = "a duel, much gore", Layout((("seed", ("0", "1")),), None, "seed")
    for seed in range(2):
        shown.hang(title=gory, settings={"prompt": gory, "seed": seed}, spoiler=True, layout=layout, at={"seed": seed})
    async with visiting(shown, visitor) as client:
        job, picture = await page(client, "/jobs/S1"), await page(client, "/pictures/S1-c001")
        of_api = await (await client.get("/api/pictures/S1-c001")).json()
        listed = await (await client.get("/api/wall")).json()
    header = picture[picture.index("<header>") : picture.index("</header>", picture.index("<header>"))]
    assert ("much gore" in job, "much gore" in header) == (reads, reads)
    told, file = picture[picture.index('id="recipe"') :], picture[picture.index('id="yaml"') :]
    assert ("much gore" in told, "much gore" in file, "steps: " in file) == (reads, reads, True)
    assert {each["recipe"].get("prompt") for each in (of_api, *listed["pictures"])} == {gory if reads else None}
    assert of_api["recipe"]["steps"] and of_api["recipe"]["negative_prompt"] is not None
    assert {of_api["title"], *(each["title"] for each in listed["pictures"])} == {gory if reads else ""}
    shown.pictures["S1-c002"] = replace(shown.pictures["S1-c002"], spoiler=False)
    async with visiting(shown, visitor) as client:  # it stands at an open picture
        assert "much gore" in await page(client, "/jobs/S1")
    other = recipe(prompt="a tea party", seed=0)
    shown.pictures["S1-c002"] = replace(shown.pictures["S1-c002"], title="", recipe=other)
    async with visiting(shown, visitor) as client:
        compared = await page(client, "/jobs/S1?compare=S1-c001&compare=S1-c002")
        differing = compared.partition('class="differences"')[2]
        assert ("much gore" in compared, ">prompt<" in differing) == (reads, reads)
        assert ("as far as they are told" in compared) != reads  # they differ in it alone


@pytest.mark.parametrize("axis", ["prompt", "prompt+steps", "idea"])
@pytest.mark.parametrize(("visitor", "reads"), [(THEO, False), (LOOKING, True), (OPERATING, True)])
async def test_a_grid_is_not_labelled_with_what_stays_behind_a_spoiler(
    visitor: Visitor, reads: bool, axis: str
) -> None:
    shown, prompts = Exhibition(), ("a duel, much gore", "a tea party")
    layout = Layout(((axis, prompts), ("seed", ("seed one", "seed two"))), axis, "seed")
    for place in range(4):
        at = {axis: place // 2, "seed": place % 2}
        shown.hang(settings={"prompt": prompts[place // 2]}, spoiler=place < 2, layout=layout, at=at)
    async with visiting(shown, visitor) as client:
        for path in ("/jobs/S1", "/jobs/S1?rows=-", "/pictures/S1-c001", "/pictures/S1-c003"):
            text = await page(client, path)
            assert ("much gore" in text, "seed one" in text) == (reads, True)


@pytest.mark.parametrize("path", ["/pictures/S1-c001", "/jobs/S1", "/people/mina", "/pictures/nope", "/people/nope"])
@pytest.mark.parametrize("visitor", [NOBODY, ELSEWHERE])
async def test_what_somebody_may_not_see_is_as_if_it_were_not_there(path: str, visitor: Visitor) -> None:
    shown = Exhibition()
    shown.hang()
    async with visiting(shown, visitor) as client:
        text = await page(client, path, 404)
        assert "or nothing that you may see" in text or "or none that you may see" in text or "or nobody whom" in text


async def test_a_person_who_is_not_on_the_wall_takes_their_pictures_with_them() -> None:
    shown = Exhibition()
    shown.seat("mina", "Mina M.", drawn(1))
    shown.hang(settings={"face_folder": "mina"})
    async with visiting(shown) as client:
        assert "1 picture with Mina M." in await page(client, "/people/mina")
        shown.sitters.clear()
        await page(client, "/people/mina", 404)
        await page(client, "/pictures/S1-c001", 404)


async def test_a_hidden_picture_is_there_for_operators_and_says_so() -> None:
    shown = Exhibition()
    shown.hang(hidden=True)
    async with visiting(shown) as client:
        await page(client, "/pictures/S1-c001", 404)
        assert names(await page(client, "/")) == []
    async with visiting(shown, OPERATING) as client:
        text = await page(client, "/pictures/S1-c001")
        assert "only operators see it" in text
        assert "Show it again" in text


async def test_only_operators_find_what_operators_do() -> None:
    shown = Exhibition()
    shown.hang()
    async with visiting(shown) as client:
        text = await page(client, "/pictures/S1-c001")
        assert "/delete" not in text
        assert "/moderation" not in text


async def test_the_grid_compares_two_of_its_pictures() -> None:
    shown = Exhibition()
    list(grid(shown))
    async with visiting(shown) as client:
        text = await page(client, "/jobs/S1?compare=S1-c001&compare=S1-c006")
    assert "S1-c001 and S1-c006" in text
    rows = re.findall(r'<th scope="row">(\w+)</th><td>([^<]+)</td><td>([^<]+)</td>', text)
    assert rows == [("steps", "10", "30"), ("guidance_scale", "4", "5")]


async def test_a_job_without_axes_hangs_as_it_is() -> None:
    shown = Exhibition()
    shown.hang()
    shown.hang()
    async with visiting(shown) as client:
        text = await page(client, "/jobs/S1")
    assert names(text) == ["S1-c001", "S1-c002"]
    assert "<table" not in text


async def test_what_people_write_is_text_on_every_page() -> None:
    shown = Exhibition()
    shown.seat("mina", NASTY, drawn(1))
    pictures = list(grid(shown))
    for picture in pictures:
        named = replace(picture.owner, name=NASTY)
        shown.pictures[picture.name] = replace(
            picture, title=NASTY, owner=named, recipe=replace(picture.recipe, prompt=NASTY, negative_prompt=NASTY)
        )
    async with visiting(shown, replace(OPERATING, name=NASTY)) as client:
        for path in ("/", f"/?q={NASTY.split()[0]}", "/pictures/S1-c001", "/jobs/S1", "/people/mina", "/moderation"):
            text = await page(client, path)
            assert "<script>alert" not in text, path
            assert '" onload="x' not in text, path
            assert "49" not in re.sub(r"[0-9a-f]{12,}", "", text).split("onload")[0], path


async def test_a_name_that_is_no_plain_word_has_an_address_all_the_same() -> None:
    shown = Exhibition()
    shown.seat("Zoë & Co?", "Zoë", drawn(1))
    async with visiting(shown) as client:
        (link,) = re.findall(r'class="sitter" href="([^"]+)"', await page(client, "/"))
        assert "<h1" in await page(client, html.unescape(link))


async def test_the_page_of_a_wall_with_very_many_jobs_is_no_longer_than_that_of_one_with_some() -> None:
    sizes = []
    for count in (200, 4000):
        shown = Exhibition()
        first = shown.hang()
        made = [(f"S{n}", "a portrait of somebody in a long coat by the sea at night", 1) for n in range(count)]
        shown.choices = lambda _, made=made: Choices(jobs=tuple(made))  # type: ignore[method-assign,misc]
        async with visiting(shown) as client:
            text = await page(client, f"/?job={first.job}")
        assert 'name="job" value="S1"' in text and '<option value="S0">' in text
        sizes.append(len(text))
    assert abs(sizes[1] - sizes[0]) < 200

"""The API: what programs get, who may change what, and that its description tells the truth."""

import re

import jsonschema_rs
import pytest
from aiohttp.test_utils import TestClient

from bot.domain.wall import Mark, Visitor
from bot.web import api, moderation
from bot.web.openapi import description
from tests.web.exhibition import (
    ELSEWHERE,
    LOOKING,
    MINA,
    NOBODY,
    OPERATING,
    PAGE,
    Bench,
    Exhibition,
    grid,
    visiting,
)

WRITES = ["/api/pictures/S1-c001/star", "/api/pictures/S1-c001/rating"]


def fits(schema: str, told: object) -> None:
    """Raises where an answer is not what the description says of it."""
    whole = description("test")
    jsonschema_rs.validate({"$ref": f"#/components/schemas/{schema}", "components": whole["components"]}, told)


def full() -> Exhibition:
    shown = Exhibition()
    list(grid(shown))
    return shown


async def told(client: TestClient, path: str, status: int = 200) -> dict[str, object]:  # type: ignore[type-arg]
    answer = await client.get(path)
    assert (answer.status, answer.content_type) == (status, "application/json")
    found: dict[str, object] = await answer.json()
    return found


async def test_the_wall_is_told_as_its_description_says() -> None:
    async with visiting(full()) as client:
        found = await told(client, "/api/wall?steps=10")
        fits("Found", found)
        assert found["total"] == 2
        picture = found["pictures"][0]  # type: ignore[index]
        assert picture["member"] == {"id": "9007199254740993", "name": "Mina"}
        assert picture["recipe"]["steps"] == 10
        fits("Choices", await told(client, "/api/wall/choices"))
        fits("Picture", await told(client, "/api/pictures/S1-c004"))


async def test_statistics_have_exactly_four_numbers() -> None:
    async with visiting(full(), OPERATING) as client:
        fits("Statistics", await told(client, "/api/wall/stats"))
        found = await told(client, "/api/wall/stats")
    assert set(found) == {"total_images", "total_size_bytes", "images_loaded", "last_updated"}


async def test_the_next_pictures_come_as_cards_for_the_page_itself() -> None:
    shown = Exhibition()
    for _ in range(70):
        shown.hang()
    async with visiting(shown) as client:
        answer = await client.get("/api/wall?after=60", headers=PAGE)
        text = await answer.text()
        assert text.count('class="card"') == 10
        assert "<html" not in text
        assert answer.headers["Vary"] == "Accept"


async def test_a_place_that_was_never_given_out_is_a_sentence() -> None:
    async with visiting(full()) as client:
        for path in ("/api/wall?after=nonsense", "/api/wall?rating=11", "/api/wall?order=x"):
            fits("Error", await told(client, path, 400))


@pytest.mark.parametrize("visitor", [NOBODY, ELSEWHERE])
async def test_who_may_not_see_pictures_gets_none(visitor: Visitor) -> None:
    async with visiting(full(), visitor) as client:
        assert (await told(client, "/api/wall"))["total"] == 0
        assert (await told(client, "/api/wall/choices"))["jobs"] == []
        await told(client, "/api/pictures/S1-c001", 404)


@pytest.mark.parametrize(("visitor", "status"), [(NOBODY, 401), (LOOKING, 403), (Visitor(999, "Sam"), 403)])
async def test_statistics_tell_of_what_is_hidden_too_and_are_for_operators(visitor: Visitor, status: int) -> None:
    async with visiting(full(), visitor) as client:
        fits("Error", await told(client, "/api/wall/stats", status))


async def test_a_member_stars_and_rates_and_takes_it_back() -> None:
    shown = full()
    async with visiting(shown) as client:
        starred = await client.post("/api/pictures/S1-c001/star", data={"starred": "1"})
        fits("Marked", await starred.json())
        assert await starred.json() == {
            "starred": True, "own_rating": None, "stars": 1, "ratings": 0, "rating": 0.0,
        }  # fmt: skip
        rated = await client.post("/api/pictures/S1-c001/rating", json={"rating": 4})
        assert (await rated.json())["rating"] == 4.0
        back = await client.post("/api/pictures/S1-c001/rating", json={"rating": None})
        assert (await back.json())["own_rating"] is None
        again = await client.post("/api/pictures/S1-c001/star", json={"starred": False})
        assert (await again.json())["stars"] == 0
    assert shown.given[1, 0, MINA.id] == Mark()


async def test_a_form_without_script_leads_back_to_the_picture() -> None:
    async with visiting(full()) as client:
        for path, data in zip(WRITES, ({"starred": "1"}, {"rating": "3"}), strict=True):
            answer = await client.post(path, data=data, headers=PAGE, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, "/pictures/S1-c001")


@pytest.mark.parametrize("value", ["6", "0", "-1", "4.5", "five", "²"])
async def test_a_rating_beyond_five_is_refused(value: str) -> None:
    shown = full()
    async with visiting(shown) as client:
        answer = await client.post(WRITES[1], data={"rating": value})
        assert answer.status == 400
        assert (await answer.json())["error"].startswith("rating: expected a whole number from 1 to 5")
    assert shown.given == {}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{}", "rating: it is missing, and without it nothing is changed."),
        (b'{"stars": 4}', "rating: it is missing, and without it nothing is changed."),
        (b"[]", "The request: expected a JSON object, got an empty list."),
        (b"4", "The request: expected a JSON object, got 4."),
        (b'{"rating": ""}', 'rating: expected a whole number from 1 to 5, or null to take it back, got "".'),
    ],
)
async def test_only_an_explicit_null_takes_a_rating_back(body: bytes, sentence: str) -> None:
    shown = full()
    async with visiting(shown) as client:
        await client.post(WRITES[1], json={"rating": 4})
        answer = await client.post(WRITES[1], data=body, headers={"Content-Type": "application/json"})
        assert (answer.status, (await answer.json())["error"]) == (400, sentence)
        without = await client.post(WRITES[1], data={"starred": "1"})
        assert (without.status, (await without.json())["error"].split(":")[0]) == (400, "rating")
        assert shown.given[1, 0, MINA.id] == Mark(rating=4)
        assert (await client.post(WRITES[1], data={"rating": ""})).status == 200
    assert shown.given[1, 0, MINA.id] == Mark()


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"{", b'"x"', b'{"starred": {}}', b'{"starred": null}', b"\xff"])
async def test_what_is_no_star_is_a_sentence(body: bytes) -> None:
    async with visiting(full()) as client:
        answer = await client.post(WRITES[0], data=body, headers={"Content-Type": "application/json"})
        assert answer.status == 400
        fits("Error", await answer.json())


@pytest.mark.parametrize(("visitor", "status"), [(NOBODY, 401), (ELSEWHERE, 404)])
async def test_nobody_marks_what_they_may_not_see(visitor: Visitor, status: int) -> None:
    shown = full()
    async with visiting(shown, visitor) as client:
        for path in WRITES:
            answer = await client.post(path, data={"starred": "1", "rating": "1"})
            assert answer.status == status
    assert shown.given == {}


@pytest.mark.parametrize(("visitor", "status"), [(NOBODY, 401), (LOOKING, 403), (OPERATING, 200)])
async def test_only_operators_have_the_wall_read_anew(visitor: Visitor, status: int) -> None:
    shown = full()
    async with visiting(shown, visitor) as client:
        answer = await client.post("/api/wall/reload")
        assert answer.status == status
        if status == 200:
            fits("Statistics", await answer.json())
    assert shown.reloads == (status == 200)


async def test_every_address_of_the_api_is_described_and_no_other() -> None:
    there = {
        (re.sub(r":[^/]+}}", "}", route.path), route.method.lower())
        for route in [*api.routes(), *moderation.routes()]
        if route.path.startswith("/api/")
    }
    async with visiting(full()) as client:
        found = await told(client, "/api/openapi.json")
    described = {(path, method) for path, acts in found["paths"].items() for method in acts}  # type: ignore[attr-defined]
    assert there == described


async def test_what_operators_get_is_described() -> None:
    shown = full()
    bench = Bench(shown)
    bench.withhold("a war", "war", score=0.5)
    async with visiting(shown, OPERATING, bench) as client:
        fits("Incidents", await told(client, "/api/incidents"))
        for path, schema in (
            ("/api/incidents/1/release", "Incident"),
            ("/api/pictures/S1-c001/hide", "Hidden"),
            ("/api/pictures/S1-c001/delete", "Receipt"),
        ):
            fits(schema, await (await client.post(path, data={"hidden": "1"})).json())


async def test_the_wall_is_read_anew_by_who_stands_in_the_log_for_it() -> None:
    shown, bench = full(), Bench(full())
    async with visiting(shown, OPERATING, bench) as client:
        assert (await client.post("/api/wall/reload")).status == 200
    assert (shown.reloads, [each.id for each in bench.reloaded_by]) == (1, [OPERATING.member_id])

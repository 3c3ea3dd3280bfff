"""Errors are sentences, for people as pages and for programs as JSON, and never how we crashed."""

import pytest

from bot.domain.errors import NotFound, NotYours, Refusal, Unavailable, WrongState
from tests.web.exhibition import NOBODY, PAGE, Exhibition, visiting


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (Refusal("Take another one."), 400, "Take another one."),
        (NotYours("That is Olga's."), 403, "That is Olga&#39;s."),
        (NotFound("No such thing."), 404, "No such thing."),
        (WrongState("Decided already."), 409, "Decided already."),
        (Unavailable("secret host name"), 503, "does not answer just now"),
        (RuntimeError("secret detail"), 500, "a mistake of ours"),
    ],
)
async def test_what_goes_wrong_is_a_sentence(error: Exception, status: int, sentence: str) -> None:
    async with visiting(Exhibition(broken=error)) as client:
        answer = await client.get("/", headers=PAGE)
        text = await answer.text()
        assert (answer.status, answer.content_type) == (status, "text/html")
        assert sentence in text
        told = await client.get("/api/wall")
        assert (told.status, told.content_type) == (status, "application/json")
        assert set(await told.json()) == {"error"}
        for said in (text, await told.text()):
            assert "secret" not in said
            assert "Traceback" not in said


async def test_an_address_that_is_nowhere_is_a_page_too() -> None:
    async with visiting(Exhibition(), NOBODY) as client:
        answer = await client.get("/nowhere?x=1", headers=PAGE)
        text = await answer.text()
        assert answer.status == 404
        assert "There is nothing at this address" in text
        assert "/link?next=" in text
        assert (await (await client.get("/nowhere")).json())["error"].startswith("There is nothing at this address")


async def test_a_wrong_method_says_which_ones_there_are() -> None:
    async with visiting(Exhibition()) as client:
        answer = await client.post("/", headers=PAGE)
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]

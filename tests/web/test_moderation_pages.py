"""Operators' pages: who finds them, and what they do."""

from dataclasses import replace
from urllib.parse import unquote

import pytest

from bot.domain.erasure import ErasureReceipt
from bot.domain.gate import Cause, IncidentState
from bot.domain.wall import Visitor
from bot.web.moderation import in_words
from tests.web.exhibition import ELSEWHERE, LOOKING, NOBODY, OPERATING, PAGE, Bench, Exhibition, visiting

ACTS = [
    "/api/incidents/1/release",
    "/api/incidents/1/delete",
    "/api/pictures/S1-c001/hide",
    "/api/pictures/S1-c001/delete",
]


def court() -> tuple[Exhibition, Bench]:
    shown = Exhibition()
    shown.hang()
    bench = Bench(shown)
    bench.withhold("a war with much blood", "blood")
    bench.withhold("a beach", "nude", cause=Cause.IMAGE, score=0.93)
    bench.withhold("a war", "war", image=None, job_id=None)
    return shown, bench


async def test_an_operator_sees_what_was_withheld_and_what_is_hidden() -> None:
    shown, bench = court()
    await shown.hide(1, 0, True)
    async with visiting(shown, OPERATING, bench) as client:
        text = await (await client.get("/moderation", headers=PAGE)).text()
    for told in ("a war with much blood", "“blood”", "93 % sure", "Nothing was drawn", "S1-c001", "Mina"):
        assert told in text
    assert text.count("incident-picture covered") == 2
    assert "/api/incidents/3/release" not in text  # there is nothing to release


@pytest.mark.parametrize("path", ["/moderation", "/api/incidents", "/api/incidents/1/picture"])
async def test_for_members_there_is_nothing_here(path: str) -> None:
    async with visiting(court()[0], LOOKING, court()[1]) as client:
        answer = await client.get(path)
        assert answer.status == 404
        assert "blood" not in await answer.text()


async def test_who_has_not_signed_in_is_asked_to() -> None:
    shown, bench = court()
    async with visiting(shown, NOBODY, bench) as client:
        answer = await client.get("/moderation", headers=PAGE, allow_redirects=False)
        assert (answer.status, unquote(answer.headers["Location"])) == (303, "/link?next=/moderation")
        assert (await client.get("/api/incidents")).status == 401


@pytest.mark.parametrize("visitor", [NOBODY, LOOKING, ELSEWHERE])
@pytest.mark.parametrize("path", ACTS)
async def test_nobody_else_decides(visitor: Visitor, path: str) -> None:
    shown, bench = court()
    before = dict(shown.pictures), list(bench.waiting)
    async with visiting(shown, visitor, bench) as client:
        assert (await client.post(path, data={"hidden": "1"})).status in (401, 404)
    assert (shown.pictures, bench.waiting) == before


@pytest.mark.parametrize(("act", "state"), [("release", IncidentState.RELEASED), ("delete", IncidentState.DELETED)])
async def test_an_incident_is_decided_and_leads_back(act: str, state: IncidentState) -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.post(f"/api/incidents/1/{act}", headers=PAGE, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/moderation")
    assert [incident.state for incident in bench.waiting] == [state, IncidentState.OPEN, IncidentState.OPEN]


async def test_an_operator_of_several_servers_decides_on_the_right_one() -> None:
    shown, bench = court()
    both = replace(OPERATING, guilds=frozenset({3, 7}), operates=frozenset({3, 7}))
    async with visiting(shown, both, bench) as client:
        assert (await client.post("/api/incidents/2/release")).status == 200
    assert bench.waiting[1].state is IncidentState.RELEASED


async def test_a_withheld_picture_is_kept_by_nobody() -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.get("/api/incidents/1/picture")
        assert (answer.status, answer.content_type) == (200, "image/png")
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await client.get("/api/incidents/3/picture")).status == 404
        assert (await client.get("/api/incidents/99/picture")).status == 404


async def test_a_picture_is_hidden_and_shown_again() -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        await client.post(ACTS[2], data={"hidden": "1"}, headers=PAGE)
        assert shown.pictures["S1-c001"].hidden
        await client.post(ACTS[2], data={"hidden": "0"}, headers=PAGE)
        assert not shown.pictures["S1-c001"].hidden


async def test_a_deleted_picture_gives_a_receipt_in_words() -> None:
    shown, bench = court()
    bench.receipt = ErasureReceipt(1, 1, 2, 1, 2)
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.post(ACTS[3], headers=PAGE)
        text = await answer.text()
        assert "S1-c001 is deleted" in text
        assert "2 files deleted from the disk" in text
        assert "2 messages in Discord could not be reached yet" in text
        assert (await client.get("/pictures/S1-c001")).status == 404


def test_a_receipt_says_what_did_not_happen_too() -> None:
    told = in_words(ErasureReceipt(1, 0, 0, 0, 0))
    assert told == [
        "1 picture deleted from the records.",
        "No file was deleted: another picture is the very same and stays, or it is tried again.",
        "No message in Discord carried it.",
    ]

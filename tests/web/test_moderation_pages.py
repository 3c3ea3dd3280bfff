"""Operators' pages: who finds them, and what they do."""

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from bot.domain.erasure import ErasureReceipt
from bot.domain.gate import Cause, IncidentState
from bot.domain.wall import Visitor
from bot.web.receipts import in_words
from tests.web.exhibition import ELSEWHERE, LOOKING, NOBODY, OLGA, OPERATING, PAGE, Bench, Exhibition, visiting

ACTS = [
    "/api/incidents/1/release",
    "/api/incidents/1/delete",
    "/api/pictures/S1-c001/hide",
    "/api/pictures/S1-c001/delete",
    "/api/incidents/jobs/S1/release",
    "/api/incidents/jobs/S1/delete",
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
    await shown.hide(OLGA, 1, 0, True)
    async with visiting(shown, OPERATING, bench) as client:
        text = await (await client.get("/moderation", headers=PAGE)).text()
    for told in ("a war with much blood", "“blood”", "93 % sure", "Nothing was drawn", "S1-c001", "Mina"):
        assert told in text
    assert ">S1-c002</span></p>" in text and ">incident 3</span></p>" in text and 'alt="S1-c002, withheld"' in text
    assert text.count("incident-picture covered") == 2
    assert "/api/incidents/3/release" not in text  # there is nothing to release


async def test_before_a_withheld_picture_is_deleted_the_page_asks_and_a_prompt_is_closed_at_once() -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        text = await (await client.get("/moderation", headers=PAGE)).text()
    asking = re.findall(r'<details class="sure">(.*?)</details>', text, re.DOTALL)
    assert len(asking) == 3
    assert 'action="/api/incidents/jobs/S1/delete"' in asking[0] and "deletes 2 pictures for good" in asking[0]
    assert "It cannot be undone." in asking[0] and "Delete all 2 of S1 for good" in asking[0]
    for number, question in zip((2, 1), asking[1:], strict=True):
        assert f'action="/api/incidents/{number}/delete"' in question
        assert "It cannot be undone." in question
    forms = re.sub(r'<details class="sure">.*?</details>', "", text, flags=re.DOTALL)
    assert re.findall(r'action="/api/incidents/(\d)/delete"', forms) == ["3"]


async def test_a_mistake_in_the_gates_file_stands_on_top_as_text() -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        assert "cannot be used" not in await (await client.get("/moderation", headers=PAGE)).text()
        bench.mistakes = ["gate.yaml: words[0]: expected a word or phrase, got <b>1</b>"]
        text = await (await client.get("/moderation", headers=PAGE)).text()
    assert "gate.yaml: words[0]: expected a word or phrase, got &lt;b&gt;1&lt;/b&gt;" in text
    assert text.index("cannot be used") < text.index("Withheld pictures")


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
    before = dict(shown.pictures), list(bench.withheld)
    async with visiting(shown, visitor, bench) as client:
        assert (await client.post(path, data={"hidden": "1", "last": "2"})).status in (401, 404)
    assert (shown.pictures, bench.withheld) == before


@pytest.mark.parametrize(("act", "state"), [("release", IncidentState.RELEASED), ("delete", IncidentState.DELETED)])
async def test_an_incident_is_decided_and_leads_back(act: str, state: IncidentState) -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.post(f"/api/incidents/1/{act}", headers=PAGE, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/moderation?done=S1-c001#done")
    assert [incident.state for incident in bench.withheld] == [state, IncidentState.OPEN, IncidentState.OPEN]


STATUS = re.compile(r'<p class="notice" id="done" role="status" tabindex="-1"><span>(.*?)</span></p>')


@pytest.mark.parametrize(
    ("path", "sent", "sentence"),
    [
        ("/api/incidents/2/release", {}, "S1-c002 is released; it goes to its channel, at no cost to Mina."),
        ("/api/incidents/2/delete", {}, 'S1-c002 is deleted for good. <a href="/moderation/receipts/S1-c002">'),
        ("/api/incidents/3/delete", {}, "Incident 3 is closed."),
        (
            "/api/incidents/jobs/S1/release",
            {"last": "2"},
            "Released, at no cost to who asked for S1: 2 pictures of it.",
        ),
        (
            "/api/incidents/jobs/S1/delete",
            {"last": "2"},
            'Deleted for good: 2 pictures of S1. <a href="/moderation/receipts/S1">',
        ),
        (
            ACTS[2],
            {"hidden": "1", "back": "moderation"},
            "S1-c001 is hidden: nobody but operators sees it on the wall.",
        ),
        (ACTS[2], {"hidden": "0", "back": "moderation"}, "S1-c001 is shown again to everybody who may see the wall."),
    ],
)
async def test_after_each_act_the_page_says_what_was_done_and_keeps_to_the_kind(
    path: str, sent: dict[str, str], sentence: str
) -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.post(path, data={**sent, "what": "pictures"}, headers=PAGE)
        text = await answer.text()
    assert str(answer.url.relative()).startswith("/moderation?what=pictures&done=")
    said = STATUS.search(text)
    assert said is not None and said[1].startswith(sentence)


async def test_no_sentence_comes_from_the_address_nor_of_what_others_did() -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        await client.post("/api/incidents/2/release")
        for done in ("S1-c001", "incident 3", "<b>x</b>", "S1-c002 ", "x" * 500, ""):
            text = await (await client.get("/moderation", params={"done": done}, headers=PAGE)).text()
            assert STATUS.search(text) is None and "<b>x" not in text
        assert STATUS.search(await (await client.get("/moderation?done=S1-c002", headers=PAGE)).text())
    other = replace(OPERATING, member_id=OLGA.id + 1)
    async with visiting(shown, other, bench) as client:
        assert STATUS.search(await (await client.get("/moderation?done=S1-c002", headers=PAGE)).text()) is None


async def test_all_of_a_job_is_decided_as_far_as_it_was_seen_and_by_nobody_without_saying_how_far() -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        text = await (await client.get("/moderation", headers=PAGE)).text()
        assert "Release all of S1" in text and 'name="last" value="2"' in text
        pictures = await (await client.get("/moderation?what=pictures", headers=PAGE)).text()
        assert pictures.count('name="what" value="pictures"') == 6  # in each form that decides
        assert "all of S1" not in await (await client.get("/moderation?what=prompts", headers=PAGE)).text()
        for wrong in ({}, {"last": None}, {"last": "x"}, {"last": True}, {"last": -1}):
            answer = await client.post("/api/incidents/jobs/S1/delete", json=wrong)
            assert answer.status == 400 and "last: " in (await answer.json())["error"]
        bench.withhold("seen by nobody yet", "nude", cause=Cause.IMAGE)
        told = await (await client.post("/api/incidents/jobs/S1/delete", json={"last": 2})).json()
        assert told == {"job": "S1", "pictures": 2, "left": 0}
        assert (await client.post("/api/incidents/jobs/S1/delete", json={"last": 2})).status == 404
    assert [incident.state.value for incident in bench.withheld] == ["deleted", "deleted", "open", "open"]


@pytest.mark.parametrize("act", ["release", "delete"])
async def test_a_job_is_decided_on_by_its_whole_name_alone(act: str) -> None:
    shown, bench = court()
    async with visiting(shown, OPERATING, bench) as client:
        for other in ("I1", "X1", "S01"):
            answer = await client.post(f"/api/incidents/jobs/{other}/{act}", json={"last": 2})
            assert answer.status == 404 and "There is no such job" in (await answer.json())["error"]
    assert {incident.state for incident in bench.withheld} == {IncidentState.OPEN}


async def test_an_operator_of_several_servers_decides_on_the_right_one() -> None:
    shown, bench = court()
    both = replace(OPERATING, guilds=frozenset({3, 7}), operates=frozenset({3, 7}))
    async with visiting(shown, both, bench) as client:
        assert (await client.post("/api/incidents/2/release")).status == 200
    assert bench.withheld[1].state is IncidentState.RELEASED


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


async def test_the_overview_shows_a_hidden_picture_again_and_stays() -> None:
    shown, bench = court()
    await shown.hide(OLGA, 1, 0, True)
    async with visiting(shown, OPERATING, bench) as client:
        sent = {"hidden": "0", "back": "moderation"}
        answer = await client.post(ACTS[2], data=sent, headers=PAGE, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/moderation?done=S1-c001#done")
        assert not shown.pictures["S1-c001"].hidden


async def test_a_deleted_picture_gives_a_receipt_in_words() -> None:
    shown, bench = court()
    bench.receipt = ErasureReceipt(1, 1, 2, 1, 2)
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.post(ACTS[3], headers=PAGE)
        text = await answer.text()
        assert "S1-c001 is deleted for good</h1>" in text and "By Olga" in text
        assert "2 files deleted from the disk" in text
        assert "2 messages in Discord could not be reached yet" in text
        assert (await client.get("/pictures/S1-c001")).status == 404


async def test_a_receipt_is_read_by_the_operators_of_that_server_also_after_a_restart_and_by_nobody_else() -> None:
    shown, bench = court()
    shown.hang()
    async with visiting(shown, OPERATING, bench) as client:
        answer = await client.post(ACTS[3], headers=PAGE, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/moderation/receipts/S1-c001")
        await client.post("/api/incidents/3/delete")
    colleague = replace(OPERATING, member_id=OLGA.id + 1, name="Otto")
    for visitor in (OPERATING, colleague):
        async with visiting(shown, visitor, bench) as client:  # another application, with nothing in its memory
            text = await (await client.get("/moderation/receipts/S1-c001", headers=PAGE)).text()
            assert "S1-c001 is deleted for good" in text and "2 files deleted from the disk." in text
            assert 'href="/jobs/S1"' in text
            for nothing in ("S1-c001x", "S1-c002", "incident 3"):
                assert (await client.get(f"/moderation/receipts/{nothing}", headers=PAGE)).status == 404
    for visitor in (ELSEWHERE, LOOKING):
        async with visiting(shown, visitor, bench) as client:
            assert (await client.get("/moderation/receipts/S1-c001", headers=PAGE)).status == 404


async def test_a_deletion_whose_counts_were_not_noted_down_says_so() -> None:
    shown, bench = court()
    bench._note(OLGA, "delete", "S1-c001", owner="Mina")
    async with visiting(shown, OPERATING, bench) as client:
        text = await (await client.get("/moderation/receipts/S1-c001", headers=PAGE)).text()
    assert "What went with it was not noted down." in text and "picture deleted" not in text


def test_a_receipt_says_what_did_not_happen_too() -> None:
    told = in_words(ErasureReceipt(1, 0, 0, 0, 0))
    assert told == [
        "1 picture deleted from the records.",
        "No file was deleted: another picture is the very same and stays, or it is tried again.",
        "No message in Discord carried it.",
    ]
    sheets = in_words(ErasureReceipt(1, 1, 1, 2, sheets=1))
    assert sheets[-2:] == [
        "Taken out of 2 messages in Discord.",
        "1 contact sheet showed it; one without it takes that place, if anything is left to show.",
    ]
    stuck = in_words(ErasureReceipt(1, 0, 1, 0, 0, stuck=("ONE", "TWO")))
    assert stuck[-1] == (
        "2 messages could not be taken out of Discord, which does not let the console; to be deleted by hand: ONE, TWO"
    )


def crowded() -> tuple[Exhibition, Bench]:
    """Thirty refused prompts, and two pictures from before them."""
    shown = Exhibition()
    bench = Bench(shown)
    for _ in range(2):
        bench.withhold("a beach", "nude", cause=Cause.IMAGE, score=0.93)
    for number in range(30):
        bench.withhold(f"a war {number}.", "war", image=None, job_id=None)
    return shown, bench


async def test_every_incident_is_reached_page_by_page_and_pictures_at_once() -> None:
    shown, bench = crowded()
    async with visiting(shown, OPERATING, bench) as client:
        first = await (await client.get("/moderation", headers=PAGE)).text()
        assert "a war 29." in first and "a war 4." not in first and "a beach" not in first
        older = re.search(r'href="(/moderation\?after=[0-9]+)">Older', first)
        assert older is not None
        second = await (await client.get(older[1], headers=PAGE)).text()
        assert "a war 4." in second and "a war 5." not in second and "a beach" in second and ">Older<" not in second
        pictures = await (await client.get("/moderation?what=pictures", headers=PAGE)).text()
        assert pictures.count("incident-picture covered") == 2 and "a war" not in pictures
        for text in (first, second, pictures):
            assert "All 32" in text and "pictures 2<" in text and "requests 30<" in text
        prompts = await (await client.get("/moderation?what=prompts", headers=PAGE)).text()
        assert "&amp;what=prompts" in prompts or "&what=prompts" in prompts


async def test_the_api_tells_of_all_incidents_too_and_refuses_what_is_no_place() -> None:
    shown, bench = crowded()
    found: list[int] = []
    after = ""
    async with visiting(shown, OPERATING, bench) as client:
        while after is not None:
            told = await (await client.get(f"/api/incidents?after={after}")).json()
            assert (told["pictures"], told["prompts"]) == (2, 30)
            found += [each["id"] for each in told["incidents"]]
            after = told["after"]
        for wrong in ("after=x", "after=1234567890", "what=nudes"):
            answer = await client.get(f"/api/incidents?{wrong}")
            assert answer.status == 400 and "expected" in (await answer.json())["error"]
    assert found == list(range(32, 0, -1))


async def test_an_operator_of_several_servers_reads_their_incidents_in_one_order() -> None:
    shown, bench = crowded()
    for number in (3, 9, 31):
        bench.withheld[number - 1] = replace(bench.withheld[number - 1], guild_id=3)
    both = replace(OPERATING, guilds=frozenset({3, 7}), operates=frozenset({3, 7}))
    async with visiting(shown, both, bench) as client:
        first = await (await client.get("/api/incidents")).json()
        second = await (await client.get(f"/api/incidents?after={first['after']}")).json()
    assert [each["id"] for each in first["incidents"] + second["incidents"]] == list(range(32, 0, -1))
    assert second["after"] is None

"""Consent as members meet it: recorded with its end, over when it says so, and revoked with all that came of it."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import bot.jobs.erasure as erasure_module
from bot.domain.person import CONSENT_WALL
from bot.jobs.removal import REVOKED
from bot.sandbox import File, Interaction
from bot.store.audit import GONE
from tests.bot.album import entries
from tests.e2e.conftest import Open, Running, console_on, data_folder, strict_sandbox
from tests.e2e.test_face_test import lay
from tests.e2e.test_faces_command import add, astronaut, lint, offered, png

pytestmark = pytest.mark.asyncio(loop_scope="session")

PORTRAIT = File("portrait.png", png(astronaut()))
SWEEP = (
    b"{name: Eileen against tom, base: {prompt: x, steps: 2, width: 128, height: 128, detail: false}, "
    b"parameters: {face_folder: [Eileen, tom]}}"
)
EPHEMERAL = 1 << 6
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
ENDED = "The consent for Eileen ended on 2026-01-01 (UTC), so nobody may draw them. Who added them can renew it with "


def rows(data: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(data / "atelier.db")) as database, database:
        return database.execute(query).fetchall()


def change(data: Path, query: str) -> None:
    with closing(sqlite3.connect(data / "atelier.db", timeout=10)) as database, database:
        database.execute(query)


def images(data: Path) -> list[str]:
    return sorted(path.stem for path in (data / "images").rglob("*.png"))


def posted(atelier: Running) -> list[str]:
    return sorted(each["filename"] for each in atelier.results())


def shown(atelier: Running) -> str:
    """All that everybody reads in the channels."""
    told = [each for each in atelier.sandbox.messages() if not each["flags"] & EPHEMERAL]
    return str([(each["content"], each["embeds"]) for each in told])


async def served(urls: Sequence[str]) -> list[int]:
    """With which status the CDN answers for each of these files."""
    statuses = []
    async with aiohttp.ClientSession() as browser:
        for url in urls:
            async with browser.get(url) as response:
                statuses.append(response.status)
    return statuses


async def quoted(atelier: Running) -> Interaction:
    asked = await atelier.sandbox.members["ada"].run("/sweep", config=File("two.yaml", SWEEP))
    await asked.reply()
    return asked


async def drawn(atelier: Running) -> dict[str, str]:
    """Two pictures in one message, one of Eileen and one of tom, and their sheet: addresses by file."""
    await add(atelier.sandbox.members["ada"], "Eileen", PORTRAIT, shared=True)
    asked = await quoted(atelier)
    await atelier.sandbox.members["ada"].press(asked, "Run")
    await atelier.sandbox.until(lambda: "S1-sheet.png" in posted(atelier), timeout=60)
    await atelier.ended(asked)
    return {each["filename"]: each["url"] for each in atelier.results()}


async def revoked(atelier: Running, member: str = "ada") -> list[str]:
    """Run /faces revoke; the lines of the answer, which the member alone sees."""
    asked = await atelier.sandbox.members[member].run("/faces revoke", person="eileen", confirm=True)
    reply = await asked.reply(timeout=60)
    assert asked.ephemeral
    return str(reply["content"]).splitlines()


async def test_a_consent_is_recorded_with_its_scope_and_its_end_by_who_may(open_console: Open, tmp_path: Path) -> None:
    data = lay(tmp_path / "data", "grace")
    async with open_console(data) as atelier:
        mina, theo, ada = (atelier.sandbox.members[name] for name in ("mina", "theo", "ada"))
        await add(ada, "Eileen", PORTRAIT, shared=True)
        last = (datetime.now(UTC) + timedelta(days=90)).date()
        asked = await ada.run("/faces consent", person="eileen", scope="wall", until="90")
        assert (asked.content, asked.ephemeral) == (
            f"Recorded for **Eileen**, to the end of {last} (UTC): “{CONSENT_WALL}” Photos and pictures of Eileen may "
            "be shown on the wall, for as long as the operators have that name on the wall's list. `/faces revoke` "
            "ends it at once.",
            True,
        )
        listed = await ada.run("/faces list")
        assert f"**Eileen** · 1 photo · yours · shared on this server · for the wall · until {last}" in str(
            listed.embeds
        )
        embed = await lint(ada, "Eileen")
        assert embed["footer"]["text"] == f"Consent: pictures and the wall, to the end of {last} (UTC)"

        past = await ada.run("/faces consent", person="Eileen", scope="draw", until="2026-01-01")
        assert past.content.startswith("until: 2026-01-01 is past. Give a date such as 2027-06-30, ")
        for person, member, sentence in (
            ("Eileen", theo, "Eileen belongs to Ada; only they may say what they consent to."),
            ("Eileen", mina, "Eileen belongs to Ada; only they may say what they consent to."),
            ("grace", theo, "grace is everybody's; an operator may say what they consent to."),
        ):
            refused = await member.run("/faces consent", person=person, scope="draw", until="no end")
            assert refused.content == sentence
        operators = await mina.run("/faces consent", person="grace", scope="wall", until="no end")
        assert operators.content.startswith("Recorded for **grace**, until it is revoked: ")
        assert await offered(ada, "/faces consent") == ["Eileen"]
        assert await offered(mina, "/faces consent") == ["grace"]
        assert await offered(mina, "/faces revoke") == ["Eileen", "grace"]
        ends = await ada.complete("/faces consent", "until", "no", person="Eileen")
        assert ends == [("no end", "no end")]
        audit = rows(data, "select actor, act, target, json_extract(detail, '$.person') from audit order by id")
        acts = [
            ("Ada", "faces consent", f"member {ada.id}", "Eileen"),
            ("Mina", "faces consent", "everybody's", "grace"),
        ]
        assert audit == acts


async def test_who_has_expired_is_refused_everywhere_and_the_owner_can_renew(
    open_console: Open, tmp_path: Path
) -> None:
    data = lay(tmp_path / "data", "tom")
    async with open_console(data) as atelier:
        theo, ada = atelier.sandbox.members["theo"], atelier.sandbox.members["ada"]
        await add(ada, "Eileen", PORTRAIT, shared=True)
        asked = await quoted(atelier)
        path = data / "faces" / "Eileen" / "person.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"expires_at": "2026-01-02T00:00:00+00:00"}))

        pressed = await ada.press(asked, "Run")
        assert (await atelier.told(pressed)).startswith(ENDED)
        for member in (theo, ada):
            refused = await member.run("/set", parameter="face_folder", value="Eileen")
            assert refused.content.startswith(ENDED)
            assert (await member.run("/faces lint", person="Eileen")).content.startswith(ENDED)
            assert [value for _, value in await member.complete("/set", "value", "", parameter="face_folder")] == [
                "tom",
                "nobody",
            ]
        assert (await add(ada, "Eileen", PORTRAIT)).startswith(ENDED)
        assert "Eileen" not in str((await theo.run("/faces list")).embeds)
        listed = await ada.run("/faces list")
        assert "**Eileen** · 1 photo · yours · shared on this server · expired: until 2026-01-01" in str(listed.embeds)
        assert listed.embeds[0]["title"] == "You may draw 1 person"

        await ada.run("/faces consent", person="Eileen", scope="draw", until="no end")
        await ada.press(asked, "Run")
        await atelier.sandbox.until(lambda: "S1-sheet.png" in posted(atelier), timeout=60)


async def test_a_revoked_consent_takes_every_picture_along_and_leaves_those_of_others(
    open_console: Open, tmp_path: Path
) -> None:
    data = lay(tmp_path / "data", "tom")
    async with open_console(data) as atelier:
        urls = await drawn(atelier)
        assert sorted(urls) == ["S1-c001.png", "S1-c002.png", "S1-sheet.png"]
        before = dict(rows(data, "select name, image from items"))
        change(
            data, "insert into publications select 1, number, 1, '2026-07-01', '2026-07-01', 0, 0, 0, 0, 0 from items"
        )
        ada = atelier.sandbox.members["ada"]
        unsure = await ada.run("/faces revoke", person="eileen")
        assert unsure.content.startswith("Nothing was deleted yet. This deletes Eileen's photos and every picture of ")
        refused = await atelier.sandbox.members["theo"].run("/faces revoke", person="Eileen", confirm=True)
        assert refused.content == "Eileen belongs to Ada; only they or an operator may revoke the consent."
        assert sorted(images(data)) == sorted(before.values())

        receipt = await revoked(atelier)
        assert receipt[0] == "The consent for **Eileen** is revoked. Deleted:"
        assert receipt[1].startswith("- 1 photo (`")
        assert receipt[2:5] == [
            "- 1 picture and 1 file of them",
            "- 1 picture on the wall",
            "- 2 messages in Discord, or the pictures in them",
        ]
        assert posted(atelier) == ["S1-c002.png"]
        assert await served([urls[name] for name in sorted(urls)]) == [404, 200, 404]
        assert images(data) == [before["c002"]]
        assert not (data / "faces" / "Eileen").exists()
        assert rows(data, "select number, gone from publications order by number") == [(1, 1), (2, 0)]
        assert rows(data, "select name, state, image, remark from items order by number") == [
            ("c001", "drawn", None, REVOKED),
            ("c002", "drawn", before["c002"], None),
        ]
        assert rows(data, "select count(*) from withdrawals where channel_id >= 0") == [(0,)]
        await atelier.sandbox.until(lambda: "Eileen" not in shown(atelier))
        assert f"S1 · {GONE} against tom" in shown(atelier) and shown(atelier).count(GONE) == 2  # and on its axis
        audit = rows(data, "select act, target, detail from audit")
        gone = {"pictures": 1, "wall_entries": 1, "files": 1, "messages": 2, "sheets": 1}
        assert audit == [("faces revoke", f"member {ada.id}", json.dumps({"photos": 1, "gone": gone}))]
        assert "Eileen" not in str(audit)
        assert (await ada.run("/faces list")).embeds[0]["description"] == "**tom** · 2 photos · everybody's"


async def test_an_operator_revokes_for_somebody_else_and_for_whom_was_laid_by_hand(
    open_console: Open, tmp_path: Path
) -> None:
    data = lay(tmp_path / "data", "tom")
    async with open_console(data) as atelier:
        await drawn(atelier)
        mina = atelier.sandbox.members["mina"]
        assert (await revoked(atelier, "mina"))[0] == "The consent for **Eileen** (of Ada) is revoked. Deleted:"
        gone = await mina.run("/faces revoke", person="tom", confirm=True)
        reply = await gone.reply(timeout=60)
        assert reply["content"].startswith("The consent for **tom** is revoked. Deleted:")
        assert (posted(atelier), images(data), entries(data / "faces")) == ([], [], [])
        whose = [target for (target,) in rows(data, "select target from audit order by id")]
        assert whose == [f"member {atelier.sandbox.members['ada'].id}", "everybody's"]


async def test_what_waits_with_a_revoked_person_fails_and_nothing_of_them_is_posted_afterwards(
    open_console: Open, tmp_path: Path
) -> None:
    data = lay(tmp_path / "data", "tom")
    sweep = SWEEP.replace(b"steps: 2", b"steps: 30").replace(b"tom]", b"tom], seed: '1-20'")
    async with open_console(data, starting_tokens=100) as atelier:
        ada = atelier.sandbox.members["ada"]
        await add(ada, "Eileen", PORTRAIT, shared=True)
        asked = await ada.run("/sweep", config=File("many.yaml", sweep))
        await asked.reply()
        await ada.press(asked, "Run")
        async with asyncio.timeout(60):
            while rows(data, "select count(*) from items where state = 'drawn'") < [(3,)]:
                await asyncio.sleep(0.01)
        await revoked(atelier)
        listed = await ada.run("/queue")
        assert f"{GONE} against tom" in str(listed.embeds) and "Eileen" not in str(listed.embeds)
        await atelier.ended(asked, 120)
        await atelier.sandbox.until(lambda: "S1-sheet.png" in posted(atelier), timeout=60)
        async with asyncio.timeout(30):
            while rows(data, "select count(*) from withdrawals where channel_id >= 0") != [(0,)]:
                await asyncio.sleep(0.05)
        theirs = {
            name: (image, state, remark)
            for name, image, state, remark, recipe in rows(data, "select name, image, state, remark, recipe from items")
            if json.loads(recipe)["face_folder"] == "Eileen"
        }
        assert len(theirs) == 20
        assert {image for image, _, _ in theirs.values()} == {None}
        assert "failed" in {state for _, state, _ in theirs.values()}
        assert {remark for _, _, remark in theirs.values()} == {REVOKED}
        assert len(images(data)) == 20  # nor is there a file that came too late
        assert not {f"S1-{name}.png" for name in theirs} & set(posted(atelier))
        assert len(posted(atelier)) == 20 + 1
        assert rows(data, "select sum(balance) from accounts where kind = 'held'") == [(0,)]


async def test_what_discord_refuses_at_first_is_told_and_gone_later(
    open_console: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.5)
    monkeypatch.setattr(erasure_module, "LONGEST_PAUSE_SECONDS", 1.0)
    async with open_console(lay(tmp_path / "data", "tom")) as atelier:
        await drawn(atelier)
        for method in ("DELETE", "PATCH", "GET"):
            atelier.sandbox.faults.storm(f"{method} {MESSAGE}", times=1000, status=502)
        receipt = await revoked(atelier)
        assert receipt[4] == "- 0 messages in Discord, or the pictures in them"
        assert receipt[5] == (
            "2 messages in Discord were not reached yet. The console goes on by itself until they are gone."
        )
        assert len(posted(atelier)) == 3
        atelier.sandbox.faults.clear()
        await atelier.sandbox.until(lambda: posted(atelier) == ["S1-c002.png"], timeout=90)


async def test_what_is_left_at_the_end_of_a_console_is_gone_at_its_next_start(
    tmp_path: Path, weights_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.2)
    data = data_folder(lay(tmp_path / "data", "tom"), weights_cache)
    async with strict_sandbox() as sandbox:
        async with console_on(sandbox, data, weights_cache) as atelier:
            await drawn(atelier)
            for method in ("DELETE", "PATCH", "GET"):
                sandbox.faults.storm(f"{method} {MESSAGE}", times=1000)
            await revoked(atelier)
        assert len(posted(atelier)) == 3
        sandbox.faults.clear()
        async with console_on(sandbox, data, weights_cache) as atelier:
            await sandbox.until(lambda: posted(atelier) == ["S1-c002.png"], timeout=60)


async def test_a_revocation_that_was_cut_off_is_finished_at_the_next_start(tmp_path: Path, weights_cache: Path) -> None:
    data = data_folder(lay(tmp_path / "data", "tom"), weights_cache)
    async with strict_sandbox() as sandbox:
        async with console_on(sandbox, data, weights_cache) as atelier:
            await drawn(atelier)
        path = data / "faces" / "Eileen" / "person.json"
        cut_off = {"revoked": True, "expires_at": "2026-07-01T00:00:00+00:00"}
        path.write_text(json.dumps(json.loads(path.read_text()) | cut_off))
        async with console_on(sandbox, data, weights_cache) as atelier:
            await sandbox.until(lambda: posted(atelier) == ["S1-c002.png"], timeout=60)
            async with asyncio.timeout(30):
                while path.exists():
                    await asyncio.sleep(0.05)
        assert len(images(data)) == 1

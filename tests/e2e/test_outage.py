"""Discord goes away in the middle of a sweep: drawing goes on, and what was drawn arrives when it is back, once."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import bot.console as console_module
import bot.jobs.delivery as delivery_module
import bot.jobs.line as line_module
from bot.sandbox import File, Interaction
from bot.sandbox.faults import MESSAGE_POSTS
from bot.ui.announcer import Announcer
from tests.e2e.conftest import Open, Running

pytestmark = pytest.mark.asyncio(loop_scope="session")

READS = "GET /channels/{channel_id}/messages"
SWEEP = b"{base: {prompt: x, steps: 30}, parameters: {seed: '1-12'}}"
CELLS = [f"S1-c{number:03d}.png" for number in range(1, 13)]
OUTAGE_SECONDS = 3.0


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outages of seconds: the pauses between two attempts, and the memory of a nonce, are as short."""
    monkeypatch.setattr(delivery_module, "NONCE_SECONDS", OUTAGE_SECONDS / 2)
    monkeypatch.setattr(line_module, "LONGEST_ASK_SECONDS", 1.0)
    monkeypatch.setattr(console_module, "LONGEST_RECONNECT_SECONDS", 1.0)


async def begun(atelier: Running, config: bytes = SWEEP) -> Interaction:
    """A sweep that mina has just run."""
    mina = atelier.sandbox.members["mina"]
    quoted = await mina.run("/sweep", config=File("twelve.yaml", config))
    await quoted.reply()
    await mina.press(quoted, "Run")
    return quoted


def posted(atelier: Running) -> list[str]:
    return [each["filename"] for each in atelier.results()]


async def away(atelier: Running, data: Path) -> list[str]:
    """An outage that ends some seconds after everything was drawn; what had been posted before.

    The console is back by itself soon after.
    """
    before = posted(atelier)
    await atelier.sandbox.off()
    async with asyncio.timeout(300):
        while unfinished(data):
            await asyncio.sleep(0.1)
    await asyncio.sleep(OUTAGE_SECONDS)
    assert posted(atelier) == before
    await atelier.sandbox.on()
    await atelier.sandbox.until(lambda: atelier.sandbox.gateway.connected, timeout=30)
    return before


def unfinished(data: Path) -> int:
    """The jobs that have not ended, as the database tells."""
    with closing(sqlite3.connect(data / "atelier.db")) as database:
        return int(database.execute("select count(*) from jobs where state in ('queued', 'running')").fetchone()[0])


async def test_what_was_drawn_during_an_outage_arrives_in_order_when_it_is_over(
    open_console: Open, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with open_console(data) as atelier:
        quoted = await begun(atelier)
        await atelier.sandbox.until(lambda: posted(atelier), timeout=120)
        first = await away(atelier, data)
        card = await atelier.ended(quoted, timeout=120)
        assert 0 < len(first) < 12  # it went away between the first picture and the last
        await atelier.sandbox.until(lambda: "S1-sheet.png" in posted(atelier), timeout=120)
        rest = [name for name in CELLS if name not in first]
        assert posted(atelier) == [*first, *rest, "S1-sheet.png"]
        assert atelier.sandbox.duplicates() == []
        assert "**12 images**" in card["embeds"][0]["description"]
        shown = await atelier.sandbox.members["ada"].run("/queue")
        assert "Nothing waits" in shown.embeds[0]["description"]


@pytest.mark.parametrize("looks", [True, False])
async def test_a_message_that_was_accepted_just_before_the_outage_is_not_posted_again(
    open_console: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    async def looks_away(*_: object, **__: object) -> None:
        return None

    if not looks:  # what would happen without it: this test can fail
        monkeypatch.setattr(Announcer, "find", looks_away)
    data = tmp_path / "data"
    async with open_console(data) as atelier:
        atelier.sandbox.faults.accepted_then_502(MESSAGE_POSTS)
        await begun(atelier)
        await atelier.sandbox.until(lambda: posted(atelier), timeout=120)
        first = await away(atelier, data)  # its answer never came, and its nonce is forgotten
        await atelier.sandbox.until(lambda: "S1-sheet.png" in posted(atelier), timeout=120)
        assert [each for each in atelier.sandbox.faults.struck if "accepted" in each] != []
        assert atelier.sandbox.duplicates() == ([] if looks else first)
        assert sorted({*posted(atelier)}) == [*CELLS, "S1-sheet.png"]
        assert (READS in atelier.sandbox.rest.requests) is looks


async def test_jobs_that_waited_for_the_end_of_an_outage_come_in_the_order_they_were_queued(
    open_console: Open, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with open_console(data) as atelier:
        for _ in range(3):
            await begun(atelier)
        before = await away(atelier, data)
        await atelier.sandbox.until(lambda: len(posted(atelier)) == 3 * 13, timeout=120)
        after = posted(atelier)[len(before) :]
        assert {name[:2] for name in after} >= {"S2", "S3"}
        assert after == sorted(after)  # a sheet's name comes after those of its cells
        assert atelier.sandbox.duplicates() == []

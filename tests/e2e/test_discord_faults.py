"""What Discord does wrong must not lose an image, nor post one twice."""

import pytest

from bot.sandbox import File
from tests.e2e.conftest import Open, Running

pytestmark = pytest.mark.asyncio(loop_scope="session")

SWEEP = b"{base: {prompt: x, steps: 2, width: 64, height: 64}, parameters: {seed: '1-6'}}"
POSTS = "POST /channels/{channel_id}/messages"


async def draw(atelier: Running) -> list[str]:
    """Run the sweep; the names of all attachments once the sheet is there."""
    mina = atelier.sandbox.members["mina"]
    quoted = await mina.run("/sweep", config=File("six.yaml", SWEEP))
    await quoted.reply()
    await mina.press(quoted, "Run")
    await atelier.sandbox.until(lambda: "sheet" in str(atelier.results()), timeout=60)
    return sorted(each["filename"] for each in atelier.results())


ALL = [*(f"S1-c00{n}.png" for n in range(1, 7)), "S1-sheet.png"]


async def test_a_post_accepted_and_answered_502_appears_once(open_console: Open) -> None:
    async with open_console() as atelier:
        atelier.sandbox.faults.accepted_then_502(POSTS, times=2)
        assert await draw(atelier) == ALL
        assert len([each for each in atelier.sandbox.faults.struck if "accepted" in each]) == 2


async def test_a_storm_of_503_delays_and_loses_nothing(open_console: Open) -> None:
    async with open_console() as atelier:
        atelier.sandbox.faults.storm(POSTS, times=2)
        assert await draw(atelier) == ALL


async def test_rate_limits_with_and_without_via_lose_nothing(open_console: Open) -> None:
    async with open_console() as atelier:
        atelier.sandbox.faults.rate_limit(POSTS, times=1)
        atelier.sandbox.faults.rate_limit(POSTS, times=1, via=False)
        assert await draw(atelier) == ALL


async def test_a_dropped_gateway_is_resumed_and_commands_go_on(open_console: Open) -> None:
    async with open_console() as atelier:
        ada = atelier.sandbox.members["ada"]
        for trouble in (atelier.sandbox.faults.drop_gateway, atelier.sandbox.faults.ask_to_reconnect):
            trouble()
            await atelier.sandbox.until(lambda: not atelier.sandbox.gateway.connected, timeout=10)
            await atelier.sandbox.ready(30)
            shown = await ada.run("/queue")
            assert "Nothing waits" in shown.embeds[0]["description"]


async def test_cards_are_edited_no_faster_than_discord_allows(open_console: Open) -> None:
    async with open_console() as atelier:
        mina = atelier.sandbox.members["mina"]
        text = b"{base: {prompt: x, steps: 30}, parameters: {seed: '1-40'}}"
        quoted = await mina.run("/sweep", config=File("forty.yaml", text))
        await quoted.reply()
        await mina.press(quoted, "Run")
        await atelier.ended(quoted, timeout=120)
        assert atelier.sandbox.edits_too_fast == 0

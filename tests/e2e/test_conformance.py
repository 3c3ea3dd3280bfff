"""Both sides of the conversation hold Discord's own specification."""

import pytest

from bot.sandbox import File
from tests.e2e.conftest import SPEC_DIR, Open

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_whole_session_breaks_no_schema_in_either_direction(open_console: Open) -> None:
    if not SPEC_DIR.is_dir():
        pytest.skip(f"Discord's specification is not in {SPEC_DIR}; set DISCORD_SPEC_DIR to check against it.")
    async with open_console() as atelier:
        mina = atelier.sandbox.members["mina"]
        await mina.run("/help")
        await mina.run("/set", parameter="steps", value="2")
        await mina.run("/params show")
        await mina.complete("/set", "value", "1", parameter="seed")
        quoted = await mina.run("/sweep", config=File("a.yaml", b"parameters: {seed: '1-3'}\nbase: {prompt: x}"))
        await quoted.reply()
        await mina.press(quoted, "Run")
        await atelier.sandbox.until(lambda: "sheet" in str(atelier.results()), timeout=60)
        await mina.run("/queue")
        checked = dict(atelier.sandbox.checked)
        assert atelier.sandbox.violations == []
    assert len(checked) >= 2
    assert all(count > 0 for count in checked.values()), checked

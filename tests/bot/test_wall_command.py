"""What /wall answers: where the wall is, and whether anybody else reaches it there."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.cogs.wall import WallCog
from bot.jobs.showing import Shown

JOB: Any = SimpleNamespace(name="S42")
OWN = "works on the console's own machine only"


class Asked:
    """An interaction, and what it was answered."""

    def __init__(self) -> None:
        self.told = ""
        self.response = self

    async def send_message(self, text: str, *, ephemeral: bool, **_: object) -> None:
        assert ephemeral
        self.told = text


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost:8080", True),
        ("https://wall.example", False),
        ("http://192.168.7.1:8080", False),
    ],
)
async def test_an_address_that_only_the_console_itself_reaches_is_said_to_be_one(address: str, own: bool) -> None:
    services: Any = SimpleNamespace(wall_address=address)
    on, asked = WallCog(services), Asked()
    open_it: Any = WallCog._open
    await open_it.callback(on, asked)
    for told in (asked.told, on._told(Shown(JOB, 2, ()))):
        assert address in told and (OWN in told) is own and ("WEB_URL" in told) is own

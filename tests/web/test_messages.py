"""Messages: where a picture's page leads for the message that it was posted in."""

import pytest

from bot.web.messages import DISCORD, discord_pages, message_address
from tests.web.exhibition import Exhibition


@pytest.mark.parametrize(
    ("api", "address"),
    [
        ("https://discord.com/api/v10", "https://discord.com/channels/7/10/11"),
        ("https://ptb.discord.com/api/v10", "https://ptb.discord.com/channels/7/10/11"),
        ("https://canary.discord.com/api/v10", "https://canary.discord.com/channels/7/10/11"),
        ("http://127.0.0.1:8810/api/v10", "http://127.0.0.1:8810/?channel=10&message=11"),
        ("http://localhost:8810/api/v10", "http://localhost:8810/?channel=10&message=11"),
        ("http://[::1]:8810/api/v10", "http://[::1]:8810/?channel=10&message=11"),
        ("http://sandbox:8810/api/v10", None),
        ("https://discord.com.example.org/api/v10", None),
    ],
)
def test_a_message_is_where_its_api_is(api: str, address: str | None) -> None:
    assert message_address(discord_pages(api), Exhibition().hang()) == address


def test_without_a_message_it_is_the_channel() -> None:
    shown = Exhibition().hang(message_id=None)
    assert message_address(DISCORD, shown) == "https://discord.com/channels/7/10"
    assert message_address(discord_pages("http://localhost:8810/api"), shown) == "http://localhost:8810/?channel=10"

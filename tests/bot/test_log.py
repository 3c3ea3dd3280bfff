"""No token reaches the log, whoever writes it."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage

from bot.log import configure_log

TOKEN = "MTIz.bot.token-of-ours"
INTERACTION = "aW50ZXJhY3Rpb246MTIzNDU2Nzg5MDEyMzQ1Njc4OTA6Zm9v"


@pytest.fixture
def restored() -> Iterator[None]:
    """The log as it was before, for the tests that come after."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
def test_the_bots_token_and_interaction_tokens_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("DEBUG", (TOKEN,))
    structlog.get_logger("atelier").warning("ours", header=f"Bot {TOKEN}")
    library = logging.getLogger("disnake.http")
    library.debug("POST https://discord.com/api/v10/interactions/1/%s/callback", INTERACTION)
    library.debug("PATCH https://discord.com/api/v10/webhooks/2/%s/messages/@original", INTERACTION)
    library.debug("WebSocket Event: %s", {"token": INTERACTION, "id": "7"})
    try:
        raise ValueError(f"with {TOKEN} in it")
    except ValueError:
        structlog.get_logger("atelier").exception("failed")
    said = capsys.readouterr().err
    assert said.count("[token]") >= 5
    assert TOKEN not in said
    assert INTERACTION not in said
    assert "'id': '7'" in said


@pytest.mark.usefixtures("restored")
def test_what_is_no_http_is_one_line_without_what_stood_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("INFO", ())
    try:
        raise BadHttpMessage("Invalid header value: atelier=a-cookie-of-somebody")
    except BadHttpMessage:
        logging.getLogger("aiohttp.server").exception("Error handling request from 127.0.0.1")
    said = capsys.readouterr().err
    assert "a-cookie" not in said and "Traceback" not in said
    logging.getLogger("aiohttp.server").error("something else")
    assert "something else" in capsys.readouterr().err

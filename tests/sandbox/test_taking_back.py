"""What is deleted at Discord is gone: a message with its files, or a file out of a message that stays."""

from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import STUDIO
from tests.sandbox.conftest import Raw
from tests.sandbox.small_bot import PNG

POST = f"/channels/{STUDIO}/messages"


async def post(raw: Raw, *names: str) -> dict[str, Any]:
    """A message with these files."""
    form = aiohttp.FormData()
    form.add_field("payload_json", '{"content": "here"}', content_type="application/json")
    for number, name in enumerate(names):
        form.add_field(f"files[{number}]", PNG, filename=name, content_type="image/png")
    status, message = await raw.ask("POST", POST, data=form)
    assert status == 200
    return message  # type: ignore[no-any-return]


async def served(raw: Raw, message: dict[str, Any]) -> list[int]:
    """With which status each file that a message had is answered."""
    statuses = []
    for file in message["attachments"]:
        async with raw.session.get(file["url"]) as response:
            statuses.append(response.status)
    return statuses


async def test_an_edit_that_names_attachments_keeps_those_alone_and_the_others_are_served_no_more(raw: Raw) -> None:
    message = await post(raw, "a.png", "b.png", "c.png")
    stay = [{"id": message["attachments"][number]["id"]} for number in (0, 2)]
    status, edited = await raw.ask("PATCH", f"{POST}/{message['id']}", {"attachments": stay})
    assert (status, [file["filename"] for file in edited["attachments"]]) == (200, ["a.png", "c.png"])
    assert edited["content"] == "here"
    assert await served(raw, message) == [200, 404, 200]
    status, _ = await raw.ask("PATCH", f"{POST}/{message['id']}", {"content": "there"})
    assert await served(raw, message) == [200, 404, 200]


async def test_an_attachment_that_is_gone_cannot_be_kept(raw: Raw) -> None:
    message = await post(raw, "a.png", "b.png")
    first, second = ({"id": file["id"]} for file in message["attachments"])
    await raw.ask("PATCH", f"{POST}/{message['id']}", {"attachments": [first]})
    status, answer = await raw.ask("PATCH", f"{POST}/{message['id']}", {"attachments": [first, second]})
    assert (status, answer["code"]) == (400, 50035)
    raw.sandbox.violations.clear()


async def test_a_message_that_is_deleted_takes_its_files_along(raw: Raw) -> None:
    message, other = await post(raw, "a.png"), await post(raw, "b.png")
    assert (await raw.ask("DELETE", f"{POST}/{message['id']}"))[0] == 204
    assert (await served(raw, message), await served(raw, other)) == ([404], [200])
    status, answer = await raw.ask("DELETE", f"{POST}/{message['id']}")
    assert (status, answer["code"]) == (404, 10008)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_stands_in_an_archived_thread_is_changed_once_it_is_open_again(
    sandbox: Sandbox, raw: Raw, method: str
) -> None:
    _, thread = await raw.ask("POST", f"/channels/{STUDIO}/threads", {"name": "t", "type": 11})
    messages = f"/channels/{thread['id']}/messages"
    _, message = await raw.ask("POST", messages, {"content": "here"})
    body = {"content": "there"} if method == "PATCH" else None
    await raw.ask("PATCH", f"/channels/{thread['id']}", {"archived": True})
    status, answer = await raw.ask(method, f"{messages}/{message['id']}", body)
    assert (status, answer["code"]) == (400, 50083)
    await raw.ask("PATCH", f"/channels/{thread['id']}", {"archived": False})
    assert (await raw.ask(method, f"{messages}/{message['id']}", body))[0] in (200, 204)

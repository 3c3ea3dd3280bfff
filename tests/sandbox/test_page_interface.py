"""What the browser page asks of the sandbox, and what it hears live."""

import json
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import STUDIO
from tests.sandbox import small_bot
from tests.sandbox.small_bot import running


class Page:
    """A browser that shows nothing."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, member: str) -> None:
        self.sandbox = sandbox
        self.session = session
        self.member = member
        self.where = {"member": member, "channel": STUDIO}

    async def state(self) -> dict[str, Any]:
        url = f"{self.sandbox.url}/sandbox/state"
        async with self.session.get(url, params={"member": self.member}) as response:
            return await response.json()

    async def post(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        async with self.session.post(f"{self.sandbox.url}/sandbox/{path}", json=body) as response:
            return response.status, await response.json()

    async def run(
        self, name: str, options: list[dict[str, Any]], **files: tuple[str, bytes]
    ) -> tuple[int, dict[str, Any]]:
        form = aiohttp.FormData()
        form.add_field("payload", json.dumps(self.where | {"name": name, "options": options}))
        for field, (filename, content) in files.items():
            form.add_field(field, content, filename=filename)
        async with self.session.post(f"{self.sandbox.url}/sandbox/interactions", data=form) as response:
            return response.status, await response.json()


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[Page]:
    async with aiohttp.ClientSession() as session:
        yield Page(sandbox, session, sandbox.members["mina"].id)


async def hear(socket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The data of the next live event of a kind."""
    while True:
        event = await socket.receive_json(timeout=5)
        if event["type"] == kind:
            return event["data"]


def live(page: Page) -> Any:
    return page.session.ws_connect(f"{page.sandbox.url}/sandbox/live?member={page.member}")


async def test_the_page_opens_and_its_files_stay_in_their_folder(page: Page) -> None:
    async with page.session.get(page.sandbox.url + "/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
    for path in ("/page/no-such-file.js", "/page/..%2Fserver.py"):
        async with page.session.get(page.sandbox.url + path) as response:
            assert response.status == 404


async def test_the_state_names_everything_and_the_application_once_it_is_here(page: Page) -> None:
    empty = await page.state()
    assert (empty["application"], empty["commands"], empty["me"]["name"]) == (None, [], "Mina")
    assert [each["name"] for each in empty["channels"]] == ["studio", "general"]
    assert [each["administrator"] for each in empty["members"]] == [True, False, False]
    async with live(page) as socket:
        async with running(page.sandbox, small_bot.make()):
            assert (await hear(socket, "application"))["name"] == "Atelier"
            assert "echo" in {each["name"] for each in await hear(socket, "commands")}
        assert await hear(socket, "application") is None


async def test_a_deferred_command_is_thinking_until_its_message_comes(page: Page) -> None:
    async with running(page.sandbox, small_bot.make()), live(page) as socket:
        status, answer = await page.run("think", [{"name": "seconds", "type": 10, "value": 0.05}])
        assert status == 200
        thinking = await hear(socket, "thinking")
        assert thinking["interaction"] == answer["interaction"]
        assert (thinking["command"], thinking["by"]["name"], thinking["ephemeral"]) == ("think", "Mina", False)
        message = await hear(socket, "message")
        assert message["interaction_by"] == {
            "id": page.member,
            "name": "Mina",
            "command": "think",
            "interaction": answer["interaction"],
        }
        assert message["interaction"]["id"] == answer["interaction"]
        assert message["id"] == thinking["message"]


async def test_an_uploaded_file_a_subcommand_and_a_button_work_from_the_page(page: Page) -> None:
    async with running(page.sandbox, small_bot.make()), live(page) as socket:
        option = {"name": "file", "type": 11, "value": "upload"}
        await page.run("measure", [option], upload=("a.yaml", b"12345"))
        assert (await hear(socket, "message"))["content"] == "a.yaml 5"
        left = {"name": "left", "type": 1, "options": [{"name": "name", "type": 3, "value": "x"}]}
        await page.run("halves", [left])
        assert (await hear(socket, "message"))["content"] == "left x"
        await page.run("buttons", [])
        shown = await hear(socket, "message")
        press = {"member": page.member, "message": shown["id"], "component_type": 2}
        assert (await page.post("components", **press, custom_id="run"))[0] == 200
        assert (await hear(socket, "message_update"))["content"] == "running"
        status, answer = await page.post("components", **press, custom_id="run")
        assert (status, answer) == (400, {"error": "This message has no such button any more."})


async def test_an_upload_too_large_to_be_a_picture_is_a_plain_file(page: Page) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)  # nobody's memory is to hold its pixels
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    async with running(page.sandbox, small_bot.make()), live(page) as socket:
        option = {"name": "file", "type": 11, "value": "upload"}
        status, _ = await page.run("measure", [option], upload=("huge.png", bomb))
        assert status == 200
        assert (await hear(socket, "message"))["content"] == f"huge.png {len(bomb)}"


async def test_choices_come_while_typing(page: Page) -> None:
    async with running(page.sandbox, small_bot.make()):
        options = [
            {"name": "kind", "type": 3, "value": "big"},
            {"name": "word", "type": 3, "value": "t", "focused": True},
        ]
        status, answer = await page.post("autocomplete", **page.where, name="suggest", options=options)
        assert (status, answer["choices"][0]) == (200, {"name": "big t0", "value": "big t0"})


async def test_a_silent_application_failed(page: Page) -> None:
    async with running(page.sandbox, small_bot.make()), live(page) as socket:
        page.sandbox.interactions._answer_s = 0.1
        _, answer = await page.run("silent", [])
        failed = await hear(socket, "failed")
        assert failed["interaction"] == answer["interaction"]
        assert failed["sentence"] == "The application did not respond"


async def test_chat_reaches_everybody_and_goes_when_deleted(page: Page) -> None:
    async with live(page) as socket:
        status, answer = await page.post("messages", **page.where, content="hello")
        assert status == 200
        assert (await hear(socket, "message"))["content"] == "hello"
        page.sandbox.world.remove(page.sandbox.world.message(answer["message"]))
        assert (await hear(socket, "message_delete"))["id"] == answer["message"]


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("messages", {"content": " "}, "An empty message cannot be sent."),
        ("messages", {"content": "x" * 2001}, "A message has at most 2000 characters, this one has 2001."),
        ("messages", {}, "The field 'content' is missing."),
        ("components", {"message": "1", "custom_id": "x"}, "Unknown Message."),
        ("autocomplete", {"name": "x"}, "No option is being typed."),
    ],
)
async def test_what_cannot_be_done_is_a_sentence(path: str, body: dict[str, Any], sentence: str, page: Page) -> None:
    status, answer = await page.post(path, **page.where, **body)
    assert (status // 100, answer) == (4, {"error": sentence})

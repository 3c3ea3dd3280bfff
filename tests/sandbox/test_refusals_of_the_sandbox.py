"""Negative controls: the sandbox refuses what Discord refuses, with Discord's code at the path of the mistake."""

import copy
import io
import json
import random
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.interactions import Interaction
from bot.sandbox.rates import Rates
from bot.sandbox.world import APPLICATION, STUDIO
from tests.sandbox.conftest import Raw
from tests.sandbox.strict import SPECIFICATION

POST = f"/channels/{STUDIO}/messages"
COMMANDS = f"/applications/{APPLICATION}/commands"
V2 = 1 << 15


def button(**more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "Run", "custom_id": "run"} | more


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"components": [{"type": 1, "components": list(components)}]}


def embed(**fields: Any) -> dict[str, Any]:
    return {"embeds": [fields]}


def select(count: int) -> dict[str, Any]:
    options = [{"label": str(n), "value": str(n)} for n in range(count)]
    return row({"type": 3, "custom_id": "pick", "options": options})


def gallery(count: int) -> dict[str, Any]:
    items = [{"media": {"url": f"https://example.org/{n}.png"}} for n in range(count)]
    return {"flags": V2, "components": [{"type": 12, "items": items}]}


def text(content: str = "x") -> dict[str, Any]:
    return {"type": 10, "content": content}


MESSAGES = {
    "content above 2000": ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
    "content that is no text": ({"content": 5}, "content", "STRING_TYPE_CONVERT"),
    "11 embeds": ({"embeds": [{"title": "x"}] * 11}, "embeds", "BASE_TYPE_MAX_LENGTH"),
    "an embed title above 256": (embed(title="x" * 257), "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
    "an embed description above 4096": (
        embed(description="x" * 4097),
        "embeds.0.description",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "an embed footer above 2048": (
        embed(footer={"text": "x" * 2049}),
        "embeds.0.footer.text",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "26 fields": (
        embed(fields=[{"name": "n", "value": "v"}] * 26),
        "embeds.0.fields",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a field without a value": (
        embed(fields=[{"name": "n", "value": ""}]),
        "embeds.0.fields.0.value",
        "BASE_TYPE_REQUIRED",
    ),
    "a field value above 1024": (
        embed(fields=[{"name": "n", "value": "v" * 1025}]),
        "embeds.0.fields.0.value",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "embeds above 6000 characters together": (
        {"embeds": [{"description": "x" * 3001}, {"description": "x" * 3000}]},
        "embeds",
        "MAX_EMBED_SIZE_EXCEEDED",
    ),
    "a picture from a local file": (
        embed(image={"url": "file:///etc/passwd"}),
        "embeds.0.image.url",
        "URL_TYPE_INVALID_SCHEME",
    ),
    "6 rows": ({"components": row(button())["components"] * 6}, "components", "BASE_TYPE_MAX_LENGTH"),
    "6 buttons in a row": (
        row(*(button(custom_id=str(n)) for n in range(6))),
        "components.0.components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a button outside a row": ({"components": [button()]}, "components.0.type", "BASE_TYPE_CHOICES"),
    "a label above 80": (
        row(button(label="x" * 81)),
        "components.0.components.0.label",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a button without a label": (
        row(button(label=None)),
        "components.0.components.0",
        "BUTTON_COMPONENT_MISSING_LABEL",
    ),
    "a custom_id above 100": (
        row(button(custom_id="x" * 101)),
        "components.0.components.0.custom_id",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a custom_id twice": (
        row(button(), button()),
        "components.0.components.1.custom_id",
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    "26 options to select": (select(26), "components.0.components.0.options", "BASE_TYPE_BAD_LENGTH"),
    "layout components without their flag": (
        {"components": [text()]},
        "components.0.type",
        "BASE_TYPE_CHOICES",
    ),
    "content beside layout components": (
        {"content": "x", "flags": V2, "components": [text()]},
        "content",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "embeds beside layout components": (
        {"embeds": [{"title": "x"}], "flags": V2, "components": [text()]},
        "embeds",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "11 pictures in a gallery": (gallery(11), "components.0.items", "BASE_TYPE_BAD_LENGTH"),
    "41 layout components": (
        {"flags": V2, "components": [{"type": 17, "components": [text()] * 40}]},
        "components",
        "COMPONENT_MAX_TOTAL_COMPONENTS",
    ),
    "a gallery that shows a file nobody sent": (
        {
            "flags": V2,
            "components": [{"type": 12, "items": [{"media": {"url": "attachment://a.png"}}]}],
        },
        "components",
        "REFERENCED_ATTACHMENT_NOT_FOUND",
    ),
    "an attachment nobody sent": (
        {"content": "x", "attachments": [{"id": "0", "filename": "a.png"}]},
        "attachments.0.id",
        "ATTACHMENT_NOT_FOUND",
    ),
    "a reply to a message that is not there": (
        {"content": "x", "message_reference": {"message_id": "1"}},
        "message_reference",
        "REPLIES_UNKNOWN_MESSAGE",
    ),
    "a nonce above 25": ({"content": "x", "nonce": "n" * 26}, "nonce", "BASE_TYPE_MAX_LENGTH"),
    "an ephemeral message outside an interaction": (
        {"content": "x", "flags": 64},
        "flags",
        "MESSAGE_FLAGS_INVALID",
    ),
    "mentions both parsed and named": (
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "allowed_mentions.parse",
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
    ),
}


def command(**more: Any) -> dict[str, Any]:
    return {"name": "set", "description": "Sets a parameter"} | more


def option(**more: Any) -> dict[str, Any]:
    return {"type": 3, "name": "value", "description": "A value"} | more


OPTION = "0.options.0"
REGISTRATIONS = {
    "an uppercase name": ([command(name="Set")], "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
    "a name with a space": ([command(name="set it")], "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
    "a name above 32": ([command(name="s" * 33)], "0.name", "BASE_TYPE_BAD_LENGTH"),
    "no description": ([command(description="")], "0.description", "BASE_TYPE_REQUIRED"),
    "a description above 100": ([command(description="x" * 101)], "0.description", "BASE_TYPE_BAD_LENGTH"),
    "two of one name": ([command(), command()], "1.name", "APPLICATION_COMMANDS_DUPLICATE_NAME"),
    "26 options": (
        [command(options=[option(name=f"o{n}") for n in range(26)])],
        "0.options",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a required option behind an optional one": (
        [command(options=[option(), option(name="b", required=True)])],
        "0.options.1",
        "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
    ),
    "two options of one name": (
        [command(options=[option(), option()])],
        "0.options.1",
        "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
    ),
    "26 choices": (
        [command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])])],
        f"{OPTION}.choices",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "choices beside autocomplete": (
        [command(options=[option(autocomplete=True, choices=[{"name": "a", "value": "a"}])])],
        f"{OPTION}.autocomplete",
        "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID",
    ),
    "an option of no known type": ([command(options=[option(type=77)])], f"{OPTION}.type", "BASE_TYPE_CHOICES"),
    "a command above 8000 characters": (
        [
            command(
                options=[
                    option(
                        name=f"o{o}",
                        choices=[{"name": f"{n:050}", "value": f"{n:050}"} for n in range(25)],
                    )
                    for o in range(4)
                ]
            )
        ],
        "0",
        "APPLICATION_COMMAND_TOO_LARGE",
    ),
}


def error_at(answer: Any, path: str) -> str:
    """The code of the first error at a path of Discord's error tree."""
    node = answer["errors"]
    for step in path.split("."):
        node = node[step]
    return node["_errors"][0]["code"]


@pytest.mark.parametrize("name", MESSAGES)
async def test_a_message_is_refused_for(name: str, raw: Raw) -> None:
    body, path, code = MESSAGES[name]
    with raw.sandbox.expect_refusals() as refused:
        status, answer = await raw.ask("POST", POST, body)
    assert (status, answer["code"], answer["message"]) == (400, 50035, "Invalid Form Body")
    assert error_at(answer, path) == code
    assert len(refused) == 1
    assert raw.sandbox.messages() == []


@pytest.mark.parametrize("name", REGISTRATIONS)
async def test_registration_is_refused_for(name: str, raw: Raw) -> None:
    body, path, code = REGISTRATIONS[name]
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("PUT", COMMANDS, body)
    assert (status, answer["code"]) == (400, 50035)
    assert error_at(answer, path) == code
    assert raw.sandbox.world.all_commands() == []


async def test_a_broken_rule_outside_a_negative_control_is_held_against_the_client(raw: Raw) -> None:
    await raw.ask("POST", POST, {"content": "x" * 2001})
    [violation] = raw.sandbox.violations
    assert "BASE_TYPE_MAX_LENGTH" in violation
    raw.sandbox.violations.clear()


async def test_all_mistakes_of_a_body_are_told_at_once(raw: Raw) -> None:
    with raw.sandbox.expect_refusals():
        _, answer = await raw.ask("POST", POST, {"content": "x" * 2001, "nonce": "n" * 26})
    assert set(answer["errors"]) == {"content", "nonce"}


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"embeds": [], "components": []}])
async def test_an_empty_message_is_refused(raw: Raw, body: dict[str, Any]) -> None:
    with raw.sandbox.expect_refusals():
        assert await raw.ask("POST", POST, body) == (
            400,
            {"code": 50006, "message": "Cannot send an empty message"},
        )


async def test_an_edit_may_not_empty_a_message(raw: Raw) -> None:
    _, posted = await raw.ask("POST", POST, {"content": "x"})
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("PATCH", f"{POST}/{posted['id']}", {"content": None})
    assert (status, answer["code"]) == (400, 50006)
    assert raw.sandbox.messages()[0]["content"] == "x"


def form(*files: tuple[str, bytes], payload: str = "{}") -> aiohttp.FormData:
    data = aiohttp.FormData()
    for number, (name, content) in enumerate(files):
        data.add_field(f"files[{number}]", io.BytesIO(content), filename=name)
    data.add_field("payload_json", payload)
    return data


async def test_eleven_files_are_refused(raw: Raw) -> None:
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("POST", POST, data=form(*[("a.png", b"x")] * 11))
    assert (status, error_at(answer, "attachments")) == (400, "BASE_TYPE_MAX_LENGTH")


async def test_a_file_that_no_layout_component_shows_is_refused(raw: Raw) -> None:
    payload = '{"flags": 32768, "components": [{"type": 10, "content": "x"}]}'
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("POST", POST, data=form(("a.png", b"x"), payload=payload))
    assert (status, error_at(answer, "attachments")) == (400, "UNREFERENCED_ATTACHMENT")


@pytest.mark.parametrize("sizes", [(10 * 2**20 + 1,), (9 * 2**20,) * 3], ids=["a file", "a request"])
async def test_what_is_too_large_is_refused(raw: Raw, sizes: tuple[int, ...]) -> None:
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("POST", POST, data=form(*(("a.bin", bytes(size)) for size in sizes)))
    assert (status, answer["code"]) == (413, 40005)


async def test_another_content_type_and_broken_json_are_refused(raw: Raw) -> None:
    with raw.sandbox.expect_refusals():
        plain = await raw.ask("POST", POST, data="content=x", headers={"Content-Type": "text/plain"})
        broken = await raw.ask("POST", POST, data="{", headers={"Content-Type": "application/json"})
    assert (plain[0], plain[1]["code"]) == (400, 50035)
    assert (broken[0], broken[1]["code"]) == (400, 50109)


async def test_a_route_that_is_not_there_is_a_violation(raw: Raw) -> None:
    status, answer = await raw.ask("GET", "/guilds/1/members")
    assert (status, answer) == (404, {"code": 0, "message": "404: Not Found"})
    assert "GET /api/v10/guilds/1/members" in raw.sandbox.violations[0]
    raw.sandbox.violations.clear()


async def test_a_wrong_token_and_a_strange_user_agent_are_refused(raw: Raw) -> None:
    with raw.sandbox.expect_refusals():
        assert (await raw.ask("GET", "/users/@me", headers={"Authorization": "Bot no"}))[0] == 401
        assert (await raw.ask("GET", "/users/@me", headers={"User-Agent": "curl/8"}))[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/channels/1/messages", 10003),
        ("GET", f"{POST}/1", 10008),
        ("PATCH", "/channels/1", 10003),
        ("PUT", "/applications/1/commands", 10002),
        ("POST", f"/webhooks/{APPLICATION}/no-such-token", 10015),
        ("POST", "/interactions/1/no-such-token/callback", 10062),
    ],
)
async def test_what_is_not_there_is_404_and_no_violation(raw: Raw, method: str, path: str, code: int) -> None:
    body = {"GET": None, "PUT": []}.get(method, {"content": "x", "type": 5, "name": "x"})
    status, answer = await raw.ask(method, path, body)
    assert (status, answer["code"]) == (404, code)


def ask_for(sandbox: Sandbox, *, autocomplete: bool = False) -> Interaction:
    """An interaction, as if a member had run a command."""
    data = {"id": "1", "name": "set", "type": 1, "options": []}
    profile = sandbox.world.profile("mina")
    return sandbox.interactions.command(profile, STUDIO, "set", data, autocomplete=autocomplete)


async def test_an_interaction_is_answered_once(raw: Raw) -> None:
    interaction = ask_for(raw.sandbox)
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    assert (await raw.ask("POST", path, {"type": 5}))[0] == 204
    status, answer = await raw.ask("POST", path, {"type": 4, "data": {"content": "x"}})
    assert (status, answer["code"]) == (400, 40060)


async def test_a_command_is_not_answered_like_a_button_nor_like_autocomplete(raw: Raw) -> None:
    interaction = ask_for(raw.sandbox)
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    with raw.sandbox.expect_refusals():
        for kind in (6, 7, 8):
            status, answer = await raw.ask("POST", path, {"type": kind, "data": {}})
            assert (status, error_at(answer, "type")) == (400, "BASE_TYPE_CHOICES")


@pytest.mark.parametrize(
    ("choices", "path"),
    [
        ([{"name": str(n), "value": str(n)} for n in range(26)], "data.choices"),
        ([{"name": "x" * 101, "value": "x"}], "data.choices.0.name"),
        ([{"name": "x", "value": "x" * 101}], "data.choices.0.value"),
    ],
)
async def test_choices_keep_to_their_limits(raw: Raw, choices: list[Any], path: str) -> None:
    interaction = ask_for(raw.sandbox, autocomplete=True)
    callback = f"/interactions/{interaction.id}/{interaction.token}/callback"
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("POST", callback, {"type": 8, "data": {"choices": choices}})
    assert status == 400
    assert error_at(answer, path).startswith("BASE_TYPE_")


async def test_a_defer_cannot_set_the_layout_flag(raw: Raw) -> None:
    interaction = ask_for(raw.sandbox)
    callback = f"/interactions/{interaction.id}/{interaction.token}/callback"
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("POST", callback, {"type": 5, "data": {"flags": V2}})
    assert (status, error_at(answer, "data.flags")) == (400, "MESSAGE_FLAGS_INVALID")


async def test_a_late_answer_and_a_dead_token_are_unknown(raw: Raw) -> None:
    raw.sandbox.interactions._answer_s = 0.02
    late = ask_for(raw.sandbox)
    await late.answered.wait()
    assert late.failed
    status, answer = await raw.ask("POST", f"/interactions/{late.id}/{late.token}/callback", {"type": 5})
    assert (status, answer["code"]) == (404, 10062)
    raw.sandbox.interactions._answer_s, raw.sandbox.interactions._token_s = 3.0, 0.02
    dead = ask_for(raw.sandbox)
    await raw.ask("POST", f"/interactions/{dead.id}/{dead.token}/callback", {"type": 5})
    await dead.answered.wait()
    assert dead.failed
    path = f"/webhooks/{APPLICATION}/{dead.token}"
    for method, where in (("POST", path), ("PATCH", f"{path}/messages/@original")):
        status, answer = await raw.ask(method, where, {"content": "x"})
        assert (status, answer["code"]) == (404, 10015)


async def test_the_schemas_catch_what_the_limits_do_not_know(raw: Raw) -> None:
    if raw.sandbox.specification.folder is None:
        pytest.skip(f"Discord's specification is not in {SPECIFICATION}: set DISCORD_SPEC_DIR to check against it")
    with raw.sandbox.expect_refusals():
        status, answer = await raw.ask("POST", POST, {"content": "x", "tts": "loud"})
    assert (status, error_at(answer, "tts")) == (400, "SCHEMA")


async def test_without_the_schemas_the_sandbox_says_so_and_still_keeps_the_limits() -> None:
    async with Sandbox(spec_dir=None) as sandbox, aiohttp.ClientSession() as session:
        session.headers["Authorization"] = f"Bot {sandbox.token}"
        session.headers["User-Agent"] = "DiscordBot (https://example.org, 1.0)"
        status, _ = await Raw(sandbox, session).ask("POST", POST, {"content": "x" * 2001})
        assert status == 400
        assert "not at hand" in sandbox.specification.status
        assert sandbox.checked.total() == 0


JUNK = (None, "", "x", -1, 7, 1.5, True, [], {}, [None], ["x"], [[]], {"x": 1}, "9" * 30, 1 << 40, [{}], "é" * 300)


def spots(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a body where something else could stand: (container, key)."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield node, key
            yield from spots(value)


def spoiled(body: Any, chance: random.Random) -> Any:
    """A copy of a body with junk in one to three places."""
    body = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(list(spots(body)))
        container[key] = copy.deepcopy(chance.choice(JUNK))
        if not list(spots(body)):
            break
    return body


@pytest.mark.parametrize("schemas", [True, False], ids=["with schemas", "by the limits alone"])
async def test_no_body_however_spoiled_makes_the_sandbox_fail(schemas: bool) -> None:
    chance = random.Random(7)
    rates = Rates({}, per_second=10**9)
    layout = {"flags": V2, "components": [{"type": 17, "components": [text(), gallery(2)["components"][0]]}]}
    page = {"title": "t", "fields": [{"name": "n", "value": "v"}], "image": {"url": "https://example.org/a.png"}}
    bodies = [
        ("POST", POST, {"content": "x", "embeds": [page], "flags": 4, "nonce": "n", "tts": False} | row(button())),
        ("POST", POST, layout),
        ("POST", POST, {"content": "x", "attachments": [{"id": "0"}], "message_reference": {"message_id": "1"}}),
        ("PUT", COMMANDS, [command(options=[option(choices=[{"name": "a", "value": "a"}])], type=1)]),
        ("POST", f"/channels/{STUDIO}/threads", {"name": "t", "auto_archive_duration": 60, "type": 11}),
        ("PATCH", f"/channels/{STUDIO}", {"topic": "t", "rate_limit_per_user": 1}),
    ]
    folder = SPECIFICATION if schemas else None
    async with Sandbox(spec_dir=folder, rates=rates) as sandbox, aiohttp.ClientSession() as session:
        session.headers["Authorization"] = f"Bot {sandbox.token}"
        session.headers["User-Agent"] = "DiscordBot (https://example.org, 1.0)"
        raw = Raw(sandbox, session)
        statuses = set()
        with sandbox.expect_refusals():
            for number in range(600):
                method, path, body = bodies[number % len(bodies)]
                sent = spoiled(body, chance)
                status, answer = await raw.ask(method, path, sent)
                assert status < 500, (json.dumps(sent), answer)
                statuses.add(status)
        assert {200, 400} <= statuses

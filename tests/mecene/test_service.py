"""The service says what it makes, and what is wrong with a request, exactly as its description promises."""

import asyncio
import gzip
import json
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.mecene.service as service_module
from bot.mecene.grammar import Grammar
from bot.mecene.openapi import DESCRIPTION, SCHEMAS
from bot.mecene.service import serving
from bot.mecene.wire import MOST_ASKED_BYTES, MOST_IDEAS, Asked, Misasked, ideas_as_json, read_asked
from bot.settings import BadSettings
from tests.mecene.conftest import plain_settings

JSON = {"Content-Type": "application/json"}
GOOD = {"theme": "noir", "count": 2, "seed": 1}


def schema(name: str) -> dict[str, Any]:
    """A schema of the description with those that it refers to."""
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(name))


async def post(http: aiohttp.ClientSession, address: str, body: object, **more: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with http.post(f"{address}/ideas", data=data, **({"headers": JSON} | more)) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("asked", [GOOD, GOOD | {"person": "woman"}, {"theme": "", "count": 1.0, "seed": 2**32 - 1}])
async def test_ideas_are_those_of_the_grammar_and_of_the_described_shape(
    service: str, http: aiohttp.ClientSession, asked: dict[str, Any]
) -> None:
    status, told = await post(http, service, asked)
    assert status == 200
    validator("Ideas").validate(told)
    ideas = await Grammar().ideas(asked["theme"], int(asked["count"]), asked["seed"], asked.get("person", ""))
    assert told == ideas_as_json(ideas)


async def test_a_thousand_ideas_come_in_one_answer(service: str, http: aiohttp.ClientSession) -> None:
    status, told = await post(http, service, GOOD | {"count": MOST_IDEAS})
    assert status == 200 and len({idea["prompt"] for idea in told["ideas"]}) == MOST_IDEAS
    validator("Ideas").validate(told)


WRONG: list[tuple[object, str]] = [
    (b"", "The body is not JSON: expecting value in line 1, column 1."),
    (b'{"theme": "noir"', "The body is not JSON: expecting ',' delimiter in line 1, column 17."),
    (b"\xff\xfe", "The body is not JSON: it is not UTF-8."),
    (b"[" * 10_000, "The body is not JSON: it is nested too deep."),
    (b'{"theme": "noir", "count": 1, "seed": NaN}', "The body is not JSON: it holds a number that cannot be read."),
    (
        b'{"theme": "noir", "count": 1, "seed": ' + b"9" * 5_000 + b"}",
        "The body is not JSON: it holds a number that cannot be read.",
    ),
    ([], 'The body: expected an object, such as {"theme": "noir", "count": 3, "seed": 1}, got an empty list.'),
    ({}, "theme: it is missing; theme, count and seed are needed."),
    ({"theme": "noir", "count": 2}, "seed: it is missing; theme, count and seed are needed."),
    (GOOD | {"counts": 2}, '"counts": there is no such field; did you mean count?'),
    (GOOD | {"{x}": 2}, '"{x}": there is no such field; there are theme, person, count, seed.'),
    (GOOD | {"theme": None}, "theme: expected text, got nothing."),
    (GOOD | {"theme": "x" * 401}, "theme: expected at most 400 letters, got 401."),
    (GOOD | {"person": 7}, "person: expected text, got 7."),
    (GOOD | {"person": "x" * 201}, "person: expected at most 200 letters, got 201."),
    (GOOD | {"count": 0}, "count: expected a whole number from 1 to 1,000, got 0."),
    (GOOD | {"count": 1001}, "count: expected a whole number from 1 to 1,000, got 1001."),
    (GOOD | {"count": True}, "count: expected a whole number from 1 to 1,000, got true."),
    (GOOD | {"count": "3"}, 'count: expected a whole number from 1 to 1,000, got "3".'),
    (GOOD | {"count": 1.5}, "count: expected a whole number from 1 to 1,000, got 1.5."),
    (GOOD | {"seed": -1}, "seed: expected a whole number from 0 to 4,294,967,295, got -1."),
    (GOOD | {"seed": 2**32}, "seed: expected a whole number from 0 to 4,294,967,295, got 4294967296."),
]


@pytest.mark.parametrize(("body", "sentence"), WRONG)
async def test_a_wrong_request_is_answered_with_a_sentence_that_names_the_field(
    service: str, http: aiohttp.ClientSession, body: object, sentence: str
) -> None:
    status, told = await post(http, service, body)
    assert (status, told) == (400, {"error": sentence})
    validator("Refusal").validate(told)


async def test_what_is_no_request_is_refused_in_json_too(service: str, http: aiohttp.ClientSession) -> None:
    async def refusal(method: str, path: str, **more: Any) -> tuple[int, str]:
        async with http.request(method, service + path, **more) as response:
            told = await response.json()
            validator("Refusal").validate(told)
            return response.status, told["error"]

    assert await refusal("GET", "/ideas") == (405, "GET is not answered here; use POST.")
    assert await refusal("OPTIONS", "/ideas") == (405, "OPTIONS is not answered here; use POST.")
    assert await refusal("DELETE", "/health") == (405, "DELETE is not answered here; use GET or HEAD.")
    assert await refusal("GET", "/idea") == (404, "There is nothing here; POST /ideas makes ideas, and / shows how.")
    assert await refusal("GET", "/../etc/passwd") == (
        404,
        "There is nothing here; POST /ideas makes ideas, and / shows how.",
    )
    said = "Content-Type: expected application/json."
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"):
        assert await refusal("POST", "/ideas", data=b"{}", headers={"Content-Type": kind}) == (415, said)
    long = b'{"theme": "' + b"x" * MOST_ASKED_BYTES + b'"}'
    said = "The body is too long; 16,384 bytes are the most."
    assert await refusal("POST", "/ideas", data=long, headers=JSON) == (413, said)


async def test_a_packed_body_is_refused_unopened(
    service: str, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"error": "Content-Encoding: the body is taken as it is alone, not packed."}
    for body in (gzip.compress(b" " * 5_000_000), b"no gzip at all"):
        assert await post(http, service, body, headers=JSON | {"Content-Encoding": "gzip"}) == (415, said)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "sent",
    [
        b'Content-Length: 60\r\n\r\n{"theme": ',
        b'Transfer-Encoding: chunked\r\n\r\na\r\n{"theme": ',
    ],
)
async def test_a_body_that_breaks_off_leaves_the_service_as_it_was(
    service: str, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    host, port = service.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /ideas HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + sent)
    writer.write_eof()
    await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert (await post(http, service, GOOD))[0] == 200
    assert "Traceback" not in caplog.text and "Unhandled" not in caplog.text


async def test_a_body_that_does_not_come_is_not_waited_for(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "BODY_SECONDS", 0.1)
    host, port = service.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /ideas HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_health_and_the_page_say_what_is_here(service: str, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{service}/health") as response:
        health = await response.json()
        assert health == {"ready": True, "source": "grammar"}
        validator("Health").validate(health)
    async with http.get(service, headers={"Host": '"><script>x</script>'}) as response:
        assert response.status == 421 and "<script" not in await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    async with http.get(service) as response:
        assert f"curl -s {service}/ideas" in await response.text()


async def test_no_answer_lets_another_page_read_it(service: str, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{service}/health", headers={"Origin": "http://evil.example"}) as response:
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_description_is_openapi_and_its_schemas_are_json_schemas(
    service: str, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{service}/openapi.json") as response:
        described = await response.json()
    assert described == DESCRIPTION and described["openapi"].startswith("3.1.")
    assert set(described["paths"]) == {"/ideas", "/health", "/openapi.json", "/"}
    for name, each in described["components"]["schemas"].items():
        jsonschema_rs.meta.validate(each)
        validator(name)
    used = set()
    for path in described["paths"].values():
        for operation in path.values():
            assert operation["responses"] and operation["operationId"]
            used |= {line.split('"')[0] for line in json.dumps(operation).split("#/components/schemas/")[1:]}
    assert used | {"Idea"} == set(SCHEMAS)
    for example in described["paths"]["/ideas"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        assert (await post(http, service, example["value"]))[0] == 200


EDGES: tuple[Any, ...] = (
    *(-1, 0, 1, 2, 999, 1_000, 1_001, 2**32 - 1, 2**32, -1.0, 0.0, 1.0, 1.5, 1_000.0, 1_001.0),
    *(None, True, False, [], {}, ["noir"], "", "3"),
    *("x" * length for length in (200, 201, 400, 401)),
)


@pytest.mark.parametrize("name", ["theme", "count", "seed", "person", "more"])
def test_the_description_has_the_edges_of_what_is_taken(name: str) -> None:
    taken = 0
    for value in EDGES:
        asked = GOOD | {name: value}
        try:
            read_asked(json.dumps(asked).encode())
        except Misasked:
            assert not validator("Asked").is_valid(asked), asked
        else:
            taken += 1
            assert validator("Asked").is_valid(asked), asked
    assert taken >= 3 or (name == "more" and not taken)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 1_002),
    st.integers(2**32 - 2, 2**32 + 2),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["x" * 200, "x" * 201, "x" * 400, "x" * 401, "\ud800", "\U0001f3a8" * 400]),
    st.lists(st.integers(), max_size=2),
)
FIELDS = st.sampled_from(["theme", "count", "seed", "person", "more"])


@given(st.dictionaries(FIELDS, VALUES, max_size=5), st.sets(st.sampled_from(["theme", "count", "seed", "person"])))
@settings(max_examples=400, deadline=None)
def test_the_description_allows_exactly_what_is_taken(changed: dict[str, Any], kept: set[str]) -> None:
    good = {"theme": "noir", "count": 2, "seed": 1, "person": "man"}
    asked = changed | {name: good[name] for name in kept}
    body = json.dumps(asked).encode()
    try:
        taken = read_asked(body)
    except Misasked:
        taken = None
    else:
        assert isinstance(taken, Asked) and read_asked(json.dumps(taken.as_json()).encode()) == taken
    try:
        allowed = validator("Asked").is_valid(asked)
    except ValueError:  # a lone surrogate is no text to the validator
        return
    assert (taken is not None) == allowed


@pytest.mark.parametrize("port", [-1, 70_000])
async def test_a_port_that_there_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(BadSettings, match=f"^--port: expected a number from 0 to 65535, got {port}\\.$"):
        async with serving("127.0.0.1", port, plain_settings()):
            pass


async def test_a_port_in_use_is_a_sentence(service: str) -> None:
    port = int(service.rpartition(":")[2])
    with pytest.raises(BadSettings, match=r"^--host, --port: cannot listen on 127\.0\.0\.1 port"):
        async with serving("127.0.0.1", port, plain_settings()):
            pass


async def test_many_who_ask_at_once_are_all_answered(service: str, http: aiohttp.ClientSession) -> None:
    answers = await asyncio.gather(*(post(http, service, GOOD | {"seed": seed, "count": 20}) for seed in range(40)))
    assert all(status == 200 and len(told["ideas"]) == 20 for status, told in answers)


@pytest.mark.parametrize("name", ["127.0.0.1:8088", "localhost", "[::1]:1", "127.0.0.1"])
async def test_the_machines_own_names_are_answered(service: str, http: aiohttp.ClientSession, name: str) -> None:
    async with http.get(f"{service}/health", headers={"Host": name}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("name", ["evil.test", "evil.test:8088", "127.0.0.1.evil.test", "10.0.0.1"])
async def test_a_name_that_somebody_pointed_at_this_machine_is_not(
    service: str, http: aiohttp.ClientSession, name: str
) -> None:
    async with http.post(f"{service}/ideas", json=GOOD, headers={"Host": name}) as answer:
        assert answer.status == 421
        assert (await answer.json())["error"].startswith("Host: expected 127.0.0.1 or localhost")

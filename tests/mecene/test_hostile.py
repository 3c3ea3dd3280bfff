"""A language model that means ill, behind a real service: whatever it says, the console is told the grammar's ideas."""

import gzip
import json
from typing import Any

import aiohttp
import pytest

from bot.domain.ports import Idea
from bot.mecene.client import Client
from bot.mecene.grammar import Grammar
from bot.mecene.service import serving
from tests.mecene.chat import Chat, idea, with_prompts
from tests.mecene.conftest import plain_settings
from tests.mecene.test_client import Elsewhere

REST = "resting on a pier, wearing a plain coat, soft light"
TEMPLATES = (
    "{{7*7}}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{% for n in range(10**9) %}x{% endfor %}",
    "{0.__class__.__mro__}",
    "${jndi:ldap://127.0.0.1/a}",
    "${{red|blue}}",
    "$(touch evaluated)",
    "`touch evaluated`",
    "#{7*7}",
    "<%= 7*7 %>",
    "{2$$red|blue|green}",
    "__place__",
    "<lora:evil:1>",
    "(coat:1.9)",
    "[from:to:0.5]",
)
DEEP = "[" * 50_000


def completion(content: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def ideas_of(ideas: object) -> bytes:
    return completion(json.dumps({"ideas": ideas}))


def changed(**change: Any) -> bytes:
    return ideas_of([idea(number) | change for number in range(4)])


ANSWERS = {
    "templates": completion(with_prompts(*(f"{REST}, {template}" for template in TEMPLATES))),
    "templates alone": completion(" ".join(TEMPLATES)),
    "templates to keep out": changed(negative_prompt=TEMPLATES[0]),
    "templates as tags": changed(tags=[TEMPLATES[0]]),
    "a long prompt": changed(prompt="very " * 100_000),
    "one long word": changed(prompt="x" * 500_000),
    "long words to keep out": changed(negative_prompt="very " * 20_000),
    "long tags": changed(tags=["x" * 100_000]),
    "many tags": changed(tags=["calm"] * 20_000),
    "more than is read": changed() + b" " * 2_000_000,
    "thousands of bad ideas": ideas_of([idea(number) | {"prompt": "{a|b}"} for number in range(4_000)]),
    "a long number": completion('{"ideas": ' + "9" * 5_000 + "}"),
    "no number": completion('{"ideas": NaN}'),
    "half a letter": changed(prompt=f"{REST} \ud800"),
    "prompts of another kind": changed(prompt={"$ref": "#"}),
    "tags of another kind": changed(tags={"calm": True}),
    "ideas by name": ideas_of({"prompt": REST}),
    "ideas as text": ideas_of(REST),
    "a list": completion(json.dumps([idea(1)])),
    "deep ideas": completion('{"ideas": ' + DEEP),
    "content in parts": completion([{"type": "text", "text": with_prompts(REST)}]),
    "no content": completion(None),
    "a number": completion(7),
    "no choice": b'{"choices": []}',
    "choices by name": b'{"choices": {"0": {"message": {"content": "x"}}}}',
    "deep": DEEP.encode(),
    "no JSON": b"\xff\xfe{{7*7}}",
    "nothing": b"",
}


async def through_a_service(chat: Chat, http: aiohttp.ClientSession) -> list[Idea]:
    async with serving("127.0.0.1", 0, plain_settings(mecene_llm_url=chat.address)) as address:
        return await Client(address, http, Elsewhere()).ideas("noir", 4, 1, "woman")


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_nothing_of_a_hostile_answer_arrives(chat: Chat, http: aiohttp.ClientSession, answer: bytes) -> None:
    chat.raw = answer
    ideas = await through_a_service(chat, http)
    assert chat.asked
    assert ideas == await Grammar().ideas("noir", 4, 1, "woman")


async def test_an_answer_that_unpacks_to_very_much_is_dropped(chat: Chat, http: aiohttp.ClientSession) -> None:
    chat.raw, chat.packing = gzip.compress(changed() + b" " * 50_000_000), "gzip"
    assert await through_a_service(chat, http) == await Grammar().ideas("noir", 4, 1, "woman")


async def test_a_good_idea_between_hostile_ones_is_taken(chat: Chat, http: aiohttp.ClientSession) -> None:
    chat.raw = completion(with_prompts(*TEMPLATES, REST, *TEMPLATES))
    ideas = await through_a_service(chat, http)
    assert [found.prompt for found in ideas if "model" in found.tags] == [REST]
    assert ideas[1:] == (await Grammar().ideas("noir", 4, 1, "woman"))[:3]

"""What whoever asks for ideas may rely on, whoever makes them: the grammar, the service, a model, or what steps in."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio

from bot.domain.ports import Ideas
from bot.mecene.client import Client
from bot.mecene.grammar import Grammar, clean_theme
from bot.mecene.model import Model, Server
from bot.mecene.plain import is_plain
from bot.mecene.service import serving
from bot.mecene.sources import open_ideas
from bot.mecene.wire import ideas_as_json, read_ideas
from sweeps.parameters import CATALOGUE
from tests.mecene.chat import chatting
from tests.mecene.conftest import plain_settings

NOBODY = "http://127.0.0.1:9"
MAKERS = (
    "grammar",
    "service",
    "service down",
    "model",
    "model down",
    "model that talks",
    "service with a model",
    "console",
)


@pytest_asyncio.fixture(params=MAKERS)
async def ideas(request: pytest.FixtureRequest) -> AsyncIterator[Ideas]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        chat = await stack.enter_async_context(chatting())
        model = Model(Server(chat.address), http, Grammar())
        match request.param:
            case "grammar":
                yield Grammar()
            case "service":
                address = await stack.enter_async_context(serving("127.0.0.1", 0, plain_settings()))
                yield Client(address, http, Grammar())
            case "service down":
                yield Client(NOBODY, http, Grammar())
            case "model":
                yield model
            case "model down":
                yield Model(Server(f"{NOBODY}/v1", "first"), http, Grammar())
            case "model that talks":
                chat.always = "prose"
                yield model
            case "service with a model":
                settings = plain_settings(mecene_llm_url=chat.address)
                address = await stack.enter_async_context(serving("127.0.0.1", 0, settings))
                yield Client(address, http, Grammar())
            case "console":
                address = await stack.enter_async_context(serving("127.0.0.1", 0, plain_settings()))
                yield await stack.enter_async_context(
                    open_ideas(plain_settings(mecene_url=address, mecene_llm_url=chat.address))
                )


async def test_there_are_as_many_as_asked_for_and_no_two_are_equal(ideas: Ideas) -> None:
    for count in (1, 7, 45):
        told = await ideas.ideas("noir", count, 5)
        assert len(told) == count == len({idea.prompt for idea in told})


async def test_no_idea_at_all_is_no_trouble(ideas: Ideas) -> None:
    assert await ideas.ideas("noir", 0, 5) == []


async def test_each_is_plain_words_that_a_recipe_takes(ideas: Ideas) -> None:
    for theme in ("", "noir", "{red|blue} ${x} img <lora:x:1>", "東京", "\ud800", "x" * 5_000):
        for idea in await ideas.ideas(theme, 5, 2**32 - 1, "a {tall|small} woman"):
            assert is_plain(idea.prompt) and is_plain(idea.negative_prompt)
            assert CATALOGUE["prompt"].check(idea.prompt) == idea.prompt
            assert all(isinstance(tag, str) for tag in idea.tags)


async def test_the_theme_reads_the_same_whoever_makes_them(ideas: Ideas) -> None:
    for typed in ("noir", "  {a|b} img  ", "word " * 30):
        assert ideas.theme(typed) == clean_theme(typed)


async def test_ideas_keep_their_shape_over_the_wire(ideas: Ideas) -> None:
    told = await ideas.ideas("a wedding at sea", 9, 3, "man")
    assert read_ideas(json.dumps(ideas_as_json(told)).encode(), 9) == told

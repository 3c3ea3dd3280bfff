"""Where ideas come from, by the settings: the grammar, a language model before it, the service before both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bot.domain.ports import Ideas
from bot.mecene.client import Client
from bot.mecene.grammar import Grammar
from bot.mecene.lists import read_lists
from bot.mecene.model import Model, Server
from bot.settings import BadSettings, Settings

CONNECT_SECONDS = 2.0
"""Enough for a packet to be lost on the way and sent again."""


@asynccontextmanager
async def open_ideas(settings: Settings, *, ask_service: bool = True) -> AsyncIterator[Ideas]:
    """The console's ideas; without `ask_service` those that the service itself makes.

    Raises BadSettings for word lists that cannot be used, with a sentence for each mistake.
    """
    grammar = Grammar(read_lists(Path(settings.mecene_words) if settings.mecene_words else None))
    key = settings.mecene_llm_key.get_secret_value()
    if not (key.isascii() and key.isprintable()):
        raise BadSettings("MECENE_LLM_KEY holds letters that no key has; copy it once more.")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        ideas: Ideas = grammar
        if settings.mecene_llm_url:
            ideas = Model(Server(settings.mecene_llm_url, settings.mecene_llm_model, key), http, ideas)
        if ask_service and settings.mecene_url:
            ideas = Client(settings.mecene_url, http, ideas)
        yield ideas

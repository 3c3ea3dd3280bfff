"""What the pages are served from: the keys under which the application holds its use cases and stores."""

from collections.abc import Callable

import jinja2
from aiohttp import web

from bot.domain.ports import Gallery
from bot.domain.stores import Publications
from bot.jobs.moderation import Moderation
from sweeps.parameters import Value

GALLERY: web.AppKey[Gallery] = web.AppKey("gallery")
PUBLICATIONS: web.AppKey[Publications] = web.AppKey("publications")
MODERATION: web.AppKey[Moderation] = web.AppKey("moderation")
USUAL: web.AppKey[Callable[[str], Value | None]] = web.AppKey("usual")
"""What a parameter is where nobody has set it."""
DISCORD_PAGES: web.AppKey[str] = web.AppKey("discord_pages")
"""How the address of a message is made, with {guild}, {channel} and {message}; empty where messages have no page."""
TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates")

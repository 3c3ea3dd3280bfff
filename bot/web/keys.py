"""What the pages are served from: the keys under which the application holds its use cases and stores."""

import jinja2
from aiohttp import web

from bot.domain.ports import Gallery
from bot.domain.stores import Publications
from bot.jobs.moderation import Moderation

GALLERY: web.AppKey[Gallery] = web.AppKey("gallery")
PUBLICATIONS: web.AppKey[Publications] = web.AppKey("publications")
MODERATION: web.AppKey[Moderation] = web.AppKey("moderation")
TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates")

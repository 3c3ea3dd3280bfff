"""The site: pages, API, pictures and health, put together as one application."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from bot.domain.ports import Gallery, Memberships
from bot.domain.stores import Publications, SessionRepository
from bot.jobs.moderation import Moderation
from bot.web import api, assets, media, moderation, ops, pages
from bot.web.errors import sentences
from bot.web.headers import protect
from bot.web.keys import DISCORD_PAGES, GALLERY, MODERATION, PUBLICATIONS, TEMPLATES, USUAL
from bot.web.messages import DISCORD
from bot.web.oauth import DiscordSignIn
from bot.web.recipes import catalogued
from bot.web.rendering import environment
from bot.web.session import LARGEST_BODY, Doorkeeper
from bot.web.signin import SignIn
from sweeps.parameters import Value


@dataclass(frozen=True)
class Rooms:
    """What the pages are made from."""

    gallery: Gallery
    publications: Publications
    moderation: Moderation
    sessions: SessionRepository
    memberships: Memberships


def application(
    rooms: Rooms,
    health: ops.Health,
    *,
    key: bytes,
    address: str,
    session_tokens: int = 0,
    discord: DiscordSignIn | None = None,
    discord_pages: str = DISCORD,
    usual: Callable[[str], Value | None] = catalogued,
) -> web.Application:
    """The application behind `address`, the wall's own as browsers reach it.

    `key` encrypts cookies, as Fernet takes it; a browser's session begins with `session_tokens`. Without `discord`
    members sign in by the code of /link alone. `discord_pages` is how the address of a message is made, as
    `bot.web.messages.discord_pages` gives it; empty where messages have no page. `usual` says what a parameter is where
    nobody has set it.
    """
    made = web.Application(middlewares=[sentences], client_max_size=LARGEST_BODY)
    made[GALLERY] = rooms.gallery
    made[PUBLICATIONS] = rooms.publications
    made[MODERATION] = rooms.moderation
    made[USUAL] = usual
    made[DISCORD_PAGES] = discord_pages
    made[TEMPLATES] = environment()
    door = Doorkeeper(rooms.sessions, rooms.memberships, key=key, address=address, session_tokens=session_tokens)
    protect(made, secure=door.origin.secure)
    door.guard(made)
    made.add_routes(ops.routes(health))
    made.add_routes(assets.routes())
    made.add_routes(media.routes())
    made.add_routes(SignIn(door, rooms.sessions, discord).routes())
    for part in (pages, api, moderation):
        made.add_routes(part.routes())
    return made

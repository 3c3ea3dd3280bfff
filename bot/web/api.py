"""The wall's API: what the pages' scripts and other programs ask for, as JSON."""

from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from bot.domain.errors import Refusal
from bot.domain.wall import Media, Published, Statistics, Visitor
from bot.web import openapi, pages
from bot.web.keys import GALLERY, MODERATION, PUBLICATIONS
from bot.web.rendering import render, title, wants_page
from bot.web.session import FORM, member, visitor
from sweeps.words import quote

NOT_KEPT: Mapping[str, str] = {hdrs.CACHE_CONTROL: "private, no-cache"}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/openapi.json", description),
        web.get("/api/wall", wall),
        web.get("/api/wall/choices", choices),
        web.get("/api/wall/stats", stats),
        web.post("/api/wall/reload", reload),
        web.get("/api/pictures/{name}", picture),
        web.post("/api/pictures/{name}/star", star),
        web.post("/api/pictures/{name}/rating", rating),
    ]


async def wall(request: web.Request) -> web.Response:
    """Pictures that fit, from `after` on; for the wall's own script as the cards that it appends."""
    who = await visitor(request)
    seen = await pages.found(request, who, pages.asked(request, who))
    if wants_page(request):
        return await render(request, "more.html", who=who, headers={hdrs.VARY: hdrs.ACCEPT}, **seen)
    found = seen["found"]
    pictures = [told(request, who, each) for each in found.pictures]
    whole = {"pictures": pictures, "total": found.total, "after": found.after}
    return web.json_response(whole, headers={**NOT_KEPT, hdrs.VARY: hdrs.ACCEPT})


async def choices(request: web.Request) -> web.Response:
    """What the visitor can narrow the wall by, each with how many pictures it leaves."""
    offered = request.app[GALLERY].choices(await visitor(request))
    whole = {
        "people": [{"name": name, "title": title, "pictures": count} for name, title, count in offered.people],
        "jobs": [{"job": name, "title": title, "pictures": count} for name, title, count in offered.jobs],
        "members": [{"id": str(id_), "name": name, "pictures": count} for id_, name, count in offered.members],
        "parameters": {
            name: [{"value": value, "pictures": count} for value, count in values]
            for name, values in offered.parameters.items()
        },
    }
    return web.json_response(whole, headers=NOT_KEPT)


async def stats(request: web.Request) -> web.Response:
    """How much the wall holds, whoever may see it; for operators."""
    who = await member(request)
    if not who.operates:
        raise web.HTTPForbidden(text="Only operators may see how much the wall holds.")
    return web.json_response(counted(request.app[GALLERY].statistics), headers=NOT_KEPT)


async def reload(request: web.Request) -> web.StreamResponse:
    """Reads the wall's folders and records anew; for operators, in emergencies."""
    who = await member(request)
    if not who.operates:
        raise web.HTTPForbidden(text="Only operators may have the wall read anew.")
    statistics = await request.app[MODERATION].reload(who.acts_on(min(who.operates)), request.app[GALLERY])
    if wants_page(request):
        raise web.HTTPSeeOther("/moderation")
    return web.json_response(counted(statistics), headers=NOT_KEPT)


async def picture(request: web.Request) -> web.Response:
    """One picture with its recipe."""
    who = await visitor(request)
    return web.json_response(told(request, who, pages.visible(request, who)), headers=NOT_KEPT)


async def star(request: web.Request) -> web.StreamResponse:
    """Stars a picture for the member, or no longer."""
    who = await member(request)
    shown = pages.visible(request, who)
    starred = await switch(request, "starred")
    acting = who.acts_on(shown.guild_id)
    stands = await request.app[PUBLICATIONS].star(shown.job_id, shown.number, acting.id, starred)
    return await _marked(request, stands, acting.id)


async def rating(request: web.Request) -> web.StreamResponse:
    """Rates a picture for the member from 1 to 5; null, or nothing in a form's field, takes that back."""
    who = await member(request)
    shown = pages.visible(request, who)
    value = await field(request, "rating")
    if value not in (None, "1", "2", "3", "4", "5"):
        raise Refusal(f"rating: expected a whole number from 1 to 5, or null to take it back, got {quote(value)}.")
    acting = who.acts_on(shown.guild_id)
    rated = int(value) if value else None
    stands = await request.app[PUBLICATIONS].rate(shown.job_id, shown.number, acting.id, rated)
    return await _marked(request, stands, acting.id)


async def description(request: web.Request) -> web.Response:
    """What this API offers, in OpenAPI 3.1."""
    return web.json_response(openapi.description(title(request)), headers=NOT_KEPT)


async def _marked(request: web.Request, stands: Published, member_id: int) -> web.StreamResponse:
    """A picture after it was starred or rated: for a script what changed, for a form the picture's page again."""
    request.app[GALLERY].touch()
    if wants_page(request):
        await pages.settled(request, stands.name, lambda shown: shown.changed_at >= stands.changed_at)
        raise web.HTTPSeeOther(f"/pictures/{stands.name}")
    mark = await request.app[PUBLICATIONS].mark(stands.job_id, stands.number, member_id)
    whole = {
        "starred": mark.starred,
        "own_rating": mark.rating,
        "stars": stands.stars,
        "ratings": stands.ratings,
        "rating": stands.rating,
    }
    return web.json_response(whole, headers=NOT_KEPT)


async def switch(request: web.Request, name: str) -> bool:
    """A field that says 1 or 0. Raises Refusal."""
    said = await field(request, name)
    if said is None or said.lower() not in ("1", "0", "true", "false"):
        raise Refusal(f"{name}: expected 1 or 0, got {quote(said)}.")
    return said.lower() in ("1", "true")


async def field(request: web.Request, name: str) -> str | None:
    """A field of a form or of a JSON object, as text; None where it is null, or empty in a form.

    Raises Refusal where it was not sent at all: who meant another one would else take back what stands.
    """
    if request.content_type == "application/json":
        try:
            sent = await request.json()
        except (ValueError, RecursionError):
            raise Refusal("The request: expected a JSON object, got something else.") from None
        if not isinstance(sent, dict):
            raise Refusal(f"The request: expected a JSON object, got {quote(sent)}.")
    else:
        form = await request.post() if request.content_type == FORM else {}
        sent = {sent_name: value or None for sent_name, value in form.items()}
    if name not in sent:
        raise Refusal(f"{name}: it is missing, and without it nothing is changed.")
    said = sent[name]
    return None if said is None else str(said)


def told(request: web.Request, who: Visitor, picture: Published) -> dict[str, Any]:
    """A picture as the API tells that visitor of it. Discord's ids are texts: JavaScript's numbers cannot hold them."""
    gallery, kept = request.app[GALLERY], picture.kept_from(who)
    return {
        "name": picture.name,
        "title": picture.title_for(who),
        "job": picture.job,
        "kind": picture.kind,
        "member": {"id": str(picture.owner.id), "name": picture.owner.name},
        "page": f"/pictures/{picture.name}",
        "thumb": _media(gallery.thumb(picture)),
        "full": _media(gallery.full(picture)),
        "recipe": {name: value for name, value in picture.recipe.as_dict().items() if name not in kept},
        "people": list(picture.recipe.people),
        "at": dict(picture.at) if picture.at is not None else None,
        "drawn_at": picture.drawn_at.isoformat(),
        "published_at": picture.published_at.isoformat(),
        "hidden": picture.hidden,
        "spoiler": picture.spoiler,
        "stars": picture.stars,
        "ratings": picture.ratings,
        "rating": picture.rating,
    }


def counted(statistics: Statistics) -> dict[str, Any]:
    """Statistics as JSON."""
    updated = statistics.last_updated
    return {
        "total_images": statistics.total_images,
        "total_size_bytes": statistics.total_size_bytes,
        "images_loaded": statistics.images_loaded,
        "last_updated": updated.isoformat() if updated else None,
    }


def _media(media: Media) -> dict[str, Any]:
    return {"url": f"/media/{media.name}", "width": media.width, "height": media.height}

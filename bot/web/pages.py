"""Pages for looking: the wall, a picture, a job's grid, a person."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.domain.wall import Found, Mark, Published, Query, Visitor
from bot.web import filters, grid, recipes, seeking
from bot.web.keys import DISCORD_PAGES, GALLERY, PUBLICATIONS, USUAL
from bot.web.messages import message_address
from bot.web.rendering import render
from bot.web.session import visitor

PAGE = 60
"""Pictures a page of the wall has; the next ones are fetched when a visitor comes near its end."""
PATIENCE, PAUSE = 2.0, 0.02
"""Seconds."""
NO_PICTURE = "There is no such picture on the wall, or none that you may see."
NO_JOB = "Of that job there is nothing on the wall, or nothing that you may see."
NO_PERSON = "Nobody of that name is on the wall, or nobody whom you may see."


def routes() -> list[web.RouteDef]:
    return [
        web.get("/", wall),
        web.get("/pictures/{name}", picture),
        web.get("/jobs/{job}", job),
        web.get("/people/{name}", person),
    ]


async def wall(request: web.Request) -> web.Response:
    """All that the visitor may see, narrowed by what the address asks for."""
    who = await visitor(request)
    gallery = request.app[GALLERY]
    query = asked(request, who)
    if "" in request.query.values():  # a form without script sends also what was left alone
        raise web.HTTPSeeOther(f"/{seeking.written(query, request.query.get(seeking.AFTER))}")
    choices = gallery.choices(who)
    return await render(
        request,
        "wall.html",
        who=who,
        people=gallery.people(who),
        filters=filters.filters(query, choices),
        parameters=list(filters.parameters(query, choices)),
        chips=list(seeking.chips(query, choices)),
        narrowed=seeking.narrowed(query),
        for_everyone=gallery.for_everyone,
        orders=seeking.ORDERS,
        **await found(request, who, query),
    )


async def found(request: web.Request, who: Visitor, query: Query) -> dict[str, Any]:
    """The pictures that a query finds, from where the address says, and what their cards need. Raises Refusal."""
    gallery = request.app[GALLERY]
    starred: Collection[tuple[int, int]] = ()
    if query.starred and who.member_id is not None:
        starred = await request.app[PUBLICATIONS].starred(who.member_id)
    seen: Found = gallery.find(who, query, starred=starred, after=request.query.get(seeking.AFTER) or None, limit=PAGE)
    more = seeking.written(query, seen.after) if seen.after else None
    return {"query": query, "found": seen, "more": more, "thumb": gallery.thumb}


async def picture(request: web.Request) -> web.Response:
    """One picture with all there is to know of it."""
    who = await visitor(request)
    gallery = request.app[GALLERY]
    shown = visible(request, who)
    of_job = gallery.of_job(who, shown.job)
    place = next((index for index, other in enumerate(of_job) if other.number == shown.number), None)
    kept, no_file = shown.kept_from(who), recipes.why_no_file(shown.recipe)
    labelled = replace(shown, layout=recipes.untold(shown.layout, _kept(who, of_job)))
    mark, provenance = await asyncio.gather(mark_of(request, who, shown), gallery.provenance(shown))
    return await render(
        request,
        "picture.html",
        who=who,
        picture=shown,
        told=shown.title_for(who),
        kept=kept,
        full=gallery.full(shown),
        thumb=gallery.thumb,
        before=of_job[place - 1] if place else None,
        after=of_job[place + 1] if place is not None and place + 1 < len(of_job) else None,
        of_job=len(of_job),
        people=[sitter for sitter in gallery.people(who) if sitter.name in shown.recipe.people],
        rows=recipes.rows(shown.recipe, request.app[USUAL], kept),
        no_file=no_file,
        sweep_file="" if no_file else recipes.sweep_file(shown.recipe, shown.name, kept),
        command=f"/params use image: {shown.name}",
        message=message_address(request.app[DISCORD_PAGES], shown),
        channel=message_address(request.app[DISCORD_PAGES], replace(shown, message_id=None)),
        steps=recipes.neighbours(labelled, of_job),
        mark=mark,
        provenance=provenance,
        operator=shown.guild_id in who.operates,
    )


async def job(request: web.Request) -> web.Response:
    """A sweep's grid on any two of its axes, and two of its pictures compared; without axes all of them."""
    who = await visitor(request)
    gallery = request.app[GALLERY]
    pictures = gallery.of_job(who, request.match_info["job"])
    if not pictures:
        raise web.HTTPNotFound(text=NO_JOB)
    if untold := _kept(who, pictures):
        pictures = tuple(replace(each, layout=recipes.untold(each.layout, untold)) for each in pictures)
    laid = grid.lay(pictures, request.query)
    by_name = {each.name: each for each in pictures}
    chosen = [by_name[name] for name in dict.fromkeys(request.query.getall(grid.COMPARE, [])) if name in by_name][:2]
    kept = _kept(who, chosen)
    return await render(
        request,
        "job.html",
        who=who,
        first=pictures[0],
        told=next(filter(None, (each.title_for(who) for each in pictures)), ""),
        pictures=pictures,
        grid=laid,
        thumb=gallery.thumb,
        full=gallery.full,
        chosen=chosen,
        differences=recipes.differences(chosen[0].recipe, chosen[1].recipe, kept) if len(chosen) == 2 else [],
        kept=kept,
    )


async def person(request: web.Request) -> web.Response:
    """A person on the wall: their photos, and the pictures they are in."""
    who = await visitor(request)
    name = request.match_info["name"]
    sitter = next((each for each in request.app[GALLERY].people(who) if each.name == name), None)
    if sitter is None:
        raise web.HTTPNotFound(text=NO_PERSON)
    query = replace(asked(request, who), person=name)
    return await render(
        request, "person.html", who=who, sitter=sitter, narrowed=True, **await found(request, who, query)
    )


async def settled(request: web.Request, name: str, true: Callable[[Published], bool]) -> None:
    """Wait a moment until the wall has learned of a change, or no longer has the picture; what follows shows it."""
    who, gallery = await visitor(request), request.app[GALLERY]
    for _ in range(round(PATIENCE / PAUSE)):
        shown = gallery.picture(who, name)
        if shown is None or true(shown):
            return
        await asyncio.sleep(PAUSE)


def _kept(who: Visitor, pictures: Iterable[Published]) -> frozenset[str]:
    """What stays behind the spoiler of any of them."""
    return frozenset[str]().union(*(each.kept_from(who) for each in pictures))


def visible(request: web.Request, who: Visitor) -> Published:
    """The picture that the address names, if the visitor may see it. Raises HTTPNotFound."""
    shown = request.app[GALLERY].picture(who, request.match_info["name"])
    if shown is None:
        raise web.HTTPNotFound(text=NO_PICTURE)
    return shown


async def mark_of(request: web.Request, who: Visitor, shown: Published) -> Mark:
    """What the visitor thinks of a picture; nothing where nobody has signed in."""
    if who.member_id is None:
        return Mark()
    return await request.app[PUBLICATIONS].mark(shown.job_id, shown.number, who.member_id)


def asked(request: web.Request, who: Visitor) -> Query:
    """What the address asks for. Raises Refusal."""
    return seeking.read(request.query, request.app[GALLERY].choices(who).members)

"""Pages for looking: the wall, a picture, a job's grid, a person."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.domain.wall import Found, Mark, Published, Query, Visitor
from bot.web import grid, recipes, seeking
from bot.web.keys import GALLERY, PUBLICATIONS
from bot.web.rendering import render
from bot.web.session import visitor

PAGE = 60
"""Pictures a page of the wall has; the next ones are fetched when a visitor comes near its end."""
MOST_CHOICES = 80
"""Values of a parameter that are offered to choose from; of more, such as seeds, one is typed."""
DISCORD = "https://discord.com/channels"
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
    query = seeking.read(request.query)
    choices = gallery.choices(who)
    return await render(
        request,
        "wall.html",
        who=who,
        people=gallery.people(who),
        choices=choices,
        jobs=[(name, f"{name} · {title}" if title else name, count) for name, title, count in choices.jobs],
        members=[(str(member), name, count) for member, name, count in choices.members],
        offered={
            name: [(value, value, count) for value, count in values]
            for name, values in choices.parameters.items()
            if name not in seeking.TEXTS and len(values) > 1
        },
        most_choices=MOST_CHOICES,
        chips=list(seeking.chips(query, choices)),
        narrowed=seeking.narrowed(query),
        orders=seeking.ORDERS,
        **await found(request, who, query),
    )


async def found(request: web.Request, who: Visitor, query: Query) -> dict[str, Any]:
    """The pictures that a query finds, from where the address says, and what their cards need. Raises Refusal."""
    gallery = request.app[GALLERY]
    marks = await marks_of(request, who) if query.starred else {}
    starred = [key for key, mark in marks.items() if mark.starred]
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
    no_file = recipes.why_no_file(shown.recipe)
    marks, provenance = await asyncio.gather(marks_of(request, who), gallery.provenance(shown))
    return await render(
        request,
        "picture.html",
        who=who,
        picture=shown,
        full=gallery.full(shown),
        thumb=gallery.thumb,
        before=of_job[place - 1] if place else None,
        after=of_job[place + 1] if place is not None and place + 1 < len(of_job) else None,
        of_job=len(of_job),
        people=[sitter for sitter in gallery.people(who) if sitter.name in shown.recipe.people],
        rows=recipes.rows(shown.recipe),
        no_file=no_file,
        sweep_file="" if no_file else recipes.sweep_file(shown.recipe, shown.name),
        command=f"/params use image: {shown.name}",
        message=message_address(shown),
        steps=recipes.neighbours(shown, of_job),
        mark=marks.get((shown.job_id, shown.number), Mark()),
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
    laid = grid.lay(pictures, request.query)
    by_name = {each.name: each for each in pictures}
    chosen = [by_name[name] for name in dict.fromkeys(request.query.getall(grid.COMPARE, [])) if name in by_name][:2]
    return await render(
        request,
        "job.html",
        who=who,
        first=pictures[0],
        pictures=pictures,
        grid=laid,
        thumb=gallery.thumb,
        full=gallery.full,
        chosen=chosen,
        differences=recipes.differences(chosen[0].recipe, chosen[1].recipe) if len(chosen) == 2 else [],
    )


async def person(request: web.Request) -> web.Response:
    """A person on the wall: their photos, and the pictures they are in."""
    who = await visitor(request)
    name = request.match_info["name"]
    sitter = next((each for each in request.app[GALLERY].people(who) if each.name == name), None)
    if sitter is None:
        raise web.HTTPNotFound(text=NO_PERSON)
    query = replace(seeking.read(request.query), person=name)
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


def visible(request: web.Request, who: Visitor) -> Published:
    """The picture that the address names, if the visitor may see it. Raises HTTPNotFound."""
    shown = request.app[GALLERY].picture(who, request.match_info["name"])
    if shown is None:
        raise web.HTTPNotFound(text=NO_PICTURE)
    return shown


async def marks_of(request: web.Request, who: Visitor) -> Mapping[tuple[int, int], Mark]:
    """What the visitor thinks of pictures; nothing where nobody has signed in."""
    return {} if who.member_id is None else await request.app[PUBLICATIONS].marks(who.member_id)


def message_address(shown: Published) -> str:
    """Where Discord shows the message with the picture; its channel where no message is known."""
    parts = (DISCORD, shown.guild_id or "@me", shown.channel_id, shown.message_id or "")
    return "/".join(map(str, parts)).rstrip("/")

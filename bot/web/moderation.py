"""Moderation: what operators see that nobody else does, and what they do about it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import hdrs, web

from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotFound, NotYours
from bot.domain.gate import Incident
from bot.domain.job import Member
from bot.domain.ports import Gallery
from bot.domain.wall import Published, Query, Visitor
from bot.web import pages
from bot.web.api import switch
from bot.web.keys import GALLERY, MODERATION
from bot.web.rendering import many, render, wants_page
from bot.web.session import member

Outcome = TypeVar("Outcome")

PART = 500

NO_INCIDENT = "There is no such incident on a server that you operate."
NO_FILE = "No file was deleted: another picture is the very same and stays, or it is tried again."
NOT_KEPT: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/moderation", overview),
        web.get("/api/incidents", incidents),
        web.get("/api/incidents/{id:[0-9]{1,9}}/picture", picture),
        web.post("/api/incidents/{id:[0-9]{1,9}}/release", release),
        web.post("/api/incidents/{id:[0-9]{1,9}}/delete", drop),
        web.post("/api/pictures/{name}/hide", hide),
        web.post("/api/pictures/{name}/delete", delete),
    ]


async def overview(request: web.Request) -> web.Response:
    """What was withheld and waits for an operator, and what operators have hidden."""
    who = await operator(request)
    gallery = request.app[GALLERY]
    return await render(
        request,
        "moderation.html",
        who=who,
        incidents=await open_incidents(request, who),
        hidden=[each for each in everything(gallery, who) if each.hidden],
        thumb=gallery.thumb,
        statistics=gallery.statistics,
    )


async def incidents(request: web.Request) -> web.Response:
    """The same as JSON."""
    found = await open_incidents(request, await operator(request))
    return web.json_response({"incidents": [told(each) for each in found]}, headers=NOT_KEPT)


async def picture(request: web.Request) -> web.Response:
    """A withheld picture, to be judged; nobody's browser keeps it."""
    png = await _decide(request, request.app[MODERATION].picture)
    if png is None:
        raise web.HTTPNotFound(text="Nothing was drawn for this incident, or its picture is deleted.")
    return web.Response(body=png, content_type="image/png", headers={**NOT_KEPT, "X-Content-Type-Options": "nosniff"})


async def release(request: web.Request) -> web.StreamResponse:
    """The picture goes to its channel after all."""
    return _decided(request, await _decide(request, request.app[MODERATION].release))


async def drop(request: web.Request) -> web.StreamResponse:
    """The picture is deleted, and the incident closed."""
    return _decided(request, await _decide(request, request.app[MODERATION].drop))


async def hide(request: web.Request) -> web.StreamResponse:
    """Hides a picture from all but operators, or (hidden=0) shows it again."""
    who = await operator(request)
    shown = pages.visible(request, who)
    hidden = await switch(request, "hidden")
    await request.app[MODERATION].hide(who.acts_on(shown.guild_id), shown.job_id, shown.number, hidden)
    await pages.settled(request, shown.name, lambda picture: picture.hidden == hidden)
    if wants_page(request):
        raise web.HTTPSeeOther(f"/pictures/{shown.name}")
    return web.json_response({"name": shown.name, "hidden": hidden}, headers=NOT_KEPT)


async def delete(request: web.Request) -> web.StreamResponse:
    """Deletes a picture wherever it is, for good; the receipt."""
    who = await operator(request)
    shown = pages.visible(request, who)
    receipt = await request.app[MODERATION].delete(who.acts_on(shown.guild_id), shown.job_id, shown.number)
    await pages.settled(request, shown.name, lambda _: False)
    lines = in_words(receipt)
    if wants_page(request):
        return await render(request, "receipt.html", who=who, name=shown.name, lines=lines, headers=NOT_KEPT)
    counts = {
        "pictures": receipt.pictures,
        "wall_entries": receipt.wall_entries,
        "files": receipt.files,
        "messages": receipt.messages,
        "messages_left": receipt.messages_left,
    }
    return web.json_response({"name": shown.name, **counts, "receipt": lines}, headers=NOT_KEPT)


def everything(gallery: Gallery, who: Visitor) -> Iterator[Published]:
    """All pictures that the visitor sees, a part of them at a time."""
    after: str | None = None
    while True:
        seen = gallery.find(who, Query(), after=after, limit=PART)
        yield from seen.pictures
        after = seen.after
        if after is None:
            return


async def operator(request: web.Request) -> Visitor:
    """Who has signed in and operates a server; for everybody else there is nothing here. Raises HTTPNotFound."""
    who = await member(request)
    if not who.operates:
        raise web.HTTPNotFound
    return who


async def open_incidents(request: web.Request, who: Visitor) -> list[Incident]:
    """What waits on any of the operator's servers, the newest first."""
    found = [
        incident
        for guild in sorted(who.operates)
        for incident in await request.app[MODERATION].incidents(who.acts_on(guild))
    ]
    return sorted(found, key=lambda incident: incident.at, reverse=True)


async def _decide(request: web.Request, act: Callable[[Member, int], Awaitable[Outcome]]) -> Outcome:
    """The act on the incident that the address names, on whichever of the operator's servers it is.

    Raises NotFound.
    """
    who = await operator(request)
    for guild in sorted(who.operates):
        with suppress(NotYours, NotFound):
            return await act(who.acts_on(guild), int(request.match_info["id"]))
    raise NotFound(NO_INCIDENT)


def _decided(request: web.Request, incident: Incident) -> web.StreamResponse:
    if wants_page(request):
        raise web.HTTPSeeOther("/moderation")
    return web.json_response(told(incident), headers=NOT_KEPT)


def told(incident: Incident) -> dict[str, Any]:
    """An incident as the API tells of it."""
    return {
        "id": incident.id,
        "at": incident.at.isoformat(),
        "cause": incident.cause.value,
        "what": incident.what,
        "score": incident.score,
        "prompt": incident.prompt,
        "member": {"id": str(incident.member_id), "name": incident.member},
        "picture": f"/api/incidents/{incident.id}/picture" if incident.image else None,
        "state": incident.state.value,
    }


def in_words(receipt: ErasureReceipt) -> list[str]:
    """What is gone, a sentence a line."""
    lines = [f"{many(receipt.pictures, 'picture')} deleted from the records."]
    if receipt.wall_entries:
        lines.append(f"{many(receipt.wall_entries, 'picture')} taken off the wall.")
    lines.append(f"{many(receipt.files, 'file')} deleted from the disk." if receipt.files else NO_FILE)
    if receipt.messages:
        lines.append(f"Taken out of {many(receipt.messages, 'message')} in Discord.")
    if receipt.messages_left:
        lines.append(
            f"{many(receipt.messages_left, 'message')} in Discord could not be reached yet; "
            "the console goes on trying until they are gone."
        )
    if not receipt.messages and not receipt.messages_left:
        lines.append("No message in Discord carried it.")
    return lines

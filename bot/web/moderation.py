"""Moderation: what operators see that nobody else does, and what they do about it."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import hdrs, web

from bot.domain.erasure import ErasureReceipt
from bot.domain.errors import NotFound, NotYours, Refusal
from bot.domain.gate import Incident
from bot.domain.job import Member
from bot.domain.ports import Gallery
from bot.domain.wall import Published, Query, Visitor
from bot.web import pages, seeking
from bot.web.api import switch
from bot.web.keys import GALLERY, MODERATION, RECEIPTS
from bot.web.receipts import Receipt
from bot.web.rendering import many, render, wants_page
from bot.web.session import member
from sweeps.words import quote

Outcome = TypeVar("Outcome")

PART = 500
INCIDENTS = 25
"""A page has so many; the older ones are on the next."""
WHAT = "what"
KINDS: Mapping[str, bool | None] = {"": None, "pictures": True, "prompts": False}
NUMBER = re.compile(r"[0-9]{1,9}")

NO_INCIDENT = "There is no such incident on a server that you operate."
NO_RECEIPT = "That receipt is not kept here any more, or it is not yours. What was deleted stands in /audit."
NO_FILE = "No file was deleted: another picture is the very same and stays, or it is tried again."
NOT_KEPT: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/moderation", overview),
        web.get("/moderation/receipts/{receipt}", receipt),
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
        **await waiting(request, who),
        hidden=[each for each in everything(gallery, who) if each.hidden],
        thumb=gallery.thumb,
        statistics=gallery.statistics,
    )


async def incidents(request: web.Request) -> web.Response:
    """What was withheld, as JSON."""
    seen = await waiting(request, await operator(request))
    whole = {
        "incidents": [told(each) for each in seen["incidents"]],
        "pictures": seen["drawn"],
        "prompts": seen["undrawn"],
        "after": seen["after"],
    }
    return web.json_response(whole, headers=NOT_KEPT)


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
        back = (await request.post()).get("back")
        raise web.HTTPSeeOther("/moderation" if back == "moderation" else f"/pictures/{shown.name}")
    return web.json_response({"name": shown.name, "hidden": hidden}, headers=NOT_KEPT)


async def delete(request: web.Request) -> web.StreamResponse:
    """Deletes a picture wherever it is, for good; the receipt."""
    who = await operator(request)
    shown = pages.visible(request, who)
    actor = who.acts_on(shown.guild_id)
    receipt = await request.app[MODERATION].delete(actor, shown.job_id, shown.number)
    await pages.settled(request, shown.name, lambda _: False)
    lines = in_words(receipt)
    if wants_page(request):
        kept = Receipt(actor.id, shown.name, shown.job, lines)
        raise web.HTTPSeeOther(f"/moderation/receipts/{request.app[RECEIPTS].keep(kept)}")
    counts = {
        "pictures": receipt.pictures,
        "wall_entries": receipt.wall_entries,
        "files": receipt.files,
        "messages": receipt.messages,
        "messages_left": receipt.messages_left,
        "messages_stuck": list(receipt.stuck),
    }
    return web.json_response({"name": shown.name, **counts, "receipt": lines}, headers=NOT_KEPT)


async def receipt(request: web.Request) -> web.Response:
    """What a deletion took away, for who deleted; to load it again deletes nothing."""
    who = await operator(request)
    found = request.app[RECEIPTS].find(request.match_info["receipt"], who.member_id)
    if found is None:
        raise web.HTTPNotFound(text=NO_RECEIPT)
    left = bool(request.app[GALLERY].of_job(who, found.job))
    return await render(request, "receipt.html", who=who, receipt=found, left=left, headers=NOT_KEPT)


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


async def waiting(request: web.Request, who: Visitor) -> dict[str, Any]:
    """What waits on any of the operator's servers, the newest first, from where the address says; and how much does.

    Raises Refusal.
    """
    what, after = request.query.get(WHAT, ""), request.query.get(seeking.AFTER, "")
    if what not in KINDS:
        raise Refusal(f"{WHAT}: expected pictures or prompts, or nothing for both, got {quote(what)}.")
    if after and not NUMBER.fullmatch(after):
        raise Refusal(f"{seeking.AFTER}: expected the number of an incident, got {quote(after)}.")
    bench, found, drawn, undrawn = request.app[MODERATION], list[Incident](), 0, 0
    for guild in sorted(who.operates):
        actor = who.acts_on(guild)
        counts = await bench.waiting(actor)
        drawn, undrawn = drawn + counts[0], undrawn + counts[1]
        found += await bench.incidents(actor, INCIDENTS + 1, after=int(after) if after else None, drawn=KINDS[what])
    found.sort(key=lambda incident: incident.id, reverse=True)
    page = found[:INCIDENTS]
    more = page[-1].id if len(found) > INCIDENTS else None
    return {"incidents": page, "drawn": drawn, "undrawn": undrawn, "what": what, "after": more}


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
        taken = many(receipt.messages, "message")
        lines.append(f"Taken out of {taken} in Discord, contact sheets that showed it among them.")
    if receipt.messages_left:
        lines.append(
            f"{many(receipt.messages_left, 'message')} in Discord could not be reached yet; "
            "the console goes on trying until they are gone."
        )
    if receipt.stuck:
        lines.append(
            f"{many(len(receipt.stuck), 'message')} could not be taken out of Discord, which does not let the console; "
            f"to be deleted by hand: {', '.join(receipt.stuck)}"
        )
    if not receipt.messages and not receipt.messages_left and not receipt.stuck:
        lines.append("No message in Discord carried it.")
    return lines

"""Moderation: what operators see that nobody else does, and what they do about it."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import hdrs, web

from bot.domain.account import Act
from bot.domain.errors import NotFound, NotYours, Refusal
from bot.domain.gate import Decided, Incident, Waiting
from bot.domain.job import Member
from bot.domain.ports import Gallery
from bot.domain.wall import Published, Query, Visitor
from bot.jobs.moderation import ACTS, DELETING
from bot.web import pages, receipts, seeking
from bot.web.api import field, switch
from bot.web.keys import GALLERY, MODERATION
from bot.web.rendering import render, wants_page
from bot.web.session import member
from sweeps.words import quote

Outcome = TypeVar("Outcome")

PART = 500
INCIDENTS = 25
"""A page has so many; the older ones are on the next."""
WHAT = "what"
KINDS: Mapping[str, bool | None] = {"": None, "pictures": True, "prompts": False}
NUMBER = re.compile(r"[0-9]{1,9}")

DONE, LAST = "done", "last"

NO_INCIDENT = "There is no such incident on a server that you operate."
NO_JOB = "There is no such job on a server that you operate."
NO_RECEIPT = "Nothing that is called so was deleted on a server that you operate."
NOT_KEPT: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-store"}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/moderation", overview),
        web.get("/moderation/receipts/{name}", receipt),
        web.get("/api/incidents", incidents),
        web.get("/api/incidents/{id:[0-9]{1,9}}/picture", picture),
        web.post("/api/incidents/{id:[0-9]{1,9}}/release", release),
        web.post("/api/incidents/{id:[0-9]{1,9}}/delete", drop),
        web.post("/api/incidents/jobs/{job:[A-Z][0-9]{1,9}}/release", release_all),
        web.post("/api/incidents/jobs/{job:[A-Z][0-9]{1,9}}/delete", drop_all),
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
        done=await just_done(request, who),
        receipts=receipts,
        mistakes=request.app[MODERATION].gate_mistake(who.acts_on(min(who.operates))),
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
    number = int(request.match_info["id"])
    png = await _where(request, lambda actor: request.app[MODERATION].picture(actor, number), NO_INCIDENT)
    if png is None:
        raise web.HTTPNotFound(text="Nothing was drawn for this incident, or its picture is deleted.")
    return web.Response(body=png, content_type="image/png", headers={**NOT_KEPT, "X-Content-Type-Options": "nosniff"})


async def release(request: web.Request) -> web.StreamResponse:
    """The picture goes to its channel after all."""
    return await _decide(request, request.app[MODERATION].release)


async def drop(request: web.Request) -> web.StreamResponse:
    """The picture is deleted, and the incident closed."""
    return await _decide(request, request.app[MODERATION].drop)


async def release_all(request: web.Request) -> web.StreamResponse:
    """All withheld pictures of a job, up to the incident that was seen last, go to their channel."""
    return await _decide_all(request, request.app[MODERATION].release_all)


async def drop_all(request: web.Request) -> web.StreamResponse:
    """All withheld pictures of a job, up to the incident that was seen last, are deleted."""
    return await _decide_all(request, request.app[MODERATION].drop_all)


async def hide(request: web.Request) -> web.StreamResponse:
    """Hides a picture from all but operators, or (hidden=0) shows it again."""
    who = await operator(request)
    shown = pages.visible(request, who)
    hidden = await switch(request, "hidden")
    await request.app[MODERATION].hide(who.acts_on(shown.guild_id), shown.job_id, shown.number, hidden)
    await pages.settled(request, shown.name, lambda picture: picture.hidden == hidden)
    if wants_page(request):
        back = (await request.post()).get("back")
        raise await _back(request, shown.name) if back == "moderation" else web.HTTPSeeOther(f"/pictures/{shown.name}")
    return web.json_response({"name": shown.name, "hidden": hidden}, headers=NOT_KEPT)


async def delete(request: web.Request) -> web.StreamResponse:
    """Deletes a picture wherever it is, for good; the receipt."""
    who = await operator(request)
    shown = pages.visible(request, who)
    actor = who.acts_on(shown.guild_id)
    receipt = await request.app[MODERATION].delete(actor, shown.job_id, shown.number)
    await pages.settled(request, shown.name, lambda _: False)
    if wants_page(request):
        raise web.HTTPSeeOther(f"/moderation/receipts/{shown.name}")
    counts = {
        "pictures": receipt.pictures,
        "wall_entries": receipt.wall_entries,
        "files": receipt.files,
        "messages": receipt.messages,
        "messages_left": receipt.messages_left,
        "messages_stuck": list(receipt.stuck),
        "sheets": receipt.sheets,
    }
    return web.json_response({"name": shown.name, **counts, "receipt": receipts.in_words(receipt)}, headers=NOT_KEPT)


async def receipt(request: web.Request) -> web.Response:
    """What a deletion took away, as the audit log keeps it for the operators of that server."""
    who = await operator(request)
    name = request.match_info["name"]
    act = await _last(request, name, DELETING)
    if act is None or not receipts.has_receipt(act):
        raise web.HTTPNotFound(text=NO_RECEIPT)
    job = name.partition("-")[0]
    left = job if request.app[GALLERY].of_job(who, job) else ""
    told: dict[str, Any] = {
        "heading": receipts.sentence(act).rstrip("."),
        "act": act,
        "lines": receipts.lines(act),
        "left": left,
    }
    return await render(request, "receipt.html", who=who, **told, headers=NOT_KEPT)


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
    jobs = list[Waiting]()
    for guild in sorted(who.operates):
        actor = who.acts_on(guild)
        counts = await bench.waiting(actor)
        drawn, undrawn = drawn + counts[0], undrawn + counts[1]
        jobs += await bench.by_job(actor) if KINDS[what] is not False else []
        found += await bench.incidents(actor, INCIDENTS + 1, after=int(after) if after else None, drawn=KINDS[what])
    found.sort(key=lambda incident: incident.id, reverse=True)
    page = found[:INCIDENTS]
    more = page[-1].id if len(found) > INCIDENTS else None
    return {"incidents": page, "drawn": drawn, "undrawn": undrawn, "what": what, "after": more, "jobs": jobs}


async def just_done(request: web.Request, who: Visitor) -> Act | None:
    """What this operator did last to what the address names; the sentence for it comes from the audit log alone."""
    act = await _last(request, request.query.get(DONE, ""), ACTS)
    return act if act is not None and act.actor_id == who.member_id else None


async def _last(request: web.Request, name: str, acts: Collection[str]) -> Act | None:
    """The last of such acts on what is called so, if that is on one of the operator's servers."""
    with suppress(NotFound):
        return await _where(request, lambda actor: request.app[MODERATION].last(actor, name, acts), NO_RECEIPT)
    return None


async def _where(request: web.Request, act: Callable[[Member], Awaitable[Outcome]], nowhere: str) -> Outcome:
    """The act as the operator of whichever of their servers it is about. Raises NotFound, with that sentence."""
    who = await operator(request)
    for guild in sorted(who.operates):
        with suppress(NotYours, NotFound):
            return await act(who.acts_on(guild))
    raise NotFound(nowhere)


async def _decide(request: web.Request, act: Callable[[Member, int], Awaitable[Incident]]) -> web.StreamResponse:
    """The act on the incident that the address names. Raises NotFound."""
    number = int(request.match_info["id"])
    incident = await _where(request, lambda actor: act(actor, number), NO_INCIDENT)
    if wants_page(request):
        raise await _back(request, incident.name)
    return web.json_response(told(incident), headers=NOT_KEPT)


async def _decide_all(
    request: web.Request, act: Callable[[Member, int, int], Awaitable[Decided]]
) -> web.StreamResponse:
    """The act on the job that the address names, as far as the operator has seen. Raises NotFound, Refusal."""
    await operator(request)  # nobody else is even told what is missing
    name, last = request.match_info["job"], await field(request, LAST)
    if last is None or not NUMBER.fullmatch(last):
        raise Refusal(f"{LAST}: expected the number of the newest incident that was seen, got {quote(last)}.")
    job, seen = int(name[1:]), int(last)

    async def decided(actor: Member) -> Decided:
        if await request.app[MODERATION].job_name(actor, job) != name:  # what is meant may be another one
            raise NotFound(NO_JOB)
        return await act(actor, job, seen)

    done = await _where(request, decided, NO_JOB)
    if wants_page(request):
        raise await _back(request, done.job)
    return web.json_response(asdict(done), headers=NOT_KEPT)


async def _back(request: web.Request, name: str) -> web.HTTPSeeOther:
    """To the list that was looked at, and there to the sentence about what was just done, which takes the focus."""
    what = (await request.post()).get(WHAT)
    kind = {WHAT: what} if isinstance(what, str) and what in KINDS and what else {}
    return web.HTTPSeeOther(f"/moderation?{urlencode({**kind, DONE: name})}#{DONE}")


def told(incident: Incident) -> dict[str, Any]:
    """An incident as the API tells of it."""
    return {
        "id": incident.id,
        "name": incident.name,
        "at": incident.at.isoformat(),
        "cause": incident.cause.value,
        "what": incident.what,
        "score": incident.score,
        "prompt": incident.prompt,
        "member": {"id": str(incident.member_id), "name": incident.member},
        "picture": f"/api/incidents/{incident.id}/picture" if incident.image else None,
        "state": incident.state.value,
    }

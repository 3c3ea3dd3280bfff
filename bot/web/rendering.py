"""Rendering: a template and what it tells, with who looks, as a page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jinja2
from aiohttp import hdrs, web

from bot.domain.wall import Published
from bot.web import assets
from bot.web.keys import GALLERY, TEMPLATES
from bot.web.session import token, visitor

NAME = "Atelier"
LONGEST_ALT = 160


def environment() -> jinja2.Environment:
    """The pages' templates; what is put into one is text, and never markup."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("bot.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(static=assets.address)
    made.filters.update(many=many, moment=moment, dated=dated, alt=alt, megabytes=megabytes)
    return made


async def render(
    request: web.Request,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> web.Response:
    """The page of that `template`, which knows `who` looks, their `token`, the wall's `title`, and the way `here`."""
    who = context.pop("who", None) or await visitor(request)
    whole = {
        "who": who,
        "visitor": who,
        "token": token(request),
        "title": title(request),
        "here": request.path_qs if request.method == "GET" else "/",
        **context,
    }
    body = request.app[TEMPLATES].get_template(template).render(whole)
    response = web.Response(text=body, content_type="text/html", status=status, headers=headers)
    response.headers.setdefault(hdrs.CACHE_CONTROL, "private, no-cache")
    return response


def title(request: web.Request) -> str:
    """How the wall is called."""
    return request.app[GALLERY].title or NAME


def wants_page(request: web.Request) -> bool:
    """Whether who asks is a browser that shows pages, rather than a program that reads JSON."""
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")


def many(count: int, noun: str) -> str:
    """1 picture, 1,234 pictures."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def moment(at: datetime) -> str:
    """A moment as a page without script shows it: 26 November 2026, 00:04 UTC."""
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def dated(text: str) -> str:
    """A moment in ISO 8601 as `moment` writes it, in UTC; any other text as it is."""
    try:
        return moment(datetime.fromisoformat(text).astimezone(UTC)) if "T" in text else text
    except (ValueError, OverflowError):
        return text


def megabytes(size: int) -> str:
    """A file's size for people: 0.4 MB."""
    return f"{size / 1e6:,.1f} MB"


def alt(picture: Published) -> str:
    """What a picture shows, for those who do not see it: its prompt. What is behind a spoiler stays there."""
    if picture.spoiler:
        return f"{picture.name}, behind a spoiler"
    prompt = " ".join(picture.recipe.prompt.split()) or picture.title
    return prompt if len(prompt) <= LONGEST_ALT else prompt[: LONGEST_ALT - 1].rstrip() + "…"

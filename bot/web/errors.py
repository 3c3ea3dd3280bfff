"""What went wrong, as a sentence: a page for browsers, JSON for programs, a traceback for nobody but the log."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.domain.errors import NotFound, NotYours, Refusal, Unavailable, WrongState
from bot.domain.wall import Visitor
from bot.web.rendering import render, wants_page
from bot.web.session import visitor

log = structlog.get_logger("atelier.web")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADINGS = {
    400: "That cannot be read",
    401: "Please sign in",
    403: "That is not yours to do",
    404: "Nothing here",
    405: "Not in this way",
    409: "Too late for that",
    413: "That is too large",
    500: "Something broke here",
    503: "Not just now",
}
SENTENCES = {
    401: "Sign in first, then try again.",
    403: "You may not do that here.",
    404: "There is nothing at this address, or nothing that you may see.",
    405: "This address does not take such a request.",
    413: "What was sent is larger than this page takes.",
    500: "This is a mistake of ours. It stands in the console's log; please tell whoever runs it, and try again later.",
    503: "The console's database or Discord does not answer just now. Try again in a minute.",
}


@web.middleware
async def sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers every error of what lies below with a sentence. What leads elsewhere passes."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _answer(request, error.status, _own_words(error), _kept(error))
    except Unavailable as error:
        log.warning("page without database", path=request.path, error=str(error))
        return await _answer(request, 503, SENTENCES[503])
    except Refusal as error:
        status = {NotFound: 404, NotYours: 403, WrongState: 409}.get(type(error), 400)
        return await _answer(request, status, str(error))
    except Exception:
        log.exception("page failed", path=request.path)
        return await _answer(request, 500, SENTENCES[500])


async def _answer(
    request: web.Request, status: int, sentence: str, headers: dict[str, str] | None = None
) -> web.StreamResponse:
    kept = {"Cache-Control": "no-store", **(headers or {})}
    if not wants_page(request):
        return web.json_response({"error": sentence}, status=status, headers=kept)
    return await render(
        request,
        "error.html",
        status=status,
        headers=kept,
        who=await _who(request, status),
        heading=HEADINGS.get(status, "That did not work"),
        sentence=sentence,
        code=status,
    )


async def _who(request: web.Request, status: int) -> Visitor:
    """Who looks, where that can be told: what broke may be just what tells it."""
    if status >= 500:
        return Visitor()
    try:
        return await visitor(request)
    except Unavailable:
        return Visitor()


def _own_words(error: web.HTTPException) -> str:
    """The sentence that came with an error; aiohttp's own, "404: Not Found", says nothing."""
    said = error.text or ""
    if said and not said.startswith(f"{error.status}:"):
        return said
    return SENTENCES.get(error.status, "That request cannot be read.")


def _kept(error: web.HTTPException) -> dict[str, str]:
    """Headers that belong to the error itself, such as which methods an address takes."""
    return {name: error.headers[name] for name in ("Allow", "WWW-Authenticate") if name in error.headers}

"""Sessions: who looks at the wall, told by their cookie, and what a request must bring before it may change anything.

A cookie holds the secret of a session in the store, and a token that the pages' forms and scripts send back. Who the
member of a session is on Discord's servers is asked anew after half a minute; until then neither a cookie is decrypted
nor the database asked, so that a page of sixty pictures costs one look. What changes something asks the database.
"""

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import structlog
from aiohttp import hdrs, web

from bot.domain.account import WebSession
from bot.domain.errors import Unavailable
from bot.domain.ports import Memberships
from bot.domain.stores import SessionRepository
from bot.domain.wall import Visitor
from bot.web.cookie import Cookie
from bot.web.origin import Origin

LIFETIME = timedelta(days=30)
REMEMBERED_SECONDS = 30.0
UNSURE_SECONDS = 5.0
"""The same where Discord did not answer."""

MOST_REMEMBERED = 4096
LONGEST_REMEMBERED = 2048
"""Characters of all of a browser's cookies for us; more than that is looked at each time."""

LARGEST_BODY = 64 * 1024
"""Bytes; what the pages send is far below. `client_max_size` of the application says the same."""

TOKEN_HEADER = "X-Atelier-Token"
TOKEN_FIELD = "token"
FORM = "application/x-www-form-urlencoded"
READABLE = (FORM, "application/json")
READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
FOR_ANYBODY = ("/health", "/static/")
"""What has nothing to do with who asks; whoever watches over the console calls it by any name."""

SIGN_IN = "/link"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger("atelier.web")


@dataclass(frozen=True)
class Known:
    """A browser with a session: its secret and token, and who looks through it."""

    secret: str
    token: str
    session: WebSession
    visitor: Visitor


class Doorkeeper:
    """Tells who a request is from, and lets nothing be changed but from the wall's own pages.

    `key` encrypts the cookies, as Fernet takes it. `address` is the wall's own, as browsers reach it; cookies of an
    https one are never sent without. A new session has `session_tokens` and lasts for `lifetime`.
    """

    def __init__(
        self,
        repository: SessionRepository,
        memberships: Memberships,
        *,
        key: bytes,
        address: str,
        lifetime: timedelta = LIFETIME,
        session_tokens: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.origin = Origin(address)
        self._repository = repository
        self._memberships = memberships
        self._cookie = Cookie(key, lifetime, secure=self.origin.secure)
        self._lifetime = lifetime
        self._tokens = session_tokens
        self._clock = clock
        self._remembered: OrderedDict[str, tuple[float, Known]] = OrderedDict()
        self._looking: dict[str, asyncio.Task[Known | None]] = {}
        self._forgotten = 0

    def guard(self, app: web.Application) -> None:
        """Stand before every handler of the application, and behind what makes sentences of errors."""
        app[DOORKEEPER] = self
        app.middlewares.append(self._let_in)
        # Not a middleware, which would miss what another makes of an error.
        app.on_response_prepare.append(self._hand_out)

    async def known(self, request: web.Request) -> Known | None:
        """The session that the request's cookie opens. Raises Unavailable."""
        if KNOWN not in request:
            request[KNOWN] = None  # also for the page that tells of a failure
            request[KNOWN] = await self._recognise(request)
        return request[KNOWN]

    async def fresh(self, request: web.Request) -> WebSession | None:
        """The session as it stands in the store at this moment. Raises Unavailable."""
        known = await self.known(request)
        return await self._repository.find(known.secret) if known else None

    async def begin(self, request: web.Request) -> Known:
        """A new session for a browser that has none. Raises Unavailable."""
        return await self._give(request, *await self._repository.create({}, self._tokens, self._lifetime))

    async def renew(self, request: web.Request, secret: str, session: WebSession) -> Known:
        """The browser's session has become a member's, under that secret: the old cookie is worth nothing any more."""
        if before := request.get(KNOWN):
            self.forget(before.session.id)
        return await self._give(request, secret, session)

    async def end(self, request: web.Request) -> None:
        """Forget the browser's session, here and in the store, and take its cookie away. Raises Unavailable."""
        if known := await self.known(request):
            await self._repository.end(known.session.id)
            self.forget(known.session.id)
        request[KNOWN] = None
        self._write(request, {})

    def forget(self, session_id: str) -> None:
        """Look anew at who that session is; what others are finding out at this moment is not kept."""
        self._forgotten += 1
        self._looking.clear()
        for cookies in [each for each, (_, known) in self._remembered.items() if known.session.id == session_id]:
            del self._remembered[cookies]

    @web.middleware
    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(FOR_ANYBODY):
            self.origin.check_name(request)
            await self.known(request)
        if request.method not in READING:
            await self._check(request)
        return await handler(request)

    async def _check(self, request: web.Request) -> None:
        """What comes before a change. Raises HTTPForbidden, HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType."""
        self.origin.check_sender(request)
        size = request.content_length or 0
        if size > LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, size, text="What was sent is larger than any form here.")
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType(text="Send it as it is, not packed.")
        if size and request.content_type not in READABLE:
            raise web.HTTPUnsupportedMediaType(text=f"Send a form ({FORM}) or JSON (application/json).")
        if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
            raise web.HTTPUnsupportedMediaType(text="Send it as UTF-8.")
        known = await self._still(request)
        if known is None:
            raise web.HTTPForbidden(text="Nothing was changed: this browser has no session, or it has ended. Sign in.")
        if not hmac.compare_digest(_bytes(await _sent_token(request)), _bytes(known.token)):
            raise web.HTTPForbidden(
                text="Nothing was changed: this page is from before you signed in or out. Load it again, and try anew."
            )

    async def _still(self, request: web.Request) -> Known | None:
        """The request's session, if it is in the store at this moment: another console may have ended it just now."""
        known = await self.known(request)
        if known is None or await self._repository.find(known.secret) is not None:
            return known
        self.forget(known.session.id)
        request[KNOWN] = None
        self._write(request, {})
        if request.path == SIGN_IN:
            raise web.HTTPSeeOther(SIGN_IN)  # where it begins another one
        return None

    async def _recognise(self, request: web.Request) -> Known | None:
        cookies = request.headers.get(hdrs.COOKIE, "")
        if self._cookie.cookie_name not in cookies:
            return None
        until, remembered = self._remembered.get(cookies, (0.0, None))
        if remembered is not None and self._clock() < until:
            self._remembered.move_to_end(cookies)
            return remembered
        looking = self._looking.get(cookies)
        if looking is None:
            looking = self._looking[cookies] = asyncio.create_task(self._look(request, cookies))
            looking.add_done_callback(lambda task: self._looked(cookies, task))
        # Who asked first may go away; the others still want to know.
        found = await asyncio.shield(looking)
        if found is None and self._cookie.load_cookie(request) is not None:
            self._write(request, {})
        return found

    def _looked(self, cookies: str, task: asyncio.Task[Known | None]) -> None:
        if self._looking.get(cookies) is task:
            del self._looking[cookies]
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; they may all have gone away

    async def _look(self, request: web.Request, cookies: str) -> Known | None:
        held, before = await self._cookie.load_session(request), self._forgotten
        secret, token = held.get("secret"), held.get("token")
        if not isinstance(secret, str) or not isinstance(token, str):
            return None
        session = await self._repository.find(secret)
        if session is None:
            return None
        visitor, sure = await self._visitor(session.member_id)
        known = Known(secret, token, session, visitor)
        if before == self._forgotten and len(cookies) <= LONGEST_REMEMBERED:
            self._remembered[cookies] = (self._clock() + (REMEMBERED_SECONDS if sure else UNSURE_SECONDS), known)
            self._remembered.move_to_end(cookies)
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return known

    async def _visitor(self, member_id: int | None) -> tuple[Visitor, bool]:
        """Who the member is now, and whether Discord said so; without its word they are on no server."""
        if member_id is None:
            return Visitor(), True
        try:
            members = await self._memberships.of(member_id)
        except Unavailable as error:
            log.warning("nobody says on which servers a visitor is", member=member_id, reason=str(error))
            return Visitor(member_id), False
        guilds = frozenset(member.guild_id for member in members if member.guild_id is not None)
        operates = frozenset(member.guild_id for member in members if member.operator and member.guild_id is not None)
        return Visitor(member_id, members[0].name if members else "", guilds, operates), True

    async def _give(self, request: web.Request, secret: str, session: WebSession) -> Known:
        token, (visitor, _) = secrets.token_urlsafe(16), await self._visitor(session.member_id)
        known = request[KNOWN] = Known(secret, token, session, visitor)
        self._write(request, {"secret": secret, "token": token})
        return known

    def _write(self, request: web.Request, held: dict[str, str]) -> None:
        """Have the answer carry a cookie with that, or (nothing) take the one away that is there."""
        request[WRITTEN] = held

    async def _hand_out(self, request: web.Request, response: web.StreamResponse) -> None:
        held = request.get(WRITTEN)
        if held is not None:
            session = await self._cookie.new_session()
            session.update(held)
            await self._cookie.save_session(request, response, session)
            # The headers are made up by now, but for what such a signal adds.
            response.headers.add(hdrs.SET_COOKIE, response.cookies[self._cookie.cookie_name].OutputString())


DOORKEEPER: web.AppKey[Doorkeeper] = web.AppKey("doorkeeper", Doorkeeper)
KNOWN: web.RequestKey[Known | None] = web.RequestKey("known", object)  # type: ignore[arg-type]
WRITTEN: web.RequestKey[dict[str, str]] = web.RequestKey("written", dict)


async def visitor(request: web.Request) -> Visitor:
    """Who looks; `Visitor()` where nobody has signed in. Raises Unavailable."""
    known = request[KNOWN] = await request.app[DOORKEEPER].known(request)
    return known.visitor if known else Visitor()


async def member(request: web.Request) -> Visitor:
    """Who looks, if they have signed in. Raises HTTPSeeOther to the sign-in page for a browser that wants a page,
    HTTPUnauthorized for whoever else asks, and Unavailable."""
    who = await visitor(request)
    if who.member_id is not None:
        return who
    if request.method == hdrs.METH_GET and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        raise web.HTTPSeeOther(f"{SIGN_IN}?{urlencode({'next': request.path_qs})}")
    raise web.HTTPUnauthorized(text="Sign in first: open the wall's page in a browser, and type /link in Discord.")


def token(request: web.Request) -> str:
    """What a form of this browser sends as its field `token`, and a script as X-Atelier-Token; empty without a session.

    Known after `visitor`, which every request but those for static files has behind it.
    """
    known = request.get(KNOWN)
    return known.token if known else ""


async def _sent_token(request: web.Request) -> str:
    if sent := request.headers.get(TOKEN_HEADER):
        return sent
    if request.content_type != FORM:
        return ""
    try:
        field = (await request.post()).get(TOKEN_FIELD)
    except ValueError as error:
        raise web.HTTPBadRequest(text="The form cannot be read; it is not in UTF-8.") from error
    return field if isinstance(field, str) else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

"""The sign-in page: a browser becomes a member's by a code from /link in Discord, or by Discord's own sign-in."""

import hmac
import re
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from bot.domain.account import Balance, WebSession
from bot.domain.errors import NotFound, Refusal
from bot.domain.stores import SessionRepository
from bot.web.limits import Limit, Limits, sender
from bot.web.oauth import CALLBACK, DiscordSignIn, NoAnswer, NotSignedIn
from bot.web.rendering import render
from bot.web.session import SIGN_IN, Doorkeeper, Known

GUESSES, GUESSES_OF_ALL = 10, 120
"""Wrong codes in a minute: of one browser and of one address, and of everybody. There are 30 to the power of 8."""

BEGINNINGS, BEGINNINGS_OF_ALL = 20, 300
"""New sessions, and ways through Discord, in a minute: of one address, and of everybody."""

MINUTE = 60.0
ATTEMPT_SECONDS = 600.0
LONGEST_CODE = 64
LONGEST_PAGE = 1000
OWN_PAGE = re.compile(r"/(?!/)[\w\-.~!$&'()*+,;=:@%/?]*", re.ASCII)
NO_PAGES = ("/link", "/login", "/signout", "/api", "/media", "/static", "/health")
ALL = ""

TOO_MANY_CODES = "Too many codes were tried that do not fit. Wait a minute, and get yourself a new one with /link."
TOO_MANY = "Too many browsers from your address came here within a minute. Wait a little, and load this page again."
BEGIN_AGAIN = "This sign-in was not begun in this browser, was used already, or is too old. Begin it again here."
DECLINED = "You did not let Discord tell who you are, so you are not signed in."


class SignIn:
    """The page and what it does; without `discord` there is the code alone."""

    def __init__(
        self,
        door: Doorkeeper,
        repository: SessionRepository,
        discord: DiscordSignIn | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = door
        self._repository = repository
        self._discord = discord
        self._guesses = Limits(*(Limit(most, MINUTE, clock=clock) for most in (GUESSES, GUESSES, GUESSES_OF_ALL)))
        self._beginnings = Limits(*(Limit(most, MINUTE, clock=clock) for most in (BEGINNINGS, BEGINNINGS_OF_ALL)))
        self._redeeming: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        own = [
            # HEAD makes no session, so it is not a GET here.
            web.get(SIGN_IN, self.page, allow_head=False),
            web.post(SIGN_IN, self.link),
            web.post("/signout", self.sign_out),
        ]
        if self._discord is None:
            return own
        return [
            *own,
            web.get("/login/discord", self.to_discord, allow_head=False),
            web.get(CALLBACK, self.from_discord, allow_head=False),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page. A browser without a session gets one here, and nowhere else."""
        target = own_page(request.query.get("next", ""))
        known = await self._door.known(request)
        if known is None:
            if not self._beginnings.take(self._sender(request), ALL):
                return await self._tell(request, TOO_MANY, 429, target)
            await self._door.begin(request)
        elif known.visitor.member_id is not None and target:
            raise web.HTTPSeeOther(target)
        return await self._show(request, target)

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Take a code: the browser's session becomes the member's whose code it is."""
        known, form = await self._of(request), await request.post()
        code, target = form.get("code"), form.get("next")
        target = own_page(target if isinstance(target, str) else "")
        guesser = (known.session.id, self._sender(request), ALL)
        if not self._guesses.take(*guesser):
            return await self._tell(request, TOO_MANY_CODES, 429, target)
        try:
            linked = await self._repository.link(known.session.id, code[:LONGEST_CODE] if isinstance(code, str) else "")
        except NotFound:
            self._door.forget(known.session.id)  # signed out or linked by another console, or its time was up
            raise web.HTTPSeeOther(SIGN_IN) from None
        except Refusal as refusal:
            return await self._tell(request, str(refusal), 400, target)
        self._guesses.give_back(*guesser)
        await self._door.renew(request, *linked)
        raise web.HTTPSeeOther(target or "/")

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """Forget the session, and its cookie."""
        await self._door.end(request)
        raise web.HTTPSeeOther("/")

    async def to_discord(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to Discord, which asks whether it may tell who that is."""
        assert self._discord is not None
        target = own_page(request.query.get("next", ""))
        if not self._beginnings.take(self._sender(request), ALL):
            return await self._tell(request, TOO_MANY, 429, target)
        known = await self._door.known(request) or await self._door.begin(request)
        attempt = self._discord.begin()
        begun = {"state": attempt.state, "verifier": attempt.verifier, "next": target, "until": _until()}
        try:
            await self._repository.update(known.session.id, {**known.session.data, "discord": begun})
        except NotFound:
            self._door.forget(known.session.id)
            raise web.HTTPSeeOther(SIGN_IN) from None
        raise web.HTTPFound(attempt.url)

    async def from_discord(self, request: web.Request) -> web.StreamResponse:
        """Discord sent the browser back: with a code, by which Discord tells us who it is, or with a refusal."""
        assert self._discord is not None
        query = request.query
        session = await self._door.fresh(request)
        begun = session.data.get("discord") if session else None
        state = query.get("state", "")
        if session is None or not _fits(begun, state) or not self._discord.comes_from(query.get("iss")):
            return await self._tell(request, BEGIN_AGAIN, 400)
        assert isinstance(begun, dict)
        target = own_page(str(begun.get("next", "")))
        if state in self._redeeming:
            return await self._tell(request, BEGIN_AGAIN, 400)
        self._redeeming.add(state)
        try:
            kept = {name: value for name, value in session.data.items() if name != "discord"}
            await self._repository.update(session.id, kept)  # used, whatever becomes of it
            if "code" not in query:
                declined = query.get("error") == "access_denied"
                return await self._tell(request, DECLINED if declined else BEGIN_AGAIN, 400, target)
            member = await self._discord.member(query["code"], str(begun["verifier"]))
            linked = await self._repository.sign_in(session.id, member)
        except NotSignedIn as error:
            return await self._tell(request, str(error), 502 if isinstance(error, NoAnswer) else 400, target)
        except NotFound:
            self._door.forget(session.id)
            raise web.HTTPSeeOther(SIGN_IN) from None
        except Refusal as refusal:
            return await self._tell(request, str(refusal), 400, target)
        finally:
            self._redeeming.discard(state)
        await self._door.renew(request, *linked)
        raise web.HTTPSeeOther(target or "/")

    async def _of(self, request: web.Request) -> Known:
        known = await self._door.known(request)
        assert known is not None, "nothing is changed without a session"
        return known

    def _sender(self, request: web.Request) -> str:
        return sender(request, proxied=not self._door.origin.here)

    async def _tell(self, request: web.Request, sentence: str, status: int, target: str = "") -> web.StreamResponse:
        headers = {"Retry-After": f"{MINUTE:.0f}"} if status == 429 else {}
        return await self._show(request, target, sentence, status=status, headers=headers)

    async def _show(self, request: web.Request, target: str, sentence: str = "", **more: Any) -> web.StreamResponse:
        known = await self._door.known(request)
        return await render(
            request,
            "link.html",
            session=known is not None,
            balance=await self._balance(known.session) if known else None,
            discord=self._discord is not None,
            next=target,
            sentence=sentence,
            **more,
        )

    async def _balance(self, session: WebSession) -> Balance | None:
        try:
            return await self._repository.balance(session.id)
        except NotFound:
            self._door.forget(session.id)
            return None


def own_page(target: str) -> str:
    """The target, where it is a page of the wall's own; else nothing."""
    if len(target) > LONGEST_PAGE or not OWN_PAGE.fullmatch(target):
        return ""
    return "" if target.startswith(NO_PAGES) else target


def _until() -> float:
    """Until when an attempt counts, for any console: in seconds since 1970."""
    return time.time() + ATTEMPT_SECONDS


def _fits(begun: object, state: str) -> bool:
    """Whether that state belongs to what this browser has begun, not too long ago."""
    if not isinstance(begun, dict) or not state:
        return False
    known = hmac.compare_digest(str(begun.get("state", "")).encode(), state.encode("utf-8", "surrogateescape"))
    return known and time.time() < begun.get("until", 0)

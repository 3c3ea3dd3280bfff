"""OAuth2: the page on which a member lets the application know who they are, its codes, and its bearer tokens.

One authorization code, for one redirect and one PKCE challenge, once and soon (RFC 6749, RFC 7636); what Discord
would refuse is refused in its words.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web

from .body import Call
from .refusal import Refusal
from .world import APPLICATION, BOT, Profile, World

AUTHORIZE = "/oauth2/authorize"
CLIENT_SECRET = "sandbox-secret-for-loopback-only"
CODE_S = 60.0
BEARER_S = 604_800
SCOPES = {"identify"}
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in through the sandbox</title>
<link rel="icon" href="/page/mark.svg"><link rel="stylesheet" href="/page/page.css">
<link rel="stylesheet" href="/page/authorize.css"></head>
<body class="authorize"><main><img src="/page/mark.svg" alt="" width="56" height="56">
<h1>{application} wants to know who you are</h1>
<p>This is the sandbox in Discord's place. Nothing but your name and id is told to {host}.</p>
<form method="post" action="{action}">{members}
<button class="cancel" name="cancel" value="1">Cancel</button></form></main></body></html>"""


class OAuthRefusal(Refusal):
    """A refusal in OAuth2's own shape (RFC 6749, section 5.2)."""

    def __init__(self, error: str, description: str, *, status: int = 400, fault: bool = False) -> None:
        super().__init__(status, 0, f"{error}: {description}", fault=fault)
        self._body = {"error": error, "error_description": description}

    def body(self) -> dict[str, Any]:
        """OAuth2's error object."""
        return self._body


@dataclass(frozen=True)
class _Code:
    """What a code was given for."""

    member: Profile
    redirect: str
    challenge: str | None
    until: float


class OAuth:
    """The application's part of the developer portal, and who has signed in to it.

    `redirects` are the addresses to which browsers may be sent back, each exactly.
    """

    def __init__(self, world: World, redirects: Collection[str] = ()) -> None:
        self.client_id = APPLICATION
        self.client_secret = CLIENT_SECRET
        self.redirects = set(redirects)
        self._world = world
        self._codes: dict[str, _Code] = {}
        self._bearers: dict[str, Profile] = {}

    def routes(self) -> list[web.RouteDef]:
        """The page for a member, and what its buttons do."""
        return [web.get(AUTHORIZE, self._page), web.post(AUTHORIZE, self._decide)]

    def token(self, call: Call) -> tuple[int, dict[str, Any]]:
        """A bearer token for a code; OAuthRefusal with Discord's error."""
        form = call.body or {}
        self._client(call, form)
        if form.get("grant_type") != "authorization_code":
            raise OAuthRefusal("unsupported_grant_type", "Grant type None is not supported", fault=True)
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until < time.monotonic():
            raise OAuthRefusal("invalid_grant", 'Invalid "code" in request.')
        if form.get("redirect_uri") != code.redirect:
            raise OAuthRefusal("invalid_grant", 'Invalid "redirect_uri" in request.', fault=True)
        if code.challenge is not None and not _proves(form.get("code_verifier", ""), code.challenge):
            raise OAuthRefusal("invalid_grant", 'Invalid "code_verifier" in request.', fault=True)
        token = secrets.token_urlsafe(24)
        self._bearers[token] = code.member
        return 200, {
            "token_type": "Bearer",
            "access_token": token,
            "expires_in": BEARER_S,
            "refresh_token": secrets.token_urlsafe(24),
            "scope": "identify",
        }

    def user(self, authorization: str) -> dict[str, Any]:
        """Discord's user object of whoever the bearer token is for; Refusal 401 for one that was not given out."""
        profile = self._bearers.get(authorization.removeprefix("Bearer "))
        if profile is None:
            raise Refusal(401, 0, "401: Unauthorized")
        return profile.user() | {"mfa_enabled": False, "locale": "en-US", "premium_type": 0}

    def _client(self, call: Call, form: dict[str, str]) -> None:
        """The client by its id and secret, in the form or as Basic (RFC 6749, section 2.3.1)."""
        id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if call.authorization.startswith("Basic "):
            try:
                id, _, secret = base64.b64decode(call.authorization[6:], validate=True).decode().partition(":")
            except ValueError:
                id = secret = ""
        known = hmac.compare_digest(secret.encode(), self.client_secret.encode())
        if id != self.client_id or not known:
            raise OAuthRefusal("invalid_client", "Invalid client", status=401, fault=True)

    def _asked(self, request: web.Request) -> dict[str, str]:
        """The query of an authorisation; HTTPBadRequest, and no way back, for one that Discord would not show."""
        query = dict(request.query)
        if query.get("client_id") != self.client_id:
            raise web.HTTPBadRequest(text="Unknown Application")
        if query.get("redirect_uri") not in self.redirects:
            raise web.HTTPBadRequest(text="Invalid OAuth2 redirect_uri")
        if query.get("response_type") != "code":
            raise web.HTTPBadRequest(text='Invalid OAuth2 response_type: only "code" is offered here.')
        if not query.get("scope") or not set(query["scope"].split()) <= SCOPES:
            raise web.HTTPBadRequest(text="Invalid OAuth2 scope")
        if "code_challenge" in query and (
            query.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(query["code_challenge"])
        ):
            raise web.HTTPBadRequest(text="Invalid OAuth2 code_challenge: S256 alone is taken.")
        return query

    async def _page(self, request: web.Request) -> web.Response:
        query = self._asked(request)
        members = "".join(
            f'<button name="member" value="{escape(each.id)}">I am {escape(each.display)}</button>'
            for each in self._world.members.values()
        )
        host = urlsplit(query["redirect_uri"]).netloc
        page = PAGE.format(
            application=escape(BOT.display), host=escape(host), action=escape(request.path_qs), members=members
        )
        return web.Response(text=page, content_type="text/html")

    async def _decide(self, request: web.Request) -> web.Response:
        """A member clicked; a program sends the same form, with a member's id or name."""
        query = self._asked(request)
        form = await request.post()
        back = {"state": query["state"]} if "state" in query else {}
        if "cancel" in form:
            back = {
                "error": "access_denied",
                "error_description": "The resource owner or authorization server denied the request",
            } | back
        else:
            try:
                member = self._world.profile(str(form.get("member", "")))
            except Refusal as refusal:
                raise web.HTTPBadRequest(text=refusal.message) from refusal
            code = secrets.token_urlsafe(22)
            until = time.monotonic() + CODE_S
            self._codes[code] = _Code(member, query["redirect_uri"], query.get("code_challenge"), until)
            back = {"code": code} | back
        raise web.HTTPFound(_with(query["redirect_uri"], back | {"iss": str(request.url.origin())}))


def form_of(content: bytes) -> dict[str, str]:
    """A form's fields, each once; Refusal for what is none."""
    try:
        fields = parse_qs(
            content.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=50
        )
    except ValueError as error:
        raise OAuthRefusal("invalid_request", "The form cannot be read", fault=True) from error
    if any(len(values) > 1 for values in fields.values()):
        raise OAuthRefusal("invalid_request", "A parameter stands there twice", fault=True)
    return {name: value for name, (value,) in fields.items()}


def _proves(verifier: str, challenge: str) -> bool:
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(digest, challenge)


def _with(address: str, query: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

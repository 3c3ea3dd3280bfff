"""Signing in through Discord: OAuth2's authorization code with a state and PKCE (RFC 6749, RFC 7636, RFC 9700)."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog
from pydantic import SecretStr

from bot.domain.errors import Refusal

CALLBACK = "/login/discord/callback"
SCOPE = "identify"
DISCORDS_OWN = ("discord.com", "ptb.discord.com", "canary.discord.com")
PATIENCE_SECONDS = 10.0
LARGEST_ANSWER = 64 * 1024
LONGEST = 512

log = structlog.get_logger("atelier.web")


class NotSignedIn(Refusal):
    """Discord did not say who somebody is; the text tells them why, and what to do."""


class NoAnswer(NotSignedIn):
    """Discord cannot be asked at this moment."""

    def __init__(self) -> None:
        super().__init__("Discord does not answer just now, so you are not signed in. Try again in a minute.")


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun: where to send the browser, and what proves afterwards that it was this one."""

    url: str
    state: str
    verifier: str


class DiscordSignIn:
    """The console as an OAuth2 client of Discord's; it asks for nothing but who somebody is.

    `api_url` is Discord's REST base, `address` the wall's own. `address` + CALLBACK stands among the redirects in
    Discord's developer portal.
    """

    def __init__(self, api_url: str, client_id: str, client_secret: SecretStr, address: str) -> None:
        self._api = api_url
        self._id = client_id
        self._secret = client_secret
        self._redirect = address + CALLBACK
        self._agent = f"DiscordBot ({address}, 1)"
        parts = urlsplit(api_url)
        host = "discord.com" if parts.hostname in DISCORDS_OWN else parts.netloc
        self._issuer = f"{parts.scheme}://{host}"

    def begin(self) -> Attempt:
        """A new attempt, with a state and a verifier of its own."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._id,
            "scope": SCOPE,
            "redirect_uri": self._redirect,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return Attempt(f"{self._issuer}/oauth2/authorize?{urlencode(query)}", state, verifier)

    def comes_from(self, issuer: str | None) -> bool:
        """Whether an answer that names its sender is from where the browser was sent (RFC 9207)."""
        return issuer is None or issuer == self._issuer

    async def member(self, code: str, verifier: str) -> int:
        """The id of the user who allowed it. Raises NotSignedIn."""
        form = {
            "grant_type": "authorization_code",
            "code": code[:LONGEST],
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
            "client_id": self._id,
            "client_secret": self._secret.get_secret_value(),
        }
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": self._agent}) as session:
                async with session.post(f"{self._api}/oauth2/token", data=form, allow_redirects=False) as answer:
                    granted = await self._read("token", answer)
                bearer = {"Authorization": f"Bearer {granted['access_token']}"}
                async with session.get(f"{self._api}/users/@me", headers=bearer, allow_redirects=False) as answer:
                    user = await self._read("user", answer)
            return int(user["id"])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("Discord cannot be reached to sign somebody in", reason=type(error).__name__)
            raise NoAnswer from error
        except (KeyError, ValueError, TypeError) as error:
            log.warning("Discord's answer to a sign-in cannot be read", reason=type(error).__name__)
            raise NotSignedIn("Discord's answer cannot be read, so you are not signed in. Try again later.") from error

    async def _read(self, what: str, answer: aiohttp.ClientResponse) -> dict[str, Any]:
        """The JSON object of an answer. Raises NotSignedIn, ValueError."""
        body = await answer.content.read(LARGEST_ANSWER)
        if answer.status == 200:
            told = json.loads(body)
            if not isinstance(told, dict):
                raise ValueError("no object")
            return told
        # Never the body itself: it may quote what we sent.
        log.warning("Discord signed nobody in", step=what, status=answer.status, error=_named(body))
        if answer.status in (400, 401, 403) and _named(body) == "invalid_grant":
            raise NotSignedIn("Discord takes this sign-in for used or too old, so you are not signed in. Begin again.")
        if answer.status in (400, 401, 403):
            raise NotSignedIn(
                "Discord does not know this console by its client id and secret, so you are not signed in. Tell who "
                "runs it; with /link in Discord you get in all the same."
            )
        raise NoAnswer


def _named(body: bytes) -> str:
    """The name of an OAuth2 error, if the body says one that is one."""
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return said if isinstance(said, str) and said.replace("_", "").isalpha() and len(said) <= 40 else ""

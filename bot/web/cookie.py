"""The cookie of a session: encrypted and signed, for the pages of the wall alone, and out of the reach of scripts."""

import json
import time
from datetime import timedelta

from aiohttp import web
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet, InvalidToken

NAME = "atelier"
LARGEST = 1024
"""Characters; ours have about 300."""


class Cookie(EncryptedCookieStorage):
    """Sessions in cookies; what is not ours, or is too old, is as none.

    `key` is as Fernet takes it. With `secure` browsers send it by https alone, and take it from no other host.
    """

    def __init__(self, key: bytes, lifetime: timedelta, *, secure: bool) -> None:
        self._box = Fernet(key)
        super().__init__(
            self._box,
            cookie_name=f"__Host-{NAME}" if secure else NAME,
            max_age=int(lifetime.total_seconds()),
            secure=secure,
            httponly=True,
            samesite="Lax",
        )
        self._lifetime = lifetime.total_seconds()
        self._secure = secure

    async def load_session(self, request: web.Request) -> Session:
        """What the cookie holds; a new session where it holds nothing of ours."""
        held = self._opened(self.load_cookie(request) or "")
        if held is None:
            return await self.new_session()
        return Session(None, data={"created": int(time.time()), "session": held}, new=False, max_age=self.max_age)

    def save_cookie(self, response: web.StreamResponse, cookie_data: str, *, max_age: int | None = None) -> None:
        """Give the cookie to the browser; without data it is taken away, as browsers demand it: with all its flags."""
        if cookie_data:
            super().save_cookie(response, cookie_data, max_age=max_age)
        else:
            response.del_cookie(self.cookie_name, secure=self._secure, httponly=True, samesite="Lax")

    def _opened(self, cookie: str) -> dict[str, object] | None:
        if not cookie or len(cookie) > LARGEST:
            return None
        try:
            sealed = cookie.encode()
            # By Fernet's own limit two consoles whose clocks are a minute apart would not know each other's cookies.
            if time.time() - self._box.extract_timestamp(sealed) > self._lifetime:
                return None
            held = json.loads(self._box.decrypt(sealed))["session"]
        except (InvalidToken, ValueError, KeyError, TypeError):
            return None
        return held if isinstance(held, dict) else None

"""Calling a server that may be slow, broken or hostile: bounded in time, in tries and in what it may answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
import stamina

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that pass."""
TRIES = 3
MOST_WAIT_SECONDS = 5.0
"""The longest pause that a server may ask for; one that wants more is not asked again."""


class Trouble(Exception):
    """What came instead of an answer, in words of ours: nothing that the server said stands in them.

    `passes` says whether the same call may do another time, and `wait` in how many seconds. `status` is the answer's.
    `timed_out` says that nothing came in time: whoever asks next would wait as long.
    """

    def __init__(
        self,
        said: str,
        *,
        passes: bool = False,
        wait: float | None = None,
        status: int = 0,
        timed_out: bool = False,
    ) -> None:
        super().__init__(said)
        self.passes, self.wait, self.status, self.timed_out = passes, wait, status, timed_out


@dataclass(frozen=True)
class Call:
    """One call: POST of `json` where there is some, else GET."""

    url: str
    json: Mapping[str, object] | None = None
    headers: Mapping[str, str] | None = None


async def answer(http: aiohttp.ClientSession, call: Call, *, seconds: float, most_bytes: int) -> bytes:
    """The body of a good answer: at most `most_bytes`, in at most `seconds`, tried again where that may help.

    Redirects are not followed: to whom we speak is the operator's to say. Raises Trouble.
    """
    try:
        async with asyncio.timeout(seconds):
            async for attempt in stamina.retry_context(
                on=_again, attempts=TRIES, timeout=seconds, wait_initial=0.1, wait_max=1.0, wait_jitter=0.2
            ):
                with attempt:
                    return await _once(http, call, most_bytes)
    except TimeoutError:
        raise Trouble(f"it did not answer within {seconds:g} s", timed_out=True) from None
    raise AssertionError("the last try returns or raises")


async def _once(http: aiohttp.ClientSession, call: Call, most_bytes: int) -> bytes:
    method = "GET" if call.json is None else "POST"
    try:
        async with http.request(
            method, call.url, json=call.json, headers=call.headers, allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.OK:
                raise _refused(response)
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > most_bytes:
                    raise Trouble("it answered at too great a length")
            return bytes(body)
    except aiohttp.ClientPayloadError:
        raise Trouble("its answer broke off", passes=True) from None
    except aiohttp.ServerTimeoutError:
        raise Trouble("it did not take the connection in time", timed_out=True) from None
    except aiohttp.ClientConnectionError as error:
        raise Trouble(f"it cannot be reached ({type(error).__name__})", passes=True) from None
    except (aiohttp.ClientError, ValueError) as error:
        raise Trouble(f"it does not speak HTTP as it should ({type(error).__name__})") from None


def _refused(response: aiohttp.ClientResponse) -> Trouble:
    status = response.status
    if 300 <= status < 400:
        return Trouble(f"it sends us elsewhere (status {status}), where we do not go", status=status)
    wait = response.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else None
    return Trouble(f"it answered with status {status}", passes=status in BUSY, wait=seconds, status=status)


def _again(error: Exception) -> bool | float:
    """Whether to try again, or in how many seconds."""
    if not isinstance(error, Trouble) or not error.passes:
        return False
    if error.wait is None:
        return True
    return error.wait if error.wait <= MOST_WAIT_SECONDS else False

"""The headers of every answer: what a browser may do with it, and that it may do nothing else."""

from collections.abc import Mapping

from aiohttp import hdrs, web

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
UNUSED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With less than this browsers would send our own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in UNUSED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    hdrs.SERVER: "Atelier",
}
SECURE: Mapping[str, str] = {"Strict-Transport-Security": "max-age=31536000"}
KEPT_BY_NOBODY = "private, no-store"


def protect(application: web.Application, *, secure: bool) -> None:
    """Put the headers on every answer of the application, errors too; `secure`: browsers reach it by https.

    What does not say for how long it may be kept is kept by nobody: it may be for one member's eyes.
    """
    headers = {**HEADERS, **(SECURE if secure else {})}

    async def sign(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)
        response.headers.setdefault(hdrs.CACHE_CONTROL, KEPT_BY_NOBODY)

    # Not a middleware: those never see the answer to a handler that failed.
    application.on_response_prepare.append(sign)

"""The limits of what may be sent: every number of Discord's documentation, checked beforehand."""

from collections.abc import Callable
from typing import Any

from . import components
from .body import Upload
from .form import Form, Path
from .message import COMPONENTS_V2, EPHEMERAL, SUPPRESS_EMBEDS

SILENT = 1 << 12
FILES = 10
NONCE = 25
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)
_TEXTS_OF_AN_EMBED = (("title",), ("description",), ("footer", "text"), ("author", "name"))


def check_body(route: str, body: Any, uploads: list[Upload]) -> None:
    """Raise Refusal when the body of a request breaks a limit; what depends on the world is checked later."""
    check = _CHECKS.get(route)
    if check is not None:
        form = Form()
        check(form, form.thing((), body), uploads)
        form.close()


def message(form: Form, path: Path, body: dict[str, Any], uploads: list[Upload], *, ephemeral: bool = False) -> None:
    """A message as it is posted or edited; only an interaction's answer may be ephemeral."""
    form.text((*path, "content"), body.get("content"), 2000)
    flags = form.number((*path, "flags"), body.get("flags"), 0, (1 << 31) - 1)
    allowed = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2 | (EPHEMERAL if ephemeral else 0)
    if flags & ~allowed:
        form.wrong((*path, "flags"), "MESSAGE_FLAGS_INVALID", f"Flags {flags & ~allowed} cannot be set here.")
    _embeds(form, (*path, "embeds"), body.get("embeds"))
    components.check(form, (*path, "components"), body.get("components"), v2=bool(flags & COMPONENTS_V2))
    _attachments(form, path, body.get("attachments"), uploads)
    _mentions(form, (*path, "allowed_mentions"), body.get("allowed_mentions"))
    form.thing((*path, "message_reference"), body.get("message_reference"))
    if not isinstance(body.get("nonce"), int):
        form.text((*path, "nonce"), body.get("nonce"), NONCE)


def _embeds(form: Form, path: Path, value: Any) -> None:
    total = 0
    for number, each in enumerate(form.items(path, value, 10)):
        total += _embed(form, (*path, number), form.thing((*path, number), each))
    if total > 6000:
        form.wrong(path, "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _embed(form: Form, path: Path, embed: dict[str, Any]) -> int:
    """Check one embed; how many characters count towards the 6000."""
    total = 0
    for steps, most in zip(_TEXTS_OF_AN_EMBED, (256, 4096, 2048, 256), strict=True):
        value: Any = embed
        for step in steps:
            value = form.thing((*path, *steps[:-1]), value).get(step)
        total += len(form.text((*path, *steps), value, most))
    for number, each in enumerate(form.items((*path, "fields"), embed.get("fields"), 25)):
        here = (*path, "fields", number)
        field = form.thing(here, each)
        total += len(form.text((*here, "name"), field.get("name"), 256, 1))
        total += len(form.text((*here, "value"), field.get("value"), 1024, 1))
    form.number((*path, "color"), embed.get("color"), 0, 0xFFFFFF)
    for name in ("image", "thumbnail"):
        url = form.text((*path, name, "url"), form.thing((*path, name), embed.get(name)).get("url"), 2048)
        if url and not url.startswith(("attachment://", "https://", "http://")):
            form.wrong(
                (*path, name, "url"),
                "URL_TYPE_INVALID_SCHEME",
                f'Scheme "{url.split(":")[0]:.20}" is not supported. Scheme must be one of (http, https).',
            )
    return total


def _attachments(form: Form, path: Path, value: Any, uploads: list[Upload]) -> None:
    here = (*path, "attachments")
    named = form.items(here, value, FILES)
    seen: set[str] = set()
    for number, each in enumerate(named):
        attachment = form.thing((*here, number), each)
        id = str(attachment.get("id", ""))
        if not id.isdigit():
            form.wrong((*here, number, "id"), "NUMBER_TYPE_COERCE", f'Value "{id:.60}" is not snowflake.')
        elif id in seen:
            form.wrong((*here, number, "id"), "ATTACHMENT_DUPLICATED", f"Attachment {id} is named twice.")
        seen.add(id)
        form.text((*here, number, "description"), attachment.get("description"), 1024)
        form.text((*here, number, "filename"), attachment.get("filename"), 1024)
    if len(uploads) > FILES:
        form.wrong(here, "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")


def _mentions(form: Form, path: Path, value: Any) -> None:
    mentions = form.thing(path, value)
    parse = form.items((*path, "parse"), mentions.get("parse"), 3)
    for number, kind in enumerate(parse):
        form.choice((*path, "parse", number), kind, ("users", "roles", "everyone"))
    for kind in ("users", "roles"):
        ids = form.items((*path, kind), mentions.get(kind), 100)
        if ids and kind in parse:
            form.wrong((*path, "parse"), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", f'"{kind}" is named twice.')


def _post(form: Form, body: dict[str, Any], uploads: list[Upload]) -> None:
    message(form, (), body, uploads)


def _answer(form: Form, body: dict[str, Any], uploads: list[Upload]) -> None:
    message(form, (), body, uploads, ephemeral=True)


def _callback(form: Form, body: dict[str, Any], uploads: list[Upload]) -> None:
    data = form.thing(("data",), body.get("data"))
    kind = form.choice(("type",), body.get("type"), (4, 5, 6, 7, 8))
    if kind in (4, 7):
        message(form, ("data",), data, uploads, ephemeral=True)
    elif kind == 5 and form.number(("data", "flags"), data.get("flags"), 0, (1 << 31) - 1) & ~EPHEMERAL:
        form.wrong(("data", "flags"), "MESSAGE_FLAGS_INVALID", "Only EPHEMERAL can be set while deferring.")
    elif kind == 8:
        for number, each in enumerate(form.items(("data", "choices"), data.get("choices"), 25)):
            choice(form, ("data", "choices", number), each)


def choice(form: Form, path: Path, value: Any) -> None:
    """One choice of an option: a name, and a text or number as its value."""
    entry = form.thing(path, value)
    form.text((*path, "name"), entry.get("name"), 100, 1)
    if not isinstance(entry.get("value"), int | float):
        form.text((*path, "value"), entry.get("value"), 100, 1)


def _thread(form: Form, body: dict[str, Any], uploads: list[Upload]) -> None:
    form.text(("name",), body.get("name"), 100, 1)
    _channel_numbers(form, body)
    if body.get("type") is not None:
        form.choice(("type",), body["type"], (10, 11, 12))


def _channel(form: Form, body: dict[str, Any], uploads: list[Upload]) -> None:
    form.text(("name",), body.get("name"), 100, 1 if "name" in body else 0)
    form.text(("topic",), body.get("topic"), 1024)
    _channel_numbers(form, body)


def _channel_numbers(form: Form, body: dict[str, Any]) -> None:
    form.number(("rate_limit_per_user",), body.get("rate_limit_per_user"), 0, 21600)
    if body.get("auto_archive_duration") is not None:
        form.choice(("auto_archive_duration",), body["auto_archive_duration"], ARCHIVE_MINUTES)


_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
_CHECKS: dict[str, Callable[[Form, dict[str, Any], list[Upload]], None]] = {
    "POST /channels/{channel_id}/messages": _post,
    "PATCH /channels/{channel_id}/messages/{message_id}": _post,
    f"POST {_HOOK}": _answer,
    f"PATCH {_HOOK}/messages/@original": _answer,
    f"PATCH {_HOOK}/messages/{{message_id}}": _answer,
    "POST /interactions/{interaction_id}/{interaction_token}/callback": _callback,
    "POST /channels/{channel_id}/threads": _thread,
    "POST /channels/{channel_id}/messages/{message_id}/threads": _thread,
    "PATCH /channels/{channel_id}": _channel,
}

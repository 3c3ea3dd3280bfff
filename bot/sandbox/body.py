"""Reads the body of a request: JSON, or a form with `payload_json` and files, as Discord accepts them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from .refusal import Refusal

FILE_LIMIT = 10 * 1024 * 1024
REQUEST_LIMIT = 25 * 1024 * 1024


@dataclass(frozen=True)
class Upload:
    """One file of a form; `number` is n of its field's name, `files[n]`."""

    number: int
    filename: str
    content: bytes
    content_type: str | None = None


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it: the path's parameters, the query, the body and the files."""

    params: dict[str, str]
    query: dict[str, str]
    body: Any = None
    uploads: list[Upload] = field(default_factory=list)
    authorization: str = ""


FormReader = Callable[[bytes], dict[str, str]]


async def read(request: web.Request, form: FormReader | None = None) -> Call:
    """The request's content; Refusal for one that is too large, not JSON, or of another content type.

    With `form` it is such a form instead, as that reads it.
    """
    params, query = dict(request.match_info), dict(request.query)
    if form is not None:
        if request.content_type != "application/x-www-form-urlencoded":
            raise Refusal(400, 50035, f"Expected a form, got {request.content_type}.", fault=True)
        authorization = request.headers.get("Authorization", "")
        return Call(params, query, form(await request.read()), authorization=authorization)
    if (request.content_length or 0) > REQUEST_LIMIT:
        raise _too_large()
    if not request.body_exists:
        return Call(params, query, authorization=request.headers.get("Authorization", ""))
    if request.content_type == "multipart/form-data":
        body, uploads = await _form(request)
        return Call(params, query, body, uploads)
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    if not content:
        return Call(params, query)
    if request.content_type != "application/json":
        raise Refusal(400, 50035, f"Expected application/json, got {request.content_type}.", fault=True)
    return Call(params, query, _json(content))


async def _form(request: web.Request) -> tuple[Any, list[Upload]]:
    body, uploads, total = None, [], 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise Refusal(400, 50035, "A form inside a form is not accepted.", fault=True)
        content = bytes(await part.read(decode=True))
        total += len(content)
        if total > REQUEST_LIMIT:
            raise _too_large()
        name = part.name or ""
        if name == "payload_json":
            body = _json(content)
        elif name.startswith("files[") and name.endswith("]") and name[6:-1].isdigit():
            if len(content) > FILE_LIMIT:
                raise _too_large()
            uploads.append(Upload(int(name[6:-1]), part.filename or "file", content, part.headers.get("Content-Type")))
        else:
            raise Refusal(400, 50035, f'The form has a field "{name}" Discord does not know.', fault=True)
    return ({} if body is None else body), uploads


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise Refusal(400, 50109, "The request body contains invalid JSON.", fault=True) from error


def _too_large() -> Refusal:
    return Refusal(413, 40005, "Request entity too large", fault=True)

"""The API's description in OpenAPI 3.1, from the same catalogue that the wall is sought by."""

from collections.abc import Mapping
from typing import Any

from bot.domain.wall import LEAST_RATING, MOST_RATING, Order
from bot.web import seeking
from bot.web.cookie import NAME as COOKIE
from bot.web.session import TOKEN_HEADER
from sweeps.parameters import CATALOGUE, Parameter

Part = Mapping[str, Any]

TEXT: Part = {"type": "string"}
NUMBER: Part = {"type": "number"}
COUNT: Part = {"type": "integer", "minimum": 0}
SWITCH: Part = {"type": "boolean"}
MOMENT: Part = {"type": "string", "format": "date-time"}
PICTURE_NAME: Part = {
    "name": "name", "in": "path", "required": True, "schema": TEXT, "example": "S42-c017",
    "description": "A picture: its job and its cell.",
}  # fmt: skip
INCIDENT: Part = {
    "name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
}  # fmt: skip
OF_A_JOB: Part = {
    "name": "job", "in": "path", "required": True, "schema": {**TEXT, "pattern": "^[A-Z][0-9]{1,9}$"}, "example": "S42",
    "description": "A job of which pictures are withheld.",
}  # fmt: skip
SEEN: Part = {
    "last": {
        "type": "integer", "minimum": 0, "maximum": 999_999_999,
        "description": "the newest incident that was seen: what came after it waits",
    }
}  # fmt: skip

WAITING: list[Part] = [
    {
        "name": "what", "in": "query", "required": False, "schema": {"enum": ["", "pictures", "prompts"]},
        "description": "those with a picture, or those without, alone",
    },
    {
        "name": seeking.AFTER, "in": "query", "required": False, "schema": {**TEXT, "pattern": "^[0-9]{0,9}$"},
        "description": "where the last answer ended: what is older",
    },
]  # fmt: skip


def description(title: str) -> dict[str, Any]:
    """What the wall of that title offers to programs."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: the wall",
            "version": "1",
            "description": "Pictures on the wall, as far as whoever asks may see them. What they may not see is as if "
            "it were not there. Errors are JSON with one sentence.",
        },
        "paths": _paths(),
        "components": {"schemas": _schemas(), "securitySchemes": _schemes()},
    }


def _paths() -> dict[str, Any]:
    member: list[Part] = [{"session": []}]
    writing: list[Part] = [{"session": [], "token": []}]
    return {
        "/api/openapi.json": {"get": _act("This description", {"type": "object"}, [])},
        "/api/wall": {"get": _act("Pictures that fit, in order", _ref("Found"), _sought(), refusals=(400, 503))},
        "/api/wall/choices": {"get": _act("What the wall can be narrowed by", _ref("Choices"), [])},
        "/api/wall/stats": {
            "get": _act(
                "How much the wall holds; for operators", _ref("Statistics"), [], security=member,
                refusals=(401, 403, 503),
            )
        },
        "/api/wall/reload": {
            "post": _act("Read the wall anew; for operators", _ref("Statistics"), [], security=writing)
        },
        "/api/pictures/{name}": {
            "get": _act("One picture with its recipe", _ref("Picture"), [PICTURE_NAME], refusals=(404, 503))
        },
        "/api/pictures/{name}/star": {
            "post": _act(
                "Star a picture, or no longer", _ref("Marked"), [PICTURE_NAME], security=writing,
                body={"starred": {"enum": [True, False]}},
            )
        },
        "/api/pictures/{name}/rating": {
            "post": _act(
                "Rate a picture, or (null) take that back", _ref("Marked"), [PICTURE_NAME], security=writing,
                body={"rating": {"enum": [None, *range(LEAST_RATING, MOST_RATING + 1)]}},
            )
        },
        "/api/pictures/{name}/hide": {
            "post": _act(
                "Hide a picture from all but operators, or show it again; for operators", _ref("Hidden"),
                [PICTURE_NAME], security=writing, body={"hidden": {"enum": [True, False]}},
            )
        },
        "/api/pictures/{name}/delete": {
            "post": _act("Delete a picture for good; for operators", _ref("Receipt"), [PICTURE_NAME], security=writing)
        },
        "/api/incidents": {
            "get": _act("What was withheld, newest first; for operators", _ref("Incidents"), WAITING, security=member)
        },
        "/api/incidents/{id}/picture": {
            "get": _act("A withheld picture; for operators", None, [INCIDENT], security=member)
        },
        "/api/incidents/{id}/release": {
            "post": _act("Post it after all; for operators", _ref("Incident"), [INCIDENT], security=writing)
        },
        "/api/incidents/{id}/delete": {
            "post": _act("Delete it; for operators", _ref("Incident"), [INCIDENT], security=writing)
        },
        "/api/incidents/jobs/{job}/release": {
            "post": _act(
                "Post all of a job's after all; for operators", _ref("Decided"), [OF_A_JOB], security=writing, body=SEEN
            )
        },
        "/api/incidents/jobs/{job}/delete": {
            "post": _act(
                "Delete all of a job's; for operators", _ref("Decided"), [OF_A_JOB], security=writing, body=SEEN
            )
        },
    }  # fmt: skip


def _act(
    summary: str,
    answer: Part | None,
    parameters: list[Part],
    *,
    security: list[Part] | None = None,
    body: Part | None = None,
    refusals: tuple[int, ...] = (400, 401, 403, 404, 409, 413, 415, 503),
) -> dict[str, Any]:
    """One operation; an `answer` of None is a picture."""
    content = {"application/json": {"schema": answer}} if answer is not None else {"image/png": {}}
    refused = {"description": "A sentence", "content": {"application/json": {"schema": _ref("Error")}}}
    # 421: the server was called by a name that is not its own.
    responses = {"200": {"description": summary, "content": content}}
    responses |= {str(status): refused for status in (*refusals, 421)}
    act: dict[str, Any] = {"summary": summary, "parameters": parameters, "responses": responses}
    if security is not None:
        act["security"] = security
    if body is not None:
        schema = {"type": "object", "properties": body, "required": list(body)}
        act["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return act


def _sought() -> list[Part]:
    """What narrows the wall, as parameters of the query."""
    own: list[tuple[str, Part, str]] = [
        (seeking.WORDS, {"type": "string", "maxLength": seeking.LONGEST}, "words of the prompt or the title"),
        (seeking.PERSON, TEXT, "a person's name"),
        (seeking.JOB, TEXT, "a job, such as S42"),
        (seeking.MEMBER, TEXT, "the member who asked, by id or by name"),
        (seeking.RATING, {"enum": [str(value) for value in range(LEAST_RATING, MOST_RATING + 1)]}, "at least so much"),
        (seeking.STARRED, {"enum": ["1"]}, "your own stars alone"),
        (seeking.ORDER, {"enum": [order.value for order in Order]}, "in which order"),
        (seeking.AFTER, TEXT, "where the last answer ended"),
    ]
    own += [(each.name, TEXT, f"{each.help}; {_expected(each)}") for each in CATALOGUE.values()]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
        for name, schema, text in own
    ]


def _expected(parameter: Parameter) -> str:
    """What the value of a parameter that is sought may be, as the end of a sentence."""
    return f"{parameter.expected()}{', or a range such as 5..10' if parameter.is_number else ''}"


def _schemas() -> dict[str, Any]:
    nullable = {"type": ["string", "null"]}
    member = _object({"id": TEXT, "name": TEXT})
    media = _object({"url": TEXT, "width": COUNT, "height": COUNT})
    picture = {
        "name": TEXT, "title": TEXT, "job": TEXT, "kind": TEXT, "member": member, "page": TEXT, "thumb": media,
        "full": media, "recipe": {"type": "object"}, "people": _list(TEXT), "at": {"type": ["object", "null"]},
        "drawn_at": MOMENT, "published_at": MOMENT, "hidden": SWITCH, "spoiler": SWITCH, "stars": COUNT,
        "ratings": COUNT, "rating": NUMBER,
    }  # fmt: skip
    incident = {
        "id": COUNT, "name": TEXT, "at": MOMENT, "cause": TEXT, "what": TEXT, "score": {"type": ["number", "null"]},
        "prompt": TEXT, "member": member, "picture": nullable, "state": TEXT,
    }  # fmt: skip
    receipt = {
        "name": TEXT, "pictures": COUNT, "wall_entries": COUNT, "files": COUNT, "messages": COUNT,
        "messages_left": COUNT, "messages_stuck": _list(TEXT), "sheets": COUNT, "receipt": _list(TEXT),
    }  # fmt: skip
    value = _object({"value": TEXT, "pictures": COUNT})
    return {
        "Error": _object({"error": TEXT}),
        "Picture": _object(picture),
        "Found": _object({"pictures": _list(_ref("Picture")), "total": COUNT, "after": nullable}),
        "Choices": _object(
            {
                "people": _list(_object({"name": TEXT, "title": TEXT, "pictures": COUNT})),
                "jobs": _list(_object({"job": TEXT, "title": TEXT, "pictures": COUNT})),
                "members": _list(_object({"id": TEXT, "name": TEXT, "pictures": COUNT})),
                "parameters": {"type": "object", "additionalProperties": _list(value)},
            }
        ),
        "Statistics": _object(
            {"total_images": COUNT, "total_size_bytes": COUNT, "images_loaded": COUNT, "last_updated": nullable}
        ),
        "Marked": _object(
            {
                "starred": SWITCH,
                "own_rating": {"type": ["integer", "null"]},
                "stars": COUNT,
                "ratings": COUNT,
                "rating": NUMBER,
            }
        ),
        "Hidden": _object({"name": TEXT, "hidden": SWITCH}),
        "Receipt": _object(receipt),
        "Incident": _object(incident),
        "Decided": _object({"job": TEXT, "pictures": COUNT, "left": COUNT}),
        "Incidents": _object(
            {
                "incidents": _list(_ref("Incident")),
                "pictures": COUNT,
                "prompts": COUNT,
                "after": {"type": ["integer", "null"]},
            }
        ),
    }


def _schemes() -> dict[str, Any]:
    return {
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "token": {"type": "apiKey", "in": "header", "name": TOKEN_HEADER},
    }


def _ref(name: str) -> Part:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(of: Part) -> Part:
    return {"type": "array", "items": of}


def _object(properties: Part) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }

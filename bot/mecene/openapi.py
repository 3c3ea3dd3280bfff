"""The service's description for programs: OpenAPI 3.1, with the very bounds that requests and answers are held to."""

from bot.mecene.wire import (
    MOST_IDEAS,
    MOST_NEGATIVE,
    MOST_PERSON,
    MOST_PROMPT,
    MOST_TAG,
    MOST_TAGS,
    MOST_THEME,
)
from sweeps.parameters import LARGEST_SEED

Schema = dict[str, object]


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: Schema, kind: str = "application/json") -> Schema:
    return {"description": description, "content": {kind: {"schema": schema}}}


SCHEMAS: dict[str, Schema] = {
    "Asked": _object(
        ["theme", "count", "seed"],
        theme={
            "type": "string",
            "maxLength": MOST_THEME,
            "description": "What the ideas are about; empty: anything. Of a long one the first words count.",
        },
        person={
            "type": "string",
            "maxLength": MOST_PERSON,
            "description": "For whom they are, e.g. woman, or an old man in a wheelchair. It stands in no idea, so put "
            "your person in front of the prompt. Nothing in the ideas contradicts it.",
        },
        count={"type": "integer", "minimum": 1, "maximum": MOST_IDEAS},
        seed={
            "type": "integer",
            "minimum": 0,
            "maximum": LARGEST_SEED,
            "description": "The grammar gives equal ideas for an equal theme, person and seed.",
        },
    ),
    "Idea": _object(
        ["prompt", "negative_prompt", "tags"],
        prompt={"type": "string", "minLength": 1, "maxLength": MOST_PROMPT, "description": "Plain words on one line."},
        negative_prompt={"type": "string", "maxLength": MOST_NEGATIVE, "description": "What to keep out."},
        tags={
            "type": "array",
            "maxItems": MOST_TAGS,
            "items": {"type": "string", "minLength": 1, "maxLength": MOST_TAG},
        },
    ),
    "Ideas": _object(["ideas"], ideas={"type": "array", "maxItems": MOST_IDEAS, "items": _ref("Idea")}),
    "Health": _object(
        ["ready", "source"], ready={"const": True}, source={"type": "string", "enum": ["grammar", "model"]}
    ),
    "Refusal": _object(["error"], error={"type": "string", "minLength": 1, "description": "A sentence: what to mend."}),
}

REFUSALS = {
    "400": "The request is wrong; the sentence names the field.",
    "408": "The body did not come in time.",
    "413": "The body is too long.",
    "415": "The body is not declared as application/json, or it is packed.",
}

DESCRIPTION: dict[str, object] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Mecene",
        "version": "1",
        "description": "A theme in, ideas for pictures of one person out. No token, no state.",
        "license": {"name": "MIT", "identifier": "MIT"},
    },
    "servers": [{"url": "/"}],
    "security": [],
    "paths": {
        "/ideas": {
            "post": {
                "operationId": "ideas",
                "summary": "Ideas about a theme",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _ref("Asked"),
                            "examples": {
                                "noir": {"value": {"theme": "noir", "person": "woman", "count": 3, "seed": 42}},
                                "anything": {"value": {"theme": "", "count": 1, "seed": 0}},
                            },
                        }
                    },
                },
                "responses": {
                    "200": _answer("As many ideas as were asked for, no two alike.", _ref("Ideas")),
                    **{status: _answer(said, _ref("Refusal")) for status, said in REFUSALS.items()},
                },
            }
        },
        "/health": {
            "get": {
                "operationId": "health",
                "summary": "Whether it answers, and what makes the ideas",
                "responses": {"200": _answer("It does.", _ref("Health"))},
            }
        },
        "/openapi.json": {
            "get": {
                "operationId": "description",
                "summary": "This description",
                "responses": {"200": _answer("OpenAPI 3.1.", {"type": "object"})},
            }
        },
        "/": {
            "get": {
                "operationId": "page",
                "summary": "A page that shows how to ask",
                "responses": {"200": _answer("HTML.", {"type": "string"}, "text/html")},
            }
        },
    },
    "components": {"schemas": SCHEMAS},
}

"""Discord's own schemas: checks every body against them where the folder with them is at hand."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

DISPATCHES = {
    "READY": "GwReady",
    "GUILD_CREATE": "GwGuildCreate",
    "INTERACTION_CREATE": "GwInteraction",
    "MESSAGE_CREATE": "GwMessageCreate",
    "MESSAGE_UPDATE": "GwMessageCreate",
}
MESSAGES_OF_REST = "RestMessage"
RECEIVED = "GwReceive"
_CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"


class Problem(NamedTuple):
    """Where in a body, and what is wrong there."""

    path: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or '(body)'}: {self.message[:300]}"


class Specification:
    """The schemas of one folder (openapi.json, gw_*.json); without the folder every body passes unchecked."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder if folder is not None and (folder / "openapi.json").is_file() else None
        self.checked: Counter[str] = Counter()
        self._schemas = None if self.folder is None else _read(self.folder)

    @property
    def status(self) -> str:
        """One sentence: what was checked, or why nothing was."""
        if self.folder is None:
            return "Discord's schemas are not at hand: bodies are checked against the documented limits only."
        counts = ", ".join(f"{count} {direction}" for direction, count in sorted(self.checked.items()))
        return f"Checked against Discord's schemas: {counts or 'no body yet'}."

    def request(self, method: str, route: str, body: Any) -> list[Problem]:
        """What is wrong with a request's body; `route` is the path as the specification writes it."""
        if self._schemas is None or body is None:
            return []
        return self._check("requests", self._schemas.of_request(method, route, body), body)

    def response(self, method: str, route: str, status: int, body: Any) -> list[Problem]:
        """What is wrong with an answer of ours."""
        if self._schemas is None or body is None:
            return []
        schema = self._schemas.of_response(method, route, status)
        problems = self._check("responses", schema, body)
        if schema is not None and schema.get("$ref", "").endswith("/MessageResponse"):
            problems += self._check("responses", MESSAGES_OF_REST, body)
        return problems

    def dispatch(self, event: str, data: Any) -> list[Problem]:
        """What is wrong with an event that goes out over the gateway."""
        return self._check("dispatches", DISPATCHES.get(event), data)

    def received(self, payload: Any) -> list[Problem]:
        """What is wrong with a payload that came in over the gateway."""
        return self._check("gateway payloads", RECEIVED, payload)

    def _check(self, direction: str, schema: dict[str, Any] | str | None, body: Any) -> list[Problem]:
        if self._schemas is None or schema is None:
            return []
        self.checked[direction] += 1
        validator = self._schemas.validator(schema)
        if validator.is_valid(body):
            return []
        return [Problem(tuple(error.instance_path), error.message) for error in validator.iter_errors(body)]


class _Schemas:
    """The schemas of a folder, each compiled when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._openapi = json.loads((folder / "openapi.json").read_text("utf-8"))
        self._components = {"schemas": _relax(self._openapi["components"]["schemas"])}
        self._validators: dict[str, Any] = {}

    def of_request(self, method: str, route: str, body: Any) -> dict[str, Any] | None:
        """The schema of a request's body, None where the specification has none."""
        contents = self._operation(method, route).get("requestBody", {}).get("content", {})
        if "application/json" not in contents:
            return None
        schema: dict[str, Any] = contents["application/json"]["schema"]
        if route == _CALLBACK and isinstance(body, dict):
            return self._callback(schema["anyOf"], body.get("type")) or schema
        return schema

    def of_response(self, method: str, route: str, status: int) -> dict[str, Any] | None:
        """The schema of an answer, None where the specification has none."""
        content = self._operation(method, route).get("responses", {}).get(str(status), {}).get("content")
        return content["application/json"]["schema"] if content else None

    def validator(self, schema: dict[str, Any] | str) -> Any:
        """The compiled schema: one of the REST interface, or the gateway's of this name."""
        key = schema if isinstance(schema, str) else json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            import jsonschema_rs  # needed only where the schemas are

            if isinstance(schema, str):
                document = _relax(json.loads((self._folder / f"gw_{schema}.json").read_text("utf-8")))
            else:
                document = _relax(schema) | {"components": self._components}
            self._validators[key] = jsonschema_rs.validator_for(document)
        return self._validators[key]

    def _operation(self, method: str, route: str) -> dict[str, Any]:
        operation: dict[str, Any] = self._openapi["paths"].get(route, {}).get(method.lower(), {})
        return operation

    def _callback(self, choices: list[dict[str, Any]], kind: Any) -> dict[str, Any] | None:
        """The callback's schema with this `type`, so that an error is named exactly."""
        for choice in choices:
            name = choice["$ref"].rsplit("/", 1)[1]
            if kind in self._openapi["components"]["schemas"][name]["properties"]["type"].get("enum", ()):
                return choice
        return None


@cache
def _read(folder: Path) -> _Schemas:
    """The schemas of a folder, read once however many sandboxes are opened."""
    return _Schemas(folder)


def _relax(node: Any, name: str = "") -> Any:
    """Read the schemas as Discord's server does.

    One of several forms may fit twice (oneOf becomes anyOf), digits may come as text or as a number, and
    flags combine.
    """
    if isinstance(node, list):
        return [_relax(each) for each in node]
    if not isinstance(node, dict):
        return node
    if name.endswith("Flags") and ("enum" in node or "const" in node):
        return {"type": "integer"}
    if name in ("Snowflake", "SnowflakeType"):
        return {"type": ["string", "integer"], "pattern": "^[0-9]+$"}
    relaxed = {("anyOf" if key == "oneOf" else key): _relax(value, key) for key, value in node.items()}
    kinds = relaxed.get("type")
    if kinds == "integer" or (isinstance(kinds, list) and "integer" in kinds):
        others = [kinds] if isinstance(kinds, str) else kinds
        relaxed["type"] = sorted({*others, "string"})
        relaxed.setdefault("pattern", "^-?[0-9]+$")
    return relaxed

"""Discord's own schemas: checks every body against them where the folder with them is at hand."""

import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

DISPATCHES = {
    "READY": "GwReady",
    "GUILD_CREATE": "GwGuildCreate",
    "INTERACTION_CREATE": "GwInteraction",
    "MESSAGE_CREATE": "GwMessageCreate",
    "MESSAGE_UPDATE": "GwMessageCreate",
}
MESSAGES_OF_REST = "RestMessage"
_CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"


class Problem(tuple[tuple[str | int, ...], str]):
    """Where in a body, and what is wrong there."""

    def __str__(self) -> str:
        path, message = self
        return f"{'.'.join(map(str, path)) or '(body)'}: {message[:300]}"


class Specification:
    """The schemas of one folder (openapi.json, gw_*.json); without the folder every body passes unchecked."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder if folder is not None and (folder / "openapi.json").is_file() else None
        self.checked: Counter[str] = Counter()
        self._validators: dict[str, Any] = {}

    @property
    def status(self) -> str:
        """One sentence: what was checked, or why nothing was."""
        if self.folder is None:
            return (
                "Discord's schemas are not at hand, so bodies are checked against the documented limits only."
            )
        counts = ", ".join(f"{count} {direction}" for direction, count in sorted(self.checked.items()))
        return f"Checked against Discord's schemas: {counts or 'no body yet'}."

    def request(self, method: str, route: str, body: Any) -> list[Problem]:
        """What is wrong with a request's body; `route` is the path as the specification writes it."""
        if self.folder is None or body is None:
            return []
        contents = self._operation(method, route).get("requestBody", {}).get("content", {})
        if "application/json" not in contents:
            return []
        schema = contents["application/json"]["schema"]
        if route == _CALLBACK and isinstance(body, dict):
            schema = self._callback(body.get("type")) or schema
        return self._check("requests", schema, body)

    def response(self, method: str, route: str, status: int, body: Any) -> list[Problem]:
        """What is wrong with an answer of ours."""
        if self.folder is None or body is None:
            return []
        content = self._operation(method, route)["responses"].get(str(status), {}).get("content")
        if not content:
            return []
        schema = content["application/json"]["schema"]
        problems = self._check("responses", schema, body)
        if schema.get("$ref", "").endswith("/MessageResponse"):
            problems += self._check("responses", MESSAGES_OF_REST, body)
        return problems

    def dispatch(self, event: str, data: Any) -> list[Problem]:
        """What is wrong with an event that goes out over the gateway."""
        name = DISPATCHES.get(event)
        return [] if self.folder is None or name is None else self._check("dispatches", name, data)

    def received(self, payload: Any) -> list[Problem]:
        """What is wrong with a payload that came in over the gateway."""
        return [] if self.folder is None else self._check("gateway payloads", "GwReceive", payload)

    def _check(self, direction: str, schema: dict[str, Any] | str, body: Any) -> list[Problem]:
        self.checked[direction] += 1
        validator = self._validator(schema)
        if validator.is_valid(body):
            return []
        return [Problem((tuple(error.instance_path), error.message)) for error in validator.iter_errors(body)]

    def _validator(self, schema: dict[str, Any] | str) -> Any:
        key = schema if isinstance(schema, str) else json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            import jsonschema_rs  # needed only where the schemas are

            if isinstance(schema, str):
                assert self.folder is not None
                document = _relax(json.loads((self.folder / f"gw_{schema}.json").read_text("utf-8")))
            else:
                document = _relax(schema) | {"components": self._components}
            self._validators[key] = jsonschema_rs.validator_for(document)
        return self._validators[key]

    @cached_property
    def _openapi(self) -> dict[str, Any]:
        assert self.folder is not None
        return json.loads((self.folder / "openapi.json").read_text("utf-8"))

    @cached_property
    def _components(self) -> dict[str, Any]:
        return {"schemas": _relax(self._openapi["components"]["schemas"])}

    def _operation(self, method: str, route: str) -> dict[str, Any]:
        return self._openapi["paths"].get(route, {}).get(method.lower(), {"responses": {}})

    def _callback(self, kind: Any) -> dict[str, Any] | None:
        """The callback's schema with this `type`, so that an error is named exactly."""
        for choice in self._operation("POST", _CALLBACK)["requestBody"]["content"]["application/json"][
            "schema"
        ]["anyOf"]:
            name = choice["$ref"].rsplit("/", 1)[1]
            if kind in self._openapi["components"]["schemas"][name]["properties"]["type"].get("enum", ()):
                return choice
        return None


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

"""Registering commands: what Discord refuses, and what it stores."""

from typing import Any

from .snowflake import Snowflakes
from .world import APPLICATION


def register(
    bodies: list[dict[str, Any]], previous: list[dict[str, Any]], guild: str | None, snowflakes: Snowflakes
) -> list[dict[str, Any]]:
    """Overwrite a scope's commands; one whose name was there keeps its id, a changed one gets a new version."""
    known = {(command["name"], command["type"]): command for command in previous}
    return [
        _stored(body, known.get((body["name"], body.get("type") or 1)), guild, snowflakes) for body in bodies
    ]


def _stored(
    body: dict[str, Any], before: dict[str, Any] | None, guild: str | None, snowflakes: Snowflakes
) -> dict[str, Any]:
    command = {name: value for name, value in body.items() if value is not None and name != "id"}
    permissions = body.get("default_member_permissions")
    command |= {
        "type": body.get("type") or 1,
        "description": body.get("description") or "",
        "default_member_permissions": None if permissions is None else str(permissions),
        "application_id": APPLICATION,
        "nsfw": bool(body.get("nsfw")),
    }
    command.setdefault("integration_types", [0])
    command.setdefault("contexts", None)
    if guild is not None:
        command["guild_id"] = guild
    if "options" in command:
        command["options"] = [_option(option) for option in command["options"]]
    if before is not None and {**before, "version": 0, "id": 0} == {**command, "version": 0, "id": 0}:
        return before
    command["id"] = before["id"] if before is not None else snowflakes.next()
    command["version"] = snowflakes.next()
    return command


def _option(option: dict[str, Any]) -> dict[str, Any]:
    stored = {name: value for name, value in option.items() if value is not None}
    if "options" in stored:
        stored["options"] = [_option(each) for each in stored["options"]]
    return stored

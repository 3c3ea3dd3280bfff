"""Registering commands: what Discord refuses, and what it stores."""

import re
from typing import Any

from .form import Form, Path
from .limits import choice
from .snowflake import Snowflakes
from .world import APPLICATION

NAME = re.compile(r"^[-_'\w]{1,32}$")
SUBCOMMAND, GROUP, STRING, INTEGER, NUMBER = 1, 2, 3, 4, 10
PER_SCOPE = 100
CHARACTERS = 8000


def check(bodies: Any) -> None:
    """Raise Refusal when a bulk overwrite holds anything Discord would not register."""
    form = Form()
    seen: set[tuple[str, int]] = set()
    for number, value in enumerate(form.items((), bodies, PER_SCOPE)):
        command = form.thing((number,), value)
        kind = form.choice((number, "type"), command.get("type") or 1, (1, 2, 3))
        if kind == 1:
            name = _named(form, (number,), command)
        else:  # a command of the context menu: any name, no description
            name = form.text((number, "name"), command.get("name"), 32, 1)
        if (name, kind) in seen:
            form.wrong(
                (number, "name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )
        seen.add((name, kind))
        if kind == 1:
            _options(form, (number, "options"), command.get("options"), (GROUP, SUBCOMMAND))
            if _characters(command) > CHARACTERS:
                form.wrong((number,), "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({CHARACTERS})")
    form.close()


def _named(form: Form, path: Path, thing: dict[str, Any]) -> str:
    """Check a name and its description; the name."""
    name = form.text((*path, "name"), thing.get("name"), 32, 1)
    if name and (not NAME.match(name) or name != name.lower()):
        form.wrong(
            (*path, "name"),
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid: lowercase letters, digits, - and _ only",
        )
    form.text((*path, "description"), thing.get("description"), 100, 1)
    return name


def _options(form: Form, path: Path, value: Any, nesting: tuple[int, ...]) -> None:
    """Options of a command, or of one of its subcommands; `nesting` says which of those may stand here."""
    seen: set[str] = set()
    optional = False
    for number, each in enumerate(form.items(path, value, 25)):
        here = (*path, number)
        option = form.thing(here, each)
        name = _named(form, here, option)
        kind = form.choice((*here, "type"), option.get("type"), (*nesting, 3, 4, 5, 6, 7, 8, 9, 10, 11))
        if name and name in seen:
            form.wrong(here, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option names must be unique")
        seen.add(name)
        if kind == GROUP:
            _options(form, (*here, "options"), option.get("options"), (SUBCOMMAND,))
        elif kind == SUBCOMMAND:
            _options(form, (*here, "options"), option.get("options"), ())
        elif kind is not None:
            _plain(form, here, option)
            if option.get("required") and optional:
                form.wrong(
                    here,
                    "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                    "Required options must be placed before non-required options",
                )
            optional = optional or not option.get("required")


def _plain(form: Form, path: Path, option: dict[str, Any]) -> None:
    choices = form.items((*path, "choices"), option.get("choices"), 25)
    names: set[str] = set()
    for number, each in enumerate(choices):
        here = (*path, "choices", number)
        choice(form, here, each)
        name = str(form.thing(here, each).get("name"))
        if name in names:
            form.wrong(here, "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS", "Names must be unique")
        names.add(name)
    if option.get("autocomplete") and (choices or option["type"] not in (STRING, INTEGER, NUMBER)):
        form.wrong(
            (*path, "autocomplete"),
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID",
            "Autocomplete is for text and numbers without choices",
        )
    low, high = option.get("min_value"), option.get("max_value")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        form.wrong((*path, "min_value"), "NUMBER_TYPE_MAX", "min_value is above max_value")


def _characters(thing: dict[str, Any]) -> int:
    """What counts towards a command's size: names, descriptions and choice values, all the way down."""
    own = sum(len(str(thing.get(name) or "")) for name in ("name", "description"))
    own += sum(len(str(each.get("name"))) + len(str(each.get("value"))) for each in _things(thing, "choices"))
    return own + sum(_characters(each) for each in _things(thing, "options"))


def _things(thing: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = thing.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def register(
    bodies: list[dict[str, Any]], previous: list[dict[str, Any]], guild: str | None, snowflakes: Snowflakes
) -> list[dict[str, Any]]:
    """Overwrite a scope's commands; a known name keeps its id, a changed command gets a new version."""
    known = {(command["name"], command["type"]): command for command in previous}
    return [_stored(body, known.get((body["name"], body.get("type") or 1)), guild, snowflakes) for body in bodies]


def _stored(
    body: dict[str, Any], before: dict[str, Any] | None, guild: str | None, snowflakes: Snowflakes
) -> dict[str, Any]:
    permissions = body.get("default_member_permissions")
    command = _without_nulls(body) | {
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
    if before is not None and before | {"version": "", "id": ""} == command | {"version": "", "id": ""}:
        return before
    command["id"] = before["id"] if before is not None else snowflakes.next()
    command["version"] = snowflakes.next()
    return command


def _without_nulls(thing: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in thing.items() if value is not None}
    if "options" in kept:
        kept["options"] = [_without_nulls(option) for option in kept["options"]]
    return kept

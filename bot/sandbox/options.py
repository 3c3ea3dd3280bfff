"""What the Discord client checks before it sends a command: the options a member filled in."""

from collections.abc import Mapping
from typing import Any

STRING, INTEGER, BOOLEAN, USER, NUMBER, ATTACHMENT = 3, 4, 5, 6, 10, 11
SUBCOMMAND, GROUP = 1, 2


class Rejected(ValueError):
    """What the Discord client itself would not let a member do; the text is a sentence for them."""


def find(
    commands: list[dict[str, Any]], path: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The command "params save" names: (command, its subcommands on the way, the options to fill in)."""
    names = path.split()
    command = next((each for each in commands if names and each["name"] == names[0]), None)
    if command is None:
        known = ", ".join(f"/{each['name']}" for each in commands) or "none yet"
        raise Rejected(f"There is no command /{path}. Commands here: {known}.")
    way: list[dict[str, Any]] = []
    options = command.get("options", [])
    for name in names[1:]:
        step = next((each for each in options if each["name"] == name and each["type"] in (1, 2)), None)
        if step is None:
            raise Rejected(f"/{command['name']} has no subcommand {name}.")
        way.append(step)
        options = step.get("options", [])
    if any(each["type"] in (SUBCOMMAND, GROUP) for each in options):
        names = [each["name"] for each in options]
        raise Rejected(f"/{path} needs one of its subcommands: {', '.join(names)}.")
    return command, way, options


def fill(
    options: list[dict[str, Any]], values: Mapping[str, Any], *, focused: str | None = None
) -> list[dict[str, Any]]:
    """The options as an interaction carries them; while one is typed (`focused`) nothing is required."""
    known = {option["name"]: option for option in options}
    for name in values:
        if name not in known:
            raise Rejected(f"There is no option {name}. Options: {', '.join(known) or 'none'}.")
    for name, option in known.items():
        if option.get("required") and values.get(name) in (None, "") and focused is None:
            raise Rejected(f"{name}: this option is required. Specify a value.")
    filled = []
    for name, value in values.items():
        if value is None:
            continue
        option = known[name]
        entry = {"name": name, "type": option["type"]}
        if name == focused:
            entry |= {"value": str(value), "focused": True}
        else:
            entry["value"] = _value(option, value)
        filled.append(entry)
    return filled


def nest(way: list[dict[str, Any]], filled: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Wrap filled options into the subcommands that lead to them."""
    for step in reversed(way):
        filled = [{"name": step["name"], "type": step["type"], "options": filled}]
    return filled


def _value(option: dict[str, Any], value: Any) -> Any:
    read = {STRING: _text, INTEGER: _number, NUMBER: _number, BOOLEAN: _truth}.get(option["type"])
    clean: Any = str(value) if read is None else read(option, value)
    choices = option.get("choices")
    if choices and not option.get("autocomplete"):
        chosen = [each["value"] for each in choices if clean in (each["value"], each["name"])]
        if not chosen:
            raise Rejected(f"{option['name']}: choose one of {', '.join(str(each['name']) for each in choices)}.")
        return chosen[0]
    return clean


def _text(option: dict[str, Any], value: Any) -> str:
    text = str(value)
    if len(text) < option.get("min_length", 0):
        raise Rejected(f"{option['name']}: at least {option['min_length']} characters, {len(text)} given.")
    if len(text) > option.get("max_length", 6000):
        raise Rejected(f"{option['name']}: at most {option.get('max_length', 6000)} characters, {len(text)} given.")
    return text


def _number(option: dict[str, Any], value: Any) -> int | float:
    kind, name = (int, "an integer") if option["type"] == INTEGER else (float, "a number")
    try:
        number = kind(value)
        if isinstance(value, bool) or number != float(value):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise Rejected(f"{option['name']}: expected {name}, got {repr(value)[:60]}.") from error
    low, high = option.get("min_value"), option.get("max_value")
    if low is not None and number < low:
        raise Rejected(f"{option['name']}: {number} is less than {low}.")
    if high is not None and number > high:
        raise Rejected(f"{option['name']}: {number} is more than {high}.")
    return number


def _truth(option: dict[str, Any], value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in ("true", "false"):
        raise Rejected(f"{option['name']}: expected True or False, got {repr(value)[:60]}.")
    return str(value).lower() == "true"

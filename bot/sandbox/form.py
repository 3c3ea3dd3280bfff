"""One body under inspection: everything wrong with it, each problem with its path, told all at once."""

from collections.abc import Collection
from typing import Any

from .refusal import Refusal

Path = tuple[str | int, ...]

BAD_FORM = 50035


class Form:
    """Reads a body field by field; a field of the wrong kind or size is noted, and read as absent."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str, str]] = []

    def wrong(self, path: Path, code: str, message: str) -> None:
        """Note one problem, under Discord's own name for it."""
        self.problems.append((path, code, message))

    def text(self, path: Path, value: Any, most: int, least: int = 0) -> str:
        """A text of `least` to `most` characters; None counts as missing when there is a least."""
        if value is None or value == "":
            if least:
                self.missing(path)
            return ""
        if not isinstance(value, str):
            self.wrong(path, "STRING_TYPE_CONVERT", f'Could not interpret "{value!r:.60}" as string.')
            return ""
        if not least <= len(value) <= most:
            if least:
                self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
            else:
                self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
        return value

    def items(self, path: Path, value: Any, most: int, least: int = 0) -> list[Any]:
        """A list of `least` to `most` entries; None is an empty one."""
        if value is None:
            value = []
        if not isinstance(value, list):
            self.wrong(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        for number, entry in enumerate(value):
            if entry is None:
                self.missing((*path, number))
        if len(value) > most and not least:
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
        elif not least <= len(value) <= most:
            self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
        return value

    def thing(self, path: Path, value: Any) -> dict[str, Any]:
        """An object; None is an empty one."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            return {}
        return value

    def number(self, path: Path, value: Any, least: int, most: int, default: int = 0) -> int:
        """A whole number, or its digits, from `least` to `most`."""
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).lstrip("-").isdigit():
            self.wrong(path, "NUMBER_TYPE_COERCE", f'Value "{value!r:.60}" is not int.')
            return default
        if not least <= int(value) <= most:
            self.wrong(path, "NUMBER_TYPE_RANGE", f"int value should be between {least} and {most}.")
        return int(value)

    def choice(self, path: Path, value: Any, choices: Collection[Any]) -> Any:
        """One of a few values; None when it is not."""
        if isinstance(value, list | dict) or value not in choices:
            known = ", ".join(map(str, choices))
            self.wrong(path, "BASE_TYPE_CHOICES", f"Value must be one of {{{known}}}.")
            return None
        return value

    def missing(self, path: Path) -> None:
        """A field that has to be there."""
        self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")

    def close(self) -> None:
        """Raise one Refusal with every problem noted, if there was any."""
        if not self.problems:
            return
        tree: dict[str, Any] = {}
        for path, code, message in self.problems:
            node = tree
            for step in path:
                node = node.setdefault(str(step), {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise Refusal(400, BAD_FORM, "Invalid Form Body", errors=tree, fault=True)

"""What Discord says when it refuses: a status, a code, a message and, for a bad body, where it is bad."""

from collections.abc import Iterable, Mapping
from typing import Any

Path = tuple[str | int, ...]

BAD_FORM = 50035


class Refusal(Exception):
    """A request Discord turns down. `fault` says that the client broke a rule, rather than met bad luck."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        fault: bool = False,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        self.fault = fault

    def body(self) -> dict[str, Any]:
        """Discord's error object."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors:
            body["errors"] = self.errors
        return body | self.extra


class Form:
    """Collects everything wrong with one body, so that the client hears of all of it at once."""

    def __init__(self) -> None:
        self.problems: list[tuple[Path, str, str]] = []

    def wrong(self, path: Iterable[str | int], code: str, message: str) -> None:
        """Note one problem at `path`, with Discord's own name for it."""
        self.problems.append((tuple(path), code, message))

    def longest(self, path: Path, text: Any, limit: int) -> None:
        """A text of at most `limit` characters."""
        if isinstance(text, str) and len(text) > limit:
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")

    def present(self, path: Path, text: Any) -> None:
        """A text that must not be missing or empty."""
        if not isinstance(text, str) or not text:
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")

    def most(self, path: Path, items: Any, limit: int) -> None:
        """A list of at most `limit` entries."""
        if isinstance(items, list) and len(items) > limit:
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")

    def close(self) -> None:
        """Raise one Refusal with every problem found, if there was any."""
        if not self.problems:
            return
        tree: dict[str, Any] = {}
        for path, code, message in self.problems:
            node = tree
            for step in path:
                node = node.setdefault(str(step), {})
            node.setdefault("_errors", []).append({"code": code, "message": message})
        raise Refusal(400, BAD_FORM, "Invalid Form Body", errors=tree, fault=True)


def unknown(what: str, code: int) -> Refusal:
    """404: there is no such thing (10003 channel, 10008 message, 10015 webhook, 10062 interaction)."""
    return Refusal(404, code, f"Unknown {what}")

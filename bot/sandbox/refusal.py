"""What Discord says when it refuses: a status, a code, a message and, for a bad body, where it is bad."""

from collections.abc import Mapping
from typing import Any


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


def unknown(what: str, code: int) -> Refusal:
    """404: there is no such thing (10003 channel, 10008 message, 10015 webhook, 10062 interaction)."""
    return Refusal(404, code, f"Unknown {what}")

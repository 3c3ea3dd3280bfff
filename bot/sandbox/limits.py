"""The limits of a message: what Discord refuses although its shape is right."""

from typing import Any

from .body import Upload
from .message import Message


def check_message(body: dict[str, Any], uploads: list[Upload], *, editing: Message | None = None) -> None:
    """Raise Refusal when a post, or an edit of a message, breaks a limit."""

"""From a checked body to a message: how a post is written, and how an edit rewrites it."""

import time
from typing import Any

from . import limits
from .body import Upload
from .cdn import Attachment, Cdn
from .message import COMPONENTS_V2, EPHEMERAL, LOADING, SUPPRESS_EMBEDS, Message
from .refusal import Form
from .world import World

SETTABLE = COMPONENTS_V2 | SUPPRESS_EMBEDS | 1 << 12  # 1 << 12: no notification


class Desk:
    """Writes messages into the world."""

    def __init__(self, world: World, cdn: Cdn) -> None:
        self._world = world
        self.cdn = cdn

    def post(
        self,
        body: dict[str, Any],
        uploads: list[Upload],
        *,
        channel: str,
        author: dict[str, Any],
        **more: Any,
    ) -> Message:
        """Post a new message; Refusal when a limit is broken or it says nothing."""
        limits.check_message(body, uploads)
        message = Message(self._world.snowflakes.next(), channel, author, **more)
        self._fill(message, body, uploads)
        return self._world.add(message)

    def edit(self, message: Message, body: dict[str, Any], uploads: list[Upload]) -> Message:
        """Rewrite a message in place: only what the body names changes."""
        limits.check_message(body, uploads, editing=message)
        loading = bool(message.flags & LOADING)
        message.flags &= ~LOADING
        self._fill(message, body, uploads)
        if not loading:  # filling in a deferred answer is not an edit a reader would see
            message.edited = time.time()
        self._world.changed(message)
        return message

    def _fill(self, message: Message, body: dict[str, Any], uploads: list[Upload]) -> None:
        if "content" in body:
            message.content = body["content"] or ""
        if "embeds" in body:
            message.embeds = body["embeds"] or []
        if "components" in body:
            message.components = body["components"] or []
        if body.get("flags") is not None:
            message.flags = message.flags & ~SETTABLE | int(body["flags"]) & (SETTABLE | EPHEMERAL)
        message.attachments = self._attachments(message, body, uploads)

    def _attachments(self, message: Message, body: dict[str, Any], uploads: list[Upload]) -> list[Attachment]:
        named = body.get("attachments")
        kept = message.attachments
        described: dict[str, str | None] = {}
        if named is not None:
            ids = {str(each["id"]) for each in named}
            kept = [attachment for attachment in kept if attachment.id in ids]
            described = {str(each["id"]): each.get("description") for each in named}
            self._all_known(message, named, uploads)
        return kept + [
            self.cdn.keep(
                message.channel,
                upload.filename,
                upload.content,
                content_type=upload.content_type,
                description=described.get(str(upload.number)),
                ephemeral=message.audience is not None,
            )
            for upload in uploads
        ]

    def _all_known(self, message: Message, named: list[dict[str, Any]], uploads: list[Upload]) -> None:
        known = {attachment.id for attachment in message.attachments} | {str(each.number) for each in uploads}
        form = Form()
        for number, each in enumerate(named):
            if str(each["id"]) not in known:
                form.wrong(
                    ("attachments", number, "id"),
                    "ATTACHMENT_NOT_FOUND",
                    f"Attachment {each['id']} not found",
                )
        form.close()

"""From a checked body to a message: how a post is written, and how an edit rewrites it."""

import time
from dataclasses import replace
from typing import Any

from . import components
from .body import Upload
from .cdn import Attachment, Cdn, clean_name
from .form import Form
from .limits import FILES, SILENT
from .message import COMPONENTS_V2, EPHEMERAL, LOADING, SUPPRESS_EMBEDS, Message
from .refusal import Refusal
from .world import World

SETTABLE = COMPONENTS_V2 | SUPPRESS_EMBEDS | SILENT


class Desk:
    """Writes messages into the world; nothing changes when it refuses."""

    def __init__(self, world: World, cdn: Cdn) -> None:
        self.cdn = cdn
        self._world = world

    def post(
        self,
        body: dict[str, Any],
        uploads: list[Upload],
        *,
        channel: str,
        author: dict[str, Any],
        **more: Any,
    ) -> Message:
        """Post a new message; Refusal 50006 when it says nothing."""
        blank = Message(self._world.snowflakes.next(), channel, author, **more)
        message = self._written(blank, body, uploads)
        return self._world.add(message)

    def edit(self, message: Message, body: dict[str, Any], uploads: list[Upload]) -> Message:
        """Rewrite a message in place: only what the body names changes."""
        written = self._written(message, body, uploads)
        if not message.flags & LOADING:  # filling in a deferred answer is not an edit a reader would see
            written.edited = time.time()
        for attachment in message.attachments:
            if attachment not in written.attachments:
                self.cdn.drop(attachment)
        vars(message).update(vars(written))
        self._world.changed(message)
        return message

    def _written(self, message: Message, body: dict[str, Any], uploads: list[Upload]) -> Message:
        written = replace(message, flags=message.flags & ~LOADING)
        for name in ("embeds", "components"):
            if name in body:
                setattr(written, name, body[name] or [])
        if "content" in body:
            written.content = body["content"] or ""
        if body.get("flags") is not None:
            asked = int(body["flags"])
            if message.flags & COMPONENTS_V2:
                asked |= COMPONENTS_V2  # once set it stays
            ephemeral = EPHEMERAL if message.audience is not None else 0
            written.flags = asked & SETTABLE | ephemeral
        kept, described = _kept(message, body, uploads)
        _check(written, [each.filename for each in kept], uploads)
        written.attachments = kept + [
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
        return written


def _kept(
    message: Message, body: dict[str, Any], uploads: list[Upload]
) -> tuple[list[Attachment], dict[str, str | None]]:
    """The attachments that stay, and what is said of new ones; an edit that names any keeps only those."""
    named = body.get("attachments")
    if named is None:
        return list(message.attachments), {}
    described = {str(each["id"]): each.get("description") for each in named}
    known = {each.id for each in message.attachments} | {str(each.number) for each in uploads}
    form = Form()
    for number, id in enumerate(described):
        if id not in known:
            form.wrong(("attachments", number, "id"), "ATTACHMENT_NOT_FOUND", f"Attachment {id} not found")
    form.close()
    return [each for each in message.attachments if each.id in described], described


def _check(message: Message, kept: list[str], uploads: list[Upload]) -> None:
    """What the message as a whole must keep to."""
    names = {*kept, *(clean_name(upload.filename) for upload in uploads)}
    form = Form()
    if len(kept) + len(uploads) > FILES:
        form.wrong(("attachments",), "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
    if message.flags & COMPONENTS_V2:
        _check_v2(form, message, names)
    elif any(component["type"] != components.ROW for component in message.components):
        form.wrong(("components",), "BASE_TYPE_CHOICES", "Layout components need IS_COMPONENTS_V2.")
    form.close()
    if not (message.content or message.embeds or message.components or names):
        raise Refusal(400, 50006, "Cannot send an empty message", fault=True)


def _check_v2(form: Form, message: Message, names: set[str]) -> None:
    for name in ("content", "embeds"):
        if getattr(message, name):
            form.wrong(
                (name,),
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )
    shown = {
        url.removeprefix("attachment://")
        for url in components.media(message.components)
        if url.startswith("attachment://")
    }
    for name in sorted(shown - names):
        form.wrong(("components",), "REFERENCED_ATTACHMENT_NOT_FOUND", f'The attachment "{name}" was not found.')
    for name in sorted(names - shown):
        form.wrong(("attachments",), "UNREFERENCED_ATTACHMENT", f'No component shows the file "{name}".')

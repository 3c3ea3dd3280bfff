"""One message, and how Discord writes it down."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from .cdn import Attachment, Cdn
from .snowflake import moment

EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_EMBEDS = 1 << 2
COMPONENTS_V2 = 1 << 15


@dataclass
class Message:
    """One message of a channel; `audience` is the one member who sees it when it is ephemeral."""

    id: str
    channel: str
    author: dict[str, Any]
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    edited: float | None = None
    nonce: str | int | None = None
    reference: str | None = None
    audience: str | None = None
    interaction: dict[str, Any] | None = None
    """What it answers: {id, type, command, member, user, message}."""
    webhook: str | None = None

    @classmethod
    def from_archive(cls, body: dict[str, Any]) -> "Message":
        """The message that `as_archive` wrote down."""
        return cls(**body | {"attachments": [Attachment(**each) for each in body["attachments"]]})

    def as_archive(self) -> dict[str, Any]:
        """Plain data, for the archive."""
        return asdict(self)

    def seen_by(self, member: str) -> bool:
        """Whether a member may see it."""
        return self.audience is None or self.audience == member

    def as_discord(self, cdn: Cdn) -> dict[str, Any]:
        """Discord's message object, with freshly signed addresses."""
        files = {attachment.filename: attachment for attachment in self.attachments}
        embedded: set[str] = set()
        embeds = [_show_embed(embed, files, cdn, embedded) for embed in self.embeds]
        shown: dict[str, Any] = {
            "id": self.id,
            "type": self._type(),
            "channel_id": self.channel,
            "author": self.author,
            "content": self.content,
            "timestamp": _iso(moment(self.id)),
            "edited_timestamp": None if self.edited is None else _iso(self.edited),
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [cdn.as_discord(each) for each in self.attachments if each.id not in embedded],
            "embeds": [] if self.flags & SUPPRESS_EMBEDS else embeds,
            "components": _Numbered(files, cdn).show_all(self.components),
            "pinned": False,
            "flags": self.flags,
        }
        if self.webhook is not None:
            shown |= {"webhook_id": self.webhook, "application_id": self.webhook}
        if self.nonce is not None:
            shown["nonce"] = self.nonce
        if self.reference is not None:
            shown["message_reference"] = {"type": 0, "channel_id": self.channel, "message_id": self.reference}
        if self.interaction is not None:
            shown |= _show_interaction(self.interaction, original=self.reference)
        return shown

    def _type(self) -> int:
        if self.reference is not None:
            return 19  # a reply; a follow-up replies to the first answer
        return 20 if self.interaction is not None and self.interaction["type"] == 2 else 0


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _show_interaction(interaction: dict[str, Any], *, original: str | None) -> dict[str, Any]:
    """What a message says about the act it answers; a follow-up also names the first answer."""
    metadata = {
        "id": interaction["id"],
        "type": interaction["type"],
        "user": interaction["user"],
        "authorizing_integration_owners": {"0": interaction["guild"]},
    }
    if original is not None:
        metadata["original_response_message_id"] = original
    if interaction["type"] == 3:
        return {"interaction_metadata": metadata | {"interacted_message_id": interaction["message"]}}
    if original is not None:
        return {"interaction_metadata": metadata}
    named = {
        "id": interaction["id"],
        "type": interaction["type"],
        "name": interaction["command"],
        "user": interaction["user"],
    }
    return {"interaction_metadata": metadata, "interaction": named}


def _show_embed(embed: dict[str, Any], files: dict[str, Attachment], cdn: Cdn, embedded: set[str]) -> dict[str, Any]:
    """An embed as Discord keeps it: typed, without nulls, its `attachment://` pictures on the CDN."""
    shown: dict[str, Any] = {"type": "rich"}
    for name, value in embed.items():
        if value is None or name == "type":
            continue
        if name in ("image", "thumbnail") and isinstance(value, dict):
            attachment = files.get(str(value.get("url", "")).removeprefix("attachment://"))
            if attachment is not None and str(value["url"]).startswith("attachment://"):
                embedded.add(attachment.id)
                url = cdn.url(attachment)
                value = {"url": url, "proxy_url": url}
                if attachment.width is not None:
                    value |= {"width": attachment.width, "height": attachment.height}
        elif name == "fields":
            value = [{"inline": False} | {k: v for k, v in each.items() if v is not None} for each in value]
        shown[name] = value
    return shown


def _without_nulls(thing: dict[str, Any]) -> dict[str, Any]:
    """A component without what was left open, in its emoji and its options too."""
    kept = {name: value for name, value in thing.items() if value is not None}
    if "emoji" in kept:
        kept["emoji"] = _without_nulls(kept["emoji"])
    if "options" in kept:
        kept["options"] = [_without_nulls(option) for option in kept["options"]]
    return kept


class _Numbered:
    """Components as Discord keeps them: each with an id, defaults filled in, files on the CDN."""

    def __init__(self, files: dict[str, Attachment], cdn: Cdn) -> None:
        self._files = files
        self._cdn = cdn
        self._next = 0

    def show_all(self, components: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self._show(component) for component in components]

    def _show(self, component: dict[str, Any]) -> dict[str, Any]:
        self._next += 1
        shown = _without_nulls(component) | {"id": self._next}
        kind = shown["type"]
        if kind == 3:
            shown = {"min_values": 1, "max_values": 1} | shown
        elif kind == 11:
            shown = {"description": None, "spoiler": False} | shown | {"media": self._media(shown["media"])}
        elif kind == 12:
            shown["items"] = [
                {"description": None, "spoiler": False} | item | {"media": self._media(item["media"])}
                for item in shown["items"]
            ]
        elif kind == 13:
            media = self._media(shown["file"])
            attachment = self._files.get(str(shown["file"].get("url", "")).removeprefix("attachment://"))
            name, size = (attachment.filename, attachment.size) if attachment else ("file", 0)
            shown = {"spoiler": False} | shown | {"file": media, "name": name, "size": size}
        elif kind == 14:
            shown = {"spacing": 1, "divider": True} | shown
        elif kind == 17:
            shown = {"accent_color": None, "spoiler": False} | shown
        if "components" in shown:
            shown["components"] = self.show_all(shown["components"])
        if "accessory" in shown:
            shown["accessory"] = self._show(shown["accessory"])
        return shown

    def _media(self, media: dict[str, Any]) -> dict[str, Any]:
        url = str(media.get("url", ""))
        attachment = self._files.get(url.removeprefix("attachment://"))
        if attachment is None:
            return {"id": "0", "url": url, "proxy_url": url}
        signed = self._cdn.url(attachment)
        return {
            "id": attachment.id,
            "attachment_id": attachment.id,
            "url": signed,
            "proxy_url": signed,
            "width": attachment.width,
            "height": attachment.height,
            "content_type": attachment.content_type,
        }

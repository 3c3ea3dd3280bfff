"""The world: one guild with its members and channels, the application's commands, and every message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .archive import Archive
from .message import LOADING, Message
from .refusal import unknown
from .snowflake import Snowflakes, fixed

ADMINISTRATOR = 1 << 3
# what an ordinary member of a text channel may do: see, send, embed, attach, read, react, threads, commands
ORDINARY = 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 6 | 1 << 31 | 1 << 35 | 1 << 38
EVERYTHING = (1 << 53) - 1
JOINED = "2025-03-01T12:00:00.000000+00:00"


@dataclass(frozen=True)
class Profile:
    """Who somebody is in the guild."""

    id: str
    name: str
    display: str
    color: str
    roles: tuple[str, ...]
    administrator: bool = False
    bot: bool = False

    @property
    def permissions(self) -> str:
        """What they may do in the guild's channels, as Discord's number in a string."""
        return str(EVERYTHING if self.administrator else ORDINARY)

    def user(self) -> dict[str, Any]:
        """Discord's user object."""
        user: dict[str, Any] = {
            "id": self.id,
            "username": self.name,
            "global_name": None if self.bot else self.display,
            "discriminator": "0417" if self.bot else "0",
            "avatar": None,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }
        return user | {"bot": True} if self.bot else user

    def member(self) -> dict[str, Any]:
        """Discord's guild member object."""
        return {
            "user": self.user(),
            "roles": list(self.roles),
            "joined_at": JOINED,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "nick": None,
            "avatar": None,
            "premium_since": None,
            "pending": False,
            "communication_disabled_until": None,
        }


GUILD, APPLICATION = fixed(1), fixed(2)
STUDIO, GENERAL = fixed(3), fixed(4)
OPERATORS, ARTISTS = fixed(5), fixed(6)
BOT = Profile(APPLICATION, "Atelier", "Atelier", "#5865f2", (), bot=True)
PROFILES = (
    Profile(fixed(11), "mina", "Mina", "#e0567a", (OPERATORS, ARTISTS), administrator=True),
    Profile(fixed(12), "theo", "Theo", "#3ba55d", (ARTISTS,)),
    Profile(fixed(13), "ada", "Ada", "#4f86f7", (ARTISTS,)),
)


class World:
    """Everything that exists; `tell(event, thing)` hears of every change, under the gateway's event names."""

    def __init__(self, archive: Archive, tell: Callable[[str, Any], None]) -> None:
        self._archive = archive
        self._tell = tell
        self.members = {profile.id: profile for profile in PROFILES}
        messages = map(Message.from_archive, archive.all("message"))
        self.messages = {each.id: each for each in messages if not each.flags & LOADING}
        self.commands: dict[str, list[dict[str, Any]]] = {
            each["scope"]: each["commands"] for each in archive.all("commands")
        }
        self.channels = {
            STUDIO: _text_channel(STUDIO, "studio", 0),
            GENERAL: _text_channel(GENERAL, "general", 1),
        }
        self.channels |= {each["id"]: each for each in archive.all("thread")}
        self.snowflakes = Snowflakes(after=max(map(int, (*self.messages, *self.channels, "0"))))

    def profile(self, id: str) -> Profile:
        """A member by id or name."""
        for profile in self.members.values():
            if id in (profile.id, profile.name):
                return profile
        raise unknown("Member", 10007)

    def channel(self, id: str) -> dict[str, Any]:
        """A channel or thread; Refusal 10003 when there is none."""
        if id not in self.channels:
            raise unknown("Channel", 10003)
        return self.channels[id]

    def message(self, id: str, channel: str | None = None) -> Message:
        """A message, in this channel if one is named; Refusal 10008 when there is none."""
        message = self.messages.get(id)
        if message is None or (channel is not None and message.channel != channel):
            raise unknown("Message", 10008)
        return message

    def in_channel(self, channel: str) -> list[Message]:
        """The messages of a channel, oldest first."""
        return [message for message in self.messages.values() if message.channel == channel]

    def add(self, message: Message) -> Message:
        """Post a message."""
        self.messages[message.id] = message
        self.channels[message.channel]["last_message_id"] = message.id
        self._archive.keep("message", message.id, message.as_archive())
        self._tell("MESSAGE_CREATE", message)
        return message

    def changed(self, message: Message) -> None:
        """Keep a message that was edited in place."""
        self._archive.keep("message", message.id, message.as_archive())
        self._tell("MESSAGE_UPDATE", message)

    def remove(self, message: Message) -> None:
        """Delete a message, and its files with it."""
        del self.messages[message.id]
        self._archive.drop("message", message.id)
        for attachment in message.attachments:
            self._archive.drop_file(attachment.id)
        self._tell("MESSAGE_DELETE", message)

    def set_commands(self, scope: str, commands: list[dict[str, Any]]) -> None:
        """Replace the commands of a scope: a guild's id, or "" for global ones."""
        self.commands[scope] = commands
        self._archive.keep("commands", scope, {"scope": scope, "commands": commands})
        self._tell("COMMANDS", self.all_commands())

    def all_commands(self) -> list[dict[str, Any]]:
        """The commands a member meets in the guild: its own, and the global ones they do not hide."""
        merged = {command["name"]: command for command in self.commands.get("", [])}
        merged |= {command["name"]: command for command in self.commands.get(GUILD, [])}
        return [merged[name] for name in sorted(merged)]

    def add_thread(self, thread: dict[str, Any]) -> dict[str, Any]:
        """Open a thread."""
        self.channels[thread["id"]] = thread
        self._archive.keep("thread", thread["id"], thread)
        self._tell("THREAD_CREATE", thread | {"newly_created": True})
        return thread

    def channel_changed(self, channel: dict[str, Any]) -> None:
        """Keep a channel or thread that was edited in place."""
        threaded = channel["type"] in (10, 11, 12)
        if threaded:
            self._archive.keep("thread", channel["id"], channel)
        self._tell("THREAD_UPDATE" if threaded else "CHANNEL_UPDATE", channel)


def roles() -> list[dict[str, Any]]:
    """The guild's roles; the first is everyone's."""
    named = ((GUILD, "@everyone", ORDINARY, 0), (OPERATORS, "operators", EVERYTHING, 0xE0567A))
    return [
        {
            "id": id,
            "name": name,
            "color": color,
            "colors": {"primary_color": color, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "position": position,
            "permissions": str(permissions),
            "managed": False,
            "mentionable": False,
            "flags": 0,
            "icon": None,
            "unicode_emoji": None,
        }
        for position, (id, name, permissions, color) in enumerate((*named, (ARTISTS, "artists", ORDINARY, 0x3BA55D)))
    ]


def guild_object(world: World) -> dict[str, Any]:
    """What GUILD_CREATE carries."""
    channels = [channel for channel in world.channels.values() if channel["type"] == 0]
    threads = [channel for channel in world.channels.values() if channel["type"] != 0]
    absent = (
        *(
            "afk_channel_id",
            "application_id",
            "banner",
            "description",
            "discovery_splash",
            "hub_type",
            "icon",
        ),
        *("incidents_data", "public_updates_channel_id", "rules_channel_id", "safety_alerts_channel_id"),
        *("splash", "system_channel_id", "vanity_url_code"),
    )
    empty = (
        *("emojis", "features", "guild_scheduled_events", "presences", "soundboard_sounds", "stickers"),
        *("stage_instances", "voice_states"),
    )
    return (
        {name: None for name in absent}
        | {name: [] for name in empty}
        | {
            "id": GUILD,
            "name": "Atelier",
            "owner_id": PROFILES[0].id,
            "joined_at": JOINED,
            "roles": roles(),
            "channels": channels,
            "threads": threads,
            "members": [profile.member() for profile in (*world.members.values(), BOT)],
            "member_count": len(world.members) + 1,
            "preferred_locale": "en-US",
            "large": False,
            "unavailable": False,
            "afk_timeout": 300,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "premium_progress_bar_enabled": False,
            "system_channel_flags": 0,
            "verification_level": 0,
        }
    )


def _text_channel(id: str, name: str, position: int) -> dict[str, Any]:
    return {
        "id": id,
        "type": 0,
        "guild_id": GUILD,
        "name": name,
        "position": position,
        "flags": 0,
        "topic": None,
        "nsfw": False,
        "parent_id": None,
        "permission_overwrites": [],
        "rate_limit_per_user": 0,
        "last_message_id": None,
    }

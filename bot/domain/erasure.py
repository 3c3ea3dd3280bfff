"""Erasure: pictures that are to be gone, from the disk, the wall and the channels; and the receipt for it."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

DISK = 0
"""In place of a channel's id: what is withdrawn are pictures (SHA-256) from the images folder."""

PERSON = -1
"""In place of a channel's id: what is noted down is a `Departure`."""


@dataclass(frozen=True)
class Withdrawal:
    """A message of which something is to be taken out of its channel: these files, or (None) all of it.

    Where the channel is DISK, pictures whose files are to be deleted. `guild_id` is the message's server, where that is
    known.
    """

    id: int
    channel_id: int
    message_id: int
    files: frozenset[str] | None
    guild_id: int | None = field(default=None, compare=False)

    @property
    def link(self) -> str:
        """The message's address in Discord; a private one's where no server is known."""
        return message_link(self.guild_id, self.channel_id, self.message_id)


def message_link(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """A message's address in Discord; a private one's where no server is known."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


@dataclass(frozen=True)
class Entry:
    """A picture's place on the wall: how many members starred it, and how many rated it."""

    stars: int = 0
    ratings: int = 0


@dataclass(frozen=True)
class Foreseen:
    """What an erasure would take of one picture beside its records and its file.

    `message` and `sheets` are addresses in Discord, of what carries it; `entry` is its place on the wall.
    """

    message: str | None = None
    sheets: tuple[str, ...] = ()
    entry: Entry | None = None


@dataclass(frozen=True)
class Doomed:
    """A picture as who would delete it sees it: how it is called, whose it is, its PNG (None: it cannot be read).

    `foreseen` is what would go with it; what is `withheld` was posted nowhere.
    """

    name: str
    owner: str
    prompt: str
    png: bytes | None
    foreseen: Foreseen
    withheld: bool = False


@dataclass(frozen=True)
class Departure:
    """A person who was revoked `at` that moment, and of whom something may be left: the name, or files of pictures.

    The name was theirs `since` then (None: ever); what is older is of somebody else who had it.
    """

    id: int
    name: str
    since: datetime | None
    at: datetime


@dataclass(frozen=True)
class Erased:
    """What one erasure took away from the records, in one transaction.

    `images` are the SHA-256 of pictures that nothing refers to any more, whose files are to be deleted; `disk` is the
    withdrawal by which that is remembered until it is done. `messages` are what is still to be taken out of the
    channels, `jobs` whose pictures they were.
    """

    pictures: int = 0
    wall_entries: int = 0
    sheets: int = 0
    images: Collection[str] = ()
    messages: tuple[Withdrawal, ...] = ()
    jobs: tuple[int, ...] = ()
    disk: Withdrawal | None = None


@dataclass(frozen=True)
class ErasureReceipt:
    """What is gone, in numbers. What is `left` could not be reached or deleted yet; the console goes on trying.

    `stuck` are the addresses of messages that Discord does not let the console change: somebody is to delete them.
    `sheets` are the contact sheets among all those messages.
    """

    pictures: int = 0
    wall_entries: int = 0
    files: int = 0
    messages: int = 0
    messages_left: int = 0
    files_left: int = 0
    stuck: tuple[str, ...] = ()
    sheets: int = 0

    def kept(self) -> dict[str, Any]:
        """What is not nothing of it, as the audit log keeps it."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """The receipt that was kept so."""
        return cls(**{**kept, "stuck": tuple(kept.get("stuck", ()))})


@dataclass(frozen=True)
class Dropped:
    """How many withheld pictures were deleted together, of what the audit log calls `target`.

    `noted` is the number of that act in it, None where there was nothing to do. `files` (SHA-256) are to go off the
    disk.
    """

    target: str
    pictures: int = 0
    files: tuple[str, ...] = ()
    noted: int | None = None

    def receipt(self, left: Collection[str]) -> ErasureReceipt:
        """What is gone while those of the files are `left`, among others."""
        files_left = len(set(self.files) & set(left))
        return ErasureReceipt(self.pictures, files=len(self.files) - files_left, files_left=files_left)

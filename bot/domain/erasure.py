"""Erasure: pictures that are to be gone, from the disk, the wall and the channels; and the receipt for it."""

from collections.abc import Collection
from dataclasses import dataclass, field

DISK = 0
"""In place of a channel's id: what is withdrawn are pictures (SHA-256) from the images folder."""


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
        return f"https://discord.com/channels/{self.guild_id or '@me'}/{self.channel_id}/{self.message_id}"


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
    """

    pictures: int = 0
    wall_entries: int = 0
    files: int = 0
    messages: int = 0
    messages_left: int = 0
    files_left: int = 0
    stuck: tuple[str, ...] = ()

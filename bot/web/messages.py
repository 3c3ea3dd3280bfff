"""Messages: where a browser sees the message that a picture was posted in."""

import ipaddress
from urllib.parse import urlsplit

from bot.domain.wall import Published

DISCORD = "https://discord.com/channels/{guild}/{channel}/{message}"
DISCORDS = frozenset({"discord.com", "ptb.discord.com", "canary.discord.com"})


def discord_pages(api: str) -> str:
    """How the address of a message is made where the API is at `api`: with {guild}, {channel} and {message} in it.

    A sandbox on this machine has a page of its own. Empty where no page is known.
    """
    told = urlsplit(api)
    host = told.hostname or ""
    if host in DISCORDS:
        return DISCORD.replace("discord.com", host)
    return f"{told.scheme}://{told.netloc}/?channel={{channel}}&message={{message}}" if _here(host) else ""


def message_address(pages: str, shown: Published) -> str | None:
    """Where the message with the picture is; its channel where no message is known, None where no page is."""
    if not pages:
        return None
    place = {"guild": shown.guild_id or "@me", "channel": shown.channel_id, "message": shown.message_id or ""}
    return pages.format_map(place).removesuffix("&message=").rstrip("/")


def _here(host: str) -> bool:
    """Whether a browser that reaches this machine by that name is on it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

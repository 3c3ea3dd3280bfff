"""Uploads: an attachment's bytes, taken at once from Discord's own file hosts and no others."""

from urllib.parse import urlsplit

import aiohttp
import disnake

from bot.domain.errors import BadUpload
from bot.settings import DISCORD_API

CDN_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
TIMEOUT = aiohttp.ClientTimeout(total=20)


class Uploads:
    """Fetches attachments. Where `api_url` is not Discord's, that address's own host and port are allowed too."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str) -> None:
        self._session = session
        self._api = urlsplit(api_url) if api_url != DISCORD_API else None

    async def read(self, attachment: disnake.Attachment, limit: int, size_name: str) -> bytes:
        """The file's bytes, at most `limit` of them; `size_name` is the limit in words ("64 KB"). Raises BadUpload."""
        name = attachment.filename
        if attachment.size > limit:
            raise BadUpload(f"{name} has {attachment.size:,} bytes; at most {size_name} are allowed.")
        if not self._is_allowed(attachment.url):
            raise BadUpload(f"{name} does not lie with Discord, so it was not opened. Upload it again.")
        try:
            async with self._session.get(attachment.url, allow_redirects=False, timeout=TIMEOUT) as response:
                if response.status != 200:
                    raise BadUpload(f"Discord did not hand over {name} (status {response.status}). Upload it again.")
                data = await response.content.read(limit + 1)
                while len(data) <= limit and (more := await response.content.read(limit + 1 - len(data))):
                    data += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BadUpload(f"{name} could not be fetched from Discord. Upload it again.") from error
        if len(data) > limit:
            raise BadUpload(f"{name} has more than {size_name}, which is the most.")
        return data

    def _is_allowed(self, url: str) -> bool:
        parts = urlsplit(url)
        if self._api is not None and (parts.scheme, parts.netloc) == (self._api.scheme, self._api.netloc):
            return True
        return parts.scheme == "https" and parts.hostname in CDN_HOSTS and parts.port in (None, 443)

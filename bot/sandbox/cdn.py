"""The CDN: files behind signed, expiring addresses, as cdn.discordapp.com serves them."""

import hashlib
import hmac
import io
import mimetypes
import re
import secrets
import time
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from .archive import Archive
from .refusal import Refusal
from .snowflake import Snowflakes

LIFETIME_S = 24 * 3600


@dataclass(frozen=True)
class Attachment:
    """One file on the CDN; width and height in pixels when it is an image."""

    id: str
    channel: str
    filename: str
    size: int
    content_type: str | None = None
    description: str | None = None
    width: int | None = None
    height: int | None = None
    ephemeral: bool = False


class Cdn:
    """Keeps files and signs the addresses under which they may be fetched for a day."""

    def __init__(self, archive: Archive, snowflakes: Snowflakes) -> None:
        self.base = ""
        self._archive = archive
        self._snowflakes = snowflakes
        self._key = secrets.token_bytes(32)

    def keep(
        self,
        channel: str,
        filename: str,
        content: bytes,
        *,
        content_type: str | None = None,
        description: str | None = None,
        ephemeral: bool = False,
    ) -> Attachment:
        """Store one file of a channel."""
        id = self._snowflakes.next()
        filename = clean_name(filename)
        self._archive.keep_file(id, content)
        kind = mimetypes.guess_type(filename)[0] or content_type
        width, height = _size_of_image(content) if (kind or "").startswith("image/") else (None, None)
        return Attachment(id, channel, filename, len(content), kind, description, width, height, ephemeral=ephemeral)

    def drop(self, attachment: Attachment) -> None:
        """Serve a file no longer: its message is gone, or goes on without it."""
        self._archive.drop_file(attachment.id)

    def url(self, attachment: Attachment) -> str:
        """A fresh signed address, good for a day."""
        folder = "ephemeral-attachments" if attachment.ephemeral else "attachments"
        path = f"/{folder}/{attachment.channel}/{attachment.id}/{attachment.filename}"
        issued = int(time.time())
        ends = issued + LIFETIME_S
        return f"{self.base}{path}?ex={ends:x}&is={issued:x}&hm={self._sign(path, f'{ends:x}', f'{issued:x}')}"

    def fetch(self, path: str, ends: str, issued: str, signature: str) -> bytes:
        """The bytes behind a signed address; Refusal 403 when it is forged, 404 when it has expired."""
        if not hmac.compare_digest(self._sign(path, ends, issued).encode(), signature.encode()):
            raise Refusal(403, 0, "This address is not signed by the CDN.")
        if int(ends, 16) < time.time():
            raise Refusal(404, 0, "This content is no longer available.")
        content = self._archive.file(path.split("/")[3])
        if content is None:
            raise Refusal(404, 0, "This content is no longer available.")
        return content

    def as_discord(self, attachment: Attachment) -> dict[str, object]:
        """Discord's attachment object."""
        url = self.url(attachment)
        shown: dict[str, object] = {
            "id": attachment.id,
            "filename": attachment.filename,
            "size": attachment.size,
            "url": url,
            "proxy_url": url,
        }
        for name in ("content_type", "description", "width", "height"):
            value = getattr(attachment, name)
            if value is not None:
                shown[name] = value
        if attachment.ephemeral:
            shown["ephemeral"] = True
        return shown

    def _sign(self, path: str, ends: str, issued: str) -> str:
        return hmac.new(self._key, f"{path}|{ends}|{issued}".encode(), hashlib.sha256).hexdigest()


def clean_name(filename: str) -> str:
    """A file's name as Discord keeps it: plain letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", filename) or "file"


def content_type(path: str) -> str:
    """The content type under which a file is served: by its name."""
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _size_of_image(content: bytes) -> tuple[int, int] | tuple[None, None]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None, None  # named like an image, but none, or too large to show: Discord shows a plain file

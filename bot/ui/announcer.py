"""The announcer: posts results and edits cards by channel id, so they outlive the interaction's 15 minutes."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import disnake
import structlog
from disnake.http import Route, to_multipart_with_attachments

from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Job, JobState, Progress
from bot.ui.cards import card
from bot.ui.words import plain, short, spans

log = structlog.get_logger("atelier.announcer")

REFUSED_FILES = {400, 413}


class Announcer:
    """The Channel port on Discord."""

    def __init__(self, client: disnake.Client, seconds_left: Callable[[Job, Progress], float | None]) -> None:
        self._client = client
        self._seconds_left = seconds_left

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        """Post pictures as plain attachments, under the part of the job they belong to; the message's id."""
        cells = [name.removesuffix(".png").rpartition("-")[2] for name, _ in files]
        return await self._post(job, f"-# {_headed(job, part)} · {spans(cells)}", files, nonce)

    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
        """Post the contact sheet of the job, or of a part; the last one names who asked. The message's id."""
        cancelled = job.state is JobState.CANCELLED
        content = f"{_headed(job, part)}: the contact sheet{' of what was drawn' if cancelled else ''}."
        if last:
            content += f" {job.name} {'was cancelled' if cancelled else 'is done'}, <@{job.owner.id}>."
        return await self._post(job, content, [(job.sheet_name(part), sheet)], nonce)

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None:
        """Edit the job's card to what is true now."""
        if job.place.card_id is None:
            return
        left = self._seconds_left(job, progress)
        embed, rows = card(job, progress, remarks, seconds_left=left, pausing=pausing)
        payload: dict[str, Any] = {
            "embeds": [embed.to_dict()],
            "components": [row.to_component_dict() for row in rows],
            "allowed_mentions": {"parse": []},
        }
        try:
            await self._client.http.edit_message(job.place.channel_id, job.place.card_id, **payload)
        except (disnake.NotFound, disnake.Forbidden) as error:
            # Somebody deleted the card; the pictures are what matters.
            log.info("a card is gone", job=job.name, reason=str(error))

    async def _post(self, job: Job, content: str, files: Sequence[tuple[str, bytes]], nonce: str) -> int:
        """One message by the raw route: disnake lacks `enforce_nonce`, without which a retry posts twice."""
        attachments = [disnake.File(io.BytesIO(data), name) for name, data in files]
        payload: dict[str, Any] = {
            "content": short(content, 2000),
            "nonce": nonce,
            "enforce_nonce": True,
            "allowed_mentions": {"parse": []},
        }
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=job.place.channel_id)
        form = to_multipart_with_attachments(payload, attachments)
        try:
            message = await self._client.http.request(route, form=form, files=attachments)
        except (disnake.NotFound, disnake.Forbidden) as error:
            raise CannotDeliver(f"channel {job.place.channel_id} refused the message: {error}") from error
        except disnake.HTTPException as error:
            if error.status in REFUSED_FILES:
                raise CannotPost(str(error)) from error
            raise
        return int(message["id"])


def _headed(job: Job, part: str) -> str:
    """The job, and the part of it that a message is about."""
    return f"**{job.name}**" + (f" · {plain(short(part, 200))}" if part else "")

"""The announcer: posts results and edits cards by channel id, so they outlive the interaction's 15 minutes."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import disnake
import structlog
from disnake.http import Route, to_multipart_with_attachments

from bot.domain.errors import CannotDeliver, CannotPost
from bot.domain.job import Job, JobState, Outlook, Progress
from bot.ui.cards import card
from bot.ui.words import plain, short, spans

log = structlog.get_logger("atelier.announcer")

REFUSED_FILES = {400, 413}
BROKEN_OFF = {JobState.CANCELLED: "was cancelled", JobState.DEAD: "was set aside"}
NOT_DISCORDS = {0, 40333}
"""Codes of a refusal that comes from a wall before Discord: it says nothing of the channel, and passes."""

ARCHIVED = 50083
"""The code of a refusal to change what stands in an archived thread."""

POST_SECONDS = 100.0
"""How long one post may take, so that it ends well before its nonce is forgotten: disnake tries several times in it."""

A_PAGE = 100
CLOCKS_APART = timedelta(hours=2)
"""How far this machine's clock may be ahead of Discord's, by which all that is posted is ordered."""


class Announcer:
    """The Channel port on Discord."""

    def __init__(self, client: disnake.Client, outlook: Callable[[Job, Progress], Outlook]) -> None:
        self._client = client
        self._outlook = outlook
        self._unreadable: set[int] = set()

    async def answers(self) -> bool:
        """Whether Discord takes requests of ours now."""
        try:
            await self._client.http.request(Route("GET", "/users/@me"))
        except Exception as error:  # whatever it is, it is no answer
            log.debug("no answer from Discord", reason=str(error))
            return False
        return True

    async def find(
        self, job: Job, names: Collection[str], known: Collection[int] = (), *, since: datetime | None = None
    ) -> int | None:
        """Our message that carries these files already, if there is one that is not `known`.

        Looks at what was posted since the message was first tried (`since`), and never at what is older than the job: a
        new database counts from one again, so its S1 is another. None also where the channel may not be read.
        """
        place, wanted = job.place, set(names)
        after = place.card_id or disnake.utils.time_snowflake(job.created_at - CLOCKS_APART)
        if since is not None:  # a sheet may be tried weeks after its card, in a channel where much is said
            after = max(after, disnake.utils.time_snowflake(since - CLOCKS_APART))
        try:
            while page := await self._client.http.logs_from(place.channel_id, A_PAGE, after=after):
                for message in page:
                    ours = int(message["author"]["id"]) == self._client.user.id and int(message["id"]) not in known
                    if ours and wanted <= {file["filename"] for file in message["attachments"]}:
                        return int(message["id"])
                after = max(int(message["id"]) for message in page)
        except (disnake.NotFound, disnake.Forbidden) as error:
            if error.code in NOT_DISCORDS:
                raise
            if place.channel_id not in self._unreadable:
                log.warning("what a channel shows may not be read", channel=place.channel_id, reason=str(error))
            self._unreadable.add(place.channel_id)
        return None

    async def post_results(self, job: Job, files: Sequence[tuple[str, bytes]], nonce: str, part: str = "") -> int:
        """Post pictures as plain attachments, under the part of the job they belong to; the message's id."""
        cells = [name.removesuffix(".png").rpartition("-")[2] for name, _ in files]
        return await self._post(job, f"-# {_headed(job, part)} · {spans(cells)}", files, nonce)

    async def post_sheet(self, job: Job, sheet: bytes, nonce: str, part: str = "", *, last: bool = True) -> int:
        """Post the contact sheet of the job, or of a part; the last one names who asked. The message's id."""
        broken_off = BROKEN_OFF.get(job.state)
        content = f"{_headed(job, part)}: the contact sheet{' of what was drawn' if broken_off else ''}."
        if last:
            content += f" {job.name} {broken_off or 'is done'}, <@{job.owner.id}>."
        return await self._post(job, content, [(job.sheet_name(part), sheet)], nonce)

    async def show(
        self, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]], *, pausing: bool = False
    ) -> None:
        """Edit the job's card to what is true now."""
        if job.place.card_id is None:
            return
        embed, rows = card(job, progress, remarks, outlook=self._outlook(job, progress), pausing=pausing)
        payload: dict[str, Any] = {
            "embeds": [embed.to_dict()],
            "components": [row.to_component_dict() for row in rows],
            "allowed_mentions": {"parse": []},
        }
        try:
            await self._client.http.edit_message(job.place.channel_id, job.place.card_id, **payload)
        except disnake.HTTPException as error:
            if error.status not in (400, 403, 404) or error.code in NOT_DISCORDS:
                raise
            # Somebody deleted the card, or locked its thread; the pictures are what matters.
            log.info("a card cannot be edited any more", job=job.name, reason=str(error))

    async def renew_sheet(self, job: Job, message_id: int, sheet: bytes, part: str = "") -> None:
        """Put another sheet in the place of the one in a message of ours, whose words stay. No message left is well.

        Raises CannotPost, CannotDeliver; everything else that it raises will pass.
        """
        channel_id, name = job.place.channel_id, job.sheet_name(part)

        async def renew() -> None:
            files = [disnake.File(io.BytesIO(sheet), name)]
            fields: dict[str, Any] = {"attachments": [], "allowed_mentions": {"parse": []}}
            try:
                await self._client.http.edit_message(channel_id, message_id, files=files, **fields)
            except disnake.HTTPException as error:
                if error.status == 413 or (error.status == 400 and error.code not in {ARCHIVED, *NOT_DISCORDS}):
                    raise CannotPost(str(error)) from error
                raise

        await self._change(channel_id, message_id, renew)

    async def withdraw(self, channel_id: int, message_id: int, files: Collection[str] | None) -> None:
        """Take these files out of a message of ours, or (None) delete it. One that is gone already is well.

        What may not be read is deleted whole: nobody can tell its files apart. Raises CannotDeliver where that will
        never be possible; everything else that it raises will pass.
        """
        await self._change(channel_id, message_id, lambda: self._withdraw(channel_id, message_id, files))

    async def _change(self, channel_id: int, message_id: int, change: Callable[[], Awaitable[None]]) -> None:
        """Change a message of ours, for which an archived thread is opened. Raises CannotDeliver."""
        async with asyncio.timeout(POST_SECONDS):
            try:
                try:
                    await change()
                except disnake.HTTPException as error:
                    if error.code != ARCHIVED:
                        raise
                    await self._client.http.edit_channel(channel_id, archived=False)
                    await change()
            except disnake.HTTPException as error:
                if error.status not in (400, 403, 404) or error.code in NOT_DISCORDS:
                    raise
                if error.status != 404:
                    raise CannotDeliver(f"channel {channel_id} keeps message {message_id}: {error}") from error

    async def _withdraw(self, channel_id: int, message_id: int, files: Collection[str] | None) -> None:
        http = self._client.http
        if files is not None and (there := await self._attached(channel_id, message_id)) is not None:
            stay = [{"id": file["id"]} for file in there if file["filename"] not in files]
            if stay and len(stay) < len(there):
                await http.edit_message(channel_id, message_id, attachments=stay, allowed_mentions={"parse": []})
            if stay:
                return
        await http.delete_message(channel_id, message_id)

    async def _attached(self, channel_id: int, message_id: int) -> Sequence[Any] | None:
        """The attachments of a message as Discord tells of them; None where it may not be read."""
        try:
            return (await self._client.http.get_message(channel_id, message_id))["attachments"]
        except disnake.Forbidden as error:
            if error.code in NOT_DISCORDS:
                raise
            log.warning("a message may not be read", channel=channel_id, message=message_id, reason=str(error))
            return None

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
            async with asyncio.timeout(POST_SECONDS):
                message = await self._client.http.request(route, form=form, files=attachments)
        except (disnake.NotFound, disnake.Forbidden) as error:
            if error.code in NOT_DISCORDS:
                raise
            raise CannotDeliver(f"channel {job.place.channel_id} refused the message: {error}") from error
        except disnake.HTTPException as error:
            if error.status in REFUSED_FILES:
                raise CannotPost(str(error)) from error
            raise
        return int(message["id"])


def _headed(job: Job, part: str) -> str:
    """The job, and the part of it that a message is about."""
    return f"**{job.name}**" + (f" · {plain(short(part, 200))}" if part else "")

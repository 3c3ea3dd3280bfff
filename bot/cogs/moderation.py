"""/moderation: what operators see that nobody else does, and what they do about it, by command or by button."""

import re
from collections.abc import Coroutine
from typing import Any

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction

from bot.cogs.context import Cog
from bot.cogs.tokens import OPERATORS
from bot.domain.erasure import Doomed
from bot.domain.errors import NotFound, WrongState
from bot.domain.job import Member
from bot.ui.moderation import (
    ALL_KEPT,
    MOST_SHOWN,
    Message,
    all_asked,
    all_dropped_text,
    all_released_text,
    deleted_text,
    deletion_asked,
    dropped_text,
    hidden_text,
    incident_list,
    kept_text,
    released_text,
    waiting_text,
)

BUTTON = re.compile(r"(release|drop|erase|keep):(\d{1,9})")
"""Of the list, and of what it asks before it deletes."""
WHOLE = re.compile(r"(release|drop|erase|keep)-all:(\d{1,9}):(\d{1,9})")
"""The same for all that is withheld of a job, up to the newest incident that was seen."""
PICTURE = re.compile(r"(delete|keep):([A-Z]\d{1,9}-c\d{1,9})")
"""Of what is asked before a picture is deleted that was posted."""
WHICH = "Which one, e.g. S42-c017"


class ModerationCog(Cog):
    """Thin: `Moderation` decides, and judges again at each press who may. All answers are private."""

    @commands.slash_command(name="moderation", default_member_permissions=OPERATORS)
    async def moderation(self, inter: ApplicationCommandInteraction) -> None:
        """For operators: what was withheld, and what the wall shows"""

    @moderation.sub_command(name="list")
    async def _list(self, inter: ApplicationCommandInteraction) -> None:
        """Show what the gate withheld and nobody has decided on"""
        await self._show_privately(inter, self._listing(self.services.member(inter)))

    @moderation.sub_command(name="hide")
    async def _hide(
        self,
        inter: ApplicationCommandInteraction,
        picture: str = commands.Param(description=WHICH, max_length=40),
    ) -> None:
        """Hide a picture on the wall from everybody but operators"""
        await self._tell(inter, self._set_hidden(self.services.member(inter), picture, True))

    @moderation.sub_command(name="show")
    async def _show(
        self,
        inter: ApplicationCommandInteraction,
        picture: str = commands.Param(description=WHICH, max_length=40),
    ) -> None:
        """Show a hidden picture on the wall again"""
        await self._tell(inter, self._set_hidden(self.services.member(inter), picture, False))

    @moderation.sub_command(name="delete")
    async def _delete(
        self,
        inter: ApplicationCommandInteraction,
        picture: str = commands.Param(description=WHICH, max_length=40),
    ) -> None:
        """Delete a picture for good: from disk, wall and channel; you are asked first, and get a receipt"""
        member, moderation = self.services.member(inter), self.services.moderation

        async def asked() -> dict[str, Any]:
            name, job_id, number = await moderation.find(member, picture)
            doomed = await moderation.doomed(member, job_id, number)
            return _sent(deletion_asked(doomed, f"delete:{name}", f"keep:{name}"))

        await self._show_privately(inter, asked())

    @commands.Cog.listener()
    async def on_button_click(self, inter: MessageInteraction) -> None:
        """A button of ours; the message that it is on becomes the answer."""
        pressed = inter.component.custom_id or ""
        if match := BUTTON.fullmatch(pressed):
            act, which = match.groups()
            await self.services.answers.give(inter, lambda: self._press(inter, act, int(which)))
        elif match := WHOLE.fullmatch(pressed):
            act, job, last = match.groups()
            await self.services.answers.give(inter, lambda: self._press_whole(inter, act, int(job), int(last)))
        elif match := PICTURE.fullmatch(pressed):
            act, which = match.groups()
            await self.services.answers.give(inter, lambda: self._decide(inter, act, which))

    async def _press(self, inter: MessageInteraction, act: str, incident_id: int) -> None:
        """Of the list, which goes on without what was decided. What deletes a picture asks first, in its place."""
        await inter.response.defer()
        member, moderation = self.services.member(inter), self.services.moderation
        try:
            if act == "release":
                told = released_text(await moderation.release(member, incident_id))
            elif act == "keep":
                told = waiting_text(await moderation.incident(member, incident_id))
            elif act == "drop" and (doomed := await self._withheld(member, incident_id)) is not None:
                asked = deletion_asked(doomed, f"erase:{incident_id}", f"keep:{incident_id}")
                await inter.edit_original_response(None, attachments=[], **_sent(asked))
                return
            else:
                told = dropped_text(await moderation.drop(member, incident_id))
        except (NotFound, WrongState) as error:
            told = str(error)  # another operator was first, and the list is to say so
        await inter.edit_original_response(told, attachments=[], **await self._listing(member))

    async def _press_whole(self, inter: MessageInteraction, act: str, job_id: int, last: int) -> None:
        """As above, of all that is withheld of a job."""
        await inter.response.defer()
        member, moderation = self.services.member(inter), self.services.moderation
        waiting = {each.job_id: each for each in await moderation.by_job(member)}
        told = ALL_KEPT
        try:
            if act == "release":
                told = all_released_text(await moderation.release_all(member, job_id, last))
            elif act == "erase":
                told = all_dropped_text(await moderation.drop_all(member, job_id, last))
            elif act == "drop" and (job := waiting.get(job_id)) is not None:
                which = f"{job_id}:{job.last}"
                asked = all_asked(job, f"erase-all:{which}", f"keep-all:{which}")
                await inter.edit_original_response(None, attachments=[], **_sent(asked))
                return
        except WrongState as error:
            told = str(error)  # another operator was first
        await inter.edit_original_response(told, attachments=[], **await self._listing(member))

    async def _decide(self, inter: MessageInteraction, act: str, name: str) -> None:
        """Of the question whether a picture is to be deleted, which gives way to what became of it."""
        await inter.response.defer()
        member, moderation = self.services.member(inter), self.services.moderation
        try:
            _, job_id, number = await moderation.find(member, name)
            if act == "delete":
                told = deleted_text(name, await moderation.delete(member, job_id, number))
            else:
                told = kept_text(name)
        except NotFound as error:
            told = str(error)  # another operator was first
        await inter.edit_original_response(told, embed=None, attachments=[], components=[])

    async def _withheld(self, member: Member, incident_id: int) -> Doomed | None:
        """What would go with the picture of an incident; None where nothing was drawn. Raises NotFound, NotYours."""
        incident = await self.services.moderation.incident(member, incident_id)
        if incident.image is None or incident.job_id is None or incident.number is None:
            return None
        return await self.services.moderation.doomed(member, incident.job_id, incident.number)

    async def _show_privately(
        self, inter: ApplicationCommandInteraction, finding: Coroutine[None, None, dict[str, Any]]
    ) -> None:
        """Answer the member alone with the message that is found, however long that takes."""
        message = await self._promptly(inter, finding)
        if inter.response.is_done():
            await inter.edit_original_response(**message)
        else:
            await inter.response.send_message(ephemeral=True, **message)

    async def _set_hidden(self, member: Member, picture: str, hidden: bool) -> str:
        name, job_id, number = await self.services.moderation.find(member, picture)
        await self.services.moderation.hide(member, job_id, number, hidden)
        return hidden_text(name, hidden)

    async def _listing(self, member: Member) -> dict[str, Any]:
        """The message that lists what waits for the member. Raises NotYours."""
        moderation = self.services.moderation
        # Pictures first: somebody waits for them. Of a refused prompt there is only a note to be read.
        incidents = await moderation.incidents(member, MOST_SHOWN, drawn=True)
        if left := MOST_SHOWN - len(incidents):
            incidents += await moderation.incidents(member, left, drawn=False)
        waiting = sum(await moderation.waiting(member))
        pictures = {}
        for incident in incidents:
            if incident.image is not None and (png := await moderation.picture(member, incident.id)) is not None:
                pictures[incident.id] = png
        return _sent(
            incident_list(
                incidents,
                pictures,
                self.services.wall_address,
                more=max(0, waiting - len(incidents)),
                mistakes=moderation.gate_mistake(member),
                jobs=await moderation.by_job(member),
            )
        )


def _sent(message: Message) -> dict[str, Any]:
    """A message as Discord takes it."""
    embed, files, rows = message
    nobody = disnake.AllowedMentions.none()
    return {"embed": embed, "files": files, "components": rows, "allowed_mentions": nobody}

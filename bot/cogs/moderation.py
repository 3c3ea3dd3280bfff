"""/moderation: what operators see that nobody else does, and what they do about it, by command or by button."""

import re
from typing import Any

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction

from bot.cogs.context import Cog
from bot.cogs.tokens import OPERATORS
from bot.domain.errors import NotFound, WrongState
from bot.domain.job import Member
from bot.ui.moderation import MOST_SHOWN, deleted_text, dropped_text, hidden_text, incident_list, released_text

BUTTON = re.compile(r"(release|drop):(\d{1,9})")
WHICH = "Which one, e.g. S42-c017"


class ModerationCog(Cog):
    """Thin: `Moderation` decides, and judges again at each press who may. All answers are private."""

    @commands.slash_command(name="moderation", default_member_permissions=OPERATORS)
    async def moderation(self, inter: ApplicationCommandInteraction) -> None:
        """For operators: what was withheld, and what the wall shows"""

    @moderation.sub_command(name="list")
    async def _list(self, inter: ApplicationCommandInteraction) -> None:
        """Show what the gate withheld and nobody has decided on"""
        message = await self._promptly(inter, self._listing(self.services.member(inter)))
        if inter.response.is_done():
            await inter.edit_original_response(**message)
        else:
            await inter.response.send_message(ephemeral=True, **message)

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
        """Delete a picture for good: from disk, wall and channel, and get a receipt"""
        member, moderation = self.services.member(inter), self.services.moderation

        async def deleted() -> str:
            name, job_id, number = await moderation.find(member, picture)
            return deleted_text(name, await moderation.delete(member, job_id, number))

        await self._tell(inter, deleted())

    @commands.Cog.listener()
    async def on_button_click(self, inter: MessageInteraction) -> None:
        """A button of the list; the list itself becomes the answer."""
        match = BUTTON.fullmatch(inter.component.custom_id or "")
        if match is not None:
            await self.services.answers.give(inter, lambda: self._press(inter, match[1], int(match[2])))

    async def _press(self, inter: MessageInteraction, act: str, incident_id: int) -> None:
        await inter.response.defer()
        member, moderation = self.services.member(inter), self.services.moderation
        try:
            if act == "release":
                told = released_text(await moderation.release(member, incident_id))
            else:
                told = dropped_text(await moderation.drop(member, incident_id))
        except (NotFound, WrongState) as error:
            told = str(error)  # another operator was first, and the list is to say so
        message = await self._listing(member)
        await inter.edit_original_response(told, attachments=[], **message)

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
        embed, files, rows = incident_list(
            incidents, pictures, self.services.wall_address, more=max(0, waiting - len(incidents))
        )
        nobody = disnake.AllowedMentions.none()
        return {"embed": embed, "files": files, "components": rows, "allowed_mentions": nobody}

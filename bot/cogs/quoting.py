"""What the commands that ask for images share: the quote that is waited for, and its card."""

from collections.abc import Coroutine
from contextlib import suppress

import disnake
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Cog
from bot.domain.errors import Refusal, Unavailable, WrongState
from bot.domain.job import Job, Member, Progress
from bot.ui.cards import card
from bot.ui.words import sentence


class QuotingCog(Cog):
    """A cog whose commands end in a quote."""

    async def _quoted(self, inter: ApplicationCommandInteraction, quoting: Coroutine[None, None, Job]) -> Job:
        """The quote. What is refused at once is told privately; what takes long is deferred openly, as the card is."""
        return await self._promptly(inter, quoting, openly=True)

    async def _show(self, inter: ApplicationCommandInteraction, job: Job, *, accepting: bool = False) -> None:
        """Answer with the job's card."""
        message = await self._answer(inter, job, accepting=accepting)
        await self.services.jobs.set_card(job.id, message.id)

    async def _run_at_once(self, inter: ApplicationCommandInteraction, owner: Member, job: Job) -> None:
        """Accept the quote that was just made, without a button in between; refused, it leaves nothing behind.

        The card is known before the job is accepted, so whatever is drawn finds it; until then it promises nothing.
        """
        await self._show(inter, job, accepting=True)
        try:
            await self.services.desk.run(job.id, owner)
        except Refusal as refusal:
            with suppress(WrongState):  # they have just pressed Cancel
                await self.services.desk.cancel(job.id, owner)
            await _whisper(inter, refusal)
            await inter.delete_original_response()
        except Unavailable as error:
            # Nobody knows whether it was taken. A quote's card is true in any case: Run does it then, or says so.
            await self._answer(inter, job)
            await _whisper(inter, error)

    @staticmethod
    async def _answer(inter: ApplicationCommandInteraction, job: Job, *, accepting: bool = False) -> disnake.Message:
        embed, rows = card(job, Progress(total=job.quote.cells if job.quote else 0), accepting=accepting)
        nobody = disnake.AllowedMentions.none()
        if inter.response.is_done():
            return await inter.edit_original_response(embed=embed, components=rows, allowed_mentions=nobody)
        await inter.response.send_message(embed=embed, components=rows, allowed_mentions=nobody)
        return await inter.original_response()


async def _whisper(inter: ApplicationCommandInteraction, error: Refusal | Unavailable) -> None:
    """Say it to the member alone, beside the answer that is there already."""
    text = sentence(error) or str(error)
    await inter.followup.send(text, ephemeral=True, allowed_mentions=disnake.AllowedMentions.none())

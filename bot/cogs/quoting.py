"""What the commands that ask for images share: the quote that is waited for, and its card."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

import disnake
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Cog
from bot.domain.job import Job, JobState, Member, Progress
from bot.ui.cards import card

DEFER_AFTER_SECONDS = 0.5


class QuotingCog(Cog):
    """A cog whose commands end in a quote."""

    @staticmethod
    async def _quoted(inter: ApplicationCommandInteraction, quoting: Coroutine[None, None, Job]) -> Job:
        """The quote. What takes long is deferred openly; what is refused at once can then still be told privately."""
        task = asyncio.create_task(quoting)
        done, _ = await asyncio.wait((task,), timeout=DEFER_AFTER_SECONDS)
        if not done:
            await inter.response.defer()
        return await task

    async def _show(self, inter: ApplicationCommandInteraction, job: Job) -> None:
        """Answer with the job's card."""
        embed, rows = card(job, Progress(total=job.quote.cells if job.quote else 0))
        nobody = disnake.AllowedMentions.none()
        if inter.response.is_done():
            message = await inter.edit_original_response(embed=embed, components=rows, allowed_mentions=nobody)
        else:
            await inter.response.send_message(embed=embed, components=rows, allowed_mentions=nobody)
            message = await inter.original_response()
        await self.services.jobs.set_card(job.id, message.id)

    async def _run_at_once(self, inter: ApplicationCommandInteraction, owner: Member, job: Job) -> None:
        """Accept the quote that was just made, without a button in between."""
        # The card is known before the job is accepted, so whatever is drawn finds its card.
        await self._show(inter, replace(job, state=JobState.QUEUED))
        await self.services.desk.run(job.id, owner)

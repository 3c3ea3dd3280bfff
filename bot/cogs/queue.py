"""/queue, /cancel and the buttons of the cards: what waits, and how it is cancelled."""

import re

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction

from bot.cogs.context import Cog, Services, place
from bot.domain.errors import NotFound
from bot.domain.job import Job, JobState
from bot.ui.cards import AMBER
from bot.ui.words import code, count, duration, plain, short

MOST_LINES = 15
EMPTY = "Nothing waits. What you ask for with /imagine, /detail, /sweep or /test_face_mecene begins at once."
BUTTON = re.compile(r"(run|cancel):(\d+)")


class QueueCog(Cog):
    """Thin: buttons carry the job's number, everything else comes from the store."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._desk = services.desk

    @commands.slash_command(name="queue")
    async def queue(self, inter: ApplicationCommandInteraction) -> None:
        """Show what is being drawn and what waits"""
        jobs = self.services.queue.jobs()
        shown = enumerate(jobs[:MOST_LINES], start=1)
        lines = [await self._line(number, job, inter.guild_id) for number, job in shown]
        if len(jobs) > MOST_LINES:
            lines.append(f"… and {count(len(jobs) - MOST_LINES, 'job')} more")
        embed = disnake.Embed(
            title=f"Queue · {count(len(jobs), 'job')} of {self.services.queue.capacity}",
            description="\n".join(lines) or EMPTY,
            colour=AMBER,
        )
        await inter.response.send_message(embed=embed, ephemeral=True)

    @commands.slash_command(name="cancel")
    async def cancel(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description="Which one, e.g. S42", max_length=20),
    ) -> None:
        """Cancel a quote or a job"""
        cancelled = await self._desk.cancel(_number(job), self.services.member(inter))
        if not cancelled.state.ended:
            text = f"Cancelling {cancelled.name}; it stops at its next step."
        else:
            text = f"{cancelled.name} is cancelled."
        await inter.response.send_message(text, ephemeral=True)

    @cancel.autocomplete("job")
    async def _complete_job(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        jobs = await self.services.jobs.unended(inter.author.id)
        return [
            disnake.OptionChoice(short(f"{job.name} · {job.state.value} · {job.title}", 100), job.name)
            for job in jobs
            if typed.lower() in f"{job.name} {job.title}".lower()
        ][:25]

    @commands.Cog.listener()
    async def on_button_click(self, inter: MessageInteraction) -> None:
        """Run or Cancel on a card; the card itself becomes the answer."""
        match = BUTTON.fullmatch(inter.component.custom_id or "")
        if match is not None:
            press = self._press_run if match[1] == "run" else self._press_cancel
            await self.services.answers.give(inter, lambda: press(inter, int(match[2])))

    async def _press_run(self, inter: MessageInteraction, job_id: int) -> None:
        place(inter)
        # From here on the card is edited by the job's delivery alone, so that no older state overwrites a newer.
        await inter.response.defer()
        await self.services.jobs.set_card(job_id, inter.message.id)
        await self._desk.run(job_id, self.services.member(inter))

    async def _press_cancel(self, inter: MessageInteraction, job_id: int) -> None:
        await inter.response.defer()
        await self._desk.cancel(job_id, self.services.member(inter))

    async def _line(self, number: int, job: Job, guild_id: int | None) -> str:
        stored, progress = await self._desk.find(job.id), await self.services.jobs.progress(job.id)
        state = "drawing" if stored.state is JobState.RUNNING else "waiting"
        left = self.services.forecast.seconds_left(stored, progress)
        when = f" · done in about {duration(left)}" if left else ""
        done = f"{state}, {progress.settled} of {count(progress.total, 'image')}{when}"
        if job.place.guild_id != guild_id:
            return f"{number}. a job on another server · {done}"
        return f"{number}. **{job.name}** {plain(short(job.title, 50))} · {plain(job.owner.name)} · {done}"


def _number(text: str) -> int:
    """The job's number in S42, s42 or 42. Raises NotFound."""
    match = re.fullmatch(r"\s*[a-zA-Z]?(\d{1,12})\s*", text)
    if match is None:
        raise NotFound(f"{code(short(text, 30))} is not a job; jobs are named like S42. /queue shows them.")
    return int(match[1])

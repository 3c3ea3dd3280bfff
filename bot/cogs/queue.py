"""/queue, /cancel and the buttons of the cards: what waits, and calling it off."""

import re

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction

from bot.cogs.context import Services
from bot.domain.errors import NotFound, Refusal
from bot.domain.job import Job, JobState, Progress
from bot.ui.cards import AMBER, card
from bot.ui.words import code, count, duration, plain, short

MOST_LINES = 15
BUTTON = re.compile(r"(run|cancel):(\d+)")
NEEDED = ("view_channel", "send_messages", "attach_files")


class QueueCog(commands.Cog):
    """Thin: buttons carry the job's number, everything else comes from the store."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._desk = services.desk

    @commands.slash_command(name="queue")
    async def queue(self, inter: ApplicationCommandInteraction) -> None:
        """Show what is being drawn and what waits"""
        jobs = self._services.queue.jobs()
        lines = [await self._line(number, job) for number, job in enumerate(jobs[:MOST_LINES], start=1)]
        if len(jobs) > MOST_LINES:
            lines.append(f"… and {count(len(jobs) - MOST_LINES, 'job')} more")
        embed = disnake.Embed(
            title=f"Queue · {count(len(jobs), 'job')} of {self._services.queue.capacity}",
            description="\n".join(lines) or "Nothing waits. /imagine or /sweep begins at once.",
            colour=AMBER,
        )
        await inter.response.send_message(embed=embed, ephemeral=True)

    @commands.slash_command(name="cancel")
    async def cancel(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description="Which one, e.g. S42", max_length=20),
    ) -> None:
        """Call off a quote or a job"""
        cancelled = await self._desk.cancel(_number(job), self._services.member(inter))
        if not cancelled.state.ended:
            text = f"Calling off {cancelled.name}; it stops at its next step."
        else:
            text = f"{cancelled.name} is called off."
        await inter.response.send_message(text, ephemeral=True)

    @cancel.autocomplete("job")
    async def _complete_job(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        jobs = await self._services.jobs.of_member(inter.author.id)
        return [
            disnake.OptionChoice(short(f"{job.name} · {job.state.value} · {job.title}", 100), job.name)
            for job in jobs
            if not job.state.ended and typed.lower() in f"{job.name} {job.title}".lower()
        ][:25]

    @commands.Cog.listener()
    async def on_button_click(self, inter: MessageInteraction) -> None:
        """Run or Cancel on a card; the card itself becomes the answer."""
        match = BUTTON.fullmatch(inter.component.custom_id or "")
        if match is None:
            return
        async with self._services.answers.to(inter):
            actor = self._services.member(inter)
            if match[1] == "run":
                self._refuse_unless_able_to_post(inter)
                job = await self._desk.run(int(match[2]), actor)
            else:
                job = await self._desk.cancel(int(match[2]), actor)
            items = await self._services.jobs.items(job.id)
            embed, rows = card(job, items, seconds_left=self._desk.wait_seconds(job))
            await inter.response.edit_message(embed=embed, components=rows)

    async def _line(self, number: int, job: Job) -> str:
        stored = await self._desk.find(job.id)
        progress = Progress.of(await self._services.jobs.items(job.id))
        wait = self._desk.wait_seconds(job)
        when = f" · done in about {duration(wait)}" if wait else ""
        state = "drawing" if stored.state is JobState.RUNNING else "waiting"
        done = f"{progress.settled} of {count(progress.total, 'image')}"
        title = plain(short(job.title, 50))
        return f"{number}. **{job.name}** {title} · {plain(job.owner.name)} · {state}, {done}{when}"

    @staticmethod
    def _refuse_unless_able_to_post(inter: MessageInteraction) -> None:
        missing = [name for name in NEEDED if not getattr(inter.app_permissions, name)]
        if missing:
            listed = ", ".join(name.replace("_", " ") for name in missing)
            raise Refusal(f"I may not post images here; a server administrator must allow me to {listed}.")


def _number(text: str) -> int:
    """The job's number in S42, s42 or 42. Raises NotFound."""
    match = re.fullmatch(r"\s*[a-zA-Z]?(\d{1,12})\s*", text)
    if match is None:
        raise NotFound(f"{code(short(text, 30))} is not a job; jobs are named like S42. /queue shows them.")
    return int(match[1])

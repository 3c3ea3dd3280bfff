"""/queue and what members do with a job: run, cancel, pause, resume, move and retry it, by command or by button."""

import re
from collections.abc import Collection, Iterable

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction

from bot.cogs.context import Cog, Services, place
from bot.domain.errors import NotFound
from bot.domain.job import ACCEPTED, Job, JobState, Member
from bot.ui.cards import AMBER, RED, price
from bot.ui.words import code, count, duration, plain, short

MOST_LINES = 15
EMPTY = "Nothing waits. What you ask for with /imagine, /detail, /sweep or /test_face_mecene begins at once."
NONE_ASIDE = "Nothing is set aside. A job comes here when the console died at it again and again."
WAITING, SET_ASIDE = "waiting", "set aside"
BUTTON = re.compile(r"(run|cancel|pause|resume|retry):(\d{1,9})")
WHICH = "Which one, e.g. S42"
DOING = {JobState.RUNNING: "drawing", JobState.PAUSED: "paused"}


class QueueCog(Cog):
    """Thin: commands and buttons carry the job's number, the desk decides."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._desk = services.desk

    @commands.slash_command(name="queue")
    async def queue(
        self,
        inter: ApplicationCommandInteraction,
        show: str = commands.Param(
            WAITING, description="What waits, or what was set aside", choices=[WAITING, SET_ASIDE]
        ),
    ) -> None:
        """Show what is being drawn, what waits, and what was set aside"""
        await self._tell(inter, self._aside(inter) if show == SET_ASIDE else self._waiting(inter))

    @commands.slash_command(name="cancel")
    async def cancel(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description=WHICH, max_length=20),
    ) -> None:
        """Cancel a quote or a job"""

        async def cancel() -> str:
            cancelled = await self._desk.cancel(_number(job), self.services.member(inter))
            return f"{cancelled.name} is cancelled."

        await self._tell(inter, cancel())

    @commands.slash_command(name="pause")
    async def pause(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description=WHICH, max_length=20),
    ) -> None:
        """Hold a job: nothing further of it is drawn until it is resumed"""

        async def pause() -> str:
            paused = await self._desk.pause(_number(job), self.services.member(inter))
            return f"{paused.name} is paused: what is being drawn is finished, and /resume goes on with the rest."

        await self._tell(inter, pause())

    @commands.slash_command(name="resume")
    async def resume(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description=WHICH, max_length=20),
    ) -> None:
        """Go on with a paused job"""

        async def resume() -> str:
            resumed = await self._desk.resume(_number(job), self.services.member(inter))
            return f"{resumed.name} goes on."

        await self._tell(inter, resume())

    @commands.slash_command(name="move")
    async def move(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description=WHICH, max_length=20),
        before: str = commands.Param(
            "", description="Before which of the same member's; left out: first", max_length=20
        ),
    ) -> None:
        """Put one of your jobs before the others, or before one of them"""

        async def move() -> str:
            other = await self._desk.find(_number(before)) if before.strip() else None
            moved = await self._desk.move(_number(job), self.services.member(inter), other.id if other else None)
            whose = "your" if moved.owner.id == inter.author.id else f"{plain(moved.owner.name)}'s"
            where = f"before {other.name}" if other else f"first of {whose} jobs"
            return f"{moved.name} comes {where} now."

        await self._tell(inter, move())

    @commands.slash_command(name="retry")
    async def retry(
        self,
        inter: ApplicationCommandInteraction,
        job: str = commands.Param(description=WHICH, max_length=20),
    ) -> None:
        """Draw those images of an ended job again that failed, and no others"""

        async def retry() -> str:
            again = await self._desk.retry(_number(job), self.services.member(inter))
            progress = await self.services.jobs.progress(again.id)
            left = count(progress.total - progress.settled, "image")
            return f"{again.name} is queued again for the {left} that failed."

        await self._tell(inter, retry())

    @cancel.autocomplete("job")
    async def _complete_unended(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return _choices(await self._mine(inter), typed)

    @pause.autocomplete("job")
    async def _complete_going(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return _choices(await self._mine(inter, (JobState.QUEUED, JobState.RUNNING)), typed)

    @resume.autocomplete("job")
    async def _complete_paused(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return _choices(await self._mine(inter, (JobState.PAUSED,)), typed)

    @move.autocomplete("job")
    async def _complete_moved(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return _choices(await self._mine(inter, ACCEPTED), typed)

    @move.autocomplete("before")
    async def _complete_before(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        moved = str(inter.filled_options.get("job", "")).strip().lower()
        mine = sorted(await self._mine(inter, ACCEPTED), key=lambda job: (job.turn, job.id))
        return _choices([job for job in mine if job.name.lower() != moved], typed)

    @retry.autocomplete("job")
    async def _complete_failed(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return _choices(await self.services.jobs.retriable(inter.author.id), typed)

    @commands.Cog.listener()
    async def on_button_click(self, inter: MessageInteraction) -> None:
        """A button of a card; the card itself becomes the answer."""
        match = BUTTON.fullmatch(inter.component.custom_id or "")
        if match is not None:
            await self.services.answers.give(inter, lambda: self._press(inter, match[1], int(match[2])))

    async def _press(self, inter: MessageInteraction, act: str, job_id: int) -> None:
        if act in ("run", "retry"):
            place(inter)
        # From here on the card is edited by the job's delivery alone, so that no older state overwrites a newer.
        await inter.response.defer()
        if act == "run":
            await self.services.jobs.set_card(job_id, inter.message.id)
        member = self.services.member(inter)
        match act:
            case "run":
                await self._desk.run(job_id, member)
            case "cancel":
                await self._desk.cancel(job_id, member)
            case "pause":
                await self._desk.pause(job_id, member)
            case "resume":
                await self._desk.resume(job_id, member)
            case "retry":
                await self._desk.retry(job_id, member)

    async def _mine(self, inter: ApplicationCommandInteraction, states: Collection[JobState] = ()) -> list[Job]:
        """The member's own jobs that have not ended; in one of these states, if any are named."""
        jobs = await self.services.jobs.unended(inter.author.id)
        return [job for job in jobs if job.state in states or not states]

    async def _waiting(self, inter: ApplicationCommandInteraction) -> disnake.Embed:
        jobs = self.services.queue.jobs()
        member = self.services.member(inter)
        shown = enumerate(jobs[:MOST_LINES], start=1)
        lines = [await self._line(number, job, member) for number, job in shown]
        if len(jobs) > MOST_LINES:
            lines.append(f"… and {count(len(jobs) - MOST_LINES, 'job')} more")
        return disnake.Embed(
            title=f"Queue · {count(len(jobs), 'job')} of {self.services.queue.capacity}",
            description=short("\n".join(lines), 4000) or EMPTY,
            colour=AMBER,
        )

    async def _line(self, number: int, job: Job, member: Member) -> str:
        stored, progress = await self._desk.find(job.id), await self.services.jobs.progress(job.id)
        outlook = self.services.forecast.outlook(stored, progress)
        doing = DOING.get(stored.state, "waiting")
        told = [f"{doing}, {progress.settled:,} of {count(progress.total, 'image')}"]
        if outlook.seconds and stored.state is not JobState.PAUSED:
            told.append(f"done in about {duration(outlook.seconds)}")
        if job.place.guild_id != member.guild_id:
            return " · ".join([f"{number}. a job on another server", *told])
        if cost := price(stored):
            told.append(cost)
        return " · ".join([f"{number}. {_entry(stored, member)}", *told])

    async def _aside(self, inter: ApplicationCommandInteraction) -> disnake.Embed:
        jobs, member = await self.services.jobs.dead(inter.guild_id, MOST_LINES), self.services.member(inter)
        lines = [line for job in jobs for line in (_entry(job, member), plain(short(job.reason or "", 200)))]
        return disnake.Embed(
            title="Set aside", description=short("\n".join(lines), 4000) or NONE_ASIDE, colour=RED if jobs else AMBER
        )


def _entry(job: Job, member: Member) -> str:
    """A job, and whose it is in the member's eyes."""
    whose = "**yours**" if job.owner.id == member.id else plain(job.owner.name)
    return f"**{job.name}** {plain(short(job.title, 50))} · {whose}"


def _choices(jobs: Iterable[Job], typed: str) -> list[disnake.OptionChoice]:
    """The jobs that fit what is typed."""
    return [
        disnake.OptionChoice(short(f"{job.name} · {job.state.told} · {job.title}", 100), job.name)
        for job in jobs
        if typed.strip().lower() in f"{job.name} {job.title}".lower()
    ][:25]


def _number(text: str) -> int:
    """The job's number in S42, s42 or 42. Raises NotFound."""
    match = re.fullmatch(r"\s*[a-zA-Z]?(\d{1,9})\s*", text)
    if match is None:
        raise NotFound(f"{code(short(text, 30))} is not a job; jobs are named like S42. /queue shows them.")
    return int(match[1])

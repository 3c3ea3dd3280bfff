"""/imagine and /sweep: ask for images."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

import sweeps
from bot.cogs.context import Cog, Services, place
from bot.cogs.options import asked_values, options_from
from bot.domain.errors import BadUpload, NotFound
from bot.domain.job import Job, JobState, Member, Place, Progress
from bot.ui.cards import card
from bot.ui.words import short
from sweeps.parameters import nearest

EXAMPLES = Path(sweeps.__file__).parent / "examples"
SWEEP_BYTES = 64 * 1024
DEFER_AFTER_SECONDS = 0.5
IMAGINE_OPTIONS = (
    "negative_prompt",
    "seed",
    "steps",
    "guidance_scale",
    "width",
    "height",
    "sampler",
    "schedule",
)


class DrawCog(Cog):
    """Thin: receives, hands to the desk, shows its card."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._desk = services.desk
        self._examples = {path.stem: path for path in sorted(EXAMPLES.glob("*.yaml"))}

    @commands.slash_command(
        name="imagine",
        options=[
            disnake.Option("prompt", "What to draw; left out: your /set prompt", max_length=1500),
            *options_from(IMAGINE_OPTIONS),
            disnake.Option(
                "images",
                "How many, each with the next seed",
                disnake.OptionType.integer,
                min_value=1,
                max_value=10,
            ),
        ],
    )
    async def imagine(self, inter: ApplicationCommandInteraction, images: int = 1, **asked: object) -> None:
        """Draw an image (or a few) now"""
        owner = self.services.member(inter)
        job = await self._quoted(inter, self._desk.quote_imagine(owner, place(inter), asked_values(asked), images))
        # The card is known before the job is accepted, so whatever is drawn finds its card.
        await self._show(inter, replace(job, state=JobState.QUEUED))
        await self._desk.run(job.id, owner)

    @commands.slash_command(name="sweep")
    async def sweep(
        self,
        inter: ApplicationCommandInteraction,
        config: disnake.Attachment | None = commands.Param(None, description="Your sweep file (YAML)"),
        example: str = commands.Param("", description="Or one of the examples", max_length=60),
    ) -> None:
        """Draw a grid of images from a sweep file"""
        if config is None and not example:
            raise BadUpload("Give a sweep file (config), or choose an example.")
        if config is not None and example:
            raise BadUpload("Give a sweep file (config) or an example, not both.")
        job = await self._quoted(inter, self._quote(self.services.member(inter), place(inter), config, example))
        await self._show(inter, job)

    @sweep.autocomplete("example")
    async def _complete_example(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return [
            disnake.OptionChoice(short(f"{name} · {_opening(path)}", 100), name)
            for name, path in self._examples.items()
            if typed.lower() in name.lower()
        ][:25]

    def _example(self, name: str) -> bytes:
        path = self._examples.get(name.strip())
        if path is None:
            close = nearest(name.strip(), self._examples)
            hint = f'did you mean "{close}"?' if close else f"there are {', '.join(self._examples)}."
            raise NotFound(f'There is no example "{short(name, 60)}"; {hint}')
        return path.read_bytes()

    async def _quote(self, owner: Member, where: Place, config: disnake.Attachment | None, example: str) -> Job:
        if config is None:
            return await self._desk.quote_sweep(owner, where, self._example(example), example)
        text = await self.services.uploads.read(config, SWEEP_BYTES, "64 KB")
        return await self._desk.quote_sweep(owner, where, text, short(Path(config.filename).stem, 100))

    @staticmethod
    async def _quoted(inter: ApplicationCommandInteraction, quoting: Coroutine[None, None, Job]) -> Job:
        """The quote. What takes long is deferred openly; what is refused at once can then still be told privately."""
        task = asyncio.create_task(quoting)
        done, _ = await asyncio.wait((task,), timeout=DEFER_AFTER_SECONDS)
        if not done:
            await inter.response.defer()
        return await task

    async def _show(self, inter: ApplicationCommandInteraction, job: Job) -> None:
        embed, rows = card(job, Progress(total=job.quote.cells if job.quote else 0))
        nobody = disnake.AllowedMentions.none()
        if inter.response.is_done():
            message = await inter.edit_original_response(embed=embed, components=rows, allowed_mentions=nobody)
        else:
            await inter.response.send_message(embed=embed, components=rows, allowed_mentions=nobody)
            message = await inter.original_response()
        await self.services.jobs.set_card(job.id, message.id)


def _opening(path: Path) -> str:
    """The first comment line of an example: what it shows."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").strip()

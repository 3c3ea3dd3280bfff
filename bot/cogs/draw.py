"""/imagine and /sweep: ask for images."""

from pathlib import Path

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

import sweeps
from bot.cogs.context import Services, place
from bot.cogs.options import asked_values, options_from
from bot.domain.errors import BadUpload, NotFound
from bot.domain.job import Job
from bot.ui.cards import card
from bot.ui.words import short
from sweeps.parameters import nearest

EXAMPLES = Path(sweeps.__file__).parent / "examples"
SWEEP_BYTES = 64 * 1024
IMAGINE_OPTIONS = (
    "negative_prompt",
    "seed",
    "steps",
    "guidance_scale",
    "width",
    "height",
    "sampler",
    "schedule",
    "face_folder",
    "weight",
)


class DrawCog(commands.Cog):
    """Thin: receives, defers, hands to the desk, shows its card."""

    def __init__(self, services: Services) -> None:
        self._services = services
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
        await inter.response.defer()
        owner = self._services.member(inter)
        job = await self._desk.imagine(owner, place(inter), asked_values(asked), images)
        await self._show(inter, job)

    @commands.slash_command(name="sweep")
    async def sweep(
        self,
        inter: ApplicationCommandInteraction,
        config: disnake.Attachment | None = commands.Param(None, description="Your sweep file (YAML)"),
        example: str = commands.Param("", description="Or one of the examples", max_length=60),
    ) -> None:
        """Draw a grid of images from a sweep file"""
        await inter.response.defer()
        if (config is None) == (not example):
            raise BadUpload("Give either a sweep file (config) or the name of an example, one of the two.")
        if config is not None:
            text, title = (
                await self._services.uploads.read(config, SWEEP_BYTES, "64 KB"),
                Path(config.filename).stem,
            )
        else:
            text, title = self._example(example), example
        job = await self._desk.quote_sweep(self._services.member(inter), place(inter), text, short(title, 100))
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

    async def _show(self, inter: ApplicationCommandInteraction, job: Job) -> None:
        embed, rows = card(job, await self._services.jobs.items(job.id), seconds_left=self._desk.wait_seconds(job))
        message = await inter.edit_original_response(
            embed=embed, components=rows, allowed_mentions=disnake.AllowedMentions.none()
        )
        await self._services.jobs.set_card(job.id, message.id)


def _opening(path: Path) -> str:
    """The first comment line of an example: what it shows."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").strip()

"""/imagine and /sweep: ask for images."""

from pathlib import Path

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

import sweeps
from bot.cogs.context import Services, place
from bot.cogs.options import asked_values, options_from
from bot.cogs.people import people_choices
from bot.cogs.quoting import QuotingCog
from bot.domain.errors import BadUpload, NotFound
from bot.domain.job import Job, Member, Place
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
    "detail",
    "denoise",
)


class DrawCog(QuotingCog):
    """Thin: receives, has it quoted, shows the card."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._examples = {path.stem: path for path in sorted(EXAMPLES.glob("*.yaml"), key=lambda path: path.stem)}

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
        quoting = self.services.quotes.imagine(owner, place(inter), asked_values(asked), images)
        await self._run_at_once(inter, owner, await self._quoted(inter, quoting))

    @imagine.autocomplete("face_folder")
    async def _complete_people(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return await people_choices(self.services, inter, typed)

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
            return await self.services.quotes.sweep(owner, where, self._example(example), example)
        text = await self.services.uploads.read(config, SWEEP_BYTES, "64 KB")
        return await self.services.quotes.sweep(owner, where, text, short(Path(config.filename).stem, 100))


def _opening(path: Path) -> str:
    """The first comment line of an example: what it shows."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").strip()

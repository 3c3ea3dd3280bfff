"""/detail: the faces of an uploaded photo, drawn again."""

from pathlib import Path

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import place
from bot.cogs.options import asked_values, options_from
from bot.cogs.people import people_choices
from bot.cogs.quoting import QuotingCog
from bot.domain.job import Job, Member, Place
from bot.pictures import MOST_BYTES, MOST_SIZE
from bot.ui.words import short
from sweeps.parameters import Value

OPTIONS = (
    "face_folder",
    "denoise",
    "negative_prompt",
    "seed",
    "weight",
    "detail_steps",
    "detail_guidance",
    "crop_factor",
)


class DetailCog(QuotingCog):
    """Thin: fetches the photo, has it quoted, draws at once."""

    @commands.slash_command(
        name="detail",
        options=[
            disnake.Option("image", "The photo: PNG, JPEG or WebP", disnake.OptionType.attachment, required=True),
            disnake.Option(
                "prompt", "What the faces look like; left out: your /set prompt, or a portrait", max_length=1500
            ),
            *options_from(OPTIONS),
        ],
    )
    async def detail(self, inter: ApplicationCommandInteraction, image: disnake.Attachment, **asked: object) -> None:
        """Draw the faces of a photo again, and nothing else of it"""
        owner = self.services.member(inter)
        quoting = self._quote(owner, place(inter), image, asked_values(asked))
        await self._run_at_once(inter, owner, await self._quoted(inter, quoting))

    @detail.autocomplete("face_folder")
    async def _complete_people(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        return await people_choices(self.services, inter, typed)

    async def _quote(self, owner: Member, where: Place, image: disnake.Attachment, asked: dict[str, Value]) -> Job:
        upload = await self.services.uploads.read(image, MOST_BYTES, MOST_SIZE)
        return await self.services.quotes.detail(owner, where, asked, upload, short(Path(image.filename).name, 100))

"""/test_face_mecene: how people look in ideas nobody had to write."""

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import place
from bot.cogs.people import MOST_CHOICES, people_choices
from bot.cogs.quoting import QuotingCog

EVERYBODY = "*"


class FaceTestCog(QuotingCog):
    """Thin: names and numbers in, a quote out; its Run is that of every card."""

    @commands.slash_command(name="test_face_mecene")
    async def test_face_mecene(
        self,
        inter: ApplicationCommandInteraction,
        face_folders: str = commands.Param(
            description="Whose faces: names with commas, or * for everybody", max_length=300
        ),
        generations_per_input: int = commands.Param(
            3, description="Images of each person in each idea: 3 unless you say, at most 25", min_value=1, max_value=25
        ),
        ideas: int = commands.Param(
            4, description="How many ideas: 4 unless you say, at most 100", min_value=1, max_value=100
        ),
        theme: str = commands.Param(
            "", description="What about, e.g. noir, or winter in Prague; left out: anything", max_length=80
        ),
    ) -> None:
        """Draw people in fresh ideas, and compare their likeness on a sheet each"""
        owner = self.services.member(inter)
        quoting = self.services.quotes.face_test(owner, place(inter), face_folders, theme, ideas, generations_per_input)
        await self._show(inter, await self._quoted(inter, quoting))

    @test_face_mecene.autocomplete("face_folders")
    async def _complete_people(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        choices = await people_choices(self.services, inter, typed)
        if not typed.strip() and len(choices) > 1:
            choices.insert(0, disnake.OptionChoice(f"{EVERYBODY} (everybody)", EVERYBODY))
        return choices[:MOST_CHOICES]

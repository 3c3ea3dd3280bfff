"""/wall: what of yours is on the photo wall, and where the wall is."""

import re
from urllib.parse import urlsplit

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Cog
from bot.cogs.people import MOST_CHOICES
from bot.domain.errors import NotFound
from bot.domain.wall import picture_name
from bot.jobs.showing import Shown
from bot.ui.words import count, plain, short

WHAT = "A job, e.g. S42, or one picture of it, e.g. S42-c017"
OWN_MACHINE = ("127.0.0.1", "localhost", "::1")
JOB = re.compile(r"[a-z]?(\d{1,9})", re.IGNORECASE)


class WallCog(Cog):
    """Thin: `Showing` decides. All answers are private."""

    @commands.slash_command(name="wall")
    async def wall(self, inter: ApplicationCommandInteraction) -> None:
        """The photo wall: open it, put pictures of yours on it, or take them down"""

    @wall.sub_command(name="open")
    async def _open(self, inter: ApplicationCommandInteraction) -> None:
        """Where the wall is"""
        nobody = disnake.AllowedMentions.none()
        address = self.services.wall_address
        text = f"The wall: {address}\n-# To sign in there, run `/link` and type the code on its page."
        text += _reach(address)
        await inter.response.send_message(text, ephemeral=True, allowed_mentions=nobody)

    @wall.sub_command(name="publish")
    async def _publish(
        self,
        inter: ApplicationCommandInteraction,
        what: str = commands.Param(description=WHAT, max_length=40),
    ) -> None:
        """Put a job of yours, or one picture of it, on the wall"""

        async def publish() -> str:
            shown = await self.services.showing.publish(self.services.member(inter), *_meant(what))
            return self._told(shown)

        await self._tell(inter, publish())

    @wall.sub_command(name="take_down")
    async def _take_down(
        self,
        inter: ApplicationCommandInteraction,
        what: str = commands.Param(description=WHAT, max_length=40),
    ) -> None:
        """Take a job of yours, or one picture of it, off the wall"""

        async def take_down() -> str:
            job, taken = await self.services.showing.take_down(self.services.member(inter), *_meant(what))
            if not taken:
                return f"Nothing of {job.name} was on the wall."
            return f"{count(taken, 'picture')} of {job.name} {'is' if taken == 1 else 'are'} off the wall."

        await self._tell(inter, take_down())

    @_publish.autocomplete("what")
    @_take_down.autocomplete("what")
    async def _complete(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        wanted = typed.strip().lower()
        jobs = await self.services.jobs.drawn(inter.author.id)
        fitting = [job for job in jobs if wanted in job.name.lower() or wanted in job.title.lower()]
        return [
            disnake.OptionChoice(short(f"{job.name} · {job.title}", 100), job.name) for job in fitting[:MOST_CHOICES]
        ]

    def _told(self, shown: Shown) -> str:
        name = shown.job.name
        if shown.new:
            text = f"{count(shown.new, 'picture')} of {name} {'is' if shown.new == 1 else 'are'} on the wall now."
        else:
            text = f"All of {name} was on the wall already."
        text += f" {self.services.wall_address}/jobs/{name}"
        text += _reach(self.services.wall_address)
        for person, pictures in shown.unseen:
            show, them = ("shows", "it") if pictures == 1 else ("show", "them")
            text += (
                f"\n-# {count(pictures, 'picture')} {show} {plain(person)}, who is not on the wall, "
                f"so nobody sees {them} there. It takes `/faces consent` with the scope wall, and a "
                "place on the operator's list."
            )
        return short(text, 1900)


def _reach(address: str) -> str:
    """A line about an address that works on one machine alone; nothing for any other."""
    if urlsplit(address).hostname not in OWN_MACHINE:
        return ""
    return (
        "\n-# This address works on the console's own machine only. Whoever runs the console gives the wall one for "
        "everybody with the setting WEB_URL."
    )


def _meant(what: str) -> tuple[int, str | None]:
    """The job's number, and the cell if one is meant. Raises NotFound."""
    if found := JOB.fullmatch(what.strip()):
        return int(found[1]), None
    try:
        return picture_name(what)
    except NotFound as error:
        raise NotFound(f'There is nothing called "{plain(what[:40])}": a job is called like S42.') from error

"""/help: what the console can do, by topic."""

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction
from disnake.interactions.message import MessageInteraction
from disnake.ui.select import StringSelect

from bot.cogs.context import Cog, Services
from bot.ui.words import code, short
from sweeps.parameters import CATALOGUE, SAMPLER_SCHEDULES

TOPICS = {
    "start": "First images",
    "commands": "All commands",
    "parameters": "All parameters",
    "people": "People and their faces",
    "wall": "The photo wall",
    "tokens": "Tokens and the queue",
    "sweeps": "Sweep files",
    "samplers": "Samplers and schedules",
}
SELECT_ID = "help"

START = """
**1.** `/imagine prompt: a portrait of an old sailor` draws one image.
**2.** `/set parameter: guidance_scale value: 5` changes what your next images are made with; `/params show` lists it.
**3.** `/sweep example: guidance` quotes a whole grid. Look at the quote, then press **Run**.
**4.** The images come to this channel as they are finished, and a contact sheet at the end.
**5.** `/wall open` says where the photo wall is, with all that was put on it; more under **The photo wall**.
**6.** `/test_face_mecene` draws people in ideas nobody had to write: Mecene, the console's own idea service, thinks \
them up. `/detail` draws the faces of a photo again. More of both under **People and their faces**.
"""

PEOPLE = """
**1.** `/faces add` keeps three or more photos of a person, from different sides; `/faces lint` says what is amiss.
`/faces share` lets everybody here draw a person of yours, or stops that; `/faces remove` deletes the photos.
**2.** `/imagine prompt: a sailor face_folder: mina` draws that person. `weight` says how strongly.
**3.** `/test_face_mecene face_folders: mina, theo theme: noir` draws them in fresh ideas; a sheet each shows how well.
**4.** `/detail image: …` draws the faces of a photo again, with `face_folder` as that person, and nothing else of it.
**5.** `/faces consent` says what a person's pictures are for, drawing or the wall too, and until when. \
`/faces revoke` takes all of it back, with every picture drawn of them, here and on the wall.
**6.** `img` marks the word that becomes the person: with `face_folder: mina`, \
`a fisherwoman img mending nets` draws Mina as that fisherwoman. Without `img` the console puts "woman img" or \
"man img" in front.
"""

TOKENS = """
**1.** A picture costs tokens, and so does each face that is drawn again; the quote says how many, at most. `/balance` \
shows what you have and where the rest went.
**2.** **Run** reserves the price. Each image then takes what drawing it took, nothing where it was still remembered, \
and the rest comes back at the end, after **Cancel** too.
**3.** Members take turns, so nobody waits for the whole of another's sweep, and `/imagine` and `/detail` go before \
sweeps. `/queue` shows what waits, what it costs, and about when it is done.
**4.** `/pause` holds a job of yours and `/resume` goes on with it; `/move` puts it before your others.
**5.** `/cancel` ends a job; `/retry` draws again what failed of one, and nothing else of it.
**6.** A job at which the console dies again and again is set aside, and what was reserved for it comes back: \
`/queue show: set aside` says why. Through any other restart your jobs go on by themselves.
"""

WALL = """
**1.** `/wall open` says where the wall is. There `/link` signs you in: it gives a one-time code for the page, and the \
browser is yours from then on, with the tokens that it may have.
**2.** `/wall publish what: S42` puts a job of yours on the wall, and `S42-c017` one picture of it; `/wall take_down` \
takes it off again. Where the operator has set so, all that is posted comes there by itself.
**3.** Members of this server see it, and others only where the operator has opened it to everyone. Whoever is in a \
picture has to agree to that first: `/faces consent` with the scope wall. Their photos are shown there too.
**4.** On the wall you search, filter, star and rate, look at a sweep along any of its axes, and compare two pictures.
**5.** `/params use image: S42-c017` makes a picture's values yours, and the next `/imagine` draws it again.
**6.** What an operator does not want is refused, or withheld: that costs nothing, and they look at it.
"""

SWEEPS = """
A sweep file says what stays fixed and what varies. Upload it to `/sweep`:
```yaml
name: guidance against steps
base: {prompt: "a portrait of a {woman|man}"}
parameters:
  guidance_scale: "4-7 (+1.5)"   # 4, 5.5, 7
  steps: {values: [10, 20, 30]}
seed: shared
repeats: 2
exclude: [{steps: 30, guidance_scale: 7}]
```
Ranges: `"1-4"`, `"1-10 (+3)"`, `"1-10 [4]"`, `"5, 10, .., 25"`, `"3, 5, 8"`; all inclusive and exact.
`zip` moves parameters together, `include` adds single cells, `method: random` with `run_cap` draws at random.
W&B sweep files over our parameter names work as they are. What you leave out comes from your `/set` values.
"""


class HelpCog(Cog):
    """Answers from the catalogue and the registered commands, so that help never falls behind."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._renderer = services.renderer

    @commands.slash_command(name="help")
    async def help_(
        self,
        inter: ApplicationCommandInteraction,
        topic: str = commands.Param("start", description="What about", choices={v: k for k, v in TOPICS.items()}),
    ) -> None:
        """What Atelier does and how to use it"""
        embed = self._page(inter.bot, topic)
        await inter.response.send_message(embed=embed, components=_chooser(topic), ephemeral=True)

    @commands.Cog.listener()
    async def on_dropdown(self, inter: MessageInteraction) -> None:
        """Another topic was chosen."""
        if inter.component.custom_id != SELECT_ID or not inter.values:
            return

        async def turn() -> None:
            topic = (inter.values or [""])[0]
            await inter.response.edit_message(embed=self._page(inter.bot, topic), components=_chooser(topic))

        await self.services.answers.give(inter, turn)

    def _page(self, client: disnake.Client, topic: str) -> disnake.Embed:
        embed = disnake.Embed(title=TOPICS.get(topic, TOPICS["start"]), colour=0x5B8DEF)
        match topic:
            case "commands":
                embed.description = _commands(client)
            case "parameters":
                for entry in CATALOGUE.values():
                    default = self._renderer.defaults.get(entry.name, entry.default)
                    shown = f" Default: {code(short(entry.show(default), 40))}." if default not in (None, "") else ""
                    text = f"{entry.help}. Takes {entry.expected()}.{shown}"
                    embed.add_field(entry.name, short(text, 200), inline=True)
            case "people":
                embed.description = PEOPLE.strip()
            case "wall":
                embed.description = WALL.strip()
            case "tokens":
                embed.description = TOKENS.strip()
            case "sweeps":
                embed.description = SWEEPS.strip()
            case "samplers":
                lines = [f"**{name}** on {', '.join(on)}" for name, on in SAMPLER_SCHEDULES.items()]
                embed.description = "\n".join(lines)
            case _:
                embed.description = START.strip()
        return embed


def _commands(client: disnake.Client) -> str:
    assert isinstance(client, commands.InteractionBot)
    lines = []
    for command in sorted(client.slash_commands, key=lambda command: command.name):
        children = " " + " | ".join(command.children) if command.children else ""
        lines.append(f"**/{command.name}**{children} · {command.body.description}")
    return "\n".join(lines)


def _chooser(topic: str) -> StringSelect[None]:
    return StringSelect(
        custom_id=SELECT_ID,
        placeholder="Another topic",
        options=[disnake.SelectOption(label=title, value=key, default=key == topic) for key, title in TOPICS.items()],
    )

"""/set and /params: what a member's images are made with."""

import disnake
from disnake.ext import commands
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Cog, Services
from bot.cogs.people import CHOICE_LENGTH, MOST_CHOICES, people_choices
from bot.domain.errors import NotFound
from bot.domain.person import is_nobody
from bot.jobs.naming import written
from bot.ui.words import code, count, plain, sentence, short
from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, Parameter, Value, nearest
from sweeps.recipe import resolve

PRESET_LENGTH = 40


class SettingsCog(Cog):
    """Thin: reads what was typed, asks the catalogue, stores the value."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._settings = services.settings
        self._renderer = services.renderer

    @commands.slash_command(name="set")
    async def set_(
        self,
        inter: ApplicationCommandInteraction,
        parameter: str = commands.Param(description="Which one", max_length=40),
        value: str = commands.Param(description="Its new value", max_length=1500),
    ) -> None:
        """Set a parameter for your next images"""
        await self._tell(inter, self._put(inter, _parameter(parameter), value))

    async def _put(self, inter: ApplicationCommandInteraction, entry: Parameter, value: str) -> str:
        if entry.name == "face_folder":
            clean = await self._people(inter, entry, value)
        else:
            clean = entry.read(value, entry.name)
        before = (await self._settings.of(inter.author.id)).get(entry.name, self._default(entry))
        await self._settings.put(inter.author.id, entry.name, clean)
        was = f" (was {code(short(entry.show(before), 80) or 'empty')})" if before not in (clean, None) else ""
        shown = code(short(entry.show(clean), 300) or "empty")
        note = await self._conflict(inter.author.id)
        return f"{code(entry.name)} is now {shown}{was}.{note}"

    async def _people(self, inter: ApplicationCommandInteraction, entry: Parameter, typed: str) -> Value:
        """Whom the typed value names, as their owners wrote it; nobody is empty. Raises as a quote of it would."""
        clean = str(entry.read("" if is_nobody(typed) else typed, entry.name))
        names = [name for name in clean.split(", ") if name]
        known = await written(self.services.faces, self.services.member(inter), names)
        return ", ".join(known[name] for name in names)

    @set_.autocomplete("parameter")
    async def _complete_parameter(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        mine = await self._settings.of(inter.author.id)
        wanted = typed.strip().lower()
        entries = sorted(
            (entry for entry in CATALOGUE.values() if wanted in entry.name or wanted in entry.help.lower()),
            key=lambda entry: (not entry.name.startswith(wanted), wanted not in entry.name),
        )
        if not entries and wanted and (close := nearest(wanted, CATALOGUE)):
            entries = [CATALOGUE[close]]
        return [
            _choice(f"{entry.name} = {self._now(entry, mine)} · {entry.help}", entry.name)
            for entry in entries[:MOST_CHOICES]
        ]

    @set_.autocomplete("value")
    async def _complete_value(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        typed = typed.strip()
        entry = CATALOGUE.get(str(inter.filled_options.get("parameter", "")).strip())
        if entry is None:
            return [_choice("Choose the parameter first", typed or "-")]
        if entry.name == "face_folder":
            choices = await people_choices(self.services, inter, typed)
            if typed.lower() in "nobody" or is_nobody(typed):
                choices = [*choices[: MOST_CHOICES - 1], _choice("(nobody)", "nobody")]
            return choices
        typed_is_valid = False
        labels: dict[str, str] = {}
        if typed and len(typed) <= CHOICE_LENGTH:
            try:
                labels[typed] = entry.show(entry.read(typed, entry.name))
                typed_is_valid = True
            except SweepError:
                pass  # said in full when it is sent; here the values that are allowed are the better answer
        for kind, value in await self._candidates(inter.author.id, entry):
            shown = entry.show(value)
            if shown and len(shown) <= CHOICE_LENGTH and shown not in labels.values():
                labels.setdefault(shown, f"{shown} ({kind})" if kind else shown)
        if typed and not typed_is_valid:
            matching = {value: label for value, label in labels.items() if typed.lower() in value.lower()}
            labels = matching or labels
        return [_choice(label, value) for value, label in list(labels.items())[:MOST_CHOICES]]

    async def _candidates(self, member_id: int, entry: Parameter) -> list[tuple[str, Value]]:
        """The member's recent values, then the default, then landmarks of the range."""
        recent: list[tuple[str, Value]] = [
            ("recent", value) for value in await self._settings.recent(member_id, entry.name)
        ]
        default = self._default(entry)
        return [
            *recent,
            *([("default", default)] if default is not None else []),
            *(("", value) for value in entry.landmarks),
        ]

    @commands.slash_command(name="params")
    async def params(self, inter: ApplicationCommandInteraction) -> None:
        """Your parameters: show, reset, save or load them"""

    @params.sub_command(name="show")
    async def _show(self, inter: ApplicationCommandInteraction) -> None:
        """Show what your images are made with"""
        await self._tell(inter, self._shown(inter))

    async def _shown(self, inter: ApplicationCommandInteraction) -> disnake.Embed:
        mine = await self._settings.of(inter.author.id)
        embed = disnake.Embed(title="Your parameters", colour=0x5B8DEF)
        groups: dict[str, list[str]] = {}
        for entry in CATALOGUE.values():
            name = f"**{entry.name}**" if entry.name in mine else entry.name
            groups.setdefault(entry.group, []).append(f"{name} = {code(short(self._now(entry, mine), 120))}")
        for group, lines in groups.items():
            embed.add_field(group.capitalize(), short("\n".join(lines), 1024), inline=group != "text")
        presets = await self._settings.presets(inter.author.id)
        kept = f" · presets: {', '.join(presets)}" if presets else ""
        embed.set_footer(text=short(f"Bold: set by you with /set{kept}", 2048))
        return embed

    @params.sub_command(name="reset")
    async def _reset(
        self,
        inter: ApplicationCommandInteraction,
        parameter: str = commands.Param("", description="Only this one; leave it out to reset all", max_length=40),
    ) -> None:
        """Go back to the defaults"""
        await self._tell(inter, self._gone(inter.author.id, _parameter(parameter).name if parameter else None))

    async def _gone(self, member_id: int, name: str | None) -> str:
        gone = await self._settings.reset(member_id, name)
        if not gone:
            text = f"{code(name)} was at its default already." if name else "Everything was at its default already."
        else:
            text = f"{code(name) if name else count(gone, 'parameter')} is back to the default."
            text = text if name or gone == 1 else text.replace(" is back to the default", " are back to their defaults")
        return text

    @params.sub_command(name="save")
    async def _save(
        self,
        inter: ApplicationCommandInteraction,
        name: str = commands.Param(description="The preset's name", min_length=1, max_length=PRESET_LENGTH),
    ) -> None:
        """Keep your parameters under a name"""

        async def save() -> str:
            kept = await self._settings.save_preset(inter.author.id, name.strip())
            return f"Saved {count(kept, 'parameter')} as **{plain(name.strip())}**."

        await self._tell(inter, save())

    @params.sub_command(name="load")
    async def _load(
        self,
        inter: ApplicationCommandInteraction,
        name: str = commands.Param(description="The preset's name", max_length=PRESET_LENGTH),
    ) -> None:
        """Use a preset in place of your parameters"""

        async def load() -> str:
            values = await self._settings.load_preset(inter.author.id, name.strip())
            listed = ", ".join(f"{key} {code(short(CATALOGUE[key].show(value), 60))}" for key, value in values.items())
            return short(f"Loaded **{plain(name.strip())}**: {listed}.", 1900)

        await self._tell(inter, load())

    @params.sub_command(name="use")
    async def _use(
        self,
        inter: ApplicationCommandInteraction,
        image: str = commands.Param(description="A picture of yours or on the wall, e.g. S42-c017", max_length=40),
    ) -> None:
        """Make the values of a picture your own"""

        async def use() -> str:
            taken = await self.services.showing.use(self.services.member(inter), image)
            listed = ", ".join(
                f"{name} {code(short(CATALOGUE[name].show(value), 60))}" for name, value in taken.values.items()
            )
            rest = "; everything else is at its default" if listed else "everything is at its default"
            text = f"Your images are made like {plain(image.strip())} now: {listed}{rest}."
            if taken.missing:
                text += f"\nYou may not draw {plain(taken.missing)}, so face_folder is left out."
            return short(text, 1900)

        await self._tell(inter, use())

    @_load.autocomplete("name")
    async def _complete_preset(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        presets = await self._settings.presets(inter.author.id)
        return [_choice(preset, preset) for preset in presets if typed.lower() in preset.lower()][:MOST_CHOICES]

    @_reset.autocomplete("parameter")
    async def _complete_own(self, inter: ApplicationCommandInteraction, typed: str) -> list[disnake.OptionChoice]:
        mine = await self._settings.of(inter.author.id)
        return [
            _choice(f"{name} = {self._now(CATALOGUE[name], mine)}", name)
            for name in mine
            if name in CATALOGUE and typed.lower() in name
        ][:MOST_CHOICES]

    async def _conflict(self, member_id: int) -> str:
        """What in the member's values does not go together, as a sentence; empty when all is well."""
        mine = {"prompt": "a portrait", **await self._settings.of(member_id)}
        try:
            resolve(mine, defaults=self._renderer.defaults, seed=0)
        except SweepError as error:
            return f"\nBefore you draw: {sentence(error)}"
        return ""

    def _default(self, entry: Parameter) -> Value | None:
        return self._renderer.defaults.get(entry.name, entry.default)

    def _now(self, entry: Parameter, mine: dict[str, Value]) -> str:
        if entry.name == "detail" and entry.name not in mine and mine.get("face_folder"):
            return entry.show(True)  # as `resolve` has it: who is named is drawn
        return entry.show(mine.get(entry.name, self._default(entry))) or "empty"


def _parameter(name: str) -> Parameter:
    """The catalogue's entry of a typed name. Raises NotFound with the nearest one."""
    entry = CATALOGUE.get(name.strip())
    if entry is None:
        close = nearest(name.strip().lower(), CATALOGUE)
        hint = f"did you mean {code(close)}?" if close else "/params show lists them."
        raise NotFound(f"There is no parameter {code(short(name, 60))}; {hint}")
    return entry


def _choice(label: str, value: str) -> disnake.OptionChoice:
    """A choice within Discord's 100 characters each."""
    return disnake.OptionChoice(short(label, CHOICE_LENGTH), value[:CHOICE_LENGTH])

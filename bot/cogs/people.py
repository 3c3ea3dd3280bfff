"""Completing people: whom a typed list of names may go on with, the same wherever one is typed."""

import asyncio

import disnake
from disnake.interactions.application_command import ApplicationCommandInteraction

from bot.cogs.context import Services
from bot.domain.person import completions, same_name
from bot.ui.words import short

MOST_CHOICES = 25
CHOICE_LENGTH = 100


async def people_choices(
    services: Services, inter: ApplicationCommandInteraction, typed: str
) -> list[disnake.OptionChoice]:
    """Ends of a typed list of people whom the member may draw.

    First what they set lately and holds what is typed; then its last name completed, with names that begin so before
    those that hold it; and where that name is whole, one more behind it.
    """
    names = await asyncio.to_thread(services.faces.names, services.member(inter))
    last = same_name(typed.split(",")[-1].strip())
    names.sort(key=lambda name: not same_name(name).startswith(last))
    labels: dict[str, str] = {}
    for value in map(str, await services.settings.recent(inter.author.id, "face_folder")):
        known = {name.strip() for name in value.split(",")} <= set(names)
        if value and known and same_name(typed.strip()) in same_name(value):
            labels[value] = f"{value} (recent)"
    found = completions(typed, names)
    if last in map(same_name, names):
        found += completions(f"{typed},", names)
    for people in found:
        labels.setdefault(people, people)
    return [
        disnake.OptionChoice(short(label, CHOICE_LENGTH), people)
        for people, label in labels.items()
        if len(people) <= CHOICE_LENGTH
    ][:MOST_CHOICES]

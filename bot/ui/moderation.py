"""What operators read: what the gate withheld, with its pictures behind spoilers, and what became of a picture."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import disnake

from bot.domain.erasure import ErasureReceipt
from bot.domain.gate import Cause, Incident
from bot.ui.cards import AMBER, GREEN, Row
from bot.ui.people import stuck_lines
from bot.ui.words import count, moment, plain, short

MOST_SHOWN = 5
"""Incidents that are listed at one time: a message has five rows of buttons."""
BYTES_A_FILE = 8 * 2**20
BYTES_A_MESSAGE = 20 * 2**20
"""Less than Discord takes, as a message has more in it than its files."""
NOTHING = "Nothing waits for you. What the gate withholds is listed here, with its picture and what it met."


def incident_list(
    incidents: Sequence[Incident], pictures: Mapping[int, bytes], wall_address: str, *, more: int = 0
) -> tuple[disnake.Embed, list[disnake.File], list[Row]]:
    """Incidents as a message: the story of each, its picture behind a spoiler, and a row of buttons.

    `pictures` are PNGs by incident; at most MOST_SHOWN incidents are told, and how many `more` wait than are given.
    """
    shown, files, bytes_left = incidents[:MOST_SHOWN], list[disnake.File](), BYTES_A_MESSAGE
    lines = []
    for incident in shown:
        png = pictures.get(incident.id)
        fits = png is not None and len(png) <= min(BYTES_A_FILE, bytes_left)
        if png is not None and fits:
            files.append(disnake.File(io.BytesIO(png), f"SPOILER_{file_name(incident)}"))
            bytes_left -= len(png)
        lines.append(_story(incident, attached=fits, wall_address=wall_address))
    waiting = len(incidents) + more
    if left := waiting - len(shown):
        lines.append(f"… and {left:,} more. All of them are at {wall_address}/moderation")
    title = f"Withheld · {waiting:,}" if waiting else "Nothing is withheld"
    embed = disnake.Embed(title=title, colour=AMBER if incidents else GREEN)
    embed.description = short("\n\n".join(lines) or NOTHING, 4000)
    return embed, files, [_buttons(incident) for incident in shown]


def file_name(incident: Incident) -> str:
    """What an incident's picture is called where operators look at it."""
    return f"incident-{incident.id}.png"


def released_text(incident: Incident) -> str:
    """What became of a withheld picture that an operator let through."""
    whom = plain(incident.member)
    return f"Incident {incident.id} is released: the picture goes to its channel, at no cost to {whom}."


def dropped_text(incident: Incident) -> str:
    """What became of one that was deleted; of a prompt nothing was drawn."""
    if incident.cause is Cause.PROMPT:
        return f"Incident {incident.id} is closed."
    return f"Incident {incident.id} is closed, and what was drawn for it is deleted."


def hidden_text(name: str, hidden: bool) -> str:
    """Who sees a picture on the wall from now on."""
    if hidden:
        return f"**{name}** is hidden: nobody but operators sees it on the wall. `/moderation show` brings it back."
    return f"**{name}** is shown again to everybody who may see the wall."


def deleted_text(name: str, receipt: ErasureReceipt) -> str:
    """The receipt for a picture that was deleted wherever it was."""
    disk = (
        f"{count(receipt.files, 'file')} off the disk"
        if receipt.files
        else "no file: another picture is the very same and stays, or it cannot be deleted yet and is tried again"
    )
    lines = [
        f"**{name}** is deleted for good:",
        f"- {count(receipt.pictures, 'picture')} from the records",
        f"- {disk}",
        f"- {count(receipt.wall_entries, 'picture')} off the wall",
        f"- {count(receipt.messages, 'message')} in Discord, or the picture in {_them(receipt.messages)}",
    ]
    lines += stuck_lines(receipt)
    if receipt.messages_left:
        number = receipt.messages_left
        was, gone = ("was", "it is") if number == 1 else ("were", "they are")
        late = f"{count(number, 'message')} in Discord {was} not reached yet."
        lines.append(f"{late} The console goes on by itself until {gone} gone.")
    return "\n".join(lines)


def _story(incident: Incident, *, attached: bool, wall_address: str) -> str:
    """What was met, whose it is, and the prompt."""
    what = plain(short(incident.what, 60))
    met = f"the prompt says “{what}”" if incident.cause is Cause.PROMPT else f"the picture shows “{what}”"
    if incident.score is not None:
        met += f", {incident.score:.0%} sure".replace("%", " %")
    told = [f"**Incident {incident.id}** · {met}", f"{plain(incident.member)} · {moment(incident.at, 'R')}"]
    if incident.job_id is not None:
        told[1] += f" · job {incident.job_id}"
    if attached:
        told[1] += f" · `{file_name(incident)}`"
    elif incident.image is not None:
        told[1] += f" · its picture is at {wall_address}/moderation"
    else:
        told[1] += " · nothing was drawn"
    # Within one line of a quotation whatever the member has typed stays theirs.
    prompt = plain(short(" ".join(incident.prompt.split()), 300)) or "without a prompt"
    return "\n".join([*told, f"> {prompt}"])


def _buttons(incident: Incident) -> Row:
    row: disnake.ui.ActionRow[Any] = disnake.ui.ActionRow()
    if incident.image is not None:
        row.add_button(
            label=f"Release {incident.id}", style=disnake.ButtonStyle.green, custom_id=f"release:{incident.id}"
        )
    word = "Delete" if incident.image is not None else "Close"
    row.add_button(label=f"{word} {incident.id}", style=disnake.ButtonStyle.red, custom_id=f"drop:{incident.id}")
    return row


def _them(number: int) -> str:
    return "it" if number == 1 else "them"

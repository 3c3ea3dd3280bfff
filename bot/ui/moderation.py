"""What operators read: what the gate withheld, with its pictures behind spoilers, and what became of a picture."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import disnake

from bot.domain.erasure import Doomed, ErasureReceipt
from bot.domain.gate import Cause, Decided, Incident, IncidentState, Waiting
from bot.ui.cards import AMBER, GREEN, RED, Row
from bot.ui.people import stuck_lines
from bot.ui.words import count, moment, plain, short

Message = tuple[disnake.Embed, list[disnake.File], list[Row]]

MOST_SHOWN = 5
"""Incidents that are listed at one time: a message has five rows of buttons."""
BYTES_A_FILE = 8 * 2**20
BYTES_A_MESSAGE = 20 * 2**20
"""Less than Discord takes, as a message has more in it than its files."""
MOST_MISTAKES = 5
MISTAKEN = (
    "**The gate's file was changed and cannot be used: what it said before still holds.** Mend it; the console reads "
    "it again by itself.\n"
)
ALL_KEPT = "Nothing was deleted. This is what waits for a decision now."
AGAIN = "one without it takes that place, if anything is left to show"
NOTHING = "Nothing waits for you. What the gate withholds is listed here, with its picture and what it met."


def incident_list(
    incidents: Sequence[Incident],
    pictures: Mapping[int, bytes],
    wall_address: str,
    *,
    more: int = 0,
    mistakes: Sequence[str] = (),
    jobs: Sequence[Waiting] = (),
) -> Message:
    """Incidents as a message: the story of each, its picture behind a spoiler, and a row of buttons.

    `pictures` are PNGs by incident; at most MOST_SHOWN incidents are told, and how many `more` wait than are given.
    Before them stand the `mistakes` in the gate's file. The first of each of the `jobs` has buttons for all of its job.
    """
    shown, files, bytes_left = incidents[:MOST_SHOWN], list[disnake.File](), BYTES_A_MESSAGE
    lines = [_mistaken(mistakes)] if mistakes else []
    for incident in shown:
        png = pictures.get(incident.id)
        fits = png is not None and len(png) <= min(BYTES_A_FILE, bytes_left)
        if png is not None and fits:
            files.append(disnake.File(io.BytesIO(png), file_name(incident)))
            bytes_left -= len(png)
        lines.append(_story(incident, attached=fits, wall_address=wall_address))
    waiting = len(incidents) + more
    if left := waiting - len(shown):
        lines.append(f"… and {left:,} more. All of them are at {wall_address}/moderation")
    title = f"Withheld · {waiting:,}" if waiting else "Nothing is withheld"
    embed = disnake.Embed(title=title, colour=RED if mistakes else AMBER if incidents else GREEN)
    embed.description = short("\n\n".join(lines if waiting else [*lines, NOTHING]), 4000)
    whole = {each.job_id: each for each in jobs}
    # What is taken out here is not offered again on the next row.
    return embed, files, [_buttons(incident, whole.pop(incident.job_id or 0, None)) for incident in shown]


def deletion_asked(doomed: Doomed, delete: str, keep: str) -> Message:
    """Whether a picture is to be deleted for good: what would go with it, the picture behind a spoiler, two buttons.

    `delete` and `keep` are what the buttons are known by.
    """
    embed = disnake.Embed(title=f"Delete {doomed.name} for good?", colour=RED)
    prompt = plain(short(" ".join(doomed.prompt.split()), 300)) or "without a prompt"
    lines = [f"Asked by {plain(doomed.owner)}:", f"> {prompt}", "", "Nothing is deleted yet. What would go:"]
    embed.description = "\n".join([*lines, *(f"- {each}" for each in _going(doomed)), "It cannot be undone."])
    files = []
    if doomed.png is not None and len(doomed.png) <= BYTES_A_FILE:
        files.append(disnake.File(io.BytesIO(doomed.png), f"SPOILER_{doomed.name}.png"))
    return embed, files, [_sure(delete, keep)]


def all_asked(job: Waiting, delete: str, keep: str) -> Message:
    """Whether all withheld pictures of a job are to be deleted for good, as above."""
    embed = disnake.Embed(title=f"Delete all that is withheld of {job.job} for good?", colour=RED)
    embed.description = (
        f"Nothing is deleted yet. What would go: {count(job.pictures, 'picture')}, from the records and off the disk; "
        "they were posted nowhere, and their incidents are closed.\nIt cannot be undone."
    )
    return embed, [], [_sure(delete, keep)]


def _sure(delete: str, keep: str) -> Row:
    row: disnake.ui.ActionRow[Any] = disnake.ui.ActionRow()
    row.add_button(label="Delete", style=disnake.ButtonStyle.red, custom_id=delete)
    row.add_button(label="Keep", style=disnake.ButtonStyle.secondary, custom_id=keep)
    return row


def file_name(incident: Incident) -> str:
    """What an incident's picture is called where operators look at it."""
    return f"SPOILER_{incident.name.replace(' ', '-')}.png"


def released_text(incident: Incident) -> str:
    """What became of a withheld picture that an operator let through."""
    return f"{_named(incident)} is released: it goes to its channel, at no cost to {plain(incident.member)}."


def dropped_text(incident: Incident) -> str:
    """What became of one that was deleted; of a refused request nothing was drawn."""
    if incident.cause is Cause.PROMPT:
        return f"{_named(incident)} is closed."
    return f"{_named(incident)} is deleted for good: it was posted nowhere."


def waiting_text(incident: Incident) -> str:
    """What became of a withheld picture that an operator did not delete after all."""
    if incident.state is not IncidentState.OPEN:  # another operator was first
        return f"{_named(incident)} is decided already: it is {incident.state}."
    return f"Nothing was deleted: **{incident.name}** still waits for a decision."


def all_released_text(done: Decided) -> str:
    """What became of all withheld pictures of a job that an operator let through."""
    left = f" Left: {count(done.left, 'picture')}, of somebody who may not be drawn any more." if done.left else ""
    return f"Released, at no cost: **{count(done.pictures, 'picture')}** of {done.job}.{left}"


def all_dropped_text(done: Decided) -> str:
    """What became of all of a job that were deleted."""
    return f"Deleted for good: **{count(done.pictures, 'picture')}** of {done.job}. They were posted nowhere."


def kept_text(name: str) -> str:
    """What became of a picture that an operator did not delete after all."""
    return f"Nothing was deleted: **{name}** stays as it is."


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
    if receipt.sheets:
        lines.append(f"- {count(receipt.sheets, 'contact sheet')} that showed it; {AGAIN}")
    lines += stuck_lines(receipt)
    if receipt.messages_left:
        number = receipt.messages_left
        was, gone = ("was", "it is") if number == 1 else ("were", "they are")
        late = f"{count(number, 'message')} in Discord {was} not reached yet."
        lines.append(f"{late} The console goes on by itself until {gone} gone.")
    return "\n".join(lines)


def _mistaken(mistakes: Sequence[str]) -> str:
    """What is wrong in the gate's file, a line for each mistake."""
    lines = [f"- {plain(short(mistake, 300))}" for mistake in mistakes[:MOST_MISTAKES]]
    more = [f"- … and {len(mistakes) - MOST_MISTAKES} more"] if len(mistakes) > MOST_MISTAKES else []
    return MISTAKEN + "\n".join([*lines, *more])


def _going(doomed: Doomed) -> Iterator[str]:
    """What would go with a picture, a line for each."""
    yield "the picture, from the records and off the disk"
    foreseen = doomed.foreseen
    if foreseen.message is not None:
        yield f"the picture in its message, or all of that where nothing else is in it: {foreseen.message}"
    for sheet in foreseen.sheets:
        yield f"the contact sheet that shows it; {AGAIN}: {sheet}"
    if foreseen.entry is not None:
        stars, ratings = count(foreseen.entry.stars, "star"), count(foreseen.entry.ratings, "rating")
        yield f"its place on the wall, with {stars} and {ratings}"
    if doomed.withheld:
        yield "its incident is closed; it was posted nowhere"


def _story(incident: Incident, *, attached: bool, wall_address: str) -> str:
    """What was met, whose it is, and the prompt."""
    what = plain(short(incident.what, 60))
    met = f"what was asked says “{what}”" if incident.cause is Cause.PROMPT else f"the picture shows “{what}”"
    if incident.score is not None:
        met += f", {incident.score:.0%} sure".replace("%", " %")
    told = [f"{_named(incident)} · {met}", f"{plain(incident.member)} · {moment(incident.at, 'R')}"]
    if attached:
        told[1] += f" · `{file_name(incident)}`"
    elif incident.image is not None:
        told[1] += f" · its picture is at {wall_address}/moderation"
    else:
        told[1] += " · nothing was drawn"
    # Within one line of a quotation whatever the member has typed stays theirs.
    prompt = plain(short(" ".join(incident.prompt.split()), 300)) or "without a prompt"
    return "\n".join([*told, f"> {prompt}"])


def _named(incident: Incident) -> str:
    return f"**{incident.name.capitalize()}**"


def _buttons(incident: Incident, job: Waiting | None) -> Row:
    """Of an incident, and of all that is withheld of its job where that is given."""
    row: disnake.ui.ActionRow[Any] = disnake.ui.ActionRow()
    green, red = disnake.ButtonStyle.green, disnake.ButtonStyle.red
    if incident.image is not None:
        row.add_button(label=f"Release {incident.name}", style=green, custom_id=f"release:{incident.id}")
    word = "Delete" if incident.image is not None else "Close"
    row.add_button(label=f"{word} {incident.name}", style=red, custom_id=f"drop:{incident.id}")
    if job is not None:
        which = f"{job.job_id}:{job.last}"
        row.add_button(label=f"Release all {job.pictures} of {job.job}", style=green, custom_id=f"release-all:{which}")
        row.add_button(label=f"Delete all {job.pictures} of {job.job}", style=red, custom_id=f"drop-all:{which}")
    return row


def _them(number: int) -> str:
    return "it" if number == 1 else "them"

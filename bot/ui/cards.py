"""Cards: the one message of a job that is edited from quote to end, and its buttons."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import disnake

from bot.domain.job import Job, JobState, Outlook, Progress
from bot.ui.words import bar, code, count, duration, listing, plain, short

BLUE, AMBER, GREEN, RED, GREY = 0x5B8DEF, 0xE0A33C, 0x4CAF7A, 0xD9575E, 0x80848E
COLOURS = {
    JobState.QUOTED: BLUE,
    JobState.QUEUED: AMBER,
    JobState.RUNNING: AMBER,
    JobState.PAUSED: BLUE,
    JobState.DONE: GREEN,
    JobState.FAILED: RED,
    JobState.CANCELLED: GREY,
    JobState.DEAD: RED,
}
AXES = {"face_folder": "People", "idea": "Ideas", "generation": "Generations", "seed": "Generations"}
"""A face test's axes in words; before there were generations, they were told by their seeds."""
FIXED = {"face_folder": "People", "denoise": "Denoise", "seed": "First seed"}
NO_FACE = "No face found: the picture stays as it was."
"""What the pipeline says of one picture; said of each of many it would hide what it means."""
MOST_AXES = 12
MOST_REMARKS = 5
LONG_LABEL, LINE_LENGTH = 60, 120
LONG_AXES = 2400
"""Characters for all axes with long labels; an embed has 6000 in all."""

NO_OUTLOOK = Outlook(None, None)

Row = disnake.ui.ActionRow[Any]
Card = tuple[disnake.Embed, list[Row]]


def card(
    job: Job,
    progress: Progress,
    remarks: Sequence[tuple[str, str]] = (),
    *,
    outlook: Outlook = NO_OUTLOOK,
    pausing: bool = False,
    accepting: bool = False,
) -> Card:
    """A job as it stands: an embed, and the buttons that make sense now. `remarks` are (item, sentence).

    `pausing`: the console is about to close. `accepting`: the quote is run without a Run, and may still be refused.
    """
    accepting = accepting and job.state is JobState.QUOTED
    embed = disnake.Embed(
        title=short(f"{job.name} · {plain(job.title)}", 250),
        description=_story(job, progress, outlook, pausing, accepting),
        colour=AMBER if accepting or (progress.withheld and not progress.drawn) else COLOURS[job.state],
    )
    _add_fixed(embed, job)
    if job.kind in ("sweep", "test"):
        _add_axes(embed, job)
    _add_remarks(embed, job, progress, remarks)
    embed.set_footer(text=_footer(job, accepting))
    return embed, _buttons(job, progress, accepting)


def _story(job: Job, progress: Progress, outlook: Outlook, pausing: bool, accepting: bool) -> str:
    quote, work = _work(job) if job.quote else count(progress.total, "image"), ""
    if job.kind == "test":
        quote, work = _extent(job), f"{quote}\n"
    bars = f"{bar(progress.settled, progress.total)}  **{progress.settled:,}** of {progress.total:,}"
    match job.state:
        case JobState.QUOTED if accepting:
            return f"**{quote}**\n{work}Being queued …"
        case JobState.QUOTED:
            return f"**{quote}**\n{work}{_time(job)}{_priced(job, ' {}.', capital=True)}"
        case JobState.PAUSED:
            kept = ", and what it has not spent stays reserved" if price(job) else ""
            return f"{bars} · paused\nNothing further of it is drawn until **Resume**{kept}."
        case JobState.QUEUED | JobState.RUNNING if pausing:
            return f"{bars}\nThe console is restarting; this goes on by itself when it is back."
        case JobState.QUEUED:
            place = "Queued" if outlook.position is None else f"Place {outlook.position:,} in the queue"
            when = f" · done in about {duration(outlook.seconds)}" if outlook.seconds else ""
            head = f"{bars}\n" if progress.settled else f"**{quote}**\n{work}"
            return f"{head}{place}{when}{_priced(job)}"
        case JobState.RUNNING:
            left = f" · about {duration(outlook.seconds)} left" if outlook.seconds else ""
            return f"{bars}{left}\n{quote}{_priced(job)}"
        case JobState.CANCELLED if progress.drawn:
            return f"Cancelled after {count(progress.drawn, 'image')} of {progress.total:,}{_spent(progress)}."
        case JobState.CANCELLED:
            return "Cancelled before anything was drawn."
        case JobState.FAILED:
            return "Nothing could be drawn" + (", so nothing was spent." if job.quote and job.quote.tokens else ".")
        case JobState.DEAD:
            reason = f"\n{plain(short(job.reason, 500))}" if job.reason else ""
            return (
                f"**Set aside** after {count(progress.drawn, 'image')} of {progress.total:,}{_spent(progress)}.{reason}"
            )
    ended_at = progress.settled_at or datetime.now(UTC)
    took = f" in {duration((ended_at - job.queued_at).total_seconds())}" if job.queued_at else ""
    failed = f", {count(progress.failed, 'failure')}" if progress.failed else ""
    withheld = f", {progress.withheld:,} withheld" if progress.withheld else ""
    deleted = f", {progress.deleted:,} of them deleted since" if progress.deleted else ""
    return f"**{count(progress.drawn, 'image')}**{deleted}{failed}{withheld}{took}{_spent(progress)}\n{quote}"


def price(job: Job) -> str:
    """What a job costs, in words; empty where that is nothing, or another try at what failed of it.

    How many faces there are is known only when they are found.
    """
    if job.quote is None or not job.quote.tokens or job.attempt:
        return ""
    return f"{'at most ' if job.quote.details else ''}{count(job.quote.tokens, 'token')}"


def _priced(job: Job, within: str = " · {}", *, capital: bool = False) -> str:
    """The price in the words around it; empty where there is none."""
    told = price(job)
    return within.format(told[:1].upper() + told[1:] if capital else told) if told else ""


def _spent(progress: Progress) -> str:
    return f" · {count(progress.spent, 'token')} spent" if progress.spent else ""


def _work(job: Job) -> str:
    """What a job takes; only a sweep has cells, and a photo's faces are not counted before they are found."""
    summary = job.quote.summary if job.quote else ""
    if job.kind == "detail":
        return "Its faces, drawn again"
    return summary if job.kind == "sweep" else re.sub(r"^([\d,]+) cell", r"\1 image", summary)


def _extent(job: Job) -> str:
    """A face test by its axes: 2 people × 4 ideas × 3 generations."""
    layout = job.layout
    people, ideas, generations = (
        len(layout.labels(axis or "")) for axis in (layout.apart, layout.rows, layout.columns)
    )
    whom = count(people, "person") if people == 1 else f"{people:,} people"
    return f"{whom} × {count(ideas, 'idea')} × {count(generations, 'generation')}"


def _time(job: Job) -> str:
    if job.quote is None or job.quote.seconds is None:
        return "How long it takes is measured with the first images."
    typical, slow = (duration(seconds) for seconds in job.quote.seconds)
    return f"About {typical}" + (f", rarely more than {slow}." if slow != typical else ".")


def _add_fixed(embed: disnake.Embed, job: Job) -> None:
    """What all pictures share: whom they draw, and what else is worth knowing."""
    for name, value in job.layout.fixed:
        embed.add_field(FIXED.get(name, name), plain(short(value, 120)), inline=True)


def _add_axes(embed: disnake.Embed, job: Job) -> None:
    shown = sorted(job.layout.axes[:MOST_AXES], key=lambda axis: _is_long(axis[1]))  # side by side as far as they go
    room = min(1000, LONG_AXES // max(1, sum(_is_long(labels) for _, labels in shown)))
    for name, labels in shown:
        place = {job.layout.rows: " ↓", job.layout.columns: " →"}.get(name, "")
        values = [label if len(labels) > 1 or label else "—" for label in labels]
        text = _lines(values, room) if _is_long(labels) else listing(values, 300) or "—"
        word = AXES.get(name, name) if job.kind == "test" else name
        embed.add_field(f"{word}{place} ({len(labels)})", text, inline=not _is_long(labels))
    if len(job.layout.axes) > MOST_AXES:
        names = ", ".join(code(name) for name, _ in job.layout.axes[MOST_AXES:])
        embed.add_field("and", short(names, 300), inline=False)


def _is_long(labels: Sequence[str]) -> bool:
    """Whether labels are texts, such as prompts, that need lines of their own."""
    return any(len(label) > LONG_LABEL for label in labels)


def _lines(labels: Sequence[str], most: int) -> str:
    """Labels in lines, as many as fit into `most` characters, and how many more there are; always the first one."""
    lines: list[str] = []
    for number, label in enumerate(labels):
        lines.append(f"- {plain(short(label, LINE_LENGTH))}")
        rest = f"- … and {len(labels) - number} more"
        if number and len("\n".join([*lines, rest])) > most:
            return "\n".join([*lines[:-1], rest])
    return "\n".join(lines)


def _add_remarks(embed: disnake.Embed, job: Job, progress: Progress, remarks: Sequence[tuple[str, str]]) -> None:
    by_remark: dict[str, list[str]] = {note: [] for note in job.notes}
    for item, remark in remarks:
        for sentence in remark.splitlines():
            by_remark.setdefault(sentence, []).extend([item] if item else [])
    if not by_remark:
        return
    if job.kind == "detail" and NO_FACE in by_remark:
        del by_remark[NO_FACE]
        by_remark[f"No face found in {job.title}, so nothing was drawn again."] = []
    elif progress.total > 1 and len(by_remark.get(NO_FACE, ())) == progress.total:
        del by_remark[NO_FACE]
        by_remark[f"No face was found in any of the {progress.total:,} pictures: they stay as they were."] = []
    lines = [
        (f"{code(names[0])}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: " if names else "")
        + plain(short(remark, 300))
        for remark, names in sorted(by_remark.items(), key=_most_items_first)[:MOST_REMARKS]
    ]
    if len(by_remark) > MOST_REMARKS:
        lines.append(f"… and {len(by_remark) - MOST_REMARKS} more")
    embed.add_field(
        "What went wrong" if progress.failed else "Good to know", short("\n".join(lines), 1000), inline=False
    )


def _most_items_first(said: tuple[str, list[str]]) -> int:
    """What is said of the whole job first, then what is said of the most items."""
    _, names = said
    return -len(names) if names else -sys.maxsize


def _footer(job: Job, accepting: bool) -> str:
    asked = f"asked by {job.owner.name}"
    if accepting:
        return asked
    if job.state is JobState.QUOTED:
        return f"{asked} · nothing is drawn before Run"
    return f"{asked} · {job.state.told}"


def _buttons(job: Job, progress: Progress, accepting: bool) -> list[Row]:
    """What can be done with the job now; there is a Cancel until it has ended."""
    row: Row = disnake.ui.ActionRow()

    def add(
        act: str, label: str, emoji: str | None, style: disnake.ButtonStyle = disnake.ButtonStyle.secondary
    ) -> None:
        row.add_button(label=label, emoji=emoji, style=style, custom_id=f"{act}:{job.id}")

    match job.state:
        case JobState.QUOTED if not accepting:
            total = job.quote.cells if job.quote else 0
            add("run", f"Run {count(total, 'image')}", "▶️", disnake.ButtonStyle.success)
        case JobState.QUEUED | JobState.RUNNING:
            add("pause", "Pause", None)  # its sign is a box where no font has emoji, unlike the others'
        case JobState.PAUSED:
            add("resume", "Resume", "▶️", disnake.ButtonStyle.success)
    if not job.state.ended:
        add("cancel", "Cancel", "✖️")
    elif progress.failed:
        add("retry", f"Retry {progress.failed:,} failed", "↩️")
    return [row] if row.children else []

"""Cards: the one message of a job that is edited from quote to end, and its buttons."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import disnake

from bot.domain.job import Job, JobState, Progress
from bot.ui.words import bar, code, count, duration, listing, plain, short

BLUE, AMBER, GREEN, RED, GREY = 0x5B8DEF, 0xE0A33C, 0x4CAF7A, 0xD9575E, 0x80848E
COLOURS = {
    JobState.QUOTED: BLUE,
    JobState.QUEUED: AMBER,
    JobState.RUNNING: AMBER,
    JobState.DONE: GREEN,
    JobState.FAILED: RED,
    JobState.CANCELLED: GREY,
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

Row = disnake.ui.ActionRow[Any]
Card = tuple[disnake.Embed, list[Row]]


def card(
    job: Job,
    progress: Progress,
    remarks: Sequence[tuple[str, str]] = (),
    *,
    seconds_left: float | None = None,
    pausing: bool = False,
) -> Card:
    """A job as it stands: an embed, and the buttons that make sense now. `remarks` are (item, sentence)."""
    embed = disnake.Embed(
        title=short(f"{job.name} · {plain(job.title)}", 250),
        description=_story(job, progress, seconds_left, pausing),
        colour=COLOURS[job.state],
    )
    _add_fixed(embed, job)
    if job.kind in ("sweep", "test"):
        _add_axes(embed, job)
    _add_remarks(embed, job, progress, remarks)
    embed.set_footer(text=_footer(job))
    return embed, _buttons(job)


def _story(job: Job, progress: Progress, seconds_left: float | None, pausing: bool) -> str:
    quote, work = _work(job) if job.quote else count(progress.total, "image"), ""
    if job.kind == "test":
        quote, work = _extent(job), f"{quote}\n"
    bars = f"{bar(progress.settled, progress.total)}  **{progress.settled:,}** of {progress.total:,}"
    match job.state:
        case JobState.QUOTED:
            return f"**{quote}**\n{work}{_time(job)}"
        case _ if pausing:
            return f"{bars}\nThe console is restarting; this goes on by itself when it is back."
        case JobState.QUEUED:
            return f"**{quote}**\n{work}Queued." + (
                f" About {duration(seconds_left)} until it is done." if seconds_left else ""
            )
        case JobState.RUNNING:
            left = f" · about {duration(seconds_left)} left" if seconds_left else ""
            return f"{bars}{left}\n{quote}"
        case JobState.CANCELLED:
            return f"Cancelled after {count(progress.drawn, 'image')} of {progress.total:,}."
        case JobState.FAILED:
            return "Nothing could be drawn."
    spent = f" in {duration((datetime.now(UTC) - job.queued_at).total_seconds())}" if job.queued_at else ""
    failed = f", {count(progress.failed, 'failure')}" if progress.failed else ""
    return f"**{count(progress.drawn, 'image')}**{failed}{spent}\n{quote}"


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


def _footer(job: Job) -> str:
    asked = f"asked by {job.owner.name}"
    if job.state is JobState.QUOTED:
        return f"{asked} · nothing is drawn before Run"
    return f"{asked} · {job.state.value}"


def _buttons(job: Job) -> list[Row]:
    if job.state.ended:
        return []
    row: Row = disnake.ui.ActionRow()
    if job.state is JobState.QUOTED:
        total = job.quote.cells if job.quote else 0
        row.add_button(
            label=f"Run {count(total, 'image')}",
            emoji="▶️",
            style=disnake.ButtonStyle.success,
            custom_id=f"run:{job.id}",
        )
    row.add_button(label="Cancel", emoji="✖️", style=disnake.ButtonStyle.secondary, custom_id=f"cancel:{job.id}")
    return [row]

"""Words for members: durations, counts, progress bars, and an error as a sentence."""

import re
from collections.abc import Sequence
from datetime import datetime

from bot.domain.errors import Refusal, Unavailable
from sweeps.errors import Problem, SweepError

MOST_PROBLEMS = 10
DATABASE_AWAY = (
    "The console's database does not answer just now. Try again in a minute; "
    "whether a job was taken, /queue shows then."
)
"""It does not say that nothing was changed: where the answer to a commit is lost, nobody knows yet."""

# A single underscore between letters and a mark within a line mean nothing to Discord, so they stay as they are.
MARKDOWN = re.compile(r"([\\*~`|<\[]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|^[#>-])", re.MULTILINE)


def plain(text: str) -> str:
    """A member's own text, with nothing in it that Discord would format or mention."""
    return MARKDOWN.sub(r"\\\1", text)


def code(text: str) -> str:
    """A value set apart in code type."""
    return "`" + text.replace("`", "'").replace("\n", " ") + "`"


def short(text: str, most: int) -> str:
    """The text, cut with an ellipsis when it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def count(number: int, noun: str) -> str:
    """1 image, 12 images."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(at: datetime, style: str) -> str:
    """A moment as Discord shows it in each reader's own time; style f: a date with its time, R: 5 minutes ago."""
    return f"<t:{int(at.timestamp())}:{style}>"


def duration(seconds: float) -> str:
    """A time a person can use: 4 s, 1 min 20 s, 2 h 5 min."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 and whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else "")


def bar(done: int, total: int, width: int = 16) -> str:
    """A progress bar of text."""
    filled = width * done // total if total else width
    return "▰" * filled + "▱" * (width - filled)


def listing(values: Sequence[str], most: int) -> str:
    """Values in code type, as many as fit into `most` characters, and how many more there are."""
    shown: list[str] = []
    for number, value in enumerate(values):
        rest = f" … and {len(values) - number} more"
        piece = code(short(value, 60))
        if len(" ".join([*shown, piece])) + len(rest) > most:
            return " ".join(shown) + rest
        shown.append(piece)
    return " ".join(shown)


def spans(cells: Sequence[str]) -> str:
    """Cell names with runs drawn together: c001, c003 – c006."""
    numbers = sorted(int(cell[1:]) for cell in cells)
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"c{run[0]:03d}" if len(run) == 1 else f"c{run[0]:03d} – c{run[-1]:03d}" for run in runs)


def _problem(problem: Problem) -> str:
    where = f"{code(short(problem.path, 120))}: " if problem.path else ""
    return where + plain(short(problem.message, 300))


def sentence(error: BaseException) -> str | None:
    """What to tell a member about an error they can do something about; None for a fault of ours."""
    match error:
        case SweepError():
            said = [_problem(problem) for problem in error.problems]
            if len(said) == 1:
                return said[0]
            shown = [f"- {problem}" for problem in said[:MOST_PROBLEMS]]
            more = [f"… and {len(said) - MOST_PROBLEMS} more."] if len(said) > MOST_PROBLEMS else []
            return short("\n".join([f"{len(said)} things to mend:", *shown, *more]), 1900)
        case Refusal():
            return short(str(error), 1900)
        case Unavailable():
            return DATABASE_AWAY
    return None

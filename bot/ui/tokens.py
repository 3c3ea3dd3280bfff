"""Tokens as a member sees them: what is free, where the rest went, and what operators have done."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import disnake

from bot.domain.account import Act, Balance, Kind, Movement, Terms
from bot.ui.cards import BLUE, GREY
from bot.ui.words import code, count, moment, plain, short

MOST_LINES = 10
MOVEMENTS = 3 * MOST_LINES
"""So many are worth asking for: a job has up to three kinds of them, and one line."""
FIGURE_SPACE = "\u2007"
"""As wide as a digit; Discord keeps it where it drops a blank."""
MINUS = "\u2212"
"""As wide as a plus."""
MEMBER = re.compile(r"member (\d+)")
MOMENT = "_at"
GONE = {
    "pictures": ("picture", ""),
    "files": ("file", ""),
    "wall_entries": ("picture", " off the wall"),
    "messages": ("message", ""),
    "sheets": ("contact sheet", ""),
    "messages_left": ("message", " not reached yet"),
    "files_left": ("file", " still to go"),
}
"""What an erasure took away, as its receipt calls it, in words."""

Line = tuple[int, str]


def balance_card(
    balance: Balance, movements: Sequence[Movement], *, whose: str | None = None, terms: Terms | None = None
) -> disnake.Embed:
    """What somebody has, and a line for each job and each other movement, the latest first.

    `whose` names the member where it is not the reader; `terms` are those of the reader.
    """
    title = "Your tokens" if whose is None else f"Tokens of {plain(short(whose, 100))}"
    reserved = f" · **{balance.held:,}** reserved" if balance.held else ""
    told = [_told(together) for together in _by_job(movements)[:MOST_LINES]]
    width = max((len(_signed(tokens)) for tokens, _ in told), default=0)
    lines = [f"{code(_signed(tokens).rjust(width, FIGURE_SPACE))} {text}" for tokens, text in told]
    embed = disnake.Embed(title=title, colour=BLUE)
    embed.description = "\n".join([f"**{balance.available:,}** free{reserved}", "", *lines]).strip()
    if terms is not None:
        embed.set_footer(text=_allowed(terms))
    return embed


def granted_text(name: str, tokens: int, balance: Balance) -> str:
    """What an operator has just brought to a member, or taken back."""
    whom = f"**{plain(short(name, 100))}**"
    now = f"they have {balance.available:,} free now"
    if tokens < 0:
        return f"Took {count(-tokens, 'token')} back from {whom}; {now}."
    return f"Granted {count(tokens, 'token')} to {whom}; {now}."


def link_text(link_code: str, minutes: int, wall_address: str) -> str:
    """The member's one-time code, what it is for, and that it is not to be shown around."""
    return (
        f"{code(link_code)} is your one-time code. Enter it at {wall_address}/link and you are signed in on the photo "
        "wall: the browser is yours from then on, and what tokens it has come to your account for good.\n"
        f"It works once, for {minutes} minutes, and in place of any earlier one. Whoever enters it acts as you, so "
        "show it to nobody."
    )


def audit_card(acts: Sequence[Act]) -> disnake.Embed:
    """What operators have done lately, the latest first."""
    lines = [_act(act) for act in acts]
    embed = disnake.Embed(title="Audit log", colour=GREY)
    while len("\n".join(lines)) > 4000:
        lines.pop()
    embed.description = "\n".join(lines) or "Nothing yet. What operators do with others' jobs and tokens is kept here."
    return embed


def _by_job(movements: Sequence[Movement]) -> list[list[Movement]]:
    """Movements of one job together, in the order of the latest of each."""
    together: dict[str | int, list[Movement]] = {}
    for number, movement in enumerate(sorted(movements, key=lambda each: each.at, reverse=True)):
        together.setdefault(movement.job or number, []).append(movement)
    return list(together.values())


def _told(together: Sequence[Movement]) -> Line:
    """What movements that belong together took from the free tokens, or brought to them, and why."""
    latest = together[0]
    tokens, why = (latest.tokens, _reason(latest)) if not latest.job else _job(together)
    return tokens, f"{why} · {moment(latest.at, 'R')}"


def _job(together: Sequence[Movement]) -> Line:
    """A job's line: what it has cost, and what it still holds. The hold may be too old to be among its movements."""
    by_kind = {movement.kind: movement for movement in together}
    spent, back, held = (
        abs(by_kind[kind].tokens) if kind in by_kind else 0 for kind in (Kind.CAPTURE, Kind.RELEASE, Kind.HOLD)
    )
    name = f"**{together[0].job}**"
    images = count(by_kind[Kind.CAPTURE].count, "image") if spent else "no image"
    open_ = held - spent - back
    if open_ > 0:
        so_far = f"{spent:,} spent on {images}, " if spent else ""
        return back - held, f"{name} · {so_far}{open_:,} reserved"
    returned = f", {back:,} given back" if back else ""
    return -spent, f"{name} · {images}{returned}"


def _reason(movement: Movement) -> str:
    note = f" · {plain(short(movement.note, 80))}" if movement.note else ""
    match movement.kind:
        case Kind.OPENING:
            return f"to begin with{note}"
        case Kind.GRANT:
            return f"{'granted' if movement.tokens >= 0 else 'taken back'}{note}"
        case Kind.LINK:
            return f"from a web session that became yours{note}"
        case Kind.HOLD:
            return f"reserved{note}"
        case Kind.CAPTURE:
            return f"spent{note}"
        case Kind.RELEASE:
            return f"given back{note}"


def _allowed(terms: Terms) -> str:
    jobs = f"{count(terms.queued, 'job')} at one time"
    return f"You may have {jobs}" + (
        f" and spend {count(terms.daily, 'token')} a day" if terms.daily is not None else ""
    )


def _act(act: Act) -> str:
    found = MEMBER.fullmatch(act.target)
    target = f"<@{found[1]}>" if found else plain(act.target)
    detail = "".join(f" · {_detail(name, value)}" for name, value in act.detail.items() if value != "")
    return f"{moment(act.at, 'R')} **{plain(act.actor)}** · {plain(act.act)} {target}{detail}"


def _detail(name: str, value: object) -> str:
    """One fact of an act. A moment (`expires_at`), which JSON keeps as a text, is shown in each reader's own time."""
    if name.endswith(MOMENT):
        when = moment(datetime.fromisoformat(value), "f") if isinstance(value, str) else "never"
        return f"{name.removesuffix(MOMENT)}: {when}"
    if name == "gone" and isinstance(value, dict):
        return f"{name}: {_gone(value)}"
    return f"{name}: {plain(short(value, 80)) if isinstance(value, str) else short(str(value), 80)}"


def _gone(receipt: Mapping[str, Any]) -> str:
    """The counts of an erasure's receipt as `ErasureReceipt.kept` keeps it."""
    told = [count(receipt[name], noun) + more for name, (noun, more) in GONE.items() if name in receipt]
    if stuck := receipt.get("stuck"):
        told.append(f"{count(len(stuck), 'message')} to be deleted by hand")
    return ", ".join(told) or "nothing"


def _signed(tokens: int) -> str:
    return f"{tokens:+,}".replace("-", MINUS) if tokens else "0"

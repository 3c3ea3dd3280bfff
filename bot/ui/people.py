"""People as a member sees them: the list, what the lint says, and the receipt for what was deleted."""

from collections.abc import Sequence

import disnake

from bot.domain.erasure import ErasureReceipt
from bot.domain.job import Member
from bot.domain.person import Added, Finding, Person, Receipt, Scope, Verdict, short_name
from bot.domain.until import last_day
from bot.ui.cards import AMBER, BLUE, GREEN, RED
from bot.ui.words import code, count, plain, short

MOST_LINES = 40
MOST_LINKS = 5
COLOURS = {Verdict.GOOD: GREEN, Verdict.FLAWED: AMBER, Verdict.USELESS: RED}
PICTURES_STAY = "Pictures that were posted or kept stay, and one that is being drawn at this moment is finished."
USE_REVOKE = "`/faces revoke`, in place of `/faces remove`, takes a person's pictures back too."
PICTURES_SHOW = "Pictures are posted in the channel where they are asked for."
NOBODY = "Nobody yet. `/faces add` takes up to five photos of a person at a time."


def people_list(people: Sequence[Person], member: Member) -> disnake.Embed:
    """Whom the member may draw: photos, owner, and whether the server shares them; and whose consent has expired."""
    lines = [f"**{plain(person.name)}** · {about(person, member)}" for person in people[:MOST_LINES]]
    if len(people) > MOST_LINES:
        lines.append(f"… and {len(people) - MOST_LINES} more")
    drawn = sum(not person.expired for person in people)
    number = "1 person" if drawn == 1 else f"{drawn or 'no'} people"
    embed = disnake.Embed(title=f"You may draw {number}", colour=BLUE)
    embed.description = short("\n".join(lines) or NOBODY, 4000)
    if people:
        embed.set_footer(text="/set face_folder draws with a person · /faces lint looks at the photos")
    return embed


def about(person: Person, member: Member) -> str:
    """A person in a few words: 5 photos · yours · shared on this server."""
    parts = [count(len(person.photos), "photo")]
    if person.owner_id is None:
        parts.append("everybody's")
    else:
        parts.append("yours" if person.owner_id == member.id else f"of {plain(person.owner_name or 'somebody')}")
        here = person.guild_id == member.guild_id
        parts.append(("shared on this server" if here else "shared elsewhere") if person.shared else "not shared")
    return " · ".join([*parts, *_terms(person)])


def _terms(person: Person) -> list[str]:
    """What a person consents to, where that is more than to be drawn until further notice."""
    terms = ["for the wall"] if person.scope is Scope.WALL else []
    if person.expires_at is not None:
        terms.append(f"{'expired: until' if person.expired else 'until'} {last_day(person.expires_at)}")
    return terms


def consent_text(person: Person) -> str:
    """What a person's consent is from now on, and until when."""
    name = f"**{plain(person.name)}**"
    end = "until it is revoked" if person.expires_at is None else f"to the end of {last_day(person.expires_at)} (UTC)"
    shown = "are not shown on the wall"
    if person.scope is Scope.WALL:
        shown = "may be shown on the wall, for as long as the operators have that name on the wall's list"
    return (
        f"Recorded for {name}, {end}: “{person.scope.statement}” Photos and pictures of {plain(person.name)} {shown}. "
        "`/faces revoke` ends it at once."
    )


def revoked_text(receipt: Receipt, erased: ErasureReceipt, member: Member) -> str:
    """What was deleted of a person whose consent was revoked, and what is still to come."""
    person = receipt.person
    whose = "" if person.owner_id in (None, member.id) else f" (of {plain(person.owner_name or 'somebody')})"
    photos = ", ".join(code(short_name(photo)) for photo in receipt.photos)
    lines = [
        f"The consent for **{plain(person.name)}**{whose} is revoked. Deleted:",
        f"- {count(len(receipt.photos), 'photo')} ({short(photos, 400)}), the record of consent, and what was "
        "remembered of them",
        f"- {count(erased.pictures, 'picture')} and {count(erased.files, 'file')} of them",
        f"- {count(erased.wall_entries, 'picture')} on the wall",
        f"- {count(erased.messages, 'message')} in Discord, or the pictures in them",
    ]
    lines += stuck_lines(erased)
    for number, noun, where, done in (
        (erased.messages_left, "message", " in Discord", "reached"),
        (erased.files_left, "file", "", "deleted"),
    ):
        if number:
            were, they_are = ("was", "it is") if number == 1 else ("were", "they are")
            some = f"{count(number, noun)}{where} {were} not {done} yet"
            lines.append(f"{some}. The console goes on by itself until {they_are} gone.")
    lines.append("What was waiting to be drawn with them failed, and what was reserved for it was given back.")
    lines.append(
        "Their name goes off titles, cards and the wall; prompts keep it. The operators' log tells of the act alone."
    )
    return "\n".join(lines)


def stuck_lines(erased: ErasureReceipt) -> list[str]:
    """Messages that somebody is to delete by hand, where there are any."""
    if not erased.stuck:
        return []
    number = len(erased.stuck)
    links = [*erased.stuck[:MOST_LINKS], *([f"and {number - MOST_LINKS} more"] if number > MOST_LINKS else [])]
    return [
        f"{count(number, 'message')} could not be taken out of Discord, which does not let the console; delete "
        f"{_them(number)} by hand: {', '.join(links)}"
    ]


def lint_card(person: Person, findings: Sequence[Finding]) -> disnake.Embed:
    """What there is to mend, photo by photo."""
    worst = max((finding.verdict for finding in findings), key=list(Verdict).index, default=Verdict.GOOD)
    embed = disnake.Embed(
        title=short(f"{plain(person.name)} · {count(len(person.photos), 'photo')}", 250), colour=COLOURS[worst]
    )
    embed.description = "\n".join(_lines(findings, MOST_LINES, 3900))
    end = "until it is revoked" if person.expires_at is None else f"to the end of {last_day(person.expires_at)} (UTC)"
    embed.set_footer(text=f"Consent: {'pictures and the wall' if person.scope is Scope.WALL else 'pictures'}, {end}")
    return embed


def added_text(added: Added, member: Member, findings: Sequence[Finding], new: Sequence[str]) -> str:
    """What the member added, and in short what the lint says of the `new` photos (their names) and of all together."""
    person = added.person
    number = len(set(added.files) - added.known)
    head = f"Added {count(number, 'photo')} to **{plain(person.name)}**, who has {len(person.photos)} now."
    if not number:
        head = f"Nothing new for **{plain(person.name)}**, who has {count(len(person.photos), 'photo')}."
    if added.known:
        head += f" {count(len(added.known), 'photo')} {'was' if len(added.known) == 1 else 'were'} there before."
    owner = "you" if person.owner_id == member.id else plain(person.owner_name or "their owner")
    who = "Everybody on this server" if person.shared else f"Only {owner}"
    head += f" {who} may draw {plain(person.name)}."
    if number == len(person.photos):
        head += f" {PICTURES_SHOW}"
    if number and person.scope is Scope.WALL:
        head += (
            f" {plain(person.name)} is for the wall too, so what is recorded for {_them(number)} is: "
            f"“{person.scope.statement}” `/faces consent` changes that."
        )
    if added.narrowed:
        head += (
            f" Photos and pictures of {plain(person.name)} are not shown on the wall any more: only {owner} may agree "
            "to that for new photos, with `/faces consent`."
        )
    told = [finding for finding in findings if finding.photo is None or finding.photo in new]
    return "\n".join([head, *(_lines(told, 10, 1400) if number else [])])


def shared_text(person: Person) -> str:
    """Who may draw a person from now on."""
    if person.shared:
        return f"**{plain(person.name)}** is shared: everybody on this server may draw them."
    alone = f"nobody but {plain(person.owner_name or 'their owner')} may draw them"
    return f"**{plain(person.name)}** is not shared: {alone}, and what others have waiting with them fails."


def receipt_text(receipt: Receipt, member: Member) -> str:
    """What the member deleted, and whose it was, so that they can hold us to it."""
    person = receipt.person
    name = f"**{plain(person.name)}**"
    if person.owner_id != member.id:
        name += f", a person of {plain(person.owner_name or 'somebody')}"
    if not receipt.whole:
        photos = ", ".join(receipt.person.called(photo) for photo in receipt.photos)
        left = len(receipt.person.photos) - len(receipt.photos)
        are_left = f"{count(left, 'photo')} {'is' if left == 1 else 'are'} left"
        return f"Deleted {photos} of {name}, and what was remembered of it; {are_left}. {PICTURES_STAY}"
    photos = ", ".join(code(short_name(photo)) for photo in receipt.photos)
    return (
        f"Deleted {name}: {count(len(receipt.photos), 'photo')} ({photos}), the record of consent, and what was "
        f"remembered of them. {PICTURES_STAY} {USE_REVOKE}"
    )


def _lines(findings: Sequence[Finding], most: int, room: int) -> list[str]:
    """The findings as a list, cut to so many lines and characters."""
    well = all(finding.verdict is Verdict.GOOD for finding in findings)
    lines = ["Nothing to mend."] if well else []
    for number, finding in enumerate(findings):
        line = f"- {plain(short(finding.text, 300))}"
        if number == most or len("\n".join([*lines, line])) > room:
            return [*lines, f"… and {len(findings) - number} more"]
        lines.append(line)
    return lines


def _them(number: int) -> str:
    return "it" if number == 1 else "them"

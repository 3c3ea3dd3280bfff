"""What members read of people: within Discord's limits, with nothing of a name that Discord would format."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.erasure import ErasureReceipt
from bot.domain.job import Member
from bot.domain.person import CONSENT, CONSENT_WALL, Added, Finding, Person, Receipt, Scope, Verdict
from bot.ui.cards import AMBER, GREEN, RED
from bot.ui.people import (
    PICTURES_SHOW,
    PICTURES_STAY,
    USE_REVOKE,
    about,
    added_text,
    consent_text,
    lint_card,
    people_list,
    receipt_text,
    revoked_text,
    shared_text,
    stuck_lines,
)

MINA, THEO = Member(1, "Mina", guild_id=7), Member(2, "Theo", guild_id=7)
HASHES = tuple(f"{number:064x}.png" for number in range(16, 32))


def person(name: str = "mina", photos: int = 3, *, shared: bool = False, owner: Member | None = MINA) -> Person:
    if owner is None:
        return Person(name, None, None, None, True, None, HASHES[:photos])
    added_at = datetime(2026, 7, 1, tzinfo=UTC)
    return Person(name, owner.id, owner.name, owner.guild_id, shared, added_at, HASHES[:photos])


def consenting(scope: Scope = Scope.DRAW, days: int | None = None, owner: Member | None = MINA) -> Person:
    """A person whose consent ends at the end of a day so many days from now."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return replace(person(owner=owner), scope=scope, expires_at=None if days is None else today + timedelta(days + 1))


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days)).date().isoformat()


def finding(photo: str | None, verdict: Verdict = Verdict.FLAWED, text: str = "") -> Finding:
    return Finding(photo, verdict, "blurred", text or f"{photo or 'All'}: the face is blurred.")


@pytest.mark.parametrize(
    ("whom", "member", "words"),
    [
        (person(), MINA, "3 photos · yours · not shared"),
        (person(photos=1, shared=True), THEO, "1 photo · of Mina · shared on this server"),
        (person(shared=True), Member(1, "Mina", guild_id=8), "3 photos · yours · shared elsewhere"),
        (person(owner=None), THEO, "3 photos · everybody's"),
        (consenting(Scope.WALL), MINA, "3 photos · yours · not shared · for the wall"),
        (consenting(days=9), MINA, f"3 photos · yours · not shared · until {day(9)}"),
        (consenting(Scope.WALL, -1, None), THEO, f"3 photos · everybody's · for the wall · expired: until {day(-1)}"),
    ],
)
def test_a_person_is_told_in_a_few_words(whom: Person, member: Member, words: str) -> None:
    assert about(whom, member) == words


def test_a_long_list_is_cut_and_counted() -> None:
    embed = people_list([person(f"person_{number} " + "*" * 50) for number in range(60)], MINA)
    assert embed.description is not None
    assert len(embed.description) <= 4096
    assert embed.title == "You may draw 60 people"
    assert "\\*" in embed.description
    assert people_list([], MINA).description == (
        "Nobody yet. `/faces add` takes up to five photos of a person at a time."
    )


def test_the_worst_finding_gives_the_card_its_colour_and_none_says_so() -> None:
    assert (lint_card(person(), []).description, lint_card(person(), []).colour.value) == ("Nothing to mend.", GREEN)
    unchecked = lint_card(person(), [finding(None, Verdict.GOOD, "Angles were not checked.")])
    assert unchecked.description == "Nothing to mend.\n- Angles were not checked."
    assert lint_card(person(), [finding("a"), finding(None, Verdict.GOOD)]).colour.value == AMBER
    assert lint_card(person(), [finding("a", Verdict.USELESS), finding("b")]).colour.value == RED


def test_any_number_of_findings_stays_within_a_messages_limits() -> None:
    many = [finding(f"{number}" + "_*" * 60, text="*_~|" * 100) for number in range(80)]
    card = lint_card(person("*" * 64), many).description
    assert card is not None
    assert len(card) <= 4096
    assert card.splitlines()[-1].startswith("… and ")
    added = Added(person("*" * 64), HASHES[:5], frozenset())
    assert len(added_text(added, MINA, many, [each.photo or "" for each in many])) <= 2000


def test_after_adding_only_what_concerns_the_new_photos_is_told() -> None:
    added = Added(person(), HASHES[1:3], frozenset())
    text = added_text(added, MINA, [finding("old"), finding("new"), finding(None)], ["new"])
    assert text.splitlines() == [
        "Added 2 photos to **mina**, who has 3 now. Only you may draw mina.",
        "- new: the face is blurred.",
        "- All: the face is blurred.",
    ]


def test_photos_that_were_there_before_are_told_apart() -> None:
    some = Added(person(shared=True), HASHES[:2], frozenset(HASHES[:1]))
    assert added_text(some, MINA, [], []).splitlines()[0] == (
        "Added 1 photo to **mina**, who has 3 now. 1 photo was there before. Everybody on this server may draw mina."
    )
    none = Added(person(), HASHES[:2], frozenset(HASHES[:2]))
    assert added_text(none, MINA, [finding("old")], []) == (
        "Nothing new for **mina**, who has 3 photos. 2 photos were there before. Only you may draw mina."
    )


def test_a_receipt_names_every_photo_that_is_gone() -> None:
    one = receipt_text(Receipt(person(), HASHES[1:2], whole=False), MINA)
    assert one == (
        "Deleted photo 2 (00000000) of **mina**, and what was remembered of it; 2 photos are left. " + PICTURES_STAY
    )
    everything = receipt_text(Receipt(person(photos=16), HASHES, whole=True), MINA)
    assert everything.startswith("Deleted **mina**: 16 photos (`00000000`, ")
    told = "`00000000`), the record of consent, and what was remembered of them. "
    assert everything.endswith(f"{told}{PICTURES_STAY} {USE_REVOKE}")
    assert len(receipt_text(Receipt(person("*" * 64, photos=16), HASHES, whole=True), THEO)) <= 2000


def test_sharing_is_told_by_who_may_draw_them() -> None:
    assert shared_text(person(shared=True)) == "**mina** is shared: everybody on this server may draw them."
    assert shared_text(person()) == (
        "**mina** is not shared: nobody but Mina may draw them, and what others have waiting with them fails."
    )


def test_a_person_who_is_new_is_told_by_who_may_draw_them_and_where_pictures_go() -> None:
    added = Added(person(), HASHES[:3], frozenset())
    assert added_text(added, MINA, [], []).splitlines()[0] == (
        f"Added 3 photos to **mina**, who has 3 now. Only you may draw mina. {PICTURES_SHOW}"
    )
    assert "Only Mina may draw mina." in added_text(added, THEO, [], [])  # an operator added to another's


def test_a_receipt_for_somebody_elses_person_says_whose_it_was() -> None:
    operators = receipt_text(Receipt(person(), HASHES[:3], whole=True), THEO)
    assert operators.startswith("Deleted **mina**, a person of Mina: 3 photos (")
    one = receipt_text(Receipt(person(), HASHES[1:2], whole=False), THEO)
    assert one.startswith("Deleted photo 2 (00000000) of **mina**, a person of Mina, and what")


def test_a_list_counts_those_who_may_be_drawn_and_shows_who_has_expired() -> None:
    embed = people_list([consenting(days=3), consenting(days=-3)], MINA)
    assert embed.title == "You may draw 1 person"
    assert embed.description is not None and embed.description.count("expired: until") == 1
    assert people_list([consenting(days=-3)], MINA).title == "You may draw no people"


def test_the_lint_tells_what_a_person_consents_to_and_until_when() -> None:
    assert lint_card(person(), []).footer.text == "Consent: pictures, until it is revoked"
    lint = lint_card(consenting(Scope.WALL, 0), [])
    assert lint.footer.text == f"Consent: pictures and the wall, to the end of {day(0)} (UTC)"


def test_a_consent_is_told_with_what_was_agreed_to_and_its_end() -> None:
    assert consent_text(consenting(Scope.WALL, 30)) == (
        f"Recorded for **mina**, to the end of {day(30)} (UTC): “{CONSENT_WALL}” Photos and pictures of mina may be "
        "shown on the wall, for as long as the operators have that name on the wall's list. `/faces revoke` ends it at "
        "once."
    )
    assert consent_text(consenting()) == (
        f"Recorded for **mina**, until it is revoked: “{CONSENT}” Photos and pictures of mina are not shown on the "
        "wall. `/faces revoke` ends it at once."
    )


def test_a_receipt_for_a_revoked_consent_counts_what_is_gone_and_says_what_is_not_yet() -> None:
    receipt = Receipt(person(photos=1), HASHES[:1], whole=True)
    assert revoked_text(receipt, ErasureReceipt(12, 1, 10, 3, messages_left=0), MINA).splitlines() == [
        "The consent for **mina** is revoked. Deleted:",
        "- 1 photo (`00000000`), the record of consent, and what was remembered of them",
        "- 12 pictures and 10 files of them",
        "- 1 picture on the wall",
        "- 3 messages in Discord, or the pictures in them",
        "What was waiting to be drawn with them failed, and what was reserved for it was given back.",
        "Their name goes off titles, cards and the wall; prompts keep it. The operators' log tells of the act alone.",
    ]
    operators = revoked_text(receipt, ErasureReceipt(messages_left=1, files_left=2), THEO).splitlines()
    assert operators[0] == "The consent for **mina** (of Mina) is revoked. Deleted:"
    assert operators[5] == ("1 message in Discord was not reached yet. The console goes on by itself until it is gone.")
    assert operators[6] == "2 files were not deleted yet. The console goes on by itself until they are gone."
    longest = Receipt(person("*" * 64, photos=16, owner=Member(1, "*" * 100)), ("_" * 255 + ".png",) * 16, whole=True)
    stuck = tuple(f"https://discord.com/channels/{10**19}/{10**19}/{number + 10**19}" for number in range(200))
    assert len(revoked_text(longest, ErasureReceipt(*[10**9] * 6, stuck), THEO)) <= 2000


def test_a_receipt_says_which_messages_are_to_be_deleted_by_hand() -> None:
    receipt = Receipt(person(photos=1), HASHES[:1], whole=True)
    told = revoked_text(receipt, ErasureReceipt(messages=1, stuck=("LINK",)), MINA).splitlines()
    assert told[4] == "- 1 message in Discord, or the pictures in them"
    assert told[5] == (
        "1 message could not be taken out of Discord, which does not let the console; delete it by hand: LINK"
    )
    (many,) = stuck_lines(ErasureReceipt(stuck=("LINK",) * 9))
    assert many.startswith("9 messages could not be") and many.endswith("by hand: " + "LINK, " * 5 + "and 4 more")


def test_whoever_adds_photos_of_a_person_on_the_wall_reads_what_was_recorded() -> None:
    told = added_text(Added(replace(person(), scope=Scope.WALL), HASHES[1:2], frozenset()), MINA, [], [])
    assert told.splitlines()[0] == (
        "Added 1 photo to **mina**, who has 3 now. Only you may draw mina. mina is for the wall too, so what is "
        f"recorded for it is: “{CONSENT_WALL}” `/faces consent` changes that."
    )
    nothing = added_text(Added(replace(person(), scope=Scope.WALL), HASHES[:1], frozenset(HASHES[:1])), MINA, [], [])
    assert "wall" not in nothing
    operators = added_text(Added(person(), HASHES[1:2], frozenset(), narrowed=True), THEO, [], [])
    assert operators.splitlines()[0].endswith(
        "Photos and pictures of mina are not shown on the wall any more: only Mina may agree to that for new photos, "
        "with `/faces consent`."
    )

"""A member reads where their tokens went: a line for each job, and together the lines are what they have."""

from datetime import UTC, datetime, timedelta

from bot.domain.account import Act, Balance, Kind, Movement, Terms
from bot.domain.erasure import ErasureReceipt
from bot.ui.tokens import FIGURE_SPACE, MINUS, audit_card, balance_card, granted_text, link_text

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def moved(kind: Kind, tokens: int, minutes: int, count: int = 1, job: str = "", note: str = "") -> Movement:
    """A movement so many minutes ago."""
    return Movement(kind, tokens, NOW - timedelta(minutes=minutes), count, job, note)


MOVEMENTS = [
    moved(Kind.CAPTURE, -5, 0, 5, "S43"),
    moved(Kind.HOLD, -25, 1, 1, "S43"),
    moved(Kind.RELEASE, 2, 2, 1, "S42"),
    moved(Kind.CAPTURE, -23, 3, 23, "S42"),
    moved(Kind.HOLD, -25, 5, 1, "S42"),
    moved(Kind.RELEASE, 1, 6, 1, "I41"),
    moved(Kind.HOLD, -1, 6, 1, "I41"),
    moved(Kind.GRANT, -50, 7, note="too *many*"),
    moved(Kind.GRANT, 500, 8, note="for the exhibition"),
    moved(Kind.LINK, 120, 9),
    moved(Kind.OPENING, 1000, 10),
]


def lines(movements: list[Movement]) -> list[str]:
    """The lines of the movements, without when they were."""
    card = balance_card(Balance(1, 0), movements)
    _, _, *told = (card.description or "").replace(FIGURE_SPACE, " ").splitlines()
    return [line.rpartition(" · <t:")[0] for line in told]


def test_a_job_is_one_line_of_what_it_cost_and_what_it_still_holds() -> None:
    assert lines(MOVEMENTS) == [
        f"`   {MINUS}25` **S43** · 5 spent on 5 images, 20 reserved",
        f"`   {MINUS}23` **S42** · 23 images, 2 given back",
        "`     0` **I41** · no image, 1 given back",
        f"`   {MINUS}50` taken back · too \\*many\\*",
        "`  +500` granted · for the exhibition",
        "`  +120` from a web session that became yours",
        "`+1,000` to begin with",
    ]


def test_the_lines_add_up_to_what_is_free() -> None:
    amounts = [line.split("`")[1].strip().replace(MINUS, "-").replace(",", "") for line in lines(MOVEMENTS)]
    free = sum(each.tokens for each in MOVEMENTS if each.kind is not Kind.CAPTURE)
    assert sum(map(int, amounts)) == free == 1522


def test_a_job_whose_hold_is_too_old_to_be_shown_tells_what_was_spent() -> None:
    assert lines(MOVEMENTS[2:4]) == [f"`{MINUS}23` **S42** · 23 images, 2 given back"]
    assert lines(MOVEMENTS[3:4]) == [f"`{MINUS}23` **S42** · 23 images"]


def test_a_job_that_waits_tells_what_is_reserved_for_it() -> None:
    assert lines([moved(Kind.HOLD, -25, 0, 1, "S7")]) == [f"`{MINUS}25` **S7** · 25 reserved"]


def test_only_the_last_lines_are_shown() -> None:
    many = [moved(Kind.HOLD, -1, number, 1, f"S{number}") for number in range(30)]
    told = lines(many)
    assert len(told) == 10
    assert told[0].endswith("**S0** · 1 reserved")


def test_the_head_tells_what_is_free_and_reserved_and_the_foot_what_is_allowed() -> None:
    card = balance_card(Balance(1522, 20), MOVEMENTS, terms=Terms(1.0, 200, 16))
    assert card.title == "Your tokens"
    assert (card.description or "").splitlines()[0] == "**1,522** free · **20** reserved"
    assert card.footer.text == "You may have 16 jobs at one time and spend 200 tokens a day"
    unlimited = balance_card(Balance(0, 0), [], terms=Terms(queued=1))
    assert unlimited.description == "**0** free"
    assert unlimited.footer.text == "You may have 1 job at one time"


def test_an_operator_reads_whose_tokens_they_are() -> None:
    assert balance_card(Balance(0, 0), [], whose="Théo *b*").title == "Tokens of Théo \\*b\\*"


def test_the_longest_history_fits_into_a_card() -> None:
    long = [moved(Kind.GRANT, 10**9, number, note="*" * 2000) for number in range(30)]
    assert len(balance_card(Balance(10**12, 10**12), long).description or "") <= 4096


def test_a_grant_is_confirmed_with_the_new_balance() -> None:
    assert granted_text("*Theo*", 500, Balance(1500, 0)) == (
        "Granted 500 tokens to **\\*Theo\\***; they have 1,500 free now."
    )
    assert granted_text("Theo", -1, Balance(0, 7)) == "Took 1 token back from **Theo**; they have 0 free now."


def test_a_code_is_told_with_what_it_does_and_for_how_long() -> None:
    told = link_text("K7QM-3XTA", 10, "http://127.0.0.1:8080")
    assert told.startswith("`K7QM-3XTA` is your one-time code.")
    assert "Enter it at http://127.0.0.1:8080/link" in told
    assert "for 10 minutes" in told and "show it to nobody" in told


def test_the_audit_log_tells_who_did_what_to_whom() -> None:
    receipt = ErasureReceipt(1, 1, 2, 3, 1, stuck=("LINK", "LINK"), sheets=1)
    acts = [
        Act(NOW, 1, "Mina", "grant", "member 12", {"tokens": -50, "note": "too *many*"}),
        Act(NOW, 1, "*Mina*", "cancel", "S42", {"owner": "Theo"}),
        Act(NOW, 1, "Mina", "faces consent", "member 12", {"scope": "wall", "expires_at": NOW.isoformat()}),
        Act(NOW, 1, "Mina", "faces consent", "member 12", {"scope": "draw", "expires_at": None}),
        Act(NOW, 1, "Mina", "delete", "S1-c004", {"owner": "Theo", "gone": receipt.kept()}),
    ]
    assert (audit_card(acts).description or "").splitlines() == [
        "<t:1782907200:R> **Mina** · grant <@12> · tokens: -50 · note: too \\*many\\*",
        "<t:1782907200:R> **\\*Mina\\*** · cancel S42 · owner: Theo",
        "<t:1782907200:R> **Mina** · faces consent <@12> · scope: wall · expires: <t:1782907200:f>",
        "<t:1782907200:R> **Mina** · faces consent <@12> · scope: draw · expires: never",
        "<t:1782907200:R> **Mina** · delete S1-c004 · owner: Theo · gone: 1 picture, 2 files, 1 picture off the wall, "
        "3 messages, 1 contact sheet, 1 message not reached yet, 2 messages to be deleted by hand",
    ]
    assert (audit_card([]).description or "").startswith("Nothing yet.")
    long = Act(NOW, 1, "*" * 100, "*" * 30, "*" * 120, {"note": "*" * 500, "name": "*" * 500})
    assert 3000 < len(audit_card([long] * 20).description or "") <= 4096

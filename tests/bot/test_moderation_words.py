"""What operators read of what was withheld, of what a deletion would take, and of what became of a picture."""

from dataclasses import replace

import pytest

from bot.cogs.moderation import BUTTON
from bot.cogs.queue import BUTTON as JOBS
from bot.domain.erasure import Doomed, ErasureReceipt, Foreseen
from bot.domain.gate import Decided, Incident, IncidentState, Waiting
from bot.ui import moderation as ui
from bot.ui.moderation import (
    MISTAKEN,
    MOST_SHOWN,
    all_dropped_text,
    all_released_text,
    deleted_text,
    deletion_asked,
    dropped_text,
    hidden_text,
    incident_list,
    released_text,
    waiting_text,
)
from tests.bot.test_moderation_command import GONE, WALL, incident, labels, prompt


def told(*incidents: Incident, pictures: dict[int, bytes] | None = None, more: int = 0) -> str:
    embed, _, _ = incident_list(incidents, pictures or {}, WALL, more=more)
    return f"{embed.title}\n{embed.description}"


def test_each_incident_tells_what_was_met_whose_it_is_and_the_prompt() -> None:
    text = told(incident(), prompt(), pictures={1: b"png"})
    assert text.startswith("Withheld · 2\n**S42-c001** · the picture shows “nude”, 93 % sure\nMina · <t:1782907200:R>")
    assert "R> · `SPOILER_S42-c001.png`\n> a beach" in text
    assert "**Incident 2** · what was asked says “blood”\n" in text
    assert text.endswith("nothing was drawn\n> a war")


def test_a_picture_is_shown_behind_a_spoiler_alone() -> None:
    embed, files, _ = incident_list([incident(1), incident(2), prompt(3)], {1: b"one", 2: b"two"}, WALL)
    assert [(file.filename, file.fp.read()) for file in files] == [
        ("SPOILER_S42-c001.png", b"one"),
        ("SPOILER_S42-c002.png", b"two"),
    ]
    assert embed.image.url is None and embed.thumbnail.url is None


def test_a_picture_can_be_released_or_deleted_and_a_prompt_only_closed() -> None:
    _, _, rows = incident_list([incident(12), prompt(11)], {}, WALL)
    assert labels(rows) == [
        [("Release S42-c012", "release:12"), ("Delete S42-c012", "drop:12")],
        [("Close incident 11", "drop:11")],
    ]
    for row in labels(rows):
        for _, custom_id in row:
            assert BUTTON.fullmatch(custom_id) and not JOBS.fullmatch(custom_id)


def test_the_first_of_a_job_can_have_all_of_it_decided() -> None:
    jobs = [Waiting(42, "S42", 20, 99)]
    _, _, rows = incident_list([prompt(13), incident(12), incident(11)], {}, WALL, jobs=jobs)
    assert labels(rows)[1][2:] == [
        ("Release all 20 of S42", "release-all:42:99"),
        ("Delete all 20 of S42", "drop-all:42:99"),
    ]
    assert [len(row) for row in labels(rows)] == [1, 4, 2]


def test_more_than_a_message_holds_are_counted_and_led_to_the_wall() -> None:
    many = [incident(number) for number in range(25)]
    embed, files, rows = incident_list(many[:5], {number: b"png" for number in range(25)}, WALL, more=1200)
    assert (len(files), len(rows)) == (MOST_SHOWN, MOST_SHOWN)
    assert embed.title == "Withheld · 1,205"
    assert embed.description is not None
    assert embed.description.endswith(f"… and 1,200 more. All of them are at {WALL}/moderation")
    assert told(*many[:6]).endswith(f"… and 1 more. All of them are at {WALL}/moderation")


def test_what_is_too_large_to_attach_is_led_to_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "BYTES_A_FILE", 6)
    monkeypatch.setattr(ui, "BYTES_A_MESSAGE", 10)
    pictures = {1: b"12345", 2: b"1234567", 3: b"123456", 4: b"12345"}
    embed, files, rows = incident_list([incident(number) for number in pictures], pictures, WALL)
    assert [file.filename for file in files] == ["SPOILER_S42-c001.png", "SPOILER_S42-c004.png"]
    assert (embed.description or "").count(f"its picture is at {WALL}/moderation") == 2
    assert len(rows) == 4


def test_the_longest_words_fit_into_discords_limits_and_format_nothing() -> None:
    worst = incident(
        999_999_999, what="*" * 120, prompt="**@everyone**\n# " * 800, member="_" * 100, score=1.0, job_id=999_999_999
    )
    embed, _, _ = incident_list([replace(worst, id=worst.id - n) for n in range(25)], {}, "https://" + "w" * 200)
    assert embed.description is not None and len(embed.description) <= 4000
    assert "**@everyone" not in embed.description and "\n#" not in embed.description


def test_a_mistake_in_the_gates_file_stands_before_everything_and_formats_nothing() -> None:
    mistakes = [f"gate.yaml: words[{number}]: expected a word or phrase, got **1**" for number in range(7)]
    embed, _, _ = incident_list([], {}, WALL, mistakes=mistakes)
    lines = (embed.description or "").splitlines()
    assert lines[0] == MISTAKEN.strip()
    assert lines[1] == "- gate.yaml: words\\[0]: expected a word or phrase, got \\*\\*1\\*\\*"
    assert lines[6] == "- … and 2 more"
    assert lines[-1].startswith("Nothing waits for you.")
    embed, _, _ = incident_list([incident()], {}, WALL, mistakes=mistakes[:1])
    assert (embed.description or "").startswith(MISTAKEN) and "**S42-c001**" in (embed.description or "")
    assert MISTAKEN not in told(incident())


def test_before_a_picture_is_deleted_all_that_would_go_is_told() -> None:
    doomed = Doomed("S42-c017", "M*na", "a\nbeach", b"png", GONE)
    embed, files, rows = deletion_asked(doomed, "delete:S42-c017", "keep:S42-c017")
    assert embed.title == "Delete S42-c017 for good?"
    assert embed.description == (
        "Asked by M\\*na:\n"
        "> a beach\n\n"
        "Nothing is deleted yet. What would go:\n"
        "- the picture, from the records and off the disk\n"
        "- the picture in its message, or all of that where nothing else is in it: MESSAGE\n"
        "- the contact sheet that shows it; one without it takes that place, if anything is left to show: SHEET\n"
        "- its place on the wall, with 1 star and 2 ratings\n"
        "It cannot be undone."
    )
    assert [(file.filename, file.fp.read()) for file in files] == [("SPOILER_S42-c017.png", b"png")]
    assert embed.image.url is None
    assert labels(rows) == [[("Delete", "delete:S42-c017"), ("Keep", "keep:S42-c017")]]


def test_of_a_withheld_picture_it_is_told_that_it_was_posted_nowhere() -> None:
    doomed = Doomed("S42-c017", "Mina", "*" * 5000, None, Foreseen(), withheld=True)
    embed, files, _ = deletion_asked(doomed, "erase:1", "keep:1")
    assert embed.description is not None and len(embed.description) < 4000
    assert embed.description.endswith("- its incident is closed; it was posted nowhere\nIt cannot be undone.")
    assert "MESSAGE" not in embed.description and "wall" not in embed.description
    assert files == []


def test_nothing_withheld_is_said_so() -> None:
    embed, files, rows = incident_list([], {}, WALL)
    assert (embed.title, files, rows) == ("Nothing is withheld", [], [])
    assert (embed.description or "").startswith("Nothing waits for you.")


def test_what_was_decided_is_said_in_a_sentence() -> None:
    assert released_text(incident(5, member="M*na")) == (
        "**S42-c005** is released: it goes to its channel, at no cost to M\\*na."
    )
    assert dropped_text(incident(5)) == "**S42-c005** is deleted for good: it was posted nowhere."
    assert dropped_text(prompt(6)) == "**Incident 6** is closed."
    assert waiting_text(incident(5)) == "Nothing was deleted: **S42-c005** still waits for a decision."
    decided = incident(5, state=IncidentState.RELEASED)
    assert waiting_text(decided) == "**S42-c005** is decided already: it is released."
    assert all_released_text(Decided("S42", 19, 1)) == (
        "Released, at no cost: **19 pictures** of S42. Left: 1 picture, of somebody who may not be drawn any more."
    )
    assert all_dropped_text(Decided("S42", 1)) == "Deleted for good: **1 picture** of S42. They were posted nowhere."
    assert hidden_text("S42-c017", True).startswith("**S42-c017** is hidden: nobody but operators")
    assert hidden_text("S42-c017", False) == "**S42-c017** is shown again to everybody who may see the wall."


def test_the_receipt_counts_what_is_gone_and_what_is_not() -> None:
    assert deleted_text("S42-c017", ErasureReceipt(1, 1, 1, 2, 1)) == (
        "**S42-c017** is deleted for good:\n"
        "- 1 picture from the records\n"
        "- 1 file off the disk\n"
        "- 1 picture off the wall\n"
        "- 2 messages in Discord, or the picture in them\n"
        "1 message in Discord was not reached yet. The console goes on by itself until it is gone."
    )
    sheet = deleted_text("S42-c017", ErasureReceipt(1, 1, 1, 2, sheets=1))
    assert sheet.endswith(
        "\n- 1 contact sheet that showed it; one without it takes that place, if anything is left to show"
    )
    stuck = deleted_text("S42-c017", ErasureReceipt(1, 1, 1, 0, 0, stuck=("LINK",)))
    assert stuck.endswith("which does not let the console; delete it by hand: LINK")
    assert "- no file: another picture is the very same" in deleted_text("S42-c017", ErasureReceipt(1, 0, 0, 1, 0))

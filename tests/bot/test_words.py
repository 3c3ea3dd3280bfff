"""What members read: nothing of theirs is formatted, every number is one a person can use."""

from datetime import UTC, datetime

import pytest

from bot.domain.errors import Refusal, Unavailable
from bot.domain.job import JobState
from bot.ui.words import bar, code, count, duration, listing, moment, plain, sentence, short, spans
from sweeps.errors import Problem, SweepError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold**", "\\*\\*bold\\*\\*"),
        ("guidance_scale", "guidance_scale"),
        ("__*colour*__", "\\_\\_\\*colour\\*\\_\\_"),
        ("__underlined__", "\\_\\_underlined\\_\\_"),
        ("snake__case", "snake\\_\\_case"),
        ("caf_é_", "caf\\_é\\_"),
        ("_slanted_", "\\_slanted\\_"),
        ("<@1> and [a](b)", "\\<@1> and \\[a](b)"),
        ("# title\n> quote\n- point", "\\# title\n\\> quote\n\\- point"),
        ("a|b ~ `c`", "a\\|b \\~ \\`c\\`"),
    ],
)
def test_a_members_text_is_shown_as_it_was_typed(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_code_cannot_be_left_by_what_stands_in_it() -> None:
    assert code("a`b\nc") == "`a'b c`"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (80, "1 min 20 s"),
        (120, "2 min"),
        (700, "11 min"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
    ],
)
def test_durations_are_given_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_cells_in_a_row_are_drawn_together() -> None:
    assert spans(["c004", "c001", "c003", "c010", "c005"]) == "c001, c003 – c005, c010"


def test_a_bar_is_empty_at_the_start_and_full_at_the_end() -> None:
    assert bar(0, 3, 4) == "▱▱▱▱"
    assert bar(3, 3, 4) == "▰▰▰▰"
    assert bar(2, 4, 4) == "▰▰▱▱"


def test_a_long_list_says_how_many_are_left_out() -> None:
    values = [str(number) for number in range(100)]
    shown = listing(values, 60)
    assert len(shown) <= 60
    kept = shown.count("`") // 2
    assert shown.endswith(f"… and {100 - kept} more")
    assert listing(["1", "2"], 60) == "`1` `2`"


def test_counts_and_cuts() -> None:
    assert (count(1, "image"), count(2000, "image")) == ("1 image", "2,000 images")
    assert short("abcdef", 4) == "abc…"


def test_errors_become_sentences_and_faults_of_ours_do_not() -> None:
    assert sentence(Refusal("Not now.")) == "Not now."
    assert sentence(SweepError.at("a.b[0]", "expected *x*")) == "`a.b[0]`: expected \\*x\\*"
    many = sentence(SweepError([Problem(f"p{number}", "wrong") for number in range(14)]))
    assert many is not None
    assert many.startswith("14 things to mend:\n- `p0`: wrong\n")
    assert many.endswith("… and 4 more.")
    assert sentence(ValueError("internals")) is None


def test_a_database_that_is_away_is_told_without_claiming_that_nothing_was_changed() -> None:
    said = sentence(Unavailable("could not connect to postgres:secret@10.0.0.7"))
    assert said == (
        "The console's database does not answer just now. Try again in a minute; whether a job was taken, "
        "/queue shows then."
    )


def test_a_moment_is_shown_in_each_readers_own_time() -> None:
    assert moment(datetime(2026, 7, 1, 12, 0, 0, 999_999, tzinfo=UTC), "R") == "<t:1782907200:R>"


def test_a_state_is_told_in_words() -> None:
    assert {state.told for state in JobState} == {
        "quoted", "queued", "running", "paused", "done", "failed", "cancelled", "set aside",
    }  # fmt: skip

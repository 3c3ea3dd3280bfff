"""Until when a consent holds is read as people write it, and never means a day that is past."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.errors import Refusal
from bot.domain.until import MOST_DAYS, NO_END, last_day, until

TODAY = date(2026, 7, 1)
ANY_DAY = st.dates(date(2000, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize("text", [*sorted(NO_END), " No End ", "NEVER"])
def test_no_end_is_none(text: str) -> None:
    assert until(text, TODAY) is None


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2026-07-01", TODAY),
        (" 2027-06-30 ", date(2027, 6, 30)),
        ("2028-02-29", date(2028, 2, 29)),
        ("1", date(2026, 7, 2)),
        ("90", date(2026, 9, 29)),
        ("90 days", date(2026, 9, 29)),
        ("1 day", date(2026, 7, 2)),
        (str(MOST_DAYS), TODAY + timedelta(days=MOST_DAYS)),
    ],
)
def test_a_day_counts_to_its_end(text: str, last: date) -> None:
    end = until(text, TODAY)
    assert end == datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    assert end is not None and last_day(end) == last


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2026-06-30", "until: 2026-06-30 is past. Give a date such as 2027-06-30, "),
        ("0", "until: 0 days are none. "),
        ("2027-02-29", 'until: there is no day "2027-02-29". '),
        ("0000-01-01", 'until: there is no day "0000-01-01". '),
        ("next week", 'until: expected a day, got "next week". Give a date such as 2027-06-30, a number of days'),
        ("-1", 'until: expected a day, got "-1". '),
        ("1.5", 'until: expected a day, got "1.5". '),
        ("30.06.2027", 'until: expected a day, got "30.06.2027". '),
        ("20270630", 'until: "20270630" is too far ahead; '),
        ("٩", "until: expected a day, got "),
        ("", 'until: expected a day, got "". '),
        ("9999-12-31", 'until: "9999-12-31" is too far ahead; the most are 36,500 days, or "no end".'),
        ("36501", 'until: "36501" is too far ahead; '),
        ("999999999", 'until: "999999999" is too far ahead; '),
        ("9999999999", 'until: expected a day, got "9999999999". '),
    ],
)
def test_what_is_no_day_ahead_is_refused_with_what_to_do(text: str, sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        until(text, TODAY)
    assert str(caught.value).startswith(sentence)


@given(today=ANY_DAY, day=ANY_DAY)
def test_a_date_is_the_last_day_or_past(today: date, day: date) -> None:
    if today <= day and (day - today).days <= MOST_DAYS:
        end = until(day.isoformat(), today)
        assert end is not None and last_day(end) == day
        assert end.utcoffset() == timedelta(0)
    else:
        with pytest.raises(Refusal):
            until(day.isoformat(), today)


@given(today=ANY_DAY, days=st.integers(1, MOST_DAYS))
def test_a_number_of_days_is_that_many_from_today(today: date, days: int) -> None:
    assert until(str(days), today) == until((today + timedelta(days=days)).isoformat(), today)


@given(text=st.text(max_size=40) | st.from_regex(r"[0-9-]{1,12}", fullmatch=True), today=ANY_DAY)
@example(text="9999-12-31", today=TODAY)
def test_whatever_is_typed_is_a_moment_ahead_or_refused(text: str, today: date) -> None:
    try:
        end = until(text, today)
    except Refusal as error:
        assert str(error).startswith("until: ")
        return
    assert end is None or last_day(end) >= today


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)), hours=st.integers(-12, 14))
def test_the_last_day_is_told_in_utc(moment: datetime, hours: int) -> None:
    here = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
    assert last_day(here) == (moment - timedelta(microseconds=1)).date()

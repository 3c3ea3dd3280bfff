"""Until when a consent holds: what members type for it, and how it is told. Days end at midnight UTC."""

import re
from datetime import UTC, date, datetime, timedelta

from bot.domain.errors import Refusal
from sweeps.words import quote

NO_END = frozenset({"no end", "none", "never", "forever"})
"""What says that consent holds until it is revoked."""

MOST_DAYS = 36_500
WAYS = 'Give a date such as 2027-06-30, a number of days such as 90, or "no end".'


def until(text: str, today: date | None = None) -> datetime | None:
    """When a consent ends for which this was typed; None: never. A day counts to its end.

    `today` is the day in UTC. Raises Refusal for what is no day, is past, or lies further ahead than a person lives.
    """
    typed, today = text.strip().lower(), today or datetime.now(UTC).date()
    if typed in NO_END:
        return None
    last = _last_day(typed, text, today)
    if last < today:
        raise Refusal(f"until: {last} is past. {WAYS} To end a consent at once, use /faces revoke.")
    if (last - today).days > MOST_DAYS:
        raise Refusal(f'until: {quote(text.strip())} is too far ahead; the most are {MOST_DAYS:,} days, or "no end".')
    return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)


def last_day(expires_at: datetime) -> date:
    """The last day, in UTC, on which a consent holds that ends at that moment."""
    return (expires_at.astimezone(UTC) - timedelta(microseconds=1)).date()


def _last_day(typed: str, text: str, today: date) -> date:
    days = re.fullmatch(r"([0-9]{1,9})( days?)?", typed)
    try:
        if days:
            if int(days[1]) == 0:
                raise Refusal(f"until: 0 days are none. {WAYS} To end a consent at once, use /faces revoke.")
            return today + timedelta(days=int(days[1]))
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", typed):
            return date.fromisoformat(typed)
    except OverflowError as error:
        raise Refusal(
            f'until: {quote(text.strip())} is too far ahead; the most are {MOST_DAYS:,} days, or "no end".'
        ) from error
    except ValueError as error:
        raise Refusal(f"until: there is no day {quote(text.strip())}. {WAYS}") from error
    raise Refusal(f"until: expected a day, got {quote(text.strip())}. {WAYS}")

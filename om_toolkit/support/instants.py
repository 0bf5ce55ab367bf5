"""Times as users, servers and documents give them in; times in UTC, microseconds and text out."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from om_toolkit.support.text import with_article

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
LONGEST_LIFE: Final = timedelta(days=3 * 365 + 1)
"""How long the API returns an order: three years. What happened to it later has a mistyped time."""


def in_utc(time: datetime) -> datetime:
    """Return a time in UTC; a naive time is UTC already."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def as_of_in_utc(as_of: datetime | None) -> datetime | None:
    """Check a time that a user gave as `as_of` and return it in UTC.

    Raises:
        TypeError: If it is not a datetime.
    """
    if as_of is None:
        return None
    if not isinstance(as_of, datetime):
        kind = with_article(type(as_of).__name__)
        raise TypeError(f"as_of is {kind}, not a datetime; use one such as datetime(2026, 10, 31, tzinfo=UTC)")
    return in_utc(as_of)


def as_of_text(as_of: datetime | None, *, is_inferred: bool = False) -> str:
    """Write the instant that data describe, and whether it was inferred from the newest time in them."""
    if as_of is None:
        return "as of an unknown time"
    return f"as of {in_utc(as_of):%Y-%m-%d %H:%M} UTC{', the newest time in the data' if is_inferred else ''}"


def newest(times: Iterable[datetime | None]) -> datetime | None:
    """Return the newest of some times; None if all are missing."""
    return max(filter(None, times), default=None)


def to_microseconds(time: datetime | None) -> int:
    """Return the microseconds since 1970; 0 if the time is missing."""
    return (in_utc(time) - EPOCH) // MICROSECOND if time else 0


def from_microseconds(microseconds: int) -> datetime | None:
    """Return the time in UTC that `to_microseconds` turned into a number."""
    return EPOCH + timedelta(microseconds=microseconds) if microseconds else None

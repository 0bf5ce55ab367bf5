"""Instants: what somebody gave as `as_of` in; the same in UTC, and in words, out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime | None) -> int:
    """Return the microseconds since 1970; a naive time is in UTC, and 0 stands for none."""
    if moment is None:
        return 0
    return (in_utc(moment) - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=microseconds) if microseconds else None


@overload
def in_utc(as_of: datetime) -> datetime: ...


@overload
def in_utc(as_of: None) -> None: ...


@overload
def in_utc(as_of: datetime | None) -> datetime | None: ...


def in_utc(as_of: datetime | None) -> datetime | None:
    """Return an instant in UTC; a naive one is taken for it.

    Raises:
        TypeError: If it is none.
    """
    if as_of is None:
        return None
    if not isinstance(as_of, datetime):
        raise TypeError(
            f"as_of is a {type(as_of).__name__}: give a datetime, such as datetime(2026, 10, 31, tzinfo=UTC)"
        )
    return as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC)


def moment(as_of: datetime | None, *, is_inferred: bool = False) -> str:
    """Write the instant that data speaks of, and whether it is the newest time in them."""
    if as_of is None:
        return "as of an unknown time"
    return f"as of {in_utc(as_of):%Y-%m-%d %H:%M} UTC{', the newest time in the data' if is_inferred else ''}"

"""The period of a report: two days as a user gives them in; the orders created on these local days out."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, TypeAlias

import polars as pl

from om_toolkit.support.text import with_article
from om_toolkit.tables.tables import Tables

Period: TypeAlias = tuple[date, date]
"""The first and the last day."""

_TWO_DAYS: Final = "use (first day, last day), such as ('2026-10-01', '2026-10-31')"


def parse_period(period: object) -> Period:
    """Return the first and the last day of a period.

    Args:
        period: Two days, each a date or ISO text.

    Raises:
        TypeError: If it is not a pair, or a day is something else.
        ValueError: If a text is no ISO date, or the last day is before the first.

    Example:
        >>> parse_period(("2026-10-01", date(2026, 10, 31)))
        (datetime.date(2026, 10, 1), datetime.date(2026, 10, 31))
        >>> parse_period(("2026-10-31", "2026-10-01"))
        Traceback (most recent call last):
        ValueError: the period ends on 2026-10-01, before it begins on 2026-10-31; swap the two days
    """
    if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != _DAYS_OF_PERIOD:
        raise TypeError(f"invalid period {period!r:.80}; {_TWO_DAYS}")
    first, last = map(_parsed_day, period)
    if last < first:
        raise ValueError(f"the period ends on {last}, before it begins on {first}; swap the two days")
    return first, last


_DAYS_OF_PERIOD: Final = 2


def _parsed_day(day: object) -> date:
    if isinstance(day, datetime) or not isinstance(day, str | date):
        raise TypeError(f"the period has {with_article(type(day).__name__)}, {day!r:.80}, not a day; {_TWO_DAYS}")
    try:
        return date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise ValueError(f"invalid day {day!r:.80} in the period; {_TWO_DAYS}") from None


def created_in(tables: Tables[Any], period: Period | None, time_zone: str) -> Tables[Any]:
    """Return the orders created on the days of a period in a time zone; without a period, all of them."""
    if period is None:
        return tables
    first, last = period
    created_on = pl.col("created_at").dt.convert_time_zone(time_zone).dt.date()
    return tables.filter(created_on.is_between(first, last))


def filter_code(period: Period | None, time_zone: str) -> str:
    """Return the Python lines that select the orders of a period; without a period, nothing."""
    if period is None:
        return ""
    first, last = (f"date({day.year}, {day.month}, {day.day})" for day in period)
    zone = f'.dt.convert_time_zone("{time_zone}")'
    return f'orders = orders.filter(pl.col("created_at"){zone}.dt.date().is_between({first}, {last}))'

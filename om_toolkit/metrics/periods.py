"""Periods of time as groups: the name of a period in, an expression for `by=` out."""

from __future__ import annotations

import re

import polars as pl


def by_period(every: str, *, of: str = "created_at", time_zone: str = "UTC") -> pl.Expr:
    """Group orders by the local day, week, month, quarter or year of one of their times.

    A period begins at midnight where the time zone is: its days have 23 or 25 hours when clocks are changed. The group
    is called by its first day; weeks begin on Monday. With a group that is a time, `capture_latency` has a column
    `mature`: whether the youngest of its orders is old enough to be judged.

    Args:
        every: A whole number and `d`, `w`, `mo`, `q` or `y`, such as `1w`.
        of: A time of the orders table: `created_at` or `expires_at`.
        time_zone: A name of the IANA database.

    Returns:
        An expression (Date) called by the time and the period, such as `created_at_1w`.

    Raises:
        ValueError: If `every` is no such period.
        polars.exceptions.ComputeError: If there is no such time zone; raised by the metric.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> months = om.capture_latency(orders, by=by_period("1mo", time_zone="Europe/Stockholm"))
        >>> months.select("created_at_1mo", "orders", "mature").row(-1)
        (datetime.date(2026, 10, 1), 110, False)
    """
    if not re.fullmatch(r"[1-9]\d*(d|w|mo|q|y)", every):
        raise ValueError(f"{every!r} is no period: write a whole number and d, w, mo, q or y, such as 1w")
    return pl.col(of).dt.convert_time_zone(time_zone).dt.date().dt.truncate(every).alias(f"{of}_{every}")

"""Which authorised money is about to be lost: orders in, those to capture soon out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from om_toolkit.metrics.expressions import OPEN, count, hours, instant, span
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.tables.tables import Tables, tables_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def expiring(data: object, *, within: str | timedelta | None = "72h", as_of: datetime | None = None) -> pl.DataFrame:
    """List the orders whose authorised money is lost unless somebody captures it, the soonest first.

    They are AUTHORIZED or PART_CAPTURED, something remains to be captured, and `as_of ≤ expires_at ≤ as_of + within`.
    Without an `as_of`, asked for or of the data, nothing can be said to expire soon: the list is empty.

    Args:
        data: Orders or Tables.
        within: A span such as `90m`, `72h`, `7d`, or a timedelta. None lists every such order, also those that are
            overdue (`hours_left` is negative) and, last, those without `expires_at` (`hours_left` is null).
        as_of: The instant to speak of, the data's own unless given; naive means UTC.

    Returns:
        A row per order: `order_id`, `merchant_reference1`, `purchase_currency` (String), `remaining_authorized_amount`
        (Int64, minor units), `expires_at` (Datetime, UTC), `hours_left` (Float64), `fraud_status` (String),
        `can_capture` (Boolean, false while `fraud_status` is PENDING).

    Raises:
        ValueError: If `within` is no span of time.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> expiring(orders, within="7d").select("merchant_reference1", "hours_left", "can_capture").row(0)
        ('100207', 60.0, True)
    """
    return _plan(tables_of(data), within, as_of).collect()


def at_risk(data: object, *, within: str | timedelta | None = "72h", as_of: datetime | None = None) -> pl.DataFrame:
    """Sum the orders of `expiring` per currency.

    Args:
        data: Orders or Tables.
        within: As for `expiring`.
        as_of: The instant to speak of, the data's own unless given; naive means UTC.

    Returns:
        A row per currency: `purchase_currency` (String), `orders` (Int64), `remaining_authorized_amount` (Int64, minor
        units), `soonest_expires_at` (Datetime, UTC), `blocked_orders` (Int64, those that cannot be captured yet).

    Raises:
        ValueError: If `within` is no span of time.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> at_risk(orders, within="7d").select("purchase_currency", "orders", "remaining_authorized_amount").row(0)
        ('EUR', 3, 65100)
    """
    return (
        _plan(tables_of(data), within, as_of)
        .group_by(CURRENCY)
        .agg(
            orders=pl.len().cast(pl.Int64),
            remaining_authorized_amount=count("remaining_authorized_amount"),
            soonest_expires_at=pl.col("expires_at").min(),
            blocked_orders=count(~pl.col("can_capture")),
        )
        .sort(CURRENCY, nulls_last=True)
        .collect()
    )


def _plan(tables: Tables[pl.LazyFrame], within: str | timedelta | None, as_of: datetime | None) -> pl.LazyFrame:
    now, expires_at = instant(as_of, tables), pl.col("expires_at")
    orders = tables.orders.filter(pl.col("status").is_in(OPEN), pl.col("remaining_authorized_amount") > 0)
    if within is not None:
        until = now + (span(within) if isinstance(within, str) else within)
        orders = orders.filter(expires_at.is_between(now, until))
    return orders.sort("expires_at", "order_id", nulls_last=True).select(
        "order_id",
        "merchant_reference1",
        CURRENCY,
        "remaining_authorized_amount",
        "expires_at",
        hours((expires_at - now).dt.total_microseconds()).alias("hours_left"),
        "fraud_status",
        pl.col("fraud_status").ne_missing("PENDING").alias("can_capture"),
    )

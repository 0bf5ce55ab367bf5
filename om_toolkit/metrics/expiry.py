"""Authorised money that is about to expire: orders in, those to capture soon out."""

from datetime import datetime, timedelta

import polars as pl

from om_toolkit.metrics.expressions import OPEN, effective_as_of, in_hours, parse_duration, total
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.tables.tables import Tables, tables_of


def expiring(data: object, *, within: str | timedelta | None = "72h", as_of: datetime | None = None) -> pl.DataFrame:
    """List the orders whose authorised money is lost unless it is captured, the soonest first.

    These orders are AUTHORIZED or PART_CAPTURED, have a remaining amount, and `as_of ≤ expires_at ≤ as_of + within`.
    Without an `as_of`, from the argument or the data, the list is empty.

    Args:
        data: Orders or Tables.
        within: A duration such as `90m`, `72h`, `7d`, or a timedelta. None lists all open orders with a remaining
            amount, including overdue ones (`hours_left` is negative) and, last, those without `expires_at`
            (`hours_left` is null).
        as_of: The instant from which hours are counted, by default that of the data; a naive time is in UTC.

    Returns:
        A row per order:

        | column | type | meaning |
        |---|---|---|
        | `order_id`, `merchant_reference1` | String | |
        | `purchase_currency` | String | |
        | `remaining_authorized_amount` | Int64 | minor units |
        | `expires_at` | Datetime | UTC |
        | `hours_left` | Float64 | from `as_of` to `expires_at` |
        | `fraud_status` | String | |
        | `can_capture` | Boolean | false while `fraud_status` is PENDING |

    Raises:
        ValueError: If `within` is not a duration.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> expiring(orders, within="7d").select("merchant_reference1", "hours_left", "can_capture").row(0)
        ('100207', 60.0, True)
    """
    tables = tables_of(data)
    return tables.run(_open_orders(tables, within, as_of))


def at_risk(data: object, *, within: str | timedelta | None = "72h", as_of: datetime | None = None) -> pl.DataFrame:
    """Sum the orders of `expiring` per currency.

    Args:
        data: Orders or Tables.
        within: As for `expiring`.
        as_of: As for `expiring`.

    Returns:
        A row per currency:

        | column | type | meaning |
        |---|---|---|
        | `purchase_currency` | String | |
        | `orders` | Int64 | |
        | `remaining_authorized_amount` | Int64 | minor units |
        | `soonest_expires_at` | Datetime | UTC |
        | `blocked_orders` | Int64 | orders that cannot be captured yet |

    Raises:
        ValueError: If `within` is not a duration.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> at_risk(orders, within="7d").select("purchase_currency", "orders", "remaining_authorized_amount").row(0)
        ('EUR', 3, 65100)
    """
    tables = tables_of(data)
    return tables.run(
        _open_orders(tables, within, as_of)
        .group_by(CURRENCY)
        .agg(
            orders=pl.len().cast(pl.Int64),
            remaining_authorized_amount=total("remaining_authorized_amount"),
            soonest_expires_at=pl.col("expires_at").min(),
            blocked_orders=total(~pl.col("can_capture")),
        )
        .sort(CURRENCY, nulls_last=True)
    )


def _open_orders(tables: Tables[pl.LazyFrame], within: str | timedelta | None, as_of: datetime | None) -> pl.LazyFrame:
    """Plan the rows of `expiring`."""
    now, expires_at = effective_as_of(as_of, tables), pl.col("expires_at")
    orders = tables.orders.filter(pl.col("status").is_in(OPEN), pl.col("remaining_authorized_amount") > 0)
    if within is not None:
        until = now + (parse_duration(within) if isinstance(within, str) else within)
        orders = orders.filter(expires_at.is_between(now, until))
    return orders.sort("expires_at", "order_id", nulls_last=True).select(
        "order_id",
        "merchant_reference1",
        CURRENCY,
        "remaining_authorized_amount",
        "expires_at",
        in_hours((expires_at - now).dt.total_microseconds()).alias("hours_left"),
        "fraud_status",
        pl.col("fraud_status").ne_missing("PENDING").alias("can_capture"),
    )

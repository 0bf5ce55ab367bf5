"""Authorised money that is about to expire: orders in, those to capture soon out."""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from om_toolkit.metrics.expressions import OPEN, effective_as_of, in_hours, parse_duration, total
from om_toolkit.metrics.grouping import CURRENCY, by_period, period_of
from om_toolkit.tables.tables import Tables, tables_of

_BLOCKING: Final = ("PENDING", "REJECTED", "STOPPED")
"""The fraud statuses in which an order cannot be captured."""

_OPEN_AMOUNT: Final = pl.col("remaining_authorized_amount")

_EXPIRES_AT: Final = pl.col("expires_at")


def expiring(data: object, *, within: str | timedelta | None = "72h", as_of: datetime | None = None) -> pl.DataFrame:
    """List the orders whose authorised money is lost unless it is captured, the soonest first.

    These orders are AUTHORIZED or PART_CAPTURED, have money that remains, and `as_of ≤ expires_at ≤ as_of + within`.
    Where the remaining amount is missing, it is inferred: the order amount less the captured amount. If one of these
    is missing too, the order is listed with an unknown amount. Orders created after `as_of` are left out. Without an
    `as_of`, from the argument or the data, the list is empty.

    Args:
        data: Orders or Tables.
        within: A duration such as `90m`, `72h`, `7d`, or a timedelta. None lists all open orders with money that
            remains, including overdue ones (`hours_left` is negative) and, last, those without `expires_at`
            (`hours_left` is null).
        as_of: The instant from which hours are counted, by default that of the data; a naive time is in UTC.

    Returns:
        A row per order:

        | column | type | meaning |
        |---|---|---|
        | `order_id`, `merchant_reference1` | String | |
        | `purchase_currency` | String | |
        | `remaining_authorized_amount` | Int64 | minor units, null if unknown |
        | `remaining_is_inferred` | Boolean | whether the order itself does not have it |
        | `expires_at` | Datetime | UTC |
        | `hours_left` | Float64 | from `as_of` to `expires_at` |
        | `fraud_status` | String | |
        | `can_capture` | Boolean | false while `fraud_status` is PENDING, REJECTED or STOPPED |

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
    now = effective_as_of(as_of, tables)
    listed = _open_orders(tables, now).filter(_is_within(within, now))
    return tables.run(
        listed.sort("expires_at", "order_id", nulls_last=True).select(
            "order_id",
            "merchant_reference1",
            CURRENCY,
            "remaining_authorized_amount",
            "remaining_is_inferred",
            "expires_at",
            in_hours((_EXPIRES_AT - now).dt.total_microseconds()).alias("hours_left"),
            "fraud_status",
            "can_capture",
        )
    )


def at_risk(
    data: object,
    *,
    within: str | timedelta | None = "72h",
    every: str | None = None,
    time_zone: str = "UTC",
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Sum the orders of `expiring` per currency, and per local day or other period of their expiry.

    A period that begins before `as_of`, or goes on after `as_of + within`, can have more orders than are summed:
    `is_partial` says so. With `within=None` every period is complete.

    Args:
        data: Orders or Tables.
        within: As for `expiring`.
        every: A period as for `by_period`, such as `1d`; None sums over all of them.
        time_zone: A name of the IANA database, for the periods.
        as_of: As for `expiring`.

    Returns:
        A row per currency, and per period of expiry with `every`, without a period last:

        | column | type | meaning |
        |---|---|---|
        | `purchase_currency` | String | |
        | `expires_at_1d` | Date | the first day of the period; named after `every` |
        | `orders` | Int64 | the orders of `expiring` |
        | `remaining_authorized_amount` | Int64 | minor units |
        | `soonest_expires_at` | Datetime | UTC |
        | `blocked_orders` | Int64 | orders that cannot be captured yet |
        | `without_deadline` | Int64 | open orders with money that remains, but no `expires_at`; for any `within` |
        | `excluded` | Int64 | orders whose remaining amount is unknown and not in the sum |
        | `is_partial` | Boolean | with `every`: whether `as_of` or `within` cuts the period |

    Raises:
        ValueError: If `within` is not a duration, or `every` is not a period.
        polars.exceptions.ComputeError: If the time zone does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> at_risk(orders, within="7d").select("purchase_currency", "orders", "remaining_authorized_amount").row(0)
        ('EUR', 3, 65100)
    """
    tables = tables_of(data)
    now = effective_as_of(as_of, tables)
    periods = [] if every is None else [by_period(every, of="expires_at", time_zone=time_zone)]
    is_listed, has_no_deadline = pl.col("is_listed"), _EXPIRES_AT.is_null()
    return tables.run(
        _open_orders(tables, now)
        .with_columns(is_listed=_is_within(within, now))
        .filter(is_listed | has_no_deadline)
        .group_by(CURRENCY, *periods)
        .agg(
            orders=total(is_listed),
            remaining_authorized_amount=total(_OPEN_AMOUNT.filter(is_listed)),
            soonest_expires_at=_EXPIRES_AT.min(),
            blocked_orders=total(is_listed & ~pl.col("can_capture")),
            without_deadline=total(has_no_deadline),
            excluded=total(is_listed & _OPEN_AMOUNT.is_null()),
        )
        .with_columns(_is_cut(period, within, now, time_zone) for period in periods)
        .sort(CURRENCY, *(period.meta.output_name() for period in periods), nulls_last=True)
    )


def _open_orders(tables: Tables[pl.LazyFrame], now: pl.Expr) -> pl.LazyFrame:
    """Plan the orders with money that can still be captured, or could once their fraud check is over."""
    is_created_later = (pl.col("created_at") > now).fill_null(value=False)
    return (
        tables.orders.filter(pl.col("status").is_in(OPEN), ~is_created_later)
        .with_columns(
            pl.coalesce(_OPEN_AMOUNT, pl.col("order_amount") - pl.col("captured_amount")),
            remaining_is_inferred=_OPEN_AMOUNT.is_null(),
            can_capture=~pl.col("fraud_status").is_in(_BLOCKING).fill_null(value=False),
        )
        .filter((_OPEN_AMOUNT > 0).fill_null(value=True))
    )


def _is_within(within: str | timedelta | None, now: pl.Expr) -> pl.Expr:
    """Return whether an order expires within a duration from now; without a duration every order is listed."""
    if within is None:
        return pl.lit(value=True)
    return _EXPIRES_AT.is_between(now, _end_of(within, now)).fill_null(value=False)


def _end_of(within: str | timedelta, now: pl.Expr) -> pl.Expr:
    return now + (within if isinstance(within, timedelta) else parse_duration(within))


def _is_cut(period: pl.Expr, within: str | timedelta | None, now: pl.Expr, time_zone: str) -> pl.Expr:
    """Return whether a period has instants on both sides of `as_of`, or of the end of `within`."""
    if within is None:
        return pl.lit(value=False).alias("is_partial")
    name = period.meta.output_name()
    every, tick = name.removeprefix("expires_at_"), timedelta(microseconds=1)
    is_cut = (
        (pl.col(name) == period_of(at, every, time_zone)) & (pl.col(name) == period_of(at + tick, every, time_zone))
        for at in (now - tick, _end_of(within, now))
    )
    return pl.any_horizontal(is_cut).alias("is_partial")

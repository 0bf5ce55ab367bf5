"""How much of what was captured went back: orders, captures and refunds in, ratios with their intervals out."""

from __future__ import annotations

from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import count, exactly
from om_toolkit.metrics.grouping import By, Groups, groups_of, has_currency
from om_toolkit.metrics.intervals import amount_ratio, count_ratio, moments, ratio
from om_toolkit.tables.tables import Tables, tables_of

Basis = Literal["order", "refund_date"]

_COUNTS: Final = ("orders_captured", "orders_refunded", "orders_fully_refunded")
_AMOUNTS: Final = ("captured_amount", "refunded_amount")
_INTERVALS: Final = ("amount_ratio_low", "amount_ratio_high", "count_ratio_low", "count_ratio_high")
_RATIOS: Final = ("amount_ratio", *_INTERVALS[:2], "count_ratio", *_INTERVALS[2:])

_DAY: Final = 86_400_000_000  # microseconds


def refund_ratio(data: object, *, by: By = (), basis: Basis = "order", time_zone: str = "UTC") -> pl.DataFrame:
    """Tell which share of the captured money, and of the captured orders, was refunded.

    Only captured orders count: those whose `captured_amount` is above 0. A missing `refunded_amount` is 0.

    `basis="order"`: refunds to date of these orders over what was captured of them, pooled: R = Σy / Σx. The interval
    of `amount_ratio` comes from the ratio estimator's variance, n/(n-1) · Σ(y - R·x)² / (Σx)² (Cochran, Sampling
    Techniques, ch. 6), on the logit scale; it is null for fewer than two orders and for an R not between 0 and 1.
    `count_ratio` is `orders_refunded` over `orders_captured`, with the interval of Wilson 1927.

    `basis="refund_date"`: what was refunded in a month over what was captured in it, by `captured_at` and
    `refunded_at`. `orders_captured` and `orders_refunded` had a capture or a refund in that month;
    `orders_fully_refunded` had their last one in it. It is no probability and may pass 1: the intervals are null.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it; the currency is always added.
        basis: `order` or `refund_date`.
        time_zone: Where a month begins, for `refund_date`.

    Returns:
        A row per group: by…, `month` (Date, its first day; `refund_date` only), `purchase_currency`, `orders_captured`,
        `orders_refunded`, `orders_fully_refunded` (Int64), `captured_amount`, `refunded_amount` (Int64, minor units),
        and in Float64 `amount_ratio`, `count_ratio`, each with its `_low` and `_high` (95 %).

    Raises:
        ValueError: If a column of `by` does not exist, or there is no such basis.
        polars.exceptions.ComputeError: If there is no such time zone.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> refund_ratio(orders).select("purchase_currency", "captured_amount", "refunded_amount").row(0)
        ('EUR', 2910020, 645099)
    """
    if basis not in get_args(Basis):
        raise ValueError(f"basis={basis!r}: it is 'order' or 'refund_date'")
    tables = tables_of(data)
    return (plan(tables, by) if basis == "order" else _monthly_plan(tables, by, time_zone)).collect()


def time_to_refund(data: object, *, by: By = ()) -> pl.DataFrame:
    """Tell how many days pass from a capture to its refund, as closely as the API lets it be known.

    A refund does not say of which capture it is. It can be of one that was made before it (or in that instant) and does
    not say that nothing of it was refunded; if no capture of the order says that something was, of any that was made
    before. Where those were all made at one moment the refund's days are exact; else they lie between those from the
    last and those from the first of them. `p50_days_low` and `p50_days_high` are the medians of these two bounds: the
    true median lies between them, whichever captures were refunded; they are no confidence interval. `p50_days` takes
    the middle of the bounds for what is not exact (as midpoint imputation does). A refund without a time or
    without a capture before it is left out and counted in `excluded`. Refunds to come are not spoken of.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.

    Returns:
        A row per group that has refunds: by…, `refunds`, `exact`, `excluded` (Int64), and in days of 24 hours
        `p50_days`, `p50_days_low`, `p50_days_high` (Float64).

    Raises:
        ValueError: If a column of `by` does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> time_to_refund(orders).select("refunds", "exact", "excluded").row(0)
        (60, 58, 0)
    """
    tables = tables_of(data)
    groups = groups_of(tables.orders, by)
    low, high = pl.col("low"), pl.col("high")
    waits = _waits(tables).join(groups.of_orders(tables.orders), on="order_id")
    figures = waits.group_by(groups.keys).agg(
        refunds=pl.len().cast(pl.Int64),
        exact=count(low == high),
        excluded=count(low.is_null()),
        p50_days=((low + high) / 2).median(),
        p50_days_low=low.median(),
        p50_days_high=high.median(),
    )
    return groups.present(figures).collect()


def _waits(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan one row per refund: at least and at most so many days after its capture, null if none can be meant."""
    amount, captured_at, refunded_at = pl.col("refunded_amount"), pl.col("captured_at"), pl.col("refunded_at")
    is_told = (amount.max().over("order_id") > 0).fill_null(value=False)
    possible = tables.captures.filter((amount > 0) | amount.is_null() | ~is_told).select("order_id", "captured_at")
    since = (refunded_at - pl.when(captured_at <= refunded_at).then(captured_at)).dt.total_microseconds()
    days = exactly(since, _DAY)
    return (
        tables.refunds.select("order_id", "refunded_at")
        .with_row_index("refund")
        .join(possible, on="order_id", how="left")
        .group_by("order_id", "refund")
        .agg(low=days.min(), high=days.max())
    )


def plan(tables: Tables[pl.LazyFrame], by: By) -> pl.LazyFrame:
    """Plan the query of `refund_ratio` by order."""
    groups = groups_of(tables.orders, by, currency=True)
    captured, refunded = pl.col("captured"), pl.col("refunded")
    amounts = {"captured": pl.col("captured_amount"), "refunded": pl.col("refunded_amount").fill_null(0)}
    totals = (
        groups.select(tables.orders, **amounts)
        .filter(captured > 0)
        .group_by(groups.keys)
        .agg(
            orders_captured=pl.len().cast(pl.Int64),
            orders_refunded=count(refunded > 0),
            orders_fully_refunded=count(refunded >= captured),
            captured_amount=count(captured),
            refunded_amount=count(refunded),
            **moments(refunded, captured),
        )
    )
    return groups.present(
        totals.with_columns(
            *amount_ratio("amount_ratio", "refunded_amount", "captured_amount", "orders_captured"),
            *count_ratio("count_ratio", "orders_refunded", "orders_captured"),
        )
    ).select(*groups.names, *_COUNTS, *_AMOUNTS, *_RATIOS)


def _monthly_plan(tables: Tables[pl.LazyFrame], by: By, time_zone: str) -> pl.LazyFrame:
    """Plan the query of `refund_ratio` by the month of captures and refunds."""
    groups = groups_of(tables.orders, by, currency=True)
    monthly = (
        _movements(tables)
        .join(_captured_orders(tables, groups), on="order_id")
        .group_by(*groups.keys, month=pl.col("at").dt.convert_time_zone(time_zone).dt.month_start().dt.date())
        .agg(
            orders_captured=_orders_where(pl.col("captured").is_not_null()),
            orders_refunded=_orders_where(pl.col("refunded").is_not_null()),
            orders_fully_refunded=_orders_where(pl.col("is_last") & pl.col("is_full")),
            captured_amount=count("captured"),
            refunded_amount=count("refunded"),
        )
    )
    shown = list(groups.names)
    shown.insert(len(shown) - (not has_currency(by)), "month")
    rated = groups.present(monthly).with_columns(
        amount_ratio=ratio(pl.col("refunded_amount"), pl.col("captured_amount")),
        count_ratio=ratio(pl.col("orders_refunded"), pl.col("orders_captured")),
        **dict.fromkeys(_INTERVALS, pl.lit(None, dtype=pl.Float64)),
    )
    return rated.select(*shown, *_COUNTS, *_AMOUNTS, *_RATIOS).sort(shown, nulls_last=True)


def _orders_where(condition: pl.Expr) -> pl.Expr:
    """Aggregate the number of different orders among the rows for which something holds."""
    return pl.col("order_id").filter(condition).n_unique().cast(pl.Int64)


def _movements(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan one row per capture (`captured`) and per refund (`refunded`, and whether it is the order's last)."""
    at = pl.col("refunded_at")
    captures = tables.captures.select("order_id", at="captured_at", captured=pl.col("captured_amount").fill_null(0))
    refunds = tables.refunds.select(
        "order_id",
        at=at,
        refunded=pl.col("refunded_amount").fill_null(0),
        is_last=at.eq_missing(at.max().over("order_id")),
    )
    return pl.concat([captures, refunds], how="diagonal")


def _captured_orders(tables: Tables[pl.LazyFrame], groups: Groups) -> pl.LazyFrame:
    """Plan each captured order's group, and whether all that was captured of it was refunded."""
    captured = pl.col("captured_amount")
    is_full = pl.col("refunded_amount") >= captured
    orders = groups.select(tables.orders, "order_id", "captured_amount", is_full=is_full)
    return orders.filter(captured > 0).drop("captured_amount").unique("order_id", keep="first")

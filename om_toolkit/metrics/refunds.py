"""Refunds: orders, captures and refunds in, refunded shares with intervals and times to refund out."""

from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import check_choice, divide_exactly, total
from om_toolkit.metrics.grouping import By, Groups, groups_of, has_currency
from om_toolkit.metrics.intervals import amount_ratio, count_ratio, moments, ratio
from om_toolkit.tables.tables import Tables, tables_of

Basis = Literal["order", "refund_date"]

_RATIO_BOUNDS: Final = ("amount_ratio_low", "amount_ratio_high", "count_ratio_low", "count_ratio_high")
_REFUND_FIGURES: Final = """
    orders_captured orders_refunded orders_fully_refunded captured_amount refunded_amount
    amount_ratio amount_ratio_low amount_ratio_high count_ratio count_ratio_low count_ratio_high
""".split()

_MICROSECONDS_PER_DAY: Final = 86_400_000_000


def refund_ratio(data: object, *, by: By = (), basis: Basis = "order", time_zone: str = "UTC") -> pl.DataFrame:
    """Return the share of the captured amount, and of the captured orders, that was refunded.

    Only orders with a `captured_amount` above 0 count. A missing `refunded_amount` is 0.

    `basis="order"`: refunds to date of these orders over their captured amount, pooled: R = Σy / Σx. The interval of
    `amount_ratio` is that of Wilson 1927 for an effective number of orders (after Korn & Graubard 1998): the smaller
    one of (Σx)² / Σx² and R(1 - R) / V, with the variance V of the ratio estimator, n/(n-1) · Σ(y - R·x)² / (Σx)²
    (Cochran, Sampling Techniques, ch. 6). It is null only where R is not between 0 and 1. `count_ratio` is
    `orders_refunded` over `orders_captured`, with the interval of Wilson 1927.

    `basis="refund_date"`: the amount refunded in a month over the amount captured in it, by `captured_at` and
    `refunded_at`. `orders_captured` and `orders_refunded` had a capture or a refund in that month;
    `orders_fully_refunded` had their last refund in it. This is not a probability and can be above 1; the intervals
    are null.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it; the currency is always added.
        basis: `order` or `refund_date`.
        time_zone: The time zone of months, for `refund_date`.

    Returns:
        A row per group:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `month` | Date | its first day; with `refund_date` only |
        | `purchase_currency` | String | |
        | `orders_captured`, `orders_refunded`, `orders_fully_refunded` | Int64 | |
        | `captured_amount`, `refunded_amount` | Int64 | minor units |
        | `amount_ratio`, `amount_ratio_low`, `amount_ratio_high` | Float64 | with its 95 % interval |
        | `count_ratio`, `count_ratio_low`, `count_ratio_high` | Float64 | with its 95 % interval |

    Raises:
        ValueError: If a column of `by` or the basis does not exist.
        polars.exceptions.ComputeError: If the time zone does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> refund_ratio(orders).select("purchase_currency", "captured_amount", "refunded_amount").row(0)
        ('EUR', 2910020, 645099)
    """
    check_choice("basis", basis, get_args(Basis))
    tables = tables_of(data)
    return tables.run(refund_plan(tables, by) if basis == "order" else _monthly_plan(tables, by, time_zone))


def time_to_refund(data: object, *, by: By = ()) -> pl.DataFrame:
    """Return the days from a capture to its refund, as exactly as the API allows.

    A refund does not name its capture. Possible captures were made before the refund or at the same instant, and have a
    refunded amount above 0 or none; if no capture of the order has one above 0, all captures before the refund are
    possible. If all possible captures were made at the same instant, the days are exact. Otherwise they lie between the
    days from the last and the days from the first of them. `p50_days_low` and `p50_days_high` are the medians of these
    two bounds: the true median certainly lies between them; they are not a confidence interval. `p50_days` uses the
    middle of the bounds (midpoint imputation). A refund without a time or without a capture before it is left out and
    counted in `excluded`. Refunds still to come are not estimated.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.

    Returns:
        A row per group with refunds:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `refunds`, `exact`, `excluded` | Int64 | all refunds, those with exact days, those left out |
        | `p50_days` | Float64 | median, days of 24 hours |
        | `p50_days_low`, `p50_days_high` | Float64 | certain bounds of the median |

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
    waits = _days_to_refund(tables).join(groups.of_orders(tables.orders), on="order_id")
    figures = waits.group_by(groups.keys).agg(
        refunds=pl.len().cast(pl.Int64),
        exact=total(low == high),
        excluded=total(low.is_null()),
        p50_days=((low + high) / 2).median(),
        p50_days_low=low.median(),
        p50_days_high=high.median(),
    )
    return tables.run(groups.present(figures))


def _days_to_refund(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan one row per refund with the fewest and the most days since its capture; null without a possible capture."""
    amount, captured_at, refunded_at = pl.col("refunded_amount"), pl.col("captured_at"), pl.col("refunded_at")
    has_amount = (amount.max().over("order_id") > 0).fill_null(value=False)
    possible = tables.captures.filter((amount > 0) | amount.is_null() | ~has_amount).select("order_id", "captured_at")
    since = (refunded_at - pl.when(captured_at <= refunded_at).then(captured_at)).dt.total_microseconds()
    days = divide_exactly(since, _MICROSECONDS_PER_DAY)
    return (
        tables.refunds.select("order_id", "refunded_at")
        .with_row_index("refund")
        .join(possible, on="order_id", how="left")
        .group_by("order_id", "refund")
        .agg(low=days.min(), high=days.max())
    )


def refund_plan(tables: Tables[pl.LazyFrame], by: By) -> pl.LazyFrame:
    """Plan the query of `refund_ratio` with `basis="order"`."""
    groups = groups_of(tables.orders, by, currency=True)
    captured, refunded = pl.col("captured"), pl.col("refunded")
    amounts = {"captured": pl.col("captured_amount"), "refunded": pl.col("refunded_amount").fill_null(0)}
    totals = (
        groups.select(tables.orders, **amounts)
        .filter(captured > 0)
        .group_by(groups.keys)
        .agg(
            orders_captured=pl.len().cast(pl.Int64),
            orders_refunded=total(refunded > 0),
            orders_fully_refunded=total(refunded >= captured),
            captured_amount=total(captured),
            refunded_amount=total(refunded),
            **moments("amount_ratio", refunded, captured),
        )
    )
    return groups.present(
        totals.with_columns(
            *amount_ratio("amount_ratio", "refunded_amount", "captured_amount", "orders_captured"),
            *count_ratio("count_ratio", "orders_refunded", "orders_captured"),
        )
    ).select(*groups.names, *_REFUND_FIGURES)


def _monthly_plan(tables: Tables[pl.LazyFrame], by: By, time_zone: str) -> pl.LazyFrame:
    """Plan the query of `refund_ratio` with `basis="refund_date"`."""
    groups = groups_of(tables.orders, by, currency=True)
    monthly = (
        _movements(tables)
        .join(_captured_orders(tables, groups), on="order_id")
        .group_by(*groups.keys, month=pl.col("at").dt.convert_time_zone(time_zone).dt.month_start().dt.date())
        .agg(
            orders_captured=_orders_with(pl.col("captured").is_not_null()),
            orders_refunded=_orders_with(pl.col("refunded").is_not_null()),
            orders_fully_refunded=_orders_with(pl.col("is_last") & pl.col("is_full")),
            captured_amount=total("captured"),
            refunded_amount=total("refunded"),
        )
    )
    shown = list(groups.names)
    shown.insert(len(shown) - (not has_currency(by)), "month")
    rated = groups.present(monthly).with_columns(
        amount_ratio=ratio(pl.col("refunded_amount"), pl.col("captured_amount")),
        count_ratio=ratio(pl.col("orders_refunded"), pl.col("orders_captured")),
        **dict.fromkeys(_RATIO_BOUNDS, pl.lit(None, dtype=pl.Float64)),
    )
    return rated.select(*shown, *_REFUND_FIGURES).sort(shown, nulls_last=True)


def _orders_with(condition: pl.Expr) -> pl.Expr:
    """Return the number of different orders among the rows that meet a condition."""
    return pl.col("order_id").filter(condition).n_unique().cast(pl.Int64)


def _movements(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan one row per capture (`captured`) and per refund (`refunded`, `is_last` of its order)."""
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
    """Plan each captured order with its group and whether it was refunded in full."""
    captured = pl.col("captured_amount")
    is_full = pl.col("refunded_amount") >= captured
    orders = groups.select(tables.orders, "order_id", "captured_amount", is_full=is_full)
    return orders.filter(captured > 0).drop("captured_amount").unique("order_id", keep="first")

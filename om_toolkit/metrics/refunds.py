"""Refunds: orders, captures and refunds in, refunded shares with intervals and times to refund out."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import check_choice, divide_exactly, effective_as_of, total, windows_of
from om_toolkit.metrics.grouping import By, Groups, by_period, groups_of, has_currency
from om_toolkit.metrics.intervals import amount_ratio, count_ratio, moments, ratio
from om_toolkit.metrics.refund_curves import MICROSECONDS_PER_DAY, maturity, shares_within
from om_toolkit.metrics.refunded_orders import amounts_of_orders
from om_toolkit.tables.tables import Tables, tables_of

Basis = Literal["order", "refund_date"]

_RATIO_BOUNDS: Final = ("amount_ratio_low", "amount_ratio_high", "count_ratio_low", "count_ratio_high")
_COUNTS_AND_AMOUNTS: Final = """
    orders_captured orders_refunded orders_fully_refunded excluded captured_amount refunded_amount
""".split()
_REFUND_FIGURES: Final = (
    *_COUNTS_AND_AMOUNTS,
    "amount_ratio",
    *_RATIO_BOUNDS[:2],
    "count_ratio",
    *_RATIO_BOUNDS[2:],
)


def refund_ratio(  # noqa: PLR0913 - the parameters are those of the definition
    data: object,
    *,
    by: By = (),
    basis: Basis = "order",
    within: str | Sequence[str] = (),
    every: str = "1mo",
    time_zone: str = "UTC",
) -> pl.DataFrame:
    """Return the share of the captured amount, and of the captured orders, that was refunded.

    Amounts are the orders' own `captured_amount` and `refunded_amount`. Where one is missing, the sum of the captures
    or refunds is used if all of them have amounts; otherwise the order is `excluded`. Only orders with a captured
    amount above 0 count.

    `basis="order"`: refunds to date of these orders over their captured amount, pooled: R = Σy / Σx. The interval of
    `amount_ratio` is that of Wilson 1927 for an effective number of orders (after Korn & Graubard 1998): the smaller
    one of (Σx)² / Σx² and R(1 - R) / V, with the variance V of the ratio estimator, n/(n-1) · Σ(y - R·x)² / (Σx)²
    (Cochran, Sampling Techniques, ch. 6). It is null only where R is not between 0 and 1. `count_ratio` is
    `orders_refunded` over `orders_captured`, with the interval of Wilson 1927.

    Young orders have refunds still to come. `within=["14d", "30d"]` adds the share refunded within that time of the
    first capture, which compares young and old groups at equal age: the value of `refund_curve` at that age, with its
    interval for the orders at risk then; null beyond the longest observation. Where a group is a time, such as
    `by_period("1mo")`, the last column is `mature`: whether the refunds to date are nearly all. All orders of the group
    are refunded in full, or its youngest one has been observed for at least the time at which the curve of all orders
    of the currency reaches 0.9 of its last value. It is null if there is no `as_of`.

    `basis="refund_date"`: the amount refunded in a local period over the amount captured in it, by `captured_at` and
    `refunded_at`. `orders_captured` and `orders_refunded` had a capture or a refund in that period;
    `orders_fully_refunded` had their last refund in it; `excluded` had one without an amount, which no amount includes.
    Captures and refunds of amount 0 do not count. This is not a probability and can be above 1; the intervals are null.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it; the currency is always added.
        basis: `order` or `refund_date`.
        within: Durations such as `14d`, `30d`; only with the basis `order`.
        every: The length of periods, for `refund_date`, as in `by_period`.
        time_zone: The time zone of periods, for `refund_date`.

    Returns:
        A row per group:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `month`, for another `every` `period` | Date | its first day; with `refund_date` only |
        | `purchase_currency` | String | |
        | `orders_captured`, `orders_refunded`, `orders_fully_refunded` | Int64 | |
        | `excluded` | Int64 | orders with an unknown amount |
        | `captured_amount`, `refunded_amount` | Int64 | minor units |
        | `amount_ratio`, `amount_ratio_low`, `amount_ratio_high` | Float64 | with its 95 % interval |
        | `count_ratio`, `count_ratio_low`, `count_ratio_high` | Float64 | with its 95 % interval |
        | `refunded_within_14d`, `refunded_within_14d_low`, `refunded_within_14d_high`… | Float64 | shares, likewise |
        | `mature` | Boolean | where a group is a time |

    Raises:
        ValueError: If a column of `by` or the basis does not exist, a duration or a period is invalid, or `within` is
            given with another basis than `order`.
        polars.exceptions.ComputeError: If the time zone does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> refunds = refund_ratio(orders, within="30d")
        >>> refunds.select("purchase_currency", "captured_amount", "refunded_amount").row(0)
        ('EUR', 2910020, 645099)
        >>> refunds.select(pl.col("^(amount_ratio|refunded_within_30d).*$").round(3)).row(0)
        (0.222, 0.119, 0.376, 0.216, 0.11, 0.382)
    """
    check_choice("basis", basis, get_args(Basis))
    windows = windows_of(within)
    tables = tables_of(data)
    if basis == "order":
        return tables.run(refund_plan(tables, by, windows))
    if windows:
        raise ValueError("within= follows orders from their first capture; use it with basis='order'")
    return tables.run(_period_plan(tables, by, every, time_zone))


def time_to_refund(data: object, *, by: By = ()) -> pl.DataFrame:
    """Return the days from a capture to its refund, as exactly as the API allows, of the refunds seen so far.

    Young groups look fast, because their late refunds are still to come. `refund_curve` estimates how much is refunded
    within any number of days, including those.

    A refund does not name its capture. Possible captures were made before the refund or at the same instant, and have a
    refunded amount above 0 or none; if no capture of the order has one above 0, all captures before the refund are
    possible. If all possible captures were made at the same instant, the days are exact. Otherwise they lie between the
    days from the last and the days from the first of them. `p50_days_low_bound` and `p50_days_high_bound` are the
    medians of these two bounds: the true median certainly lies between them; they are not a confidence interval.
    `p50_days` uses the middle of the bounds (midpoint imputation). A refund without a time or without a capture before
    it is left out and counted in `excluded`. Captures and refunds of amount 0 do not count, and those after the `as_of`
    of the data are not visible.

    Where a group is a time, such as `by_period("1mo")`, the last column is `mature`, as for `refund_ratio`; of several
    currencies each must be.

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
        | `p50_days_low_bound`, `p50_days_high_bound` | Float64 | certain bounds of the median |
        | `mature` | Boolean | where a group is a time |

    Raises:
        ValueError: If a column of `by` does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> time_to_refund(orders).select("refunds", "exact", "excluded").row(0)
        (58, 56, 0)
    """
    tables = tables_of(data)
    groups = groups_of(tables.orders, by)
    as_of = effective_as_of(None, tables)
    low, high = pl.col("low"), pl.col("high")
    waits = _days_to_refund(tables, as_of).join(groups.of_orders(tables.orders), on="order_id")
    figures = waits.group_by(groups.keys).agg(
        refunds=pl.len().cast(pl.Int64),
        exact=total(low == high),
        excluded=total(low.is_null()),
        p50_days=((low + high) / 2).median(),
        p50_days_low_bound=low.median(),
        p50_days_high_bound=high.median(),
    )
    return tables.run(groups.present(_with_refund_maturity(figures, tables, groups, as_of)))


def _days_to_refund(tables: Tables[pl.LazyFrame], as_of: pl.Expr) -> pl.LazyFrame:
    """Plan one row per refund with the fewest and the most days since its capture; null without a possible capture."""
    amount, captured_at, refunded_at = pl.col("refunded_amount"), pl.col("captured_at"), pl.col("refunded_at")
    has_amount = (amount.max().over("order_id") > 0).fill_null(value=False)
    captures = tables.captures.filter(pl.col("captured_amount").ne_missing(0))
    possible = captures.filter((amount > 0) | amount.is_null() | ~has_amount).select("order_id", "captured_at")
    since = (refunded_at - pl.when(captured_at <= refunded_at).then(captured_at)).dt.total_microseconds()
    days = divide_exactly(since, MICROSECONDS_PER_DAY)
    is_later = (refunded_at > as_of).fill_null(value=False)
    return (
        tables.refunds.filter(amount.ne_missing(0) & ~is_later)
        .select("order_id", "refunded_at")
        .with_row_index("refund")
        .join(possible, on="order_id", how="left")
        .group_by("order_id", "refund")
        .agg(low=days.min(), high=days.max())
    )


def refund_plan(tables: Tables[pl.LazyFrame], by: By, windows: Sequence[str] = ()) -> pl.LazyFrame:
    """Plan the query of `refund_ratio` with `basis="order"`."""
    groups = groups_of(tables.orders, by, currency=True)
    as_of = effective_as_of(None, tables)
    captured, refunded = pl.col("captured"), pl.col("refunded")
    is_excluded = captured.is_null() | refunded.is_null()
    usable = {"captured": pl.when(~is_excluded).then(captured), "refunded": pl.when(~is_excluded).then(refunded)}
    totals = (
        amounts_of_orders(tables, groups)
        .filter(captured.is_null() | (captured > 0))
        .with_columns(**usable)
        .group_by(groups.keys)
        .agg(
            orders_captured=captured.count().cast(pl.Int64),
            orders_refunded=total(refunded > 0),
            orders_fully_refunded=total(refunded >= captured),
            excluded=total(captured.is_null()),
            captured_amount=total(captured),
            refunded_amount=total(refunded),
            **moments("amount_ratio", refunded, captured),
        )
    )
    figures = totals.select(
        *groups.keys,
        *_COUNTS_AND_AMOUNTS,
        *amount_ratio("amount_ratio", "refunded_amount", "captured_amount", "orders_captured"),
        *count_ratio("count_ratio", "orders_refunded", "orders_captured"),
    )
    if windows:
        shares = shares_within(tables, groups, windows, as_of)
        figures = figures.join(shares, on=groups.keys, how="left", nulls_equal=True)
    return groups.present(_with_refund_maturity(figures, tables, groups, as_of))


def _with_refund_maturity(
    figures: pl.LazyFrame, tables: Tables[pl.LazyFrame], groups: Groups, as_of: pl.Expr
) -> pl.LazyFrame:
    """Add whether each group is mature, where a group is a time."""
    if not any(dtype.is_temporal() for dtype in groups.select(tables.orders).collect_schema().dtypes()):
        return figures
    return figures.join(maturity(tables, groups, as_of), on=groups.keys, how="left", nulls_equal=True)


def _period_plan(tables: Tables[pl.LazyFrame], by: By, every: str, time_zone: str) -> pl.LazyFrame:
    """Plan the query of `refund_ratio` with `basis="refund_date"`."""
    groups = groups_of(tables.orders, by, currency=True)
    captured, refunded = pl.col("captured"), pl.col("refunded")
    period = "month" if every == "1mo" else "period"
    periodic = (
        _movements(tables)
        .join(_captured_orders(tables, groups), on="order_id")
        .group_by(*groups.keys, by_period(every, of="at", time_zone=time_zone).alias(period))
        .agg(
            orders_captured=_orders_with(~pl.col("is_refund")),
            orders_refunded=_orders_with(pl.col("is_refund")),
            orders_fully_refunded=_orders_with(pl.col("is_last") & pl.col("is_full")),
            excluded=_orders_with(captured.is_null() & refunded.is_null()),
            captured_amount=total(captured),
            refunded_amount=total(refunded),
        )
    )
    shown = list(groups.names)
    shown.insert(len(shown) - (not has_currency(by)), period)
    rated = groups.present(periodic).with_columns(
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
    captures = tables.captures.filter(pl.col("captured_amount").ne_missing(0)).select(
        "order_id", at="captured_at", captured="captured_amount", is_refund=pl.lit(value=False)
    )
    refunds = tables.refunds.filter(pl.col("refunded_amount").ne_missing(0)).select(
        "order_id",
        at=at,
        refunded="refunded_amount",
        is_refund=pl.lit(value=True),
        is_last=at.eq_missing(at.max().over("order_id")),
    )
    return pl.concat([captures, refunds], how="diagonal")


def _captured_orders(tables: Tables[pl.LazyFrame], groups: Groups) -> pl.LazyFrame:
    """Plan each order that may be captured, with its group and whether it was refunded in full."""
    captured, refunded = pl.col("captured"), pl.col("refunded")
    orders = amounts_of_orders(tables, groups).filter(captured.is_null() | (captured > 0))
    return orders.select(*groups.keys, "order_id", is_full=refunded >= captured).unique("order_id", keep="first")

"""Time to capture: orders and captures in, the captured share by age with its quantiles out.

Time is counted from `created_at`, in whole microseconds inside a query and in hours in a result. An order without a
capture is not dropped: it is observed without one until it was last seen, also if it was cancelled or expired. The time
that it was observed for does not depend on its fate, so that Kaplan & Meier's estimator gives the share of all orders
that are captured (Fine & Gray 1999, section 2).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from om_toolkit.metrics.captured_orders import OUTCOMES, Estimand, Event, Weight, order_ends
from om_toolkit.metrics.expressions import effective_as_of, in_hours, parse_duration, total, windows_of
from om_toolkit.metrics.grouping import CURRENCY, By, Groups, groups_of
from om_toolkit.metrics.survival import (
    AT,
    IS_CAPTURED,
    OUTCOME,
    SURVIVAL,
    VARIANCE,
    bounds_on_the_scale_of_levels,
    is_bound_down_to,
    is_down_to,
    survival_bound,
    survival_steps,
)
from om_toolkit.tables.tables import Tables, tables_of

_COUNTS: Final = ("orders", *OUTCOMES, "excluded")

_MATURE: Final = 0.9
"""The part of its last value that the pooled share reaches within the time after which a group is mature."""


def capture_latency(  # noqa: PLR0913 - the parameters are those of the definition
    data: object,
    *,
    by: By = (),
    event: Event = "first",
    quantiles: float | Sequence[float] = (0.5, 0.9, 0.95),
    within: str | Sequence[str] = ("24h", "72h"),
    weight: Weight = "orders",
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Return how soon orders are captured: the share of all orders that is captured within some hours of creation.

    All orders count, whatever became of them. An order without a capture was observed without one until `as_of`, or
    until it was fetched (`seen_at`) if that was earlier and it could still change. A cancelled or expired order stays
    in the denominator: it is not captured, ever. The share is 1 - S(t) with the estimator S of Kaplan & Meier 1958;
    that the time an order was observed for is known whatever its fate is what makes it that share (Fine & Gray 1999,
    section 2).

    `p50_hours` and the other quantiles are the smallest time at which the share reaches q; null if it never does, as
    `p90_hours` where an eighth is cancelled. `p50_hours_low` and `p50_hours_high` are the smallest times at which the
    upper and the lower bound of the share reach it (Brookmeyer & Crowley 1982). `within_24h` is the share at that time,
    null beyond the longest observation while orders are still waiting. All bounds are those of `capture_curve`.
    `captured_only_p50_hours` is the median of the captured orders alone; it is biased and shown for comparison.

    A capture of amount 0 does not count. Captures and other events after `as_of` are not visible: the order is waiting.
    `excluded` are orders without `created_at`, created after `as_of`, or captured more than 60 seconds before their
    creation (less is taken for clock skew, 0 hours); for `full`, without an `order_amount`; weighted by amount, with
    none or a negative one. If neither `as_of` nor `seen_at` is known, orders without a capture are excluded too.

    With `weight="amount"` each order counts with its `order_amount`: when is 90 % of the money captured? Groups are
    then also by currency, and intervals come from the robust variance over orders. The counts remain those of orders.

    Where a group is a time, such as `by_period("1w")`, the last column is `mature`: whether it can be compared with
    others. No order of the group is waiting, or its youngest order was observed for at least the time at which the
    share of all orders (weighted: of the currency) reaches 0.9 of its last value. It is null if there is no `as_of`.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        event: `first`, the earliest capture of an order, or `full`, when the running sum of its captures first reaches
            `order_amount`.
        quantiles: Numbers between 0 and 1; the column of 0.995 is `p99_5_hours`.
        within: Durations such as `90m`, `24h`, `7d`, `2w`.
        weight: What an order counts for: `orders`, one each, or `amount`, its `order_amount`.
        as_of: The instant until which orders are observed, by default that of the data; a naive time is in UTC.

    Returns:
        A row per group:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `orders` | Int64 | all orders: the next six add up to it |
        | `captured` | Int64 | with the event |
        | `waiting` | Int64 | open when they were last observed |
        | `expired`, `cancelled` | Int64 | without the event |
        | `other` | Int64 | without the event: closed, remainder released, or unknown status |
        | `excluded` | Int64 | not in any number that follows |
        | `p50_hours`, `p50_hours_low`, `p50_hours_high`… | Float64 | quantiles with 95 % interval, hours |
        | `captured_only_p50_hours` | Float64 | median of the captured orders alone, hours |
        | `within_24h`, `within_24h_low`, `within_24h_high`… | Float64 | shares with 95 % interval |
        | `mature` | Boolean | where a group is a time |

    Raises:
        ValueError: If a column of `by`, the event or the weight does not exist, a quantile is not between 0 and 1, or a
            duration is invalid.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> capture_latency(orders).select("orders", "captured", "waiting", "expired", "cancelled").row(0)
        (300, 242, 17, 13, 27)
        >>> capture_latency(orders).select(pl.col("^within_24h.*$").round(3)).row(0)
        (0.362, 0.31, 0.419)
    """
    tables = tables_of(data)
    windows = windows_of(within)
    quantiles = [quantiles] if isinstance(quantiles, float) else quantiles
    estimand = Estimand(event, weight, effective_as_of(as_of, tables))
    return tables.run(latency_plan(tables, by=by, estimand=estimand, quantiles=quantiles, windows=windows))


def capture_curve(data: object, *, by: By = (), event: Event = "first", as_of: datetime | None = None) -> pl.DataFrame:
    """Return the curve behind `capture_latency`: the share of all orders that is captured, by hours since creation.

    The share is 1 - S(t) with S(t) = Π (n - d) / n over the capture times up to t, n at risk and d captured (Kaplan &
    Meier 1958). Its 95 % interval is that of S on the log-log scale, S^exp(±z √V / ln S), with Greenwood's variance
    V = Σ d / (n (n - d)); where S is exactly 0 it has no width. Orders that were cancelled or expired stay at risk for
    as long as they were observed, as explained at `capture_latency`; at equal times captures come first.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        event: `first` or `full`, as for `capture_latency`.
        as_of: As for `capture_latency`.

    Returns:
        A row per group and distinct time of a capture:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `hours` | Float64 | hours since creation |
        | `at_risk` | Int64 | orders observed until then, not captured before |
        | `captured` | Int64 | orders captured at that time |
        | `captured_share` | Float64 | share of all orders that is captured by then |
        | `captured_share_low`, `captured_share_high` | Float64 | 95 % interval |

    Raises:
        ValueError: If a column of `by` or the event does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> capture_curve(orders).select("at_risk", "captured").row(0)
        (299, 1)
    """
    tables = tables_of(data)
    groups = groups_of(tables.orders, by)
    estimand = Estimand(event, "orders", effective_as_of(as_of, tables))
    estimand.check()
    curve = (
        survival_steps(tables, groups, estimand)
        .filter(IS_CAPTURED)
        .group_by(*groups.keys, "at")
        .agg(pl.col("variance").max(), SURVIVAL.min(), at_risk=pl.col("position").max(), captured=pl.len())
        .select(
            *groups.keys,
            in_hours(AT).alias("hours"),
            pl.col("at_risk", "captured").cast(pl.Int64),
            *_share_with_bounds("captured_share", SURVIVAL, VARIANCE),
        )
    )
    return tables.run(groups.present(curve, pl.col("hours")))


def latency_plan(
    tables: Tables[pl.LazyFrame],
    *,
    by: By,
    estimand: Estimand,
    quantiles: Sequence[float],
    windows: Sequence[str],
) -> pl.LazyFrame:
    """Plan the query of `capture_latency`."""
    estimand.check()
    groups = groups_of(tables.orders, by, currency=estimand.is_weighted)
    names = _quantile_names(quantiles)
    figures = (
        survival_steps(tables, groups, estimand)
        .with_columns(bounds_on_the_scale_of_levels() if quantiles else [])
        .group_by("group", maintain_order=True)
        .agg(
            pl.col(groups.keys).first(),
            **_counts(),
            **{name: figure for q, name in names.items() for name, figure in _quantile(q, name).items()},
            captured_only_p50_hours=in_hours(_captured_median(is_weighted=estimand.is_weighted)),
            **{name: figure for window in windows for name, figure in _values_at_the_end_of(window).items()},
        )
    )
    shown = [*_COUNTS, *(name + end for name in names.values() for end in ("", "_low", "_high"))]
    figures = figures.select(
        *groups.keys, *shown, "captured_only_p50_hours", *(expr for window in windows for expr in _share_within(window))
    )
    if any(dtype.is_temporal() for dtype in groups.select(tables.orders).collect_schema().dtypes()):
        figures = _with_maturity(figures, tables, groups, estimand)
    return groups.present(figures)


def _counts() -> dict[str, pl.Expr]:
    """Return the number of orders of a group, in all and by outcome."""
    outcomes = {outcome: total(OUTCOME.eq_missing(code)) for code, outcome in enumerate(OUTCOMES)}
    return {"orders": pl.len().cast(pl.Int64), **outcomes, "excluded": total(AT.is_null())}


def _quantile_names(quantiles: Sequence[float]) -> dict[float, str]:
    """Return the column of each quantile."""
    if not all(0 < q < 1 for q in quantiles):
        raise ValueError(f"invalid quantiles {list(quantiles)}; use numbers between 0 and 1, such as 0.5 or 0.95")
    return {q: f"p{100 * q:g}_hours".replace(".", "_") for q in quantiles}


def _quantile(q: float, name: str) -> dict[str, pl.Expr]:
    """Return the smallest times at which the captured share and its bounds reach a quantile, hours."""
    reached = {"": is_down_to(1 - q), "_low": is_bound_down_to(-1, 1 - q), "_high": is_bound_down_to(1, 1 - q)}
    return {name + end: in_hours(AT.filter(is_reached).min()) for end, is_reached in reached.items()}


def _captured_median(*, is_weighted: bool) -> pl.Expr:
    """Return the median time of the captured orders; weighted, that with half of their amount before and after it."""
    captured_at = AT.filter(IS_CAPTURED)
    if not is_weighted:
        return captured_at.median()
    weights = pl.col("weight").filter(IS_CAPTURED)
    before, after = 2 * weights.cum_sum() >= weights.sum(), 2 * weights.cum_sum() > weights.sum()
    return (captured_at.filter(before).min() + captured_at.filter(after).min()) / 2


def _values_at_the_end_of(window: str) -> dict[str, pl.Expr]:
    """Return the survival and its variance after a duration, and whether the observation is long enough."""
    limit = parse_duration(window) // timedelta(microseconds=1)
    nobody_waits = OUTCOME.ne_missing(OUTCOMES.index("waiting")).all()
    return {
        f"{window}_survival": SURVIVAL.filter(limit >= AT).last().fill_null(1.0),
        f"{window}_variance": VARIANCE.filter(limit >= AT).last(),
        f"{window}_is_seen": (AT.max() >= limit) | (nobody_waits & AT.max().is_not_null()),
    }


def _share_within(window: str) -> list[pl.Expr]:
    """Return the share captured within a duration; null beyond the longest observation while orders are waiting."""
    survival = pl.when(f"{window}_is_seen").then(f"{window}_survival")
    return _share_with_bounds(f"within_{window}", survival, pl.col(f"{window}_variance"))


def _share_with_bounds(name: str, survival: pl.Expr, variance: pl.Expr) -> list[pl.Expr]:
    """Return the captured share with its bounds."""
    low, high = (survival_bound(side, survival, variance) for side in (1, -1))
    return [(1 - value).alias(name + end) for value, end in ((survival, ""), (low, "_low"), (high, "_high"))]


def _with_maturity(
    figures: pl.LazyFrame, tables: Tables[pl.LazyFrame], groups: Groups, estimand: Estimand
) -> pl.LazyFrame:
    """Add whether each group is mature."""
    pools = groups_of(tables.orders, (), currency=estimand.is_weighted)
    last_share = 1 - SURVIVAL.min()
    is_settled = is_down_to(1 - _MATURE * last_share) & (last_share > 0)
    settled = survival_steps(tables, pools, estimand).group_by(pool=pools.keys[0]).agg(at=AT.filter(is_settled).min())
    created_at = pl.col("created_at")
    old = (
        order_ends(tables, groups, estimand)
        .drop_nulls("end")
        .group_by(groups.keys)
        .agg(
            known_for=pl.col("known_for").filter(created_at == created_at.max()).min(),
            pool=pl.col(CURRENCY).first() if estimand.is_weighted else pl.lit("all"),
        )
        .join(settled, on="pool", how="left", nulls_equal=True)
        .select(*groups.keys, is_old=pl.col("known_for") >= AT)
    )
    is_mature = (pl.col("waiting") == 0) | pl.col("is_old").fill_null(value=False)
    return (
        figures.join(old, on=groups.keys, how="left", nulls_equal=True)
        .with_columns(mature=pl.when(estimand.as_of.is_not_null()).then(is_mature))
        .drop("is_old")
    )

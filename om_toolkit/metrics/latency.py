"""Time to capture: orders and captures in, survival curves and their quantiles out.

Time is counted from `created_at`, in whole microseconds inside a query and in hours in a result. An order without a
capture is not dropped: it is censored when it was last observed (Kaplan & Meier 1958), or it expired, which is a
competing event (Aalen & Johansen 1978).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import log
from typing import Final, Literal, get_args

import polars as pl
from polars import selectors as cs

from om_toolkit.metrics.expressions import OPEN, check_choice, effective_as_of, in_hours, parse_duration, total
from om_toolkit.metrics.grouping import By, Groups, groups_of
from om_toolkit.metrics.intervals import Z_95
from om_toolkit.tables.tables import Tables, tables_of

Event = Literal["first", "full"]

_ROUNDING: Final = 1e-9
"""The rounding error allowed where a survival is compared with a level.

A curve is a product of one factor per step: ten million factors have a smaller rounding error, and one order among ten
million moves the curve by a hundred times this.
"""

_MEDIAN: Final = 0.5

_MATURE: Final = 0.9

_CAPTURED, _EXPIRED, _WAITING = _OUTCOMES = range(3)
"""The outcomes of an order; at equal times they count in this sequence."""

_END_TIME: Final = pl.col("end") // len(_OUTCOMES)
"""The time of the outcome. The column `end` combines it with the outcome, so that one sort sorts by both."""

_ORDER_HASH: Final = pl.col("order_id").hash()
"""The key that joins orders and captures: 64 bits, three times as fast as the text of an id.

The chance that two of ten million orders have the same hash is three in a million.
"""

_HAS_WIDTH: Final = pl.col("survival").is_between(0, 1, closed="none")
"""Whether the interval of the survival has a width."""

_ORDER_COLUMNS: Final = ("status", "order_amount", "remaining_authorized_amount", "created_at", "expires_at")


def capture_latency(  # noqa: PLR0913 - the parameters are those of the definition
    data: object,
    *,
    by: By = (),
    event: Event = "first",
    quantiles: Sequence[float] = (0.5, 0.9, 0.95),
    within: str | Sequence[str] = ("24h", "72h"),
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Return the hours from the creation of an order to its capture, including open and expired orders.

    `p50_hours` and the other quantiles are Kaplan-Meier quantiles: the smallest time at which the survival curve is
    ≤ 1 - q, null if it is not reached; expired orders are censored. The interval of the median consists of the smallest
    times at which the lower and the upper bound of the curve are ≤ 0.5 (Brookmeyer & Crowley 1982). `within_24h` is the
    share captured within that time, with expiry as a competing event (Aalen & Johansen 1978); null beyond the longest
    observation while orders are still waiting. `captured_only_p50_hours` is the median of the captured orders alone; it
    is biased and shown for comparison.

    Every order is captured, expired, waiting at `min(as_of, expires_at)`, or excluded: ended at an unknown time
    (cancelled, closed, released), captured before its creation, or without a time (for `full`, without an amount).
    Events after `as_of` are not visible: with a later capture or expiry the order is waiting, with a later creation it
    is excluded. An open order without `expires_at` is excluded if there is no `as_of`.

    Where a group is a time, such as `by_period("1w")`, the last column is `mature`: whether the youngest order of the
    group is at least as old as the 90 % quantile of all orders. It is false if that quantile is not reached or there is
    no `as_of`; the group is then too young to be compared with others.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        event: `first`, the earliest capture of an order, or `full`, when the running sum of its captures first reaches
            `order_amount`.
        quantiles: Numbers between 0 and 1; the column of 0.995 is `p99_5_hours`.
        within: Durations such as `90m`, `24h`, `7d`, `2w`.
        as_of: The instant until which orders are observed, by default that of the data; a naive time is in UTC.

    Returns:
        A row per group:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `orders`, `captured`, `waiting`, `expired`, `excluded` | Int64 | the last four add up to `orders` |
        | `p50_hours`… | Float64 | quantiles, hours |
        | `p50_hours_low`, `p50_hours_high` | Float64 | 95 % interval, hours; with the quantile 0.5 |
        | `captured_only_p50_hours` | Float64 | median of the captured orders alone, hours |
        | `within_24h`… | Float64 | shares |
        | `mature` | Boolean | where a group is a time |

    Raises:
        ValueError: If a column of `by` or the event does not exist, a quantile is not between 0 and 1, or a duration is
            invalid.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> capture_latency(orders).select("orders", "captured", "waiting", "expired", "excluded").row(0)
        (300, 252, 17, 13, 18)
    """
    tables = tables_of(data)
    windows = (within,) if isinstance(within, str) else within
    now = effective_as_of(as_of, tables)
    return latency_plan(tables, by=by, event=event, quantiles=quantiles, windows=windows, now=now).collect()


def capture_curve(data: object, *, by: By = (), event: Event = "first", as_of: datetime | None = None) -> pl.DataFrame:
    """Return the curve behind `capture_latency`: the share of orders not yet captured, by hours since creation.

    S(t) = Π (n - d) / n over the capture times up to t, n at risk and d captured (Kaplan & Meier 1958), with
    Greenwood's variance V = Σ d / (n (n - d)) and its 95 % interval on the log-log scale, S^exp(±z √V / ln S); where S
    is exactly 1 or 0 the interval has no width. `captured_share` is Σ E(t-) · d / n, with E the share that was not
    captured and had not expired before (Aalen & Johansen 1978). At equal times captures come first, then expiries, then
    censored orders.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        event: `first` or `full`, as for `capture_latency`.
        as_of: As for `capture_latency`.

    Returns:
        A row per group and distinct time at which an order was captured, expired or last observed waiting:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `hours` | Float64 | hours since creation |
        | `at_risk` | Int64 | orders observed until then |
        | `captured`, `expired`, `waiting` | Int64 | orders; `at_risk` less these is the next row's `at_risk` |
        | `survival`, `survival_low`, `survival_high` | Float64 | share not captured, with its 95 % interval |
        | `captured_share` | Float64 | share captured, with expiry as a competing event |

    Raises:
        ValueError: If a column of `by` or the event does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> capture_curve(orders).select("at_risk", "captured", "expired", "waiting").row(0)
        (282, 1, 0, 0)
    """
    tables = tables_of(data)
    groups = groups_of(tables.orders, by)
    curve = (
        _steps(tables, groups, event, effective_as_of(as_of, tables))
        .drop_nulls("end")
        .group_by(*groups.keys, at=_END_TIME)
        .agg(pl.col("at_risk", "greenwood", "captured_share").max(), pl.col("survival").min(), **_outcome_counts())
        .with_columns(survival_low=_survival_bound(-1), survival_high=_survival_bound(1))
    )
    figures = "at_risk captured expired waiting survival survival_low survival_high captured_share".split()
    shown = groups.present(curve, pl.col("at"))
    return shown.select(*groups.names, in_hours(pl.col("at")).alias("hours"), *figures).collect()


def latency_plan(  # noqa: PLR0913 - the parameters are those of the definition
    tables: Tables[pl.LazyFrame],
    *,
    by: By,
    event: Event,
    quantiles: Sequence[float],
    windows: Sequence[str],
    now: pl.Expr,
) -> pl.LazyFrame:
    """Plan the query of `capture_latency`."""
    groups = groups_of(tables.orders, by)
    figures = (
        _steps(tables, groups, event, now)
        .with_columns(_are_bounds_reached(_MEDIAN) if _MEDIAN in quantiles else [])
        .group_by("group", maintain_order=True)
        .agg(pl.col(groups.keys).first(), **_figures(quantiles, windows))
        .drop("group")
    )
    group_types = groups.select(tables.orders).collect_schema().dtypes()
    if any(dtype.is_temporal() for dtype in group_types):
        pooled = _steps(tables, groups_of(tables.orders, ()), event, now)
        figures = figures.join(_maturity(tables, groups, pooled, now), on=groups.keys, how="left", nulls_equal=True)
    return groups.present(figures)


def _figures(quantiles: Sequence[float], windows: Sequence[str]) -> dict[str, pl.Expr]:
    """Return the figures of a group by column name."""
    return {
        "orders": pl.len().cast(pl.Int64),
        **_outcome_counts(),
        "excluded": total(pl.col("end").is_null()),
        **_quantiles(quantiles),
        "captured_only_p50_hours": in_hours(_END_TIME.filter(_has_outcome(_CAPTURED)).median()),
        **{f"within_{window}": _share_by(parse_duration(window)) for window in windows},
    }


def _maturity(tables: Tables[pl.LazyFrame], groups: Groups, pooled: pl.LazyFrame, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan whether the youngest order of each group is as old as the 90 % quantile of all orders."""
    age = in_hours((as_of - pl.col("youngest")).dt.total_microseconds())
    return (
        groups.select(tables.orders, "created_at")
        .group_by(groups.keys)
        .agg(youngest=pl.col("created_at").max())
        .join(pooled.select(pooled_hours=_first_hours(_is_down_to(1 - _MATURE))), how="cross")
        .select(*groups.keys, mature=(age >= pl.col("pooled_hours")).fill_null(value=False))
    )


def _quantiles(quantiles: Sequence[float]) -> dict[str, pl.Expr]:
    """Return the quantiles of a group's curve by column name, the median with its interval."""
    if not all(0 < q < 1 for q in quantiles):
        raise ValueError(f"invalid quantiles {list(quantiles)}; use numbers between 0 and 1, such as 0.5 or 0.95")
    figures = {f"p{100 * q:g}_hours".replace(".", "_"): _first_hours(_is_down_to(1 - q)) for q in quantiles}
    if _MEDIAN in quantiles:
        figures["p50_hours_low"] = _first_hours(pl.col("is_low_reached"))
        figures["p50_hours_high"] = _first_hours(pl.col("is_high_reached"))
    return figures


def _first_hours(is_reached: pl.Expr) -> pl.Expr:
    """Return the hours until a condition is met for the first time; null if it never is."""
    return in_hours(_END_TIME.filter(is_reached).min())


def _is_down_to(level: float) -> pl.Expr:
    """Return whether the survival has reached a level."""
    return pl.col("survival") <= level + _ROUNDING


def _has_outcome(outcome: int) -> pl.Expr:
    """Return whether an order has an outcome; false if it is excluded."""
    return (pl.col("end") % len(_OUTCOMES)).eq_missing(outcome)


def _outcome_counts() -> dict[str, pl.Expr]:
    """Return the number of orders with each outcome."""
    outcomes = {"captured": _CAPTURED, "waiting": _WAITING, "expired": _EXPIRED}
    return {name: total(_has_outcome(outcome)) for name, outcome in outcomes.items()}


def _share_by(window: timedelta) -> pl.Expr:
    """Return the share captured within a duration; null where the curve ends before with orders still waiting."""
    last = _END_TIME.max()
    limit = window // timedelta(microseconds=1)
    is_complete = ~_has_outcome(_WAITING).last()
    share = pl.col("captured_share").filter(limit >= _END_TIME).max().fill_null(0.0)
    is_seen = (last >= limit) | (is_complete & last.is_not_null())
    return pl.when(is_seen).then(share)


def _steps(tables: Tables[pl.LazyFrame], groups: Groups, event: Event, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the curve of each group, one row per order in the sequence of their times.

    Of equal times the last row has the values of the curve: with d captures at one time and n at risk, the factors
    (n - 1) / n, (n - 2) / (n - 1) … make (n - d) / n, and likewise Greenwood's terms d / (n (n - d)). Excluded orders
    come before the curve and do not change it.
    """
    at_risk = pl.col("at_risk")
    captured, expired = (_has_outcome(outcome).cast(pl.Int64) for outcome in (_CAPTURED, _EXPIRED))
    uncaptured = at_risk - captured
    unended = uncaptured - expired
    unended_before = (unended / at_risk).cum_prod().shift(1, fill_value=1.0)
    return (
        _order_ends(tables, groups, event, as_of)
        .group_by(groups.keys)
        .agg(pl.col("end").sort(), at_risk=pl.int_range(pl.len(), 0, -1))
        .sort(groups.keys)  # the position of a row decides the last bit of a division
        .with_row_index("group")
        .explode("end", "at_risk")
        .group_by("group", maintain_order=True)
        .agg(
            pl.col(groups.keys).first(),
            "end",
            "at_risk",
            survival=(uncaptured / at_risk).cum_prod(),
            greenwood=(captured / (at_risk * uncaptured)).cum_sum(),
            captured_share=(unended_before * captured / at_risk).cum_sum(),
        )
        .explode(cs.exclude("group", *groups.keys))
    )


def _are_bounds_reached(level: float) -> list[pl.Expr]:
    """Return whether the bounds of the survival have reached a level; of equal times only the last row counts.

    Their logarithms are compared, which is faster than computing a power for each row.
    """
    is_last = (pl.col("at_risk") == 1) | (_END_TIME.shift(-1) != _END_TIME)
    low, high = (
        is_last & pl.when(_HAS_WIDTH).then(_log_bound(side) <= log(level + _ROUNDING)).otherwise(_is_down_to(level))
        for side in (-1, 1)
    )
    return [low.alias("is_low_reached"), high.alias("is_high_reached")]


def _survival_bound(side: int) -> pl.Expr:
    """Return the lower (-1) or upper (1) 95 % bound of the survival, log-log; without width at 1 and at 0."""
    return pl.when(_HAS_WIDTH).then(_log_bound(side).exp()).otherwise("survival")


def _log_bound(side: int) -> pl.Expr:
    """Return the logarithm of a bound of the survival."""
    log_survival = pl.col("survival").log()
    spread = Z_95 * pl.col("greenwood").sqrt() / log_survival
    return log_survival * (side * spread).exp()


def _order_ends(tables: Tables[pl.LazyFrame], groups: Groups, event: Event, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the time and the outcome of each order as the column `end`; null if it is excluded."""
    is_expired = pl.col("status") == "EXPIRED"
    expires_at = pl.col("expires_at")
    was_waiting = (is_expired & (expires_at > as_of)) | (pl.col("last_captured_at") > as_of)
    ends = (
        _visible(pl.col("event_at"), as_of),
        _visible(pl.when(is_expired).then(expires_at), as_of),
        pl.when(_is_open(event) | was_waiting).then(pl.min_horizontal(expires_at, as_of)),
    )
    code = pl.coalesce(pl.when(moment.is_not_null()).then(code) for code, moment in enumerate(ends))
    at = (pl.coalesce(*ends) - pl.col("created_at")).dt.total_microseconds()
    is_included = (at >= 0) if event == "first" else (at >= 0) & pl.col("order_amount").is_not_null()
    return (
        groups.select(tables.orders, *_ORDER_COLUMNS, key=_ORDER_HASH)
        .join(_capture_times(tables, event), on="key", how="left")
        .select(*groups.keys, end=pl.when(is_included).then(at * len(_OUTCOMES) + code))
    )


def _capture_times(tables: Tables[pl.LazyFrame], event: Event) -> pl.LazyFrame:
    """Plan the time of the event, `event_at`, and of the last capture, `last_captured_at`, of each order."""
    check_choice("event", event, get_args(Event))
    captured_at = event_at = pl.col("captured_at")
    captures = tables.captures.drop_nulls(["order_id", "captured_at"]).with_columns(key=_ORDER_HASH)
    if event == "full":
        amounts = tables.orders.select("order_amount", key=_ORDER_HASH).unique("key", keep="first")
        captures = captures.join(amounts, on="key")
        so_far = pl.col("captured_amount").fill_null(0).sort_by("captured_at").cum_sum()
        event_at = captured_at.sort().filter(so_far >= pl.col("order_amount"))
    return captures.group_by("key").agg(event_at=event_at.min(), last_captured_at=captured_at.max())


def _visible(moment: pl.Expr, as_of: pl.Expr) -> pl.Expr:
    """Return a time unless it is later than `as_of`."""
    return pl.when(moment > as_of).then(None).otherwise(moment)


def _is_open(event: Event) -> pl.Expr:
    """Return whether the event can still happen; a part-captured order with nothing remaining was released."""
    status = pl.col("status")
    if event == "first":
        return status == "AUTHORIZED"
    is_released = (status == "PART_CAPTURED") & pl.col("remaining_authorized_amount").eq_missing(0)
    return status.is_in(OPEN) & ~is_released

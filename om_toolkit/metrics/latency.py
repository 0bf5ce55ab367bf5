"""How long orders wait for their capture: orders and captures in, survival curves and their quantiles out.

Time runs from `created_at`, in whole microseconds inside a query and in hours in a result. An order that was not
captured is not dropped: it is watched for as long as it could be (Kaplan & Meier 1958), or it expired, after which no
capture can come (Aalen & Johansen 1978).
"""

from __future__ import annotations

from datetime import timedelta
from math import log
from typing import TYPE_CHECKING, Final, Literal, get_args

import polars as pl
from polars import selectors as cs

from om_toolkit.metrics.expressions import OPEN, count, hours, instant, span
from om_toolkit.metrics.grouping import By, Groups, groups_of
from om_toolkit.metrics.intervals import Z
from om_toolkit.tables.tables import Tables, tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Event = Literal["first", "full"]

_ROUNDING: Final = 1e-9
"""How far a computed survival may lie above the level it stands for and still have reached it.

A curve is a product of one factor a step: ten million of them round by less than this, while one order among ten
million moves the curve by a hundred times as much.
"""

_MEDIAN: Final = 0.5

_MATURE: Final = 0.9

_CAPTURED, _EXPIRED, _WAITING = _ENDS = range(3)
"""How an order can end; at equal times they count in this order."""

_AT: Final = pl.col("end") // len(_ENDS)
"""When an order ended: the column `end` holds this and how, so that sorting by it sorts by both."""

_ORDER: Final = pl.col("order_id").hash()
"""What orders and captures are brought together by: 64 bits, three times as fast as the text of an id.

That two of ten million orders share them, and with them their captures, has a chance of three in a million.
"""

_NEEDED: Final = ("status", "order_amount", "remaining_authorized_amount", "created_at", "expires_at")


def capture_latency(  # noqa: PLR0913 - the parameters are those of the definition
    data: object,
    *,
    by: By = (),
    event: Event = "first",
    quantiles: Sequence[float] = (0.5, 0.9, 0.95),
    within: str | Sequence[str] = ("24h", "72h"),
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Tell how many hours pass from an order's creation to its capture, open and expired orders included.

    `p50_hours` and its like are Kaplan-Meier quantiles, the smallest time at which the survival curve is ≤ 1 - q, null
    when it is not reached; expiry censors. The interval of the median is made of the curve's own (Brookmeyer & Crowley
    1982): the smallest times at which its lower and its upper bound are ≤ 0.5. `within_24h` is the share captured by
    then, expiry competing (Aalen & Johansen 1978); null beyond the longest observation while orders still wait there.
    `captured_only_p50_hours` is the median of the captured alone, biased, to be compared.

    Every order is captured, expired, waiting at `min(as_of, expires_at)`, or excluded: ended at an unknown moment
    (cancelled, closed, released), captured before its creation, or lacking a time (or, for `full`, its amount). What
    came after `as_of` is not seen: a later capture or expiry leaves the order waiting, a later creation excludes it. An
    open order without `expires_at` is excluded if no `as_of` is known.

    Where a group is a time, such as `by_period("1w")`, its last column is `mature`: whether even the youngest of its
    orders is at least as old as the 90 % quantile of all orders together. Where it is not, and where that quantile is
    not reached or no `as_of` is known, the group is too young to be compared with others.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        event: `first` capture of an order, or the moment it was captured in `full`: when the running sum of its
            captures reached `order_amount`.
        quantiles: Between 0 and 1; 0.995 names its column `p99_5_hours`.
        within: Spans such as `90m`, `24h`, `7d`, `2w`.
        as_of: The instant to speak of, the data's own unless given; naive means UTC.

    Returns:
        A row per group: by…, `orders`, `captured`, `waiting`, `expired`, `excluded` (Int64), then in Float64
        `p50_hours`…, `p50_hours_low`, `p50_hours_high` (95 %, if 0.5 is asked for), `captured_only_p50_hours`,
        `within_24h`…; `mature` (Boolean) where a group is a time.

    Raises:
        ValueError: If a column of `by` does not exist, a quantile is not between 0 and 1, or a span or event is none.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> capture_latency(orders).select("orders", "captured", "waiting", "expired", "excluded").row(0)
        (300, 252, 17, 13, 18)
    """
    return plan(tables_of(data), by=by, event=event, quantiles=quantiles, within=within, as_of=as_of).collect()


def capture_curve(data: object, *, by: By = (), event: Event = "first", as_of: datetime | None = None) -> pl.DataFrame:
    """Return the curve behind `capture_latency`: what remains uncaptured, hour by hour.

    S(t) = Π (n - d) / n over the capture times up to t, n at risk and d captured (Kaplan & Meier 1958), with
    Greenwood's variance V = Σ d / (n (n - d)) and its 95 % interval on the log-log scale, S^exp(±z √V / ln S); where S
    is exactly 1 or 0 the interval has no width. `captured_share` is Σ E(t-) · d / n, with E the share neither captured
    nor expired before (Aalen & Johansen 1978). At equal times captures come first, then expiries, then those who are
    watched no longer.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        event: `first` capture of an order, or its capture in `full`; see `capture_latency`.
        as_of: The instant to speak of, the data's own unless given; naive means UTC.

    Returns:
        A row per group and distinct time at which an order was captured, expired or last seen waiting: by…, `hours`
        (Float64), `at_risk`, `captured`, `expired`, `waiting` (Int64), `survival`, `survival_low`, `survival_high`,
        `captured_share` (Float64). `at_risk` less those three is the next row's `at_risk`.

    Raises:
        ValueError: If a column of `by` does not exist, or there is no such event.

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
        _steps(tables, groups, event, instant(as_of, tables))
        .drop_nulls("end")
        .group_by(*groups.keys, at=_AT)
        .agg(pl.col("at_risk", "greenwood", "captured_share").max(), pl.col("survival").min(), **_counts())
        .with_columns(survival_low=_survival_bound(-1), survival_high=_survival_bound(1))
    )
    counts = ("at_risk", "captured", "expired", "waiting")
    shares = ("survival", "survival_low", "survival_high", "captured_share")
    return (
        groups.present(curve, pl.col("at"))
        .select(*groups.names, hours(pl.col("at")).alias("hours"), *counts, *shares)
        .collect()
    )


def plan(  # noqa: PLR0913 - the parameters are those of the definition
    tables: Tables[pl.LazyFrame],
    *,
    by: By,
    event: Event,
    quantiles: Sequence[float],
    within: str | Sequence[str],
    as_of: datetime | None,
) -> pl.LazyFrame:
    """Plan the query of `capture_latency`."""
    groups = groups_of(tables.orders, by)
    windows = (within,) if isinstance(within, str) else within
    now = instant(as_of, tables)
    figures = (
        _steps(tables, groups, event, now)
        .with_columns(_are_bounds_reached(_MEDIAN) if _MEDIAN in quantiles else [])
        .group_by("group", maintain_order=True)
        .agg(
            pl.col(groups.keys).first(),
            orders=pl.len().cast(pl.Int64),
            **_counts(),
            excluded=count(pl.col("end").is_null()),
            **_quantiles(quantiles),
            captured_only_p50_hours=hours(_AT.filter(_ended(_CAPTURED)).median()),
            **{f"within_{window}": _share_by(span(window)) for window in windows},
        )
        .drop("group")
    )
    if any(dtype.is_temporal() for dtype in groups.select(tables.orders).collect_schema().dtypes()):
        pooled = _steps(tables, groups_of(tables.orders, ()), event, now)
        figures = figures.join(_maturity(tables, groups, pooled, now), on=groups.keys, how="left", nulls_equal=True)
    return groups.present(figures)


def _maturity(tables: Tables[pl.LazyFrame], groups: Groups, pooled: pl.LazyFrame, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan whether the youngest order of each group is as old as 90 % of all orders get before they are captured."""
    age = hours((as_of - pl.col("youngest")).dt.total_microseconds())
    return (
        groups.select(tables.orders, "created_at")
        .group_by(groups.keys)
        .agg(youngest=pl.col("created_at").max())
        .join(pooled.select(pooled_hours=_first(_is_down_to(1 - _MATURE))), how="cross")
        .select(*groups.keys, mature=(age >= pl.col("pooled_hours")).fill_null(value=False))
    )


def _quantiles(quantiles: Sequence[float]) -> dict[str, pl.Expr]:
    """Name and compute the times at which a group's curve reaches its quantiles; the median's with its interval."""
    if not all(0 < q < 1 for q in quantiles):
        raise ValueError(f"quantiles lie between 0 and 1, such as 0.5 or 0.95: {list(quantiles)} do not")
    figures = {f"p{100 * q:g}_hours".replace(".", "_"): _first(_is_down_to(1 - q)) for q in quantiles}
    if _MEDIAN in quantiles:
        figures["p50_hours_low"] = _first(pl.col("is_low_reached"))
        figures["p50_hours_high"] = _first(pl.col("is_high_reached"))
    return figures


def _first(is_reached: pl.Expr) -> pl.Expr:
    """Aggregate the hours until something holds for the first time; null if it never does."""
    return hours(_AT.filter(is_reached).min())


def _is_down_to(level: float) -> pl.Expr:
    return pl.col("survival") <= level + _ROUNDING


def _ended(how: int) -> pl.Expr:
    """Tell whether an order ended so; false if it is excluded."""
    return (pl.col("end") % len(_ENDS)).eq_missing(how)


def _counts() -> dict[str, pl.Expr]:
    """Aggregate how many orders ended in each way."""
    return {
        "captured": count(_ended(_CAPTURED)),
        "waiting": count(_ended(_WAITING)),
        "expired": count(_ended(_EXPIRED)),
    }


def _share_by(window: timedelta) -> pl.Expr:
    """Aggregate the share captured within a span; null where the curve ended before and orders still waited."""
    last = _AT.max()
    limit = window // timedelta(microseconds=1)
    is_complete = ~_ended(_WAITING).last()
    share = pl.col("captured_share").filter(limit >= _AT).max().fill_null(0.0)
    is_seen = (last >= limit) | (is_complete & last.is_not_null())
    return pl.when(is_seen).then(share)


def _steps(tables: Tables[pl.LazyFrame], groups: Groups, event: Event, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the curve of each group, one row per order as they ended; of equal times the last row is the curve's.

    So it is exact: of d captures at one time and n at risk, the factors (n - 1) / n, (n - 2) / (n - 1) … make
    (n - d) / n, and Greenwood's terms d / (n (n - d)). What is excluded sorts before the curve and changes nothing.
    """
    at_risk = pl.col("at_risk")
    captured, expired = (_ended(how).cast(pl.Int64) for how in (_CAPTURED, _EXPIRED))
    uncaptured = at_risk - captured
    unended = uncaptured - expired
    unended_before = (unended / at_risk).cum_prod().shift(1, fill_value=1.0)
    return (
        _ends(tables, groups, event, as_of)
        .group_by(groups.keys)
        .agg(pl.col("end").sort(), at_risk=pl.int_range(pl.len(), 0, -1))
        .sort(groups.keys)  # where a row stands decides the last bit of a division
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
    """Tell where the bounds of the survival are down to a level; of equal times the last row tells.

    Compared are their logarithms, for which no power is needed.
    """
    is_over = (pl.col("at_risk") == 1) | (_AT.shift(-1) != _AT)
    return [
        (
            is_over & pl.when(_HAS_WIDTH).then(_log_bound(side) <= log(level + _ROUNDING)).otherwise(_is_down_to(level))
        ).alias(name)
        for name, side in (("is_low_reached", -1), ("is_high_reached", 1))
    ]


_HAS_WIDTH: Final = pl.col("survival").is_between(0, 1, closed="none")


def _survival_bound(side: int) -> pl.Expr:
    """Return the lower (-1) or upper (1) 95 % bound of the survival, log-log; without width at 1 and at 0."""
    return pl.when(_HAS_WIDTH).then(_log_bound(side).exp()).otherwise("survival")


def _log_bound(side: int) -> pl.Expr:
    log_survival = pl.col("survival").log()
    spread = Z * pl.col("greenwood").sqrt() / log_survival
    return log_survival * (side * spread).exp()


def _ends(tables: Tables[pl.LazyFrame], groups: Groups, event: Event, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan when and how each order ended, as `_AT` and `_ended` read it; null if it is excluded."""
    is_expired = pl.col("status") == "EXPIRED"
    expires_at = pl.col("expires_at")
    still_waited = (is_expired & (expires_at > as_of)) | (pl.col("last_captured_at") > as_of)
    ends = (
        _seen(pl.col("event_at"), as_of),
        _seen(pl.when(is_expired).then(expires_at), as_of),
        pl.when(_is_open(event) | still_waited).then(pl.min_horizontal(expires_at, as_of)),
    )
    code = pl.coalesce(pl.when(moment.is_not_null()).then(code) for code, moment in enumerate(ends))
    at = (pl.coalesce(*ends) - pl.col("created_at")).dt.total_microseconds()
    is_judged = (at >= 0) if event == "first" else (at >= 0) & pl.col("order_amount").is_not_null()
    return (
        groups.select(tables.orders, *_NEEDED, key=_ORDER)
        .join(_captures(tables, event), on="key", how="left")
        .select(*groups.keys, end=pl.when(is_judged).then(at * len(_ENDS) + code))
    )


def _captures(tables: Tables[pl.LazyFrame], event: Event) -> pl.LazyFrame:
    """Plan when each order saw the event, `event_at`, and its last capture, `last_captured_at`."""
    if event not in get_args(Event):
        raise ValueError(f"event={event!r}: it is 'first' or 'full'")
    captured_at = event_at = pl.col("captured_at")
    captures = tables.captures.drop_nulls(["order_id", "captured_at"]).with_columns(key=_ORDER)
    if event == "full":
        amounts = tables.orders.select("order_amount", key=_ORDER).unique("key", keep="first")
        captures = captures.join(amounts, on="key")
        so_far = pl.col("captured_amount").fill_null(0).sort_by("captured_at").cum_sum()
        event_at = captured_at.sort().filter(so_far >= pl.col("order_amount"))
    return captures.group_by("key").agg(event_at=event_at.min(), last_captured_at=captured_at.max())


def _seen(moment: pl.Expr, as_of: pl.Expr) -> pl.Expr:
    return pl.when(moment > as_of).then(None).otherwise(moment)


def _is_open(event: Event) -> pl.Expr:
    """Tell whether the event can still come: a part-captured order without a remainder was released."""
    status = pl.col("status")
    if event == "first":
        return status == "AUTHORIZED"
    is_released = (status == "PART_CAPTURED") & pl.col("remaining_authorized_amount").eq_missing(0)
    return status.is_in(OPEN) & ~is_released

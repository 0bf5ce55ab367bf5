"""Refunds by age: orders, captures and refunds in, the refunded share by days since the first capture out.

The share of the money is a mean cumulative function with cost (Nelson 1988). Its steps are the refunds of a group in
the sequence of their ages; of equal ages the last row has the values of the curve. Ages are whole microseconds. All
sums over the orders at risk come from one sort of the orders; the robust variance needs only the refunds after that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from polars import selectors as cs

from om_toolkit.metrics.expressions import divide_exactly, effective_as_of, parse_duration
from om_toolkit.metrics.grouping import CURRENCY, By, Groups, groups_of
from om_toolkit.metrics.intervals import effective_size, wilson_bounds
from om_toolkit.metrics.refunded_orders import captured_orders, refunds_of
from om_toolkit.metrics.survival import survival_bound
from om_toolkit.tables.tables import Tables, tables_of

MICROSECONDS_PER_DAY: Final = 86_400_000_000

_AT_THE_EDGE: Final = 1e-12
"""The rounding error within which a share is 0 or 1."""

_SETTLED_PART: Final = 0.9
"""The part of its last value that the pooled share reaches within the time after which a group is mature."""

_AT: Final = pl.col("at")
_IS_END: Final = _AT % 2 == 1
"""Whether a row is the end of the observation of an order; at equal ages refunds come first."""


def refund_curve(data: object, *, by: By = (), as_of: datetime | None = None) -> pl.DataFrame:
    """Return which share of the captured money has gone back, by days since the first capture of an order.

    The share is what it would be if every order were observed for ever. It is a mean cumulative function with cost:
    M(t) = Σ y(s) / X(s) over the ages s ≤ t of refunds, y refunded at that age and X captured of the orders that were
    observed at that age (Nelson 1988; Lawless & Nadeau 1995). A young month and an old one can be compared at the same
    age, which `refund_ratio` to date does not allow.

    The variance is the robust one over orders, V(t) = Σ (Σ (y - x·dM) / X)², with the inner sum over the ages up to t
    at which an order, x captured, was observed. The interval is that of Wilson 1927 for an effective number of orders,
    the smaller one of (Σx)² / Σx² of the orders at risk and M(1 - M) / V (after Korn & Graubard 1998); null where M is
    above 1. `orders_refunded_share` is the share of orders with a refund, by Kaplan & Meier 1958, with its interval
    on the log-log scale by Greenwood's variance.

    An order is observed until `as_of`, or until it was fetched (`seen_at`) if that was earlier and it was not refunded
    in full. Refunds and captures after `as_of` are not visible, and those of amount 0 do not count. A refund before the
    first capture counts at day 0. Left out are orders of which the captured amount (that of the order, else the sum of
    its captures) or the time of the first capture is not known, or of which a refund has no amount or no time.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it; the currency is always added.
        as_of: The instant until which orders are observed, by default that of the data; a naive time is in UTC.

    Returns:
        A row per group and distinct age of a refund:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `purchase_currency` | String | |
        | `days` | Float64 | days of 24 hours since the first capture |
        | `at_risk` | Int64 | captured orders observed until then |
        | `at_risk_amount`, `refunded_amount` | Int64 | captured of these, refunded at that age; minor units |
        | `refunded_share`, `refunded_share_low`, `refunded_share_high` | Float64 | of the money, with 95 % interval |
        | `orders_refunded_share`, `orders_refunded_share_low`, `orders_refunded_share_high` | Float64 | of the orders |

    Raises:
        ValueError: If a column of `by` does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> refund_curve(orders).select("purchase_currency", pl.col("days", "refunded_share").round(3)).row(0)
        ('EUR', 2.986, 0.004)
    """
    tables = tables_of(data)
    groups = groups_of(tables.orders, by, currency=True)
    curve = _refund_curve(tables, groups, effective_as_of(as_of, tables))
    figures = curve.with_columns(days=divide_exactly(pl.col("age"), MICROSECONDS_PER_DAY)).select(
        *groups.keys,
        "days",
        "at_risk",
        "at_risk_amount",
        "refunded_amount",
        *_money_share("refunded_share"),
        *_order_share("orders_refunded_share"),
    )
    return tables.run(groups.present(figures, pl.col("days")))


def shares_within(tables: Tables[pl.LazyFrame], groups: Groups, windows: Sequence[str], as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the share of the money that is refunded within each duration, with its interval, one row per group.

    The value at an age beyond the longest observation is null.
    """
    ages = {window: parse_duration(window) // timedelta(microseconds=1) for window in windows}
    curve = _refund_curve(tables, groups, as_of, probes=sorted(set(ages.values())))
    shares = curve.filter("is_probe").with_columns(_money_share("share"))
    return shares.group_by(groups.keys).agg(
        pl.when(pl.col("at_risk") > 0)
        .then(f"share{end}")
        .filter(pl.col("age") == age)
        .first()
        .alias(f"refunded_within_{window}{end}")
        for window, age in ages.items()
        for end in ("", "_low", "_high")
    )


def maturity(tables: Tables[pl.LazyFrame], groups: Groups, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan whether each group is mature, one row per group; null if there is no `as_of`.

    It is if all its orders are refunded in full, or its youngest order has been observed for at least the time at which
    the curve of all orders of the currency reaches 0.9 of its last value.
    """
    pools = groups_of(tables.orders, (), currency=True)
    share = pl.col("money")
    is_settled = (share >= _SETTLED_PART * share.last() - _AT_THE_EDGE) & (share.last() > 0)
    settled = (
        _refund_curve(tables, pools, as_of)
        .group_by(pool=pools.keys[0])
        .agg(settled_at=pl.col("age").filter(is_settled).min())
    )
    captured_at = pl.col("captured_at")
    return (
        captured_orders(tables, groups, as_of)
        .group_by(*groups.keys, pool=CURRENCY)
        .agg(
            is_over=pl.col("is_full").all(),
            known_for=pl.col("end").filter(captured_at == captured_at.max()).min(),
        )
        .join(settled, on="pool", how="left", nulls_equal=True)
        .with_columns(is_old=(pl.col("known_for") >= pl.col("settled_at")).fill_null(value=False))
        .group_by(groups.keys)
        .agg(mature=pl.when(as_of.is_not_null()).then((pl.col("is_over") | pl.col("is_old")).all()))
    )


def _refund_curve(
    tables: Tables[pl.LazyFrame], groups: Groups, as_of: pl.Expr, probes: Sequence[int] = ()
) -> pl.LazyFrame:
    """Plan the curve of each group, one row per distinct age of a refund, and per age that is probed.

    Returns:
        The group columns, sorted; `age`; `is_probe`; `at_risk`, `at_risk_amount`, `kish`; `refunded_amount`; `money`
        and `money_variance`; `unrefunded` and `unrefunded_variance`, those of the orders without a refund.
    """
    orders = captured_orders(tables, groups, as_of).cache()
    refunds = refunds_of(orders, groups, tables, as_of).with_columns(is_probe=False).cache()
    if probes:
        refunds = pl.concat([refunds, _probe_rows(orders, groups, probes)], how="diagonal")
    at_risk = _orders_at_risk(orders, refunds, groups)
    shares = refunds.join(at_risk, on=[*groups.keys, "at"], nulls_equal=True).with_columns(
        part=pl.when(pl.col("at_risk_amount") > 0).then(pl.col("refunded") / pl.col("at_risk_amount")).otherwise(0.0),
    )
    return (
        _refund_steps(shares, groups)
        .filter(~_IS_END)
        .group_by(*groups.keys, age=_AT // 2, maintain_order=True)
        .agg(
            pl.col("at_risk", "at_risk_amount", "kish").first(),
            pl.col("money", "money_variance", "unrefunded", "unrefunded_variance").last(),
            refunded_amount=pl.col("refunded").sum(),
            is_probe=pl.col("is_probe").any(),
        )
    )


def _probe_rows(orders: pl.LazyFrame, groups: Groups, probes: Sequence[int]) -> pl.LazyFrame:
    """Plan a refund of nothing in each group at each of the ages, so that the curve has a row there."""
    ages = pl.LazyFrame({"at": probes}, schema={"at": pl.Int64})
    nothing = pl.lit(0, dtype=pl.Int64)
    return (
        orders.select(groups.keys)
        .unique()
        .join(ages, how="cross")
        .with_columns(captured=nothing, refunded=nothing, end=_AT, is_probe=pl.lit(value=True))
    )


def _orders_at_risk(orders: pl.LazyFrame, refunds: pl.LazyFrame, groups: Groups) -> pl.LazyFrame:
    """Plan the orders that were observed at each age of a refund: their number, amount, and Kish's number of orders."""
    nothing = pl.lit(0, dtype=pl.Int64)
    ends = orders.select(*groups.keys, at=pl.col("end") * 2 + 1, amount="captured")
    ages = refunds.select(*groups.keys, at=_AT * 2, amount=nothing).unique()
    amount, squares = pl.col("amount"), pl.col("amount").cast(pl.Float64) ** 2
    return (
        pl.concat([ends, ages])
        .group_by(groups.keys)
        .agg(_AT.sort(), amount.sort_by("at"))
        .with_row_index("group")
        .explode("at", "amount")
        .group_by("group", maintain_order=True)
        .agg(
            pl.col(groups.keys).first(),
            "at",
            at_risk=_IS_END.cast(pl.Int64).cum_sum(reverse=True),
            at_risk_amount=amount.cum_sum(reverse=True),
            squares=squares.cum_sum(reverse=True),
        )
        .explode(cs.exclude("group", *groups.keys))
        .filter(~_IS_END)
        .drop("group")
        .with_columns(at=_AT // 2)
    )


def _refund_steps(shares: pl.LazyFrame, groups: Groups) -> pl.LazyFrame:
    """Plan the values of the curve at each refund and at the end of each order with refunds.

    The influence of an order on M(t) is B - x·A, with B = Σ y / X over its refunds up to t, and A = Σ dM / X up to t or
    the end of its observation. The sum of their squares over all orders is ΣB² - 2·Σx·B·A + Σx²·A², each part of which
    grows by a known amount with each refund: `own` is the increment of B², `exposed` is Σx·B of the orders at risk, and
    `squares` is Σx² of them.
    """
    part = pl.col("part")
    so_far = part.cum_sum().over("key", order_by="at")
    is_first = (pl.int_range(pl.len()).over("key", order_by="at") == 0) & ~pl.col("is_probe")
    starts = shares.with_columns(
        at=_AT * 2, own=part * (2 * so_far - part), exposing=pl.col("captured") * part, first=is_first.cast(pl.Int64)
    )
    leaves = starts.select(*groups.keys, at=pl.col("end") * 2 + 1, exposing=-pl.col("exposing"), first=-pl.col("first"))
    rows = pl.concat([starts, leaves], how="diagonal").sort(*groups.keys, "at", maintain_order=True)
    step = part.fill_null(0.0)
    slope = pl.when(pl.col("at_risk_amount") > 0).then(part / pl.col("at_risk_amount")).fill_null(0.0)
    exposing, exposed = pl.col("exposing"), pl.col("exposing").cum_sum()
    level = slope.cum_sum()
    starting = pl.when(~_IS_END).then(exposing).otherwise(0.0)
    shared = slope * (exposed - exposing) + starting * level
    squares = pl.col("squares").fill_null(0.0) * slope * (2 * level - slope)
    own = pl.col("own").fill_null(0.0)
    left = pl.col("at_risk") - pl.col("first").cum_sum()
    is_first_refund = (pl.col("first") == 1).fill_null(value=False)
    return (
        rows.group_by(groups.keys, maintain_order=True)
        .agg(
            "at",
            "is_probe",
            "at_risk",
            "at_risk_amount",
            "refunded",
            kish=pl.col("at_risk_amount").cast(pl.Float64) ** 2 / pl.col("squares"),
            money=step.cum_sum(),
            money_variance=(own - 2 * shared + squares).cum_sum(),
            unrefunded=pl.when(is_first_refund).then(left / (left + 1)).otherwise(1.0).cum_prod(),
            unrefunded_variance=pl.when(is_first_refund).then(1 / (left * (left + 1))).otherwise(0.0).cum_sum(),
        )
        .explode(cs.exclude(groups.keys))
    )


def _money_share(name: str) -> list[pl.Expr]:
    """Return the share of the money with Wilson's interval for an effective number of orders."""
    money, variance = pl.col("money"), pl.col("money_variance")
    share = pl.when((money - 1).abs() < _AT_THE_EDGE).then(1.0).otherwise(money)
    is_inside = share.is_between(_AT_THE_EDGE, 1 - _AT_THE_EDGE)
    size = effective_size(share, pl.when(is_inside).then(variance), pl.col("kish"))
    return [share.alias(name), *wilson_bounds(name, share, size)]


def _order_share(name: str) -> list[pl.Expr]:
    """Return the share of the orders with a refund and its interval on the log-log scale."""
    survival, variance = pl.col("unrefunded"), pl.col("unrefunded_variance")
    low, high = (survival_bound(side, survival, variance) for side in (1, -1))
    return [(1 - value).alias(name + end) for value, end in ((survival, ""), (low, "_low"), (high, "_high"))]

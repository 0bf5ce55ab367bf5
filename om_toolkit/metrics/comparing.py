"""Two sets of orders side by side: a metric and the two sets in, its figures and their differences out."""

import re
from collections.abc import Callable
from typing import Any, Final

import polars as pl

from om_toolkit.metrics.grouping import By, expressions
from om_toolkit.metrics.maturity import warn_of_immature
from om_toolkit.support.text import count_of
from om_toolkit.tables.results import LABELS, key_columns, spelling_key
from om_toolkit.tables.tables import tables_of

_AFTER: Final = "_after"
"""The end of a column's name in the second set; in the first set it has none."""

_WITHOUT_GROUPS: Final = ("audit", "capture_curve", "expiring", "refund_curve", "shipped_uncaptured", "timeline")
"""The metrics that have several rows per group."""

_CERTAIN: Final = "_bound"
"""The end of the name of a bound that is certain, not a confidence interval."""


def compare(metric: Callable[..., pl.DataFrame], before: object, after: object, **options: Any) -> pl.DataFrame:  # noqa: ANN401 - the options of any metric
    """Compare a metric between two sets of orders, such as last month and this month, or carrier A and carrier B.

    Young orders have captures and refunds still to come, so a young set looks slower, or seems to have fewer refunds.
    `ImmatureGroups` warns of that; `within=` compares at equal age: `compare(om.refund_ratio, …, within="30d")`.

    The sets must not share orders: the interval of a difference is that of two independent estimates, made of their own
    intervals (Zou & Donner 2008, MOVER). With b of [l, u] before and a of [m, v] after: a - b, from
    a - b - √((a - m)² + (u - b)²) to a - b + √((v - a)² + (b - l)²). For two shares with Wilson's intervals that is
    Newcombe 1998. It is null where one of the intervals is missing. The difference of two `p50_days`, whose bounds are
    certain, lies between m - u and v - l.

    Args:
        metric: A metric with one row per group, such as `om.refund_ratio`.
        before: Orders or Tables.
        after: Orders or Tables.
        **options: Options of the metric, such as `by`.

    Returns:
        A row per group of either set: the keys of the metric's rows (shipping methods and carriers match in any
        spelling), then each figure as `_before` and `_after`, null where a set does not have the group. A number also
        has its `_difference` (after less before), and where it has an interval, `_difference_low` and
        `_difference_high` (Float64, 95 %).

    Raises:
        TypeError: If the metric is not the first argument.
        ValueError: If the sets share orders, or the metric has several rows per group, as `capture_curve`, `expiring`
            and `audit` do.

    Warns:
        ImmatureGroups: If a set is not `mature`, as `capture_latency` and `refund_ratio` define it, and the metric does
            not compare at equal age.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> sweden, germany = (orders.filter(pl.col("purchase_country") == code) for code in ("SE", "DE"))
        >>> waits = compare(om.capture_latency, sweden, germany, within="72h").select(pl.col("^p50_hours_.*$").round(1))
        >>> waits.row(0)
        (26.1, 44.1, 18.0, -8.0, 39.1)
    """
    if not callable(metric):
        raise TypeError("compare takes the metric first: om.compare(om.refund_ratio, before, after)")
    name = getattr(metric, "__name__", str(metric))
    if name in _WITHOUT_GROUPS:
        raise ValueError(_SEVERAL_ROWS.format(name))
    check_that_sets_differ(before, after)
    warn_of_immature(name, before, after, options)
    results = [metric(data, **options) for data in (before, after)]
    keys = _keys_of_rows(results[1], name, options.get("by", ()))
    if any(result.select(keys).is_duplicated().any() if keys else result.height > 1 for result in results):
        raise ValueError(_SEVERAL_ROWS.format(name))
    both = _both_results(results[0], results[1], keys)
    schema = results[1].drop(keys).schema
    figures = [expr for name in schema for expr in _side_by_side(name, schema)]
    return both.sort(keys or [""], nulls_last=True).select(*keys, *figures)


_SEVERAL_ROWS: Final = "{} has several rows per group; compare a metric with one row per group, such as om.refund_ratio"


def check_that_sets_differ(before: object, after: object) -> None:
    """Check that two sets have no common orders.

    Raises:
        ValueError: If they have.
    """
    ids = [tables_of(data).orders.select("order_id") for data in (before, after)]
    shared = ids[0].join(ids[1], on="order_id", how="semi").unique().sort("order_id").collect()["order_id"]
    if shared.len():
        common = count_of(shared.len(), "common order")
        raise ValueError(f"the sets have {common}, such as {shared[0]}; compare sets without common orders")


def _both_results(before: pl.DataFrame, after: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Join two results by their keys; a label has the spelling that it has before, if it has one."""
    if not keys:
        left, right = (result.with_columns(pl.lit(0).alias("")) for result in (before, after))  # one row each
        return left.join(right, on="", suffix=_AFTER)
    names = [key for key in keys if key in LABELS]
    spelled = [spelling_key(pl.col(name)).alias(f"{name} as key") for name in names]
    on = [f"{key} as key" if key in names else key for key in keys]
    both = before.with_columns(spelled).join(
        after.with_columns(spelled), on=on, how="full", coalesce=True, nulls_equal=True, suffix=_AFTER
    )
    return both.with_columns(pl.coalesce(name, name + _AFTER).alias(name) for name in names)


def _keys_of_rows(result: pl.DataFrame, metric: str, by: By) -> list[str]:
    """Return the columns that identify a row; those of `by` if the function is not a metric of this package."""
    keys = key_columns(result.columns, metric)
    return keys if len(keys) < result.width else keys[: len(expressions(by))]


def _side_by_side(name: str, schema: pl.Schema) -> list[pl.Expr]:
    """Return a figure before and after, and the difference; nothing for a bound, which belongs to its figure."""
    stem = re.sub("_(low|high)(_bound)?$", "", name)
    if stem != name and stem in schema:
        return []
    before, after = pl.col(name), pl.col(name + _AFTER)
    both = [before.alias(f"{name}_before"), after]
    if schema[name].is_numeric():
        both.append((after - before).alias(f"{name}_difference"))
    for bound in ("", _CERTAIN):
        if f"{name}_low{bound}" in schema:
            both += _interval(name, bound)
    return both


def _interval(name: str, bound: str) -> list[pl.Expr]:
    """Return the interval of a difference; of figures with certain bounds it is as certain."""
    (b, low, high), (a, after_low, after_high) = (
        [pl.col(name + part + end) for part in ("", f"_low{bound}", f"_high{bound}")] for end in ("", _AFTER)
    )
    if bound == _CERTAIN:
        ends = (after_low - high, after_high - low)
    else:
        down = ((a - after_low) ** 2 + (high - b) ** 2).sqrt()
        up = ((after_high - a) ** 2 + (b - low) ** 2).sqrt()
        ends = (a - b - down, a - b + up)
    return [end.alias(f"{name}_difference_{side}") for end, side in zip(ends, ("low", "high"), strict=True)]

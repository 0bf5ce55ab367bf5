"""Two sets of orders side by side: a metric and the two sets in, its figures and their differences out."""

import re
from collections.abc import Callable
from typing import Any, Final

import polars as pl

from om_toolkit.metrics.grouping import By, expressions
from om_toolkit.tables.results import key_columns

_AFTER: Final = "_after"
"""The end of a column's name in the second set; in the first set it has none."""

_CERTAIN: Final = "_bound"
"""The end of the name of a bound that is certain, not a confidence interval."""


def compare(metric: Callable[..., pl.DataFrame], before: object, after: object, **options: Any) -> pl.DataFrame:  # noqa: ANN401 - the options of any metric
    """Compare a metric between two sets of orders, such as last month and this month, or carrier A and carrier B.

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
        A row per group of either set: the keys of the metric's rows, then each figure as `_before` and `_after`, null
        where a set does not have the group. A number also has its `_difference` (after less before), and where it has
        an interval, `_difference_low` and `_difference_high` (Float64, 95 %).

    Raises:
        ValueError: If the metric has several rows per group, as `capture_curve`, `expiring` and `audit` do.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> sweden, germany = (orders.filter(pl.col("purchase_country") == code) for code in ("SE", "DE"))
        >>> waits = compare(om.capture_latency, sweden, germany).select(pl.col("^p50_hours_.*$").round(1))
        >>> waits.row(0)
        (26.1, 44.1, 18.0, -8.0, 39.1)
    """
    name = getattr(metric, "__name__", str(metric))
    results = [metric(data, **options) for data in (before, after)]
    keys = _keys_of_rows(results[1], name, options.get("by", ()))
    if any(result.select(keys).is_duplicated().any() if keys else result.height > 1 for result in results):
        raise ValueError(f"{name} has several rows per group; compare a metric with one row per group")
    left, right = results if keys else (result.with_columns(pl.lit(0).alias("")) for result in results)  # one row each
    both = left.join(right, on=keys or [""], how="full", coalesce=True, nulls_equal=True, suffix=_AFTER)
    schema = results[1].drop(keys).schema
    figures = [expr for name in schema for expr in _side_by_side(name, schema)]
    return both.sort(keys or [""], nulls_last=True).select(*keys, *figures)


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

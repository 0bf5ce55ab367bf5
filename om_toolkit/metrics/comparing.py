"""Two sets of orders side by side: a metric asked of both in, its figures and their differences out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from om_toolkit.metrics.grouping import expressions

if TYPE_CHECKING:
    from collections.abc import Callable

_SIDES: Final = ("before", "after")

_BOUNDS: Final = frozenset({"p50_days"})
"""Figures whose low and high are no confidence interval, but what they lie between."""


def compare(metric: Callable[..., pl.DataFrame], before: object, after: object, **options: Any) -> pl.DataFrame:  # noqa: ANN401 - whatever the metric takes
    """Ask the same metric of two sets of orders, and tell by how much each figure differs.

    Such as this month against last, or carrier A against carrier B. The sets must not share orders: the interval of a
    difference is that of two independent estimates, made of their own intervals (Zou & Donner 2008, MOVER). With b of
    [l, u] before and a of [m, v] after: a - b, from a - b - √((a - m)² + (u - b)²) to a - b + √((v - a)² + (b - l)²);
    of two shares with Wilson's intervals that is Newcombe 1998. It is null where one of the intervals is not known. The
    difference of two `p50_days`, whose bounds are certain, lies between m - u and v - l.

    Args:
        metric: A metric with one row a group, such as `om.refund_ratio`.
        before: Orders or Tables.
        after: Orders or Tables.
        **options: For the metric, such as `by`.

    Returns:
        A row per group that either has: the group columns, then of each number, by its name, `_before`, `_after` and
        `_difference` (after less before), and where it has an interval `_difference_low` and `_difference_high`
        (Float64, 95 %). Null where a set lacks the group. What is no number has no difference.

    Raises:
        ValueError: If the metric has several rows a group, as `capture_curve`, `expiring` and `audit` do.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> sweden, germany = (orders.filter(pl.col("purchase_country") == code) for code in ("SE", "DE"))
        >>> waits = compare(om.capture_latency, sweden, germany).select(pl.col("^p50_hours_.*$").round(1))
        >>> waits.row(0)
        (22.4, 43.9, 21.5, -3.3, 40.1)
    """
    results = {side: metric(data, **options) for side, data in zip(_SIDES, (before, after), strict=True)}
    keys = _keys(results["after"], len(expressions(options.get("by", ()))))
    if any(result.select(keys).is_duplicated().any() if keys else result.height > 1 for result in results.values()):
        raise ValueError(
            f"{getattr(metric, '__name__', metric)} has several rows a group: nothing tells which to compare"
        )
    figures = [name for name in results["after"].columns if name not in keys]
    told = [result.rename({name: f"{name}_{side}" for name in figures}) for side, result in results.items()]
    # Without group columns both results are one row, or none.
    keyed = [frame.with_columns(pl.lit(0).alias("")) if not keys else frame for frame in told]
    both = keyed[0].join(keyed[1], on=keys or [""], how="full", coalesce=True, nulls_equal=True)
    shown = [expr for name in figures for expr in _side_by_side(name, results["after"].schema)]
    return both.sort(keys, nulls_last=True).select(*keys, *shown) if keys else both.select(shown)


def _keys(result: pl.DataFrame, asked: int) -> list[str]:
    """Return the columns that tell the rows apart: those of `by`, and the texts and times that follow them."""
    own = [dtype.is_numeric() for dtype in result.dtypes[asked:]]
    return result.columns[: asked + (own.index(True) if True in own else len(own))]


def _side_by_side(name: str, schema: pl.Schema) -> list[pl.Expr]:
    """Return a figure before and after, and the difference; nothing of the bounds that are told with their figure."""
    stem = name.removesuffix("_low").removesuffix("_high")
    if stem != name and stem in schema:
        return []
    before, after = (pl.col(f"{name}_{side}") for side in _SIDES)
    if not schema[name].is_numeric():
        return [before, after]
    difference = [before, after, (after - before).alias(f"{name}_difference")]
    return [*difference, *_interval(name)] if f"{name}_low" in schema else difference


def _interval(name: str) -> list[pl.Expr]:
    """Return the interval of a difference."""
    (b, low, high), (a, after_low, after_high) = (
        [pl.col(f"{name}{end}_{side}") for end in ("", "_low", "_high")] for side in _SIDES
    )
    if name in _BOUNDS:
        ends = (after_low - high, after_high - low)
    else:
        down = ((a - after_low) ** 2 + (high - b) ** 2).sqrt()
        up = ((after_high - a) ** 2 + (b - low) ** 2).sqrt()
        ends = (a - b - down, a - b + up)
    return [end.alias(f"{name}_difference_{side}") for end, side in zip(ends, ("low", "high"), strict=True)]

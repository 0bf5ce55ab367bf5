"""Whether sets of orders are old enough to be compared: two sets in, a warning out."""

import warnings
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import polars as pl

from om_toolkit.errors import ImmatureGroups
from om_toolkit.metrics.expressions import with_seen_at
from om_toolkit.metrics.latency import capture_latency
from om_toolkit.metrics.refunds import refund_ratio
from om_toolkit.support.instants import newest
from om_toolkit.tables.tables import Tables, tables_of

_EQUAL_AGE: Final = {
    "capture_latency": ("captures", "use within=['72h'] to compare at equal age"),
    "key_figures": ("captures", "compare om.capture_latency with within=['72h'] at equal age"),
    "refund_ratio": ("refunds", "use within=['30d'] to compare at equal age"),
    "time_to_refund": ("refunds", "compare om.refund_ratio with within=['30d'] at equal age"),
    "products": ("refunds", "compare om.refund_ratio with within=['30d'] at equal age"),
}
"""What is still to come in young orders, by metric, and how to compare at equal age."""

_SIDE_DATES: Final = {"before": date(1, 1, 1), "after": date(1, 1, 2)}
"""The sets as groups that are times, so that a metric shows whether they are mature."""


def warn_of_immature(metric: str, before: object, after: object, options: Mapping[str, Any]) -> None:
    """Warn if a set is not mature, unless the metric compares at equal age."""
    if metric not in _EQUAL_AGE or options.get("within") or options.get("basis") == "refund_date":
        return
    kind, advice = _EQUAL_AGE[metric]
    of_both = _both_sides(tables_of(before), tables_of(after))
    shown = capture_latency(of_both, by="side") if kind == "captures" else refund_ratio(of_both, by="side")
    for side, key in _SIDE_DATES.items():
        if not shown.filter(pl.col("side") == key, ~pl.col("mature")).is_empty():
            text = f"many {kind} of the orders {side} are still to come, because these orders are too young; {advice}"
            warnings.warn(text, ImmatureGroups, stacklevel=3)


def _both_sides(before: Tables[pl.LazyFrame], after: Tables[pl.LazyFrame]) -> Tables[pl.LazyFrame]:
    """Return the tables of both sets with the column `side`; every order was seen by the `as_of` of its own set."""
    orders = [
        with_seen_at(tables.orders).with_columns(
            pl.min_horizontal("seen_at", pl.lit(tables.as_of, dtype=pl.Datetime("us", "UTC"))), side=pl.lit(key)
        )
        for tables, key in zip((before, after), _SIDE_DATES.values(), strict=True)
    ]
    frames: dict[str, Any] = {
        name: pl.concat([frame, getattr(after, name)], how="diagonal") for name, frame in before.items()
    }
    frames["orders"] = pl.concat(orders, how="diagonal")
    return Tables(**frames, as_of=newest([before.as_of, after.as_of]), is_conformed=True)

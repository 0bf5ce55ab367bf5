"""Two sets of orders in; the sections about the change between them, and about the weeks of one, out."""

from dataclasses import replace
from typing import Any, Final

import polars as pl

from om_toolkit import metrics
from om_toolkit.metrics.grouping import CURRENCY, by_period
from om_toolkit.tables.tables import Tables
from om_toolkit.views.report import small_groups
from om_toolkit.views.report.readable import readable
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import Section, or_no_data
from om_toolkit.views.report.trend import trend_svg

_FIGURES: Final = ("orders", "order_amount", "average_order_value")

CHANGING: Final = {
    "within_72h": "captured within 72 hours",
    "refunded_within_30d": "refunded within 30 days of the capture",
}
"""The shares that are compared at equal age, in words."""


def change(scope: Scope) -> Section:
    """Return the section about the change against the orders before; the scope has them."""
    frame = changes(scope)
    sentences = [
        "How soon orders were captured (half within, within 72 h) and how much was refunded are compared at equal age.",
        "A difference whose interval contains 0 can be chance.",
    ]
    return Section(
        "change",
        "What has changed?",
        or_no_data(sentences if frame.height else []),
        "",
        readable(frame, scope, most=12),
        frame,
        scope.frame_code("change", "compare_to=before"),
    )


def changes(scope: Scope) -> pl.DataFrame:
    """Return a row per currency with figures before and after, and their differences, as `compare` does."""
    assert scope.before is not None
    frame = metrics.compare(_sizes, scope.before, scope.tables)
    others: list[tuple[Any, dict[str, Any], tuple[str, ...]]] = [
        (metrics.capture_latency, {"by": CURRENCY, "within": "72h"}, ("p50_hours", "within_72h")),
        (metrics.refund_ratio, {"within": "30d"}, ("refunded_within_30d",)),
    ]
    for metric, options, figures in others[scope.is_settlement :]:
        compared = metrics.compare(metric, scope.before, scope.tables, **options)
        of_figures = [f"^{figure}_(before|after|difference|difference_low|difference_high)$" for figure in figures]
        frame = frame.join(
            compared.select(CURRENCY, *of_figures), on=CURRENCY, how="left", nulls_equal=True, maintain_order="left"
        )
    return frame


def _sizes(data: object) -> pl.DataFrame:
    """Return the figures per currency that do not depend on the age of the orders."""
    return metrics.key_figures(data).select(CURRENCY, *_FIGURES)


def weeks(scope: Scope) -> Section:
    """Return the section about the weeks in which the orders were created."""
    frame = by_week(scope)
    sentences = [
        "By week of the order, from Monday. A bar is what was ordered, its solid part what was captured of it to date.",
    ]
    if scope.is_pooled:
        sentences.append("Weeks with few captured orders are left out.")
    elif not scope.is_settlement:
        sentences.append("Young weeks have captures still to come.")
    return Section(
        "weeks",
        "How did the weeks go?",
        or_no_data(sentences if frame.height else []),
        _trend(frame) if frame.height else "",
        readable(frame.sort("week", CURRENCY, descending=[True, False], nulls_last=True), scope, most=24),
        frame,
        scope.frame_code("weeks"),
    )


def by_week(scope: Scope) -> pl.DataFrame:
    """Return a row per week and currency: ordered and captured amounts, and the orders if nothing is pooled.

    If groups are pooled, weeks are pooled as countries are, and those of the pool are left out.
    """
    week = by_period("1w", time_zone=scope.time_zone).cast(pl.String).alias("week")
    tables: Tables[Any] = replace(scope.tables, orders=scope.tables.orders.with_columns(week), is_conformed=True)
    tables = small_groups.pool(tables, "week", scope.min_cell)
    figures = metrics.key_figures(tables, by="week").filter(pl.col("week").ne(small_groups.FEW))
    counts = [] if scope.is_pooled else ["orders"]
    return figures.select("week", CURRENCY, *counts, "order_amount", "captured_amount")


def _trend(frame: pl.DataFrame) -> str:
    """Draw a row of bars for each currency."""
    weeks = frame["week"].unique().sort().to_list()
    rows = {
        code: {week: (ordered, captured) for _, week, ordered, captured in part.rows()}
        for (code,), part in frame.select(CURRENCY, "week", "order_amount", "captured_amount").group_by(
            CURRENCY, maintain_order=True
        )
    }
    return trend_svg(weeks, rows)

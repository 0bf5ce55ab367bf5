"""The layout of a metric's result: its columns in, those that identify a row out.

A result begins with its keys: the group columns of `by`, then labels of the metric itself, such as `shipping_method`.
The figures follow.
"""

from collections.abc import Iterable
from itertools import takewhile
from typing import Final

import polars as pl

FIRST_FIGURES: Final = {
    "at_risk": "orders",
    "audit": "expected",
    "capture_curve": "hours",
    "capture_latency": "orders",
    "capture_times": "captures",
    "carriers": "count",
    "chosen_vs_shipped": "orders",
    "expiring": "remaining_authorized_amount",
    "key_figures": "orders",
    "mix": "count",
    "products": "captured_quantity",
    "refund_curve": "days",
    "refund_ratio": "orders_captured",
    "shipped_uncaptured": "remaining_authorized_amount",
    "shipping_methods": "count",
    "time_to_refund": "refunds",
    "vat": "lines",
    "timeline": "at",
}
"""The first figure of each metric: all columns before it are keys."""

LABELS: Final = ("shipping_method", "shipping_company", "chosen", "shipped")
"""The keys that are names for readers: spellings that differ in case or blanks are one."""


def spelling_key(text: pl.Expr) -> pl.Expr:
    """Return the key that all spellings of a name share; null if the name is blank."""
    key = text.str.to_lowercase().str.replace_all(r"\s", "")
    return pl.when(key != "").then(key)


def key_columns(columns: Iterable[str], metric: str | None = None) -> list[str]:
    """Return the columns before the first figure; all columns if none is a first figure.

    Args:
        columns: The columns of a result, in its order.
        metric: The name of the metric. Without it the first figure of any metric ends the keys.

    Example:
        >>> key_columns(["purchase_country", "shipping_method", "count", "share"])
        ['purchase_country', 'shipping_method']
    """
    first_figures = [FIRST_FIGURES[metric]] if metric in FIRST_FIGURES else FIRST_FIGURES.values()
    return list(takewhile(lambda name: name not in first_figures, columns))

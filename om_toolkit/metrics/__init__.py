"""The metrics, listed in `__all__`: tables of orders in, one polars frame per metric out.

A metric is one lazy query of polars expressions, collected once by the engine that polars is configured to use.
"""

import inspect
from collections.abc import Callable
from typing import Any

from om_toolkit.metrics.audit import audit
from om_toolkit.metrics.capture_times import capture_times
from om_toolkit.metrics.comparing import compare
from om_toolkit.metrics.expiry import at_risk, expiring
from om_toolkit.metrics.explaining import Explanation
from om_toolkit.metrics.figures import key_figures
from om_toolkit.metrics.grouping import by_period
from om_toolkit.metrics.latency import capture_curve, capture_latency
from om_toolkit.metrics.mix import mix
from om_toolkit.metrics.products import products
from om_toolkit.metrics.refund_curves import refund_curve
from om_toolkit.metrics.refunds import refund_ratio, time_to_refund
from om_toolkit.metrics.shipped import shipped_uncaptured
from om_toolkit.metrics.shipping import carriers, shipping_methods
from om_toolkit.metrics.shipping_choices import chosen_vs_shipped
from om_toolkit.metrics.timelines import timeline
from om_toolkit.metrics.vat import vat

__all__ = [
    "at_risk",
    "audit",
    "by_period",
    "capture_curve",
    "capture_latency",
    "capture_times",
    "carriers",
    "chosen_vs_shipped",
    "compare",
    "expiring",
    "explain",
    "key_figures",
    "mix",
    "products",
    "refund_curve",
    "refund_ratio",
    "shipped_uncaptured",
    "shipping_methods",
    "time_to_refund",
    "timeline",
    "vat",
]


def explain(metric: str | Callable[..., Any] | None = None) -> Explanation:
    """Return what a metric means: its definition, its formula with the source, and its columns.

    Args:
        metric: Its name, such as `refund_ratio`, or the metric itself. Without it, all metrics.

    Returns:
        Its documentation as text; a notebook shows it with headings and lists. Without a metric, a line for each.

    Raises:
        ValueError: If the metric does not exist.

    Example:
        >>> print(explain("at_risk").splitlines()[0])
        Sum the orders of `expiring` per currency, and per local day or other period of their expiry.
    """
    names = [name for name in __all__ if name != "explain"]
    if metric is None:
        return Explanation("\n".join(f"{name}: {_documentation(name).partition(chr(10))[0]}" for name in names))
    name = str(getattr(metric, "__name__", metric))
    if name not in names:
        similar = [one for one in names if name.lower().replace(" ", "_") in one]
        hint = f"did you mean {' or '.join(map(repr, similar))}?" if similar else f"use one of {', '.join(names)}"
        raise ValueError(f"there is no metric {name!r}; {hint}")
    return Explanation(_documentation(name))


def _documentation(name: str) -> str:
    return inspect.getdoc(globals()[name]) or ""

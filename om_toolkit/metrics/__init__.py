"""The metrics, listed in `__all__`: tables of orders in, one polars frame per metric out.

A metric is one lazy query of polars expressions, collected once by the engine that polars is configured to use.
"""

from om_toolkit.metrics.audit import audit
from om_toolkit.metrics.comparing import compare
from om_toolkit.metrics.expiry import at_risk, expiring
from om_toolkit.metrics.explaining import explain
from om_toolkit.metrics.figures import key_figures
from om_toolkit.metrics.grouping import by_period
from om_toolkit.metrics.latency import capture_curve, capture_latency
from om_toolkit.metrics.refunds import refund_ratio, time_to_refund
from om_toolkit.metrics.shipping import carriers, shipping_methods

__all__ = [
    "at_risk",
    "audit",
    "by_period",
    "capture_curve",
    "capture_latency",
    "carriers",
    "compare",
    "expiring",
    "explain",
    "key_figures",
    "refund_ratio",
    "shipping_methods",
    "time_to_refund",
]

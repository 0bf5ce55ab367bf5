"""The frame of a metric in; matplotlib Axes out, one function for each metric that has a picture.

Each function takes the frame of the metric with the same name and draws into `ax`, or into a new figure. None of them
changes pyplot's state or rcParams. Axes created here display themselves in a notebook.
"""

from om_toolkit.views.plots.canvas import svg
from om_toolkit.views.plots.curves import capture_curve, refund_curve
from om_toolkit.views.plots.differences import compare
from om_toolkit.views.plots.groups import capture_latency, products, refund_funnel, refund_ratio, time_to_refund
from om_toolkit.views.plots.shares import carriers, chosen_vs_shipped, key_figures, mix, shipping_methods
from om_toolkit.views.plots.taxes import vat
from om_toolkit.views.plots.times import at_risk, capture_times, expiring, timeline

__all__ = [
    "at_risk",
    "capture_curve",
    "capture_latency",
    "capture_times",
    "carriers",
    "chosen_vs_shipped",
    "compare",
    "expiring",
    "key_figures",
    "mix",
    "products",
    "refund_curve",
    "refund_funnel",
    "refund_ratio",
    "shipping_methods",
    "svg",
    "time_to_refund",
    "timeline",
    "vat",
]


def __dir__() -> list[str]:
    return __all__

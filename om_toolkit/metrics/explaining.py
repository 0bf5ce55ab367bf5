"""What a number means: the name of a metric in, its documentation with the formula out."""

from __future__ import annotations

import inspect
import re
from typing import Final

from om_toolkit.metrics.audit import audit
from om_toolkit.metrics.comparing import compare
from om_toolkit.metrics.expiry import at_risk, expiring
from om_toolkit.metrics.figures import key_figures
from om_toolkit.metrics.grouping import by_period
from om_toolkit.metrics.latency import capture_curve, capture_latency
from om_toolkit.metrics.refunds import refund_ratio, time_to_refund
from om_toolkit.metrics.shipping import carriers, shipping_methods

_METRICS: Final = {
    metric.__name__: metric
    for metric in (
        at_risk,
        audit,
        by_period,
        capture_curve,
        capture_latency,
        carriers,
        compare,
        expiring,
        key_figures,
        refund_ratio,
        shipping_methods,
        time_to_refund,
    )
}

_HEADING: Final = re.compile(r"(Args|Returns|Raises|Example):")
_ITEM: Final = re.compile(r" {4}(\*{0,2}\w[\w.]*): ")


def explain(metric: str) -> Explanation:
    """Tell what a metric means: its definition, its formula and where that comes from, its columns.

    Args:
        metric: Its name, such as `refund_ratio`.

    Returns:
        The text of its documentation; a notebook lays it out.

    Raises:
        ValueError: If there is no such metric.

    Example:
        >>> print(explain("at_risk").splitlines()[0])
        Sum the orders of `expiring` per currency.
    """
    if metric not in _METRICS:
        raise ValueError(f"there is no metric {metric!r}: there are {', '.join(_METRICS)}")
    return Explanation(inspect.getdoc(_METRICS[metric]) or "")


class Explanation(str):
    """The documentation of a metric: text, shown as it is in a terminal and laid out in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        """Return the same with headings, lists of parameters and errors, and the example as code."""
        lines, heading = [], ""
        for line in self.splitlines():
            if found := _HEADING.fullmatch(line):
                heading = found[1]
                lines += [f"**{heading}**", ""]
            elif heading == "Example":
                lines.append(line)
            else:
                lines.append(_ITEM.sub(r"- `\1`: ", line).strip() if heading else line)
        return "\n".join(lines)

"""What a number means: the name of a metric in, its documentation with the formula out."""

from __future__ import annotations

import inspect
import re
from typing import Final

_HEADING: Final = re.compile(r"(Args|Returns|Raises|Example):")
_ITEM: Final = re.compile(r" {4}(\*{0,2}\w[\w.]*): ")


def explain(metric: str) -> Explanation:
    """Return what a metric means: its definition, its formula with the source, and its columns.

    Args:
        metric: Its name, such as `refund_ratio`.

    Returns:
        Its documentation as text; a notebook shows it with headings and lists.

    Raises:
        ValueError: If the metric does not exist.

    Example:
        >>> print(explain("at_risk").splitlines()[0])
        Sum the orders of `expiring` per currency.
    """
    from om_toolkit import metrics  # noqa: PLC0415 - the package imports this module

    names = [name for name in metrics.__all__ if name != explain.__name__]
    if metric not in names:
        raise ValueError(f"there is no metric {metric!r}; use one of {', '.join(names)}")
    return Explanation(inspect.getdoc(getattr(metrics, metric)) or "")


class Explanation(str):
    """The documentation of a metric: plain in a terminal, formatted in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        """Return the text as Markdown, with headings, lists of parameters and errors, and the example as code."""
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

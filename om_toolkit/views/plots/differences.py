"""Differences between two sets: the frame of `compare` in, rows with intervals out."""

from itertools import takewhile
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from om_toolkit.support.text import count_of
from om_toolkit.tables.units import Unit, heading, unit_of
from om_toolkit.views.plots.canvas import (
    COLOURS,
    GREY,
    LIGHT_GREY,
    check_frame,
    group_label,
    label_rows,
    new_column,
    set_title,
)

_LOW: Final = "_difference_low"

_UNITS: Final = {Unit.SHARE: "% points", Unit.HOURS: "hours", Unit.DAYS: "days"}


def compare(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the differences between two sets with their 95 % intervals, one picture per figure.

    Of many intervals, one in twenty excludes 0 by chance alone.

    Args:
        frame: The result of `compare`. To show one figure, select its columns and the keys.
        ax: Where to draw, for a frame with one figure that has an interval; a new figure by default.
        title: The title, such as the finding; by default in how many groups the interval does not contain 0.

    Returns:
        The Axes, of the first figure if there are several: the difference across (after less before), one row per
        group. Only figures with an interval are shown. A difference whose interval contains 0 or is unknown is grey.

    Raises:
        ValueError: If the frame has no interval of a difference, or several figures for one `ax`.
    """
    check_frame(frame, "compare")
    figures = [name.removesuffix(_LOW) for name in frame.columns if name.endswith(_LOW)]
    if not figures:
        raise ValueError(
            "the frame has no interval of a difference; pass the result of om.compare for a metric with intervals, "
            "such as om.refund_ratio"
        )
    if ax is not None and len(figures) > 1:
        raise ValueError("the frame has several figures, which have no common axis; select the columns of one of them")
    keys = list(takewhile(lambda name: not name.endswith("_before"), frame.columns))
    labels = [group_label(row) for row in frame.select(keys).rows()] or ["all orders"] * frame.height
    column = [ax] if ax is not None else new_column(len(figures), height=1.2 + 0.3 * max(len(labels), 1))
    for one, figure in zip(column, figures, strict=True):
        differing = _draw_differences(one, frame, figure)
        label_rows(one, labels)
        default = f"differs in {differing} of {count_of(len(labels), 'group')}" if labels else "no data"
        set_title(one, title if one is column[0] else None, default)
    return column[0]


def _draw_differences(ax: Axes, frame: pl.DataFrame, figure: str) -> int:
    """Draw the differences of one figure, and return how many have an interval without 0."""
    name = f"{figure}_difference"
    unit = unit_of(name, frame.schema[name])
    scale = 100 if unit is Unit.SHARE else 1
    middle, low, high = (
        frame[column].cast(pl.Float64).to_numpy() * scale for column in (name, f"{name}_low", f"{name}_high")
    )
    differs = (low > 0) | (high < 0)
    rows, colours = np.arange(len(middle)), np.where(differs, COLOURS[0], GREY)
    ax.axvline(0, color=GREY, linewidth=1)
    ax.hlines(rows, low, high, colors=list(colours), alpha=0.5, linewidth=6)
    ax.scatter(middle, rows, c=list(colours), zorder=3)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:+g}" if value else "0"))
    words = f"difference in {_UNITS[unit]}" if unit in _UNITS else "difference"
    ax.set_xlabel(f"{heading(figure)}: {words}, 95 % interval", fontsize=9)
    ax.grid(axis="x", color=LIGHT_GREY)
    ax.set_axisbelow(True)
    return int(differs.sum())

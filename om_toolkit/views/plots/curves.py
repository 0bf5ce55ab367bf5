"""Curves over time since the order or the capture: frames in, lines with bands out."""

from typing import Any, Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from om_toolkit.support.text import count_of
from om_toolkit.tables.results import key_columns
from om_toolkit.views.plots.canvas import (
    LIGHT_GREY,
    STYLES,
    check_frame,
    new_axes,
    number_of,
    set_title,
    split_by_group,
)

_CURVE_POINTS: Final = 201  # more are not visible at this size

_HOURS_SHOWN_AS_DAYS: Final = 72

_MOST_BANDS: Final = 4
"""More intervals than this would cover each other."""


def capture_curve(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of orders captured over time, with one line per group, and its 95 % band if there are few.

    Args:
        frame: The result of `capture_curve`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: days across (hours if the curves settle within three days), share captured up. The axis ends where
        every curve has reached 98 % of its last value.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "capture_curve", "hours", "captured_share")
    parts = split_by_group(frame, key_columns(frame.columns, "capture_curve"))
    end = max(
        (_time_settled(part["hours"].to_numpy(), part["captured_share"].to_numpy()) for _, part in parts), default=1
    )
    unit, hours_per_unit = ("days", 24) if end > _HOURS_SHOWN_AS_DAYS else ("hours", 1)
    ax = _draw_curves(ax, parts, ("hours", "captured_share"), end, hours_per_unit)
    ax.set(xlabel=f"{unit} since the order was placed", ylabel="share of orders captured", ylim=(0, 1))
    set_title(ax, title, number_of(frame, "captured", "captured order"))
    return ax


def refund_curve(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of the captured money that has gone back by age, with one line per group and currency.

    Args:
        frame: The result of `refund_curve`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: days since the first capture across, share refunded up. A line ends at the last refund of its group.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "refund_curve", "days", "refunded_share")
    parts = split_by_group(frame, key_columns(frame.columns, "refund_curve"))
    end = max((float(part["days"].to_numpy()[-1]) for _, part in parts), default=1.0)
    ax = _draw_curves(ax, parts, ("days", "refunded_share"), end or 1.0, 1)
    ax.set(xlabel="days since the first capture", ylabel="share of the captured amount refunded")
    ax.set_ylim(bottom=0)
    largest = sum(int(part["at_risk"].to_numpy().max()) for _, part in parts)
    set_title(ax, title, count_of(largest, "captured order") if parts else "no data")
    return ax


def _draw_curves(
    ax: Axes | None, parts: list[tuple[str, pl.DataFrame]], columns: tuple[str, str], end: float, per_unit: float
) -> Axes:
    """Draw a step curve per group from 0 to `end`, with the name of the group."""
    ax = ax or new_axes(height=4)
    time, share = columns
    for (label, part), (colour, line) in zip(parts, STYLES, strict=False):
        at = part[time].to_numpy()
        x, y = _step_points(at, part[share].to_numpy(), end)
        ax.step(x / per_unit, y, where="post", color=colour, linestyle=line, label=label, linewidth=1.8)
        bounds = part.select(
            pl.col(f"{share}_{side}").cast(pl.Float64).fill_null(pl.col(share)) for side in ("low", "high")
        )
        if len(parts) <= _MOST_BANDS:
            low, high = (_step_points(at, bound.to_numpy(), end)[1] for bound in bounds)
            ax.fill_between(x / per_unit, low, high, step="post", color=colour, alpha=0.12, linewidth=0)
    ax.set_xlim(0, end / per_unit)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", color=LIGHT_GREY)
    if len(parts) > 1:
        ax.legend(frameon=False, loc="best")
    return ax


def _time_settled(hours: np.ndarray[Any, Any], share: np.ndarray[Any, Any]) -> float:
    """Return when a curve reaches 98 % of its last value; after that it is almost flat."""
    return float(hours[np.searchsorted(share, 0.98 * share[-1])]) or float(hours[-1]) or 1.0


def _step_points(
    hours: np.ndarray[Any, Any], share: np.ndarray[Any, Any], end: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the points of a step curve from 0 to `end`, reduced to what is visible."""
    grid = np.linspace(0, end, _CURVE_POINTS)
    at = np.append(grid[grid < hours[-1]], min(hours[-1], end))
    reached = np.concatenate([[0.0], share])[np.searchsorted(hours, at, side="right")]
    return np.append(0.0, at), np.append(0.0, reached)

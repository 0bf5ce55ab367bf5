"""Curves over time since the order or the capture: frames in, lines with bands out."""

from itertools import cycle
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from om_toolkit.support.text import count_of
from om_toolkit.tables.results import key_columns
from om_toolkit.views.plots.canvas import (
    COLOURS,
    INK,
    LIGHT_GREY,
    STYLES,
    check_frame,
    new_axes,
    new_panels,
    number_of,
    plain,
    set_title,
    shorten,
    split_by_group,
)

_CURVE_POINTS: Final = 201  # more are not visible at this size

_HOURS_SHOWN_AS_DAYS: Final = 72

_MOST_BANDS: Final = 4
"""More intervals than this would cover each other."""

_LABEL_GAP: Final = 0.07
"""Between two labels at the right of the curves, as a share of the height."""

_LONGEST_ROW: Final = 16

_FEWEST_AT_RISK: Final = 5

_Part: TypeAlias = tuple[str, pl.DataFrame]


def capture_curve(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of orders captured over time, with one line per group, and its 95 % band if there are few.

    Args:
        frame: The result of `capture_curve`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: days across (hours if the curves settle within three days), share captured up. The axis ends where
        every curve has reached 98 % of its last value. Under it, the orders at risk at the next capture. More than six
        groups have a picture each; the Axes is then that of the first.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "capture_curve", "hours", "captured_share")
    parts = split_by_group(frame, key_columns(frame.columns, "capture_curve"))
    end = max(
        (_time_settled(part["hours"].to_numpy(), part["captured_share"].to_numpy()) for _, part in parts), default=1
    )
    unit, hours_per_unit = ("days", 24) if end > _HOURS_SHOWN_AS_DAYS else ("hours", 1)
    axes = _draw_curves(ax, parts, ("hours", "captured_share"), end, hours_per_unit)
    _set_axes(axes, f"{unit} since the order was placed", "share of orders captured", 1)
    _set_heading(axes, title, number_of(frame, "captured", "captured order"))
    return axes[0]


def refund_curve(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of the captured money that has gone back by age, with one line per group and currency.

    Args:
        frame: The result of `refund_curve`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: days since the first capture across, share refunded up. A line ends at the last refund of its group
        while five or more of its orders were at risk; after that single orders would decide its height. Under the
        axis, the orders at risk at the next refund. More than six groups have a picture each; the Axes is then that
        of the first.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "refund_curve", "days", "refunded_share")
    groups = split_by_group(frame, key_columns(frame.columns, "refund_curve"))
    parts = [(label, _with_enough_at_risk(part)) for label, part in groups]
    end = max((float(part["days"].to_numpy()[-1]) for _, part in parts), default=1.0)
    axes = _draw_curves(ax, parts, ("days", "refunded_share"), end or 1.0, 1)
    _set_axes(axes, "days since the first capture", "share of the captured amount refunded", None)
    largest = sum(int(part["at_risk"].to_numpy().max()) for _, part in parts)
    _set_heading(axes, title, count_of(largest, "captured order") if parts else "no data")
    return axes[0]


def _with_enough_at_risk(part: pl.DataFrame) -> pl.DataFrame:
    """Return the part of a curve that more than a few orders decide, or all of it if no part is."""
    decided = part.filter(pl.col("at_risk") >= _FEWEST_AT_RISK)
    return decided if decided.height else part


def _draw_curves(
    ax: Axes | None, parts: list[_Part], columns: tuple[str, str], end: float, per_unit: float
) -> list[Axes]:
    """Draw a step curve per group from 0 to `end`: in one picture with labels, or in a picture for each group."""
    if ax is None and len(parts) > len(COLOURS):
        panels = new_panels(len(parts))
        for panel, (label, _) in zip(panels, parts, strict=True):
            panel.set_title(label, loc="left", fontsize=9, color=INK)
            _draw_context(panel, parts, columns, end, per_unit)
        for panel, part in zip(panels, parts, strict=True):
            _draw_lines(panel, [part], columns, end, per_unit)
        return panels
    ax = ax or new_axes(height=3.9 + 0.2 * len(parts))
    _draw_lines(ax, parts, columns, end, per_unit)
    _write_at_risk(ax, parts, columns[0], per_unit)
    return [ax]


def _draw_lines(ax: Axes, parts: list[_Part], columns: tuple[str, str], end: float, per_unit: float) -> None:
    time, share = columns
    for (label, part), (colour, line) in zip(parts, cycle(STYLES), strict=False):
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


def _draw_context(ax: Axes, parts: list[_Part], columns: tuple[str, str], end: float, per_unit: float) -> None:
    """Draw all curves in grey behind the one of a small picture."""
    time, share = columns
    for _, part in parts:
        x, y = _step_points(part[time].to_numpy(), part[share].to_numpy(), end)
        ax.step(x / per_unit, y, where="post", color=LIGHT_GREY, linewidth=0.8, label="_others")


def _set_axes(axes: list[Axes], xlabel: str, ylabel: str, top: float | None) -> None:
    """Give all pictures one scale; of several, only those at the edges have labels."""
    top = top or max(ax.get_ylim()[1] for ax in axes)
    for place, ax in enumerate(axes):
        ax.set_ylim(0, top)
        ax.set(xlabel=xlabel if place >= len(axes) - 2 else "")
    axes[0].set_ylabel(ylabel)
    if len(axes) == 1 and len(axes[0].get_lines()) > 1:
        _label_ends(axes[0])


def _set_heading(axes: list[Axes], title: str | None, default: str) -> None:
    """Set the title of one picture, or that of the figure above several."""
    if len(axes) == 1:
        return set_title(axes[0], title, default)
    figure = axes[0].get_figure(root=True)
    assert figure is not None
    figure.suptitle(plain(default if title is None else title), x=0.01, ha="left", fontsize="medium", color=INK)
    return None


def _label_ends(ax: Axes) -> None:
    """Write the name of each curve at the right, linked to where it ends, without overlaps."""
    top = ax.get_ylim()[1]
    ends = sorted(
        (float(np.asarray(line.get_ydata())[-1]), float(np.asarray(line.get_xdata())[-1]), place)
        for place, line in enumerate(ax.get_lines())
    )
    heights = _spread([y / top for y, _, _ in ends])
    for (y, x, place), height in zip(ends, heights, strict=True):
        line = ax.get_lines()[place]
        ax.annotate(
            str(line.get_label()),
            (x, y),
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            color=INK,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": line.get_color(), "linestyle": ":", "shrinkA": 1, "shrinkB": 0},
        )


def _spread(heights: list[float]) -> list[float]:
    """Return ascending heights at least `_LABEL_GAP` apart, as near to the given ones as their order allows."""
    lowest = [height - place * _LABEL_GAP for place, height in enumerate(heights)]
    pooled: list[list[float]] = []
    for height in lowest:  # isotonic regression: pool neighbours that would change places
        pooled.append([height])
        while len(pooled) > 1 and np.mean(pooled[-2]) > np.mean(pooled[-1]):
            pooled[-2:] = [pooled[-2] + pooled[-1]]
    flat = [float(np.mean(pool)) for pool in pooled for _ in pool]
    spread = [height + place * _LABEL_GAP for place, height in enumerate(flat)]
    excess = max(spread[-1] - 1, 0)
    return [height - excess for height in spread]


def _write_at_risk(ax: Axes, parts: list[_Part], time: str, per_unit: float) -> None:
    """Write under the axis how many orders each curve rests on, at the first event from each tick on."""
    ax.xaxis.set_major_locator(MaxNLocator(5))
    known = [(label, part) for label, part in parts if part["at_risk"].count()]
    if not known:
        return
    _write_below(ax, 0, "at risk", (-20, 0), "axes fraction")
    for row, (label, part) in enumerate(known, start=len(known) > 1):
        if len(known) > 1:
            _write_below(ax, 0, shorten(label, _LONGEST_ROW), (-20, row), "axes fraction")
        at, counts = part[time].to_numpy(), part["at_risk"].to_list()
        for tick in (tick for tick in ax.get_xticks() if tick <= ax.get_xlim()[1]):
            place = int(np.searchsorted(at, tick * per_unit))
            if place < len(counts):
                _write_below(ax, tick, f"{counts[place]:,}", (0, row), ("data", "axes fraction"))


def _write_below(ax: Axes, x: float, text: str, offset: tuple[float, int], coordinates: str | tuple[str, str]) -> None:
    right, row = offset
    ax.annotate(
        text,
        (x, 0),
        (right, -42 - 13 * row),
        coordinates,
        textcoords="offset points",
        ha="right" if right else "center",
        fontsize=9,
        color=INK,
        annotation_clip=False,
    )


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

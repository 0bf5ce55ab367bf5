"""Days and amounts in; bars and axes over the calendar out, for pictures with one Axes per currency."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter

from om_toolkit import money
from om_toolkit.views.plots.canvas import INK, LIGHT_GREY, new_column

Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_RECTANGLE: Final = (Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY)


def split_by_currency(frame: pl.DataFrame, ax: Axes | None) -> list[tuple[Axes, str, pl.DataFrame]]:
    """Return the rows of each currency with Axes for their picture: the given one, or a column in a new figure.

    Raises:
        ValueError: If there are several currencies for one Axes.
    """
    parts = frame.partition_by("purchase_currency", maintain_order=True) or [frame]
    if ax is not None and len(parts) > 1:
        raise ValueError("the frame has several currencies, which have no common axis; filter it to one of them")
    column = [ax] if ax is not None else new_column(len(parts), height=2.4 if len(parts) == 1 else 1.9)
    codes = [str(part["purchase_currency"].first() or "") if part.height else "" for part in parts]
    return list(zip(column, codes, parts, strict=True))


def add_note(ax: Axes, note: str) -> None:
    """Add a note under the Axes: right of a label, away from the year at the right; else far from the next title."""
    if note:
        label = ax.get_xlabel()
        ax.set_xlabel(f"{label}; {note}" if label else note, loc="left" if label else "right")


def day_numbers(times: pl.Series) -> Numbers:
    """Return days or times as matplotlib counts them."""
    naive = times.dt.replace_time_zone(None) if isinstance(times.dtype, pl.Datetime) else times
    return np.asarray(date2num(naive.to_numpy()), dtype=np.float64)  # type: ignore[no-untyped-call]


def major_units(amounts: pl.Series, currency: str) -> Numbers:
    """Return amounts in major units of their currency; missing ones are not a number."""
    exponent = money.EXPONENTS.get(currency, 0)
    return np.asarray(amounts.cast(pl.Float64).to_numpy() / 10**exponent, dtype=np.float64)


def draw_bars(
    ax: Axes,
    days: Numbers,
    heights: Numbers,
    *,
    width: float = 0.8,
    bottom: Numbers | float = 0.0,
    **style: Any,  # noqa: ANN401 - matplotlib's
) -> None:
    """Draw bars as a single path: hundreds of patches would take seconds. Heights that are missing have no bar."""
    is_known = np.isfinite(heights)
    days, low = days[is_known], np.broadcast_to(bottom, heights.shape)[is_known]
    left, right, high = days - width / 2, days + width / 2, low + heights[is_known]
    corners = [(left, low), (left, high), (right, high), (right, low), (left, low)]
    vertices = np.array(corners).transpose(2, 0, 1).reshape(-1, 2)
    if len(vertices):
        ax.add_collection(PathCollection([Path(vertices, np.tile(_RECTANGLE, len(days)))], **style), autolim=False)
        ax.update_datalim(vertices)  # matplotlib 3.10 does not do it for a path
        ax.autoscale_view()


def set_amounts(ax: Axes, currency: str) -> None:
    """Label the axis of amounts, from 0 or from the lowest amount below it."""
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    ax.set(ylabel=currency, ylim=(min(0, ax.dataLim.y0), None))
    ax.grid(color=LIGHT_GREY)
    ax.set_axisbelow(True)


def set_days(column: Sequence[Axes], days: Numbers, *, margin: float = 1) -> None:
    """Give all pictures the same days, with a margin of days around them, and dates under the last picture."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    for ax in column:
        ax.xaxis_date()
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        ax.xaxis.get_offset_text().set_color(INK)
        ax.tick_params(labelbottom=ax is column[-1])
    if not len(days):
        return
    ends = days.min() - margin, days.max() + margin
    # Finding the dates again for each picture and layout would take most of the time.
    dates = locator.tick_values(*num2date(ends))  # type: ignore[no-untyped-call]
    for ax in column:
        ax.xaxis.set_major_locator(FixedLocator(dates))
        ax.set_xlim(ends)

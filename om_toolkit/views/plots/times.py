"""Pictures over the calendar: frames in, bars by day, a heat map of the week and the events of an order out."""

from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter

from om_toolkit import money
from om_toolkit.support.text import count_of
from om_toolkit.views.plots.canvas import (
    COLOURS,
    GREY,
    INK,
    LIGHT_GREY,
    check_frame,
    new_axes,
    new_column,
    number_of,
    set_title,
)

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_HOURS: Final = 24

_BAR_WIDTH: Final = 0.8
"""Days."""

_MOST_LABELS: Final = 8
"""More labels than this would cover each other."""

_RECTANGLE: Final = (Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY)


def at_risk(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the money that expires, by day or other period of expiry, one picture per currency.

    Args:
        frame: The result of `at_risk` with `every=`.
        ax: Where to draw, for a frame of one currency; a new figure by default.
        title: The title, such as the finding; by default how much is at risk.

    Returns:
        The Axes, of the first currency if there are several: days across, with their dates under the last picture,
        amount up in major units. A bar is hatched if none of its orders can be captured. The number of those that
        cannot is above the bar, or their sum is under the axis if many bars have some.

    Raises:
        ValueError: If the frame is that of another metric or made without `every=`, or has several currencies for one
            `ax`.
    """
    check_frame(frame, "at_risk", "remaining_authorized_amount", "blocked_orders")
    periods = [name for name, dtype in frame.schema.items() if dtype == pl.Date]
    if not periods:
        raise ValueError("the frame has no days; pass the result of om.at_risk with every='1d'")
    dated = frame.drop_nulls(periods[0])
    parts = dated.partition_by("purchase_currency", maintain_order=True) or [dated]
    if ax is not None and len(parts) > 1:
        raise ValueError("the frame has several currencies, which have no common axis; filter it to one of them")
    column = [ax] if ax is not None else new_column(len(parts), height=2.4 if len(parts) == 1 else 1.9)
    for one, part in zip(column, parts, strict=True):
        _draw_days(one, part, periods[0])
        code = part["purchase_currency"].first()
        amount = money.format(part["remaining_authorized_amount"].sum(), code)  # type: ignore[arg-type]
        set_title(
            one, title, f"{amount} in {count_of(int(part['orders'].sum()), 'order')}" if part.height else "no data"
        )
    _set_days(column, dated[periods[0]])
    column[-1].set_xlabel("; ".join(filter(None, ["day of expiry", column[-1].get_xlabel()])))
    return column[0]


def _draw_days(ax: Axes, part: pl.DataFrame, period: str) -> None:
    """Draw a bar per day in major units, hatched where no order can be captured."""
    code = str(part["purchase_currency"].first()) if part.height else ""
    exponent = money.EXPONENTS.get(code, 0)
    ax.xaxis_date()
    days = _day_numbers(part[period])
    amounts = part["remaining_authorized_amount"].cast(pl.Float64).to_numpy() / 10**exponent
    is_blocked = part.select((pl.col("blocked_orders") > 0) & pl.col("blocked_orders").eq(pl.col("orders")))
    is_hatched = is_blocked.to_series().fill_null(value=False).to_numpy()
    _draw_bars(ax, days[~is_hatched], amounts[~is_hatched], color=COLOURS[1], linewidth=0)
    _draw_bars(ax, days[is_hatched], amounts[is_hatched], facecolor="none", edgecolor=COLOURS[1], hatch="////")
    note = _label_blocked(ax, days, amounts, part["blocked_orders"].to_list())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    ax.set(xlabel=note, ylabel=code, ylim=(0, None))
    ax.grid(color=LIGHT_GREY)
    ax.set_axisbelow(True)


def _set_days(column: list[Axes], days: pl.Series) -> None:
    """Give all pictures the same days, with dates under the last."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    for ax in column:
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        ax.xaxis.get_offset_text().set_color(INK)
        ax.tick_params(labelbottom=ax is column[-1])
    if not days.len():
        return
    numbers = _day_numbers(days)
    ends = numbers.min() - 1, numbers.max() + 1
    # Finding the dates again for each picture and layout would take most of the time.
    dates = locator.tick_values(*num2date(ends))  # type: ignore[no-untyped-call]
    for ax in column:
        ax.xaxis.set_major_locator(FixedLocator(dates))
        ax.set_xlim(ends)


_Numbers: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


def _day_numbers(days: pl.Series) -> _Numbers:
    """Return days as matplotlib counts them."""
    return np.asarray(date2num(days.to_numpy()), dtype=np.float64)  # type: ignore[no-untyped-call]


def _draw_bars(ax: Axes, days: _Numbers, heights: _Numbers, **style: Any) -> None:  # noqa: ANN401 - matplotlib's
    """Draw bars from 0 as a single path: hundreds of patches would take seconds."""
    is_known = np.isfinite(heights)
    days, heights = days[is_known], heights[is_known]
    left, right, zero = days - _BAR_WIDTH / 2, days + _BAR_WIDTH / 2, np.zeros_like(heights)
    corners = [(left, zero), (left, heights), (right, heights), (right, zero), (left, zero)]
    vertices = np.array(corners).transpose(2, 0, 1).reshape(-1, 2)
    if len(vertices):
        codes = np.tile(_RECTANGLE, len(days))
        ax.add_collection(PathCollection([Path(vertices, codes)], **style))


def _label_blocked(ax: Axes, days: _Numbers, heights: _Numbers, blocked: list[int]) -> str:
    """Write the number of blocked orders above each bar, or return a note with their sum where that is too much."""
    bars = [bar for bar in zip(days, heights, blocked, strict=True) if bar[2]]
    if len(bars) > _MOST_LABELS:
        return f"{count_of(sum(blocked), 'order')} blocked"
    for day, height, count in bars:
        ax.annotate(f"{count} blocked", (day, height), ha="center", va="bottom", fontsize=9, color=INK)
    return ""


def _set_dates(ax: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.xaxis.get_offset_text().set_color(INK)


def capture_times(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the captures by weekday and hour, as a heat map.

    Args:
        frame: The result of `capture_times` without `by`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many captures it shows.

    Returns:
        The Axes: hours across, weekdays down.

    Raises:
        ValueError: If the frame is that of another metric, or has groups.
    """
    check_frame(frame, "capture_times", "weekday", "hour", "captures")
    if frame.columns[0] != "weekday":
        raise ValueError("the heat map shows one group; filter the frame and drop its group columns")
    ax = ax or new_axes(height=2.8)
    counts = np.zeros((len(_DAYS), _HOURS))
    for weekday, hour, captures in frame.iter_rows():
        counts[weekday - 1, hour] = captures
    drawn = ax.imshow(counts, cmap="Blues", aspect="auto", vmin=0)
    figure = ax.get_figure()
    if figure is not None:
        legend = figure.colorbar(drawn, ax=ax, shrink=0.8)
        legend.set_label("captures", color=INK)
        legend.ax.tick_params(colors=INK)
    ax.set_xticks(range(0, _HOURS, 3), [f"{hour:02}:00" for hour in range(0, _HOURS, 3)])
    ax.set_yticks(range(len(_DAYS)), _DAYS)
    ax.set_xlabel("hour of the capture")
    set_title(ax, title, number_of(frame, "captures", "capture"))
    return ax


def timeline(
    frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None, currency: str | None = None
) -> Axes:
    """Draw the events of one order over time, with their amounts.

    Args:
        frame: The result of `timeline`.
        ax: Where to draw; a new figure by default.
        title: The title; by default how many events it shows.
        currency: The currency of the order, for amounts in major units.

    Returns:
        The Axes: time across, one row per event, the first at the top.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "timeline", "at", "event", "amount")
    dated = frame.drop_nulls("at")
    ax = ax or new_axes(rows=dated.height)
    times, rows = dated["at"].dt.replace_time_zone(None).to_list(), range(dated.height)
    colours = [_EVENT_COLOURS.get(event, GREY) for event in dated["event"]]
    ax.scatter(times, rows, color=colours, zorder=3)
    ax.plot(times, rows, color=LIGHT_GREY, zorder=1)
    ax.set_yticks(
        rows, [_event_label(event, amount, currency) for event, amount in dated.select("event", "amount").iter_rows()]
    )
    ax.set_ylim(max(dated.height, 1) - 0.5, -0.5)
    _set_dates(ax)
    ax.set_xlabel("UTC")
    set_title(ax, title, count_of(frame.height, "event"))
    return ax


_EVENT_COLOURS: Final = {"created": GREY, "captured": COLOURS[0], "refunded": COLOURS[1], "expires": COLOURS[3]}


def _event_label(event: str, amount: int | None, currency: str | None) -> str:
    if not amount:
        return event
    return f"{event}: {money.format(amount, currency) if currency else f'{amount:,}'}"

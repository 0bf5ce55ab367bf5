"""Pictures over the calendar: frames in, bars by day, a heat map of the week and the events of an order out."""

from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from om_toolkit import money
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.support.text import count_of
from om_toolkit.views.plots.canvas import (
    COLOURS,
    GREY,
    INK,
    LIGHT_GREY,
    check_frame,
    new_axes,
    number_of,
    place_legend_below,
    set_title,
)
from om_toolkit.views.plots.days import (
    Numbers,
    add_note,
    day_numbers,
    draw_bars,
    major_units,
    set_amounts,
    set_days,
    split_by_currency,
)

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_HOURS: Final = 24

_MOST_LABELS: Final = 8
"""More labels than this would cover each other."""


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
    pictures = split_by_currency(dated, ax)
    pictures[-1][0].set_xlabel("day of expiry")
    for one, code, part in pictures:
        _draw_days(one, code, part, periods[0])
        amount = money.format(part["remaining_authorized_amount"].sum(), code)
        set_title(
            one, title, f"{amount} in {count_of(int(part['orders'].sum()), 'order')}" if part.height else "no data"
        )
    set_days([one for one, _, _ in pictures], day_numbers(dated[periods[0]]))
    return pictures[0][0]


def _draw_days(ax: Axes, code: str, part: pl.DataFrame, period: str) -> None:
    """Draw a bar per day in major units, hatched where no order can be captured."""
    days = day_numbers(part[period])
    amounts = major_units(part["remaining_authorized_amount"], code)
    is_blocked = part.select((pl.col("blocked_orders") > 0) & pl.col("blocked_orders").eq(pl.col("orders")))
    is_hatched = is_blocked.to_series().fill_null(value=False).to_numpy()
    draw_bars(ax, days[~is_hatched], amounts[~is_hatched], color=COLOURS[1], linewidth=0)
    draw_bars(ax, days[is_hatched], amounts[is_hatched], facecolor="none", edgecolor=COLOURS[1], hatch="////")
    add_note(ax, _label_blocked(ax, days, amounts, part["blocked_orders"].to_list()))
    set_amounts(ax, code)


def _label_blocked(ax: Axes, days: Numbers, heights: Numbers, blocked: list[int]) -> str:
    """Write the number of blocked orders above each bar, or return a note with their sum where that is too much."""
    bars = [bar for bar in zip(days, heights, blocked, strict=True) if bar[2]]
    if len(bars) > _MOST_LABELS:
        return f"{count_of(sum(blocked), 'order')} blocked"
    for day, height, count in bars:
        ax.annotate(f"{count} blocked", (day, height), ha="center", va="bottom", fontsize=9, color=INK)
    return ""


def expiring(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the orders whose authorised money is lost unless it is captured, by deadline and amount.

    Args:
        frame: The result of `expiring`.
        ax: Where to draw, for a frame of one currency; a new figure by default.
        title: The title, such as the finding; by default how much is at risk.

    Returns:
        The Axes, of the first currency if there are several: the deadline across (UTC), the remaining amount up in
        major units. The dashed line is the time of the data. An order that cannot be captured is hollow, one whose
        deadline has passed is grey. A note under the axis counts the orders without a deadline or an amount.

    Raises:
        ValueError: If the frame is that of another metric, or has several currencies for one `ax`.
    """
    check_frame(frame, "expiring", "remaining_authorized_amount", "expires_at", "hours_left", "can_capture")
    pictures = split_by_currency(frame.sort("purchase_currency", nulls_last=True, maintain_order=True), ax)
    axes = [one for one, _, _ in pictures]
    axes[-1].set_xlabel("deadline (UTC)")
    dated = frame.drop_nulls("expires_at")
    as_of = dated.select(pl.col("expires_at") - pl.duration(hours=pl.col("hours_left"))).head(1).to_series()
    days = day_numbers(pl.concat([as_of, dated["expires_at"]]))
    set_days(axes, days, margin=max(np.ptp(days) / 25, 0.1) if len(days) else 1)
    for one, code, part in pictures:
        for at in day_numbers(as_of):
            one.axvline(at, color=GREY, linestyle="--", linewidth=1.2, label="time of the data")
        _draw_deadlines(one, code, part)
        amount = money.format(part["remaining_authorized_amount"].sum(), code)
        set_title(one, title, f"{amount} in {count_of(part.height, 'order')}" if part.height else "no data")
    for label, _, colour, fill in (one for one in _DEADLINES if frame.filter(one[1]).height):
        axes[-1].scatter([], [], facecolors=fill, edgecolors=colour, label=label)
    if dated.height:
        place_legend_below(axes[-1])
    return axes[0]


_IS_PAST: Final = (pl.col("hours_left") < 0).fill_null(value=False)

_DEADLINES: Final = (
    ("can be captured", ~_IS_PAST & pl.col("can_capture"), COLOURS[1], COLOURS[1]),
    ("blocked", ~_IS_PAST & ~pl.col("can_capture"), COLOURS[1], "none"),
    ("deadline passed", _IS_PAST & pl.col("can_capture"), GREY, GREY),
    ("deadline passed, blocked", _IS_PAST & ~pl.col("can_capture"), GREY, "none"),
)
"""The kinds of orders in the picture: label, condition, and the colours of line and area."""


def _draw_deadlines(ax: Axes, code: str, part: pl.DataFrame) -> None:
    """Draw a dot per order, and note how many are missing."""
    known = part.drop_nulls(["expires_at", "remaining_authorized_amount"])
    for _, condition, colour, fill in _DEADLINES:
        of_kind = known.filter(condition)
        amounts = major_units(of_kind["remaining_authorized_amount"], code)
        ax.scatter(day_numbers(of_kind["expires_at"]), amounts, s=30, facecolors=fill, edgecolors=colour, zorder=3)
    missing = part.height - known.height
    add_note(ax, f"{count_of(missing, 'order')} without deadline or amount" if missing else "")
    set_amounts(ax, code)


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
        currency: The currency of the amounts, by default that of the frame.

    Returns:
        The Axes: time across, one row per event, the first at the top.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "timeline", CURRENCY, "at", "event", "amount")
    dated = frame.drop_nulls("at")
    ax = ax or new_axes(rows=dated.height)
    times, rows = dated["at"].dt.replace_time_zone(None).to_list(), range(dated.height)
    colours = [_EVENT_COLOURS.get(event, GREY) for event in dated["event"]]
    ax.scatter(times, rows, color=colours, zorder=3)
    ax.plot(times, rows, color=LIGHT_GREY, zorder=1)
    amounts = dated.select("event", "amount", CURRENCY)
    ax.set_yticks(
        rows, [_event_label(event, amount, currency or known) for event, amount, known in amounts.iter_rows()]
    )
    ax.set_ylim(max(dated.height, 1) - 0.5, -0.5)
    _set_dates(ax)
    ax.set_xlabel("UTC")
    set_title(ax, title, count_of(frame.height, "event"))
    return ax


_EVENT_COLOURS: Final = {"created": GREY, "captured": COLOURS[0], "refunded": COLOURS[1], "expires": COLOURS[3]}


def _event_label(event: str, amount: int | None, currency: str | None) -> str:
    return f"{event}: {money.format(amount, currency)}" if amount else event

"""Net and tax by period and rate: the frame of `vat` in, bars out."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from om_toolkit import money
from om_toolkit.support.text import count_of
from om_toolkit.views.plots.canvas import COLOURS, REST_GREY, check_frame, place_legend_below, set_title
from om_toolkit.views.plots.days import (
    Numbers,
    add_note,
    day_numbers,
    draw_bars,
    major_units,
    set_amounts,
    split_by_currency,
)

_MOST_DATES: Final = 8
"""More dates than this would cover each other."""

_NET_ALPHA: Final = 0.4

_OTHERS: Final = "other rates"

_DAYS_OF_MONTH: Final = 28
"""The room for the bars of a month: that of the shortest."""


def vat(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw net and tax by period and tax rate, one picture per currency; countries and groups are summed.

    Args:
        frame: The result of `vat`.
        ax: Where to draw, for a frame of one currency; a new figure by default.
        title: The title, such as the finding; by default the tax and the number of order lines.

    Returns:
        The Axes, of the first currency if there are several: periods across, amount up in major units. A bar is the
        net of a rate in its light colour with the tax on top in the full one. Beyond six rates, those with the fewest
        lines are grey. A note under the axis has the amount without order lines, which has no rate and no bar.

    Raises:
        ValueError: If the frame is that of another metric, or has several currencies for one `ax`.
    """
    check_frame(frame, "vat", "tax_rate", "net_amount", "tax_amount", "without_lines_amount")
    period = frame.columns[frame.columns.index("tax_rate") - 1]
    colours = _colours_of_rates(frame)
    labelled = frame.with_columns(rate=_rate_label(pl.col("tax_rate")))
    labelled = labelled.with_columns(
        pl.when(pl.col("rate").is_in(list(colours))).then("rate").otherwise(pl.lit(_OTHERS))
    )
    pictures = split_by_currency(labelled, ax)
    axes = [one for one, _, _ in pictures]
    axes[-1].set_xlabel(f"{period} (net light, tax full colour)")
    for one, code, part in pictures:
        _draw_rates(one, code, part.filter(pl.col("lines") > 0), period, colours)
        tax, bare = part["tax_amount"].sum(), part["without_lines_amount"].sum()
        add_note(one, f"{money.format(bare, code)} without order lines" if bare else "")
        lines = count_of(int(part["lines"].sum()), "order line")
        set_title(one, title, f"{money.format(tax, code)} tax on {lines}" if part.height else "no data")
    _set_periods(axes, frame.filter(pl.col("lines") > 0)[period])
    for label, colour in colours.items():
        axes[-1].fill_between([], [], color=colour, linewidth=0, label=label)
    if colours:
        place_legend_below(axes[-1], columns=4)
    return axes[0]


def _rate_label(rate: pl.Expr) -> pl.Expr:
    text = pl.format("{} %", rate.cast(pl.String).str.strip_suffix(".0"))
    return pl.when(rate.is_null()).then(pl.lit("no rate")).otherwise(text)


def _colours_of_rates(frame: pl.DataFrame) -> dict[str, str]:
    """Return a colour for each of the most common rates, the lowest first, and grey for the others together."""
    counts = frame.filter(pl.col("lines") > 0).group_by("tax_rate").agg(pl.col("lines").sum())
    common = counts.sort("lines", "tax_rate", descending=[True, False]).head(len(COLOURS))
    labels = common.sort("tax_rate", nulls_last=True).select(_rate_label(pl.col("tax_rate"))).to_series()
    others = {_OTHERS: REST_GREY} if counts.height > common.height else {}
    return dict(zip(labels, COLOURS, strict=False)) | others


def _draw_rates(ax: Axes, code: str, part: pl.DataFrame, period: str, colours: dict[str, str]) -> None:
    """Draw the bars of each rate side by side within their period."""
    sums = part.drop_nulls(period).group_by(period, "rate").agg(pl.col("net_amount", "tax_amount").sum())
    sums = sums.filter((pl.col("net_amount") != 0) | (pl.col("tax_amount") != 0)).sort(period)
    rates = [rate for rate in colours if rate in sums["rate"]]
    room = _room(sums[period]) * 0.8
    width = room / max(len(rates), 1)
    for place, rate in enumerate(rates):
        of_rate = sums.filter(rate=rate)
        days = day_numbers(of_rate[period]) + (place + 0.5) * width - room / 2
        net, tax = (major_units(of_rate[name], code) for name in ("net_amount", "tax_amount"))
        for heights, low, alpha in ((net, 0.0, _NET_ALPHA), (tax, net, 1)):
            draw_bars(ax, days, heights, bottom=low, width=0.9 * width, color=colours[rate], alpha=alpha, linewidth=0)
    set_amounts(ax, code)


def _room(periods: pl.Series) -> float:
    """Return the days from one period to the next, at least."""
    days: Numbers = np.unique(day_numbers(periods))
    return float(np.diff(days).min()) if len(days) > 1 else _DAYS_OF_MONTH


def _set_periods(axes: Sequence[Axes], periods: pl.Series) -> None:
    """Write the periods under the last picture, and give all pictures the same."""
    shown = periods.drop_nulls().unique().sort()
    days, room = day_numbers(shown), _room(shown)
    step = max(-(-len(days) // _MOST_DATES), 1)
    names = shown.dt.strftime("%Y-%m" if periods.name == "month" else "%Y-%m-%d").to_list()
    for ax in axes:
        ax.set_xticks(days[::step], names[::step])
        ax.tick_params(labelbottom=ax is axes[-1])
        ax.grid(visible=False, axis="x")
        if len(days):
            ax.set_xlim(days[0] - room * 0.6, days[-1] + room * 0.6)

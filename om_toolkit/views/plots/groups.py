"""One figure per group: frames in, rows with intervals, and a funnel, out."""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from om_toolkit.metrics.intervals import Z_95
from om_toolkit.views.plots.canvas import (
    COLOURS,
    GREY,
    INK,
    LIGHT_GREY,
    check_frame,
    label_rows,
    new_axes,
    number_of,
    place_legend_below,
    row_labels,
    set_title,
)

_BIASED_LABEL: Final = "median of captured orders only (too short)"

_UNEXPLAINED: Final = "(no lines)"


def capture_latency(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the median hours to capture of each group with its 95 % interval, and the biased median for comparison.

    Args:
        frame: The result of `capture_latency`, with 0.5 among its quantiles.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: hours across, one row per group. A group that is too young to be compared (`mature` is false) is
        hollow.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "capture_latency", "p50_hours", "captured_only_p50_hours")
    labels = row_labels(frame, "capture_latency")
    ax = ax or new_axes(rows=len(labels))
    biased = frame["captured_only_p50_hours"].cast(pl.Float64).to_numpy()
    draw_intervals(ax, frame, "p50_hours", labels, also_shown=biased)
    ax.scatter(biased, range(len(labels)), marker="|", s=120, color=GREY, label=_BIASED_LABEL)
    ax.set_xlabel("hours from order to capture: median, 95 % interval")
    ax.set_xlim(left=0)
    place_legend_below(ax, columns=1)
    set_title(ax, title, number_of(frame, "orders", "order"))
    return ax


def refund_ratio(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the refunded share of the captured amount of each group, with its 95 % interval.

    Args:
        frame: The result of `refund_ratio`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: per cent across, one row per group and currency. A group that is too young to be compared (`mature` is
        false) is hollow.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "refund_ratio", "amount_ratio", "orders_captured")
    labels = row_labels(frame, "refund_ratio")
    ax = ax or new_axes(rows=len(labels))
    draw_intervals(ax, frame, "amount_ratio", labels)
    _set_per_cent(ax, "refunded share of the captured amount, 95 % interval")
    set_title(ax, title, number_of(frame, "orders_captured", "captured order"))
    return ax


def refund_funnel(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of refunded orders of each group against its size, with the range that chance explains.

    The limits are those of a share that is the same in all groups: the pooled share p ± 1.96 √(p (1 - p) / n)
    (Spiegelhalter 2005, funnel plots). Only a group outside of them differs from the rest.

    Args:
        frame: The result of `refund_ratio` with `by=`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: captured orders across, share of them with a refund up. The groups outside of the limits are labelled.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "refund_ratio", "count_ratio", "orders_captured", "orders_refunded")
    ax = ax or new_axes(height=4)
    labels = row_labels(frame, "refund_ratio")
    sizes, shares = (frame[name].cast(pl.Float64).to_numpy() for name in ("orders_captured", "count_ratio"))
    total = float(np.nansum(sizes))
    pooled = float(frame["orders_refunded"].sum()) / total if total else 0.0
    grid = np.linspace(1, max([*sizes, 2.0]) * 1.05, 200)
    margin = Z_95 * np.sqrt(pooled * (1 - pooled) / grid)
    ax.fill_between(grid, np.clip(pooled - margin, 0, 1), np.clip(pooled + margin, 0, 1), color=LIGHT_GREY, linewidth=0)
    ax.axhline(pooled, color=GREY, linewidth=1, label=f"all groups: {pooled:.1%}")
    is_outside = np.abs(shares - pooled) > Z_95 * np.sqrt(pooled * (1 - pooled) / np.maximum(sizes, 1))
    ax.scatter(sizes[~is_outside], shares[~is_outside], color=COLOURS[0], zorder=3)
    ax.scatter(sizes[is_outside], shares[is_outside], color=COLOURS[1], zorder=3)
    for place in np.flatnonzero(is_outside):
        ax.annotate(
            labels[place], (sizes[place], shares[place]), (6, 4), textcoords="offset points", fontsize=9, color=INK
        )
    ax.set(xlabel="captured orders of the group", ylabel="share of them with a refund", ylim=(0, None), xlim=(0, None))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(frameon=False, loc="upper right", labelcolor=INK)
    set_title(ax, title, number_of(frame, "orders_captured", "captured order"))
    return ax


def time_to_refund(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the median days from capture to refund of each group, with its bounds.

    Args:
        frame: The result of `time_to_refund`.
        ax: Where to draw; a new figure by default.
        title: The title; by default the number of refunds.

    Returns:
        The Axes: days across, one row per group.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "time_to_refund", "p50_days", "refunds")
    labels = row_labels(frame, "time_to_refund")
    ax = ax or new_axes(rows=len(labels))
    bounds = frame.rename({f"p50_days_{side}_bound": f"p50_days_{side}" for side in ("low", "high")})
    draw_intervals(ax, bounds, "p50_days", labels)
    ax.set_xlabel("days from capture to refund, of the refunds seen so far: median, bounds")
    ax.set_xlim(left=0)
    set_title(ax, title, number_of(frame, "refunds", "refund"))
    return ax


def products(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the refunded share of the captured amount of each product group, with its 95 % interval.

    Args:
        frame: The result of `products`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: per cent across, one row per group and currency. Below, in grey, the share of the refunded amount that
        no order line explains: by so much the other shares may be too low. Groups without a ratio are left out.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "products", "captured_quantity", "amount_ratio", "refunded_amount")
    labels = row_labels(frame, "products")
    is_unexplained = frame[frame.columns[0]].cast(pl.String).eq_missing(_UNEXPLAINED)
    is_shown = ~is_unexplained & frame["amount_ratio"].is_not_null()
    shown = [label for label, is_one in zip(labels, is_shown, strict=True) if is_one]
    ax = ax or new_axes(rows=len(shown) + 1)
    draw_intervals(ax, frame.filter(is_shown), "amount_ratio", shown)
    _set_per_cent(ax, "refunded share of the captured amount, 95 % interval")
    totals = frame.group_by("purchase_currency").agg(total=pl.col("refunded_amount").sum())
    texts = [
        f"{code} {part / total:.0%}"
        for code, part, total in frame.filter(is_unexplained)
        .join(totals, on="purchase_currency", maintain_order="left")
        .select("purchase_currency", "refunded_amount", "total")
        .iter_rows()
        if total
    ]
    note = f"no order line explains of the refunded amount: {', '.join(texts)}" if texts else ""
    lines = wrap(note, _NOTE_WIDTH)
    below = -44 - 12 * (len(lines) - 1)  # points, of the last line
    ax.annotate(
        "\n".join(lines), (0, 0), (0, below), "axes fraction", textcoords="offset points", color=INK, fontsize=9
    )
    set_title(ax, title, number_of(frame, "captured_quantity", "article"))
    return ax


_NOTE_WIDTH: Final = 75


def _set_per_cent(ax: Axes, label: str) -> None:
    ax.set_xlabel(label)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(PercentFormatter(1))


def draw_intervals(
    ax: Axes, frame: pl.DataFrame, figure: str, labels: Sequence[str], *, also_shown: Iterable[float] = ()
) -> None:
    """Draw one row per group, the first at the top: a dot, and a bar from the lower to the upper bound.

    Where the upper bound is unknown, the bar ends in an arrow at the right edge, beyond all other values, `also_shown`
    included. The dots of groups that are not `mature` are hollow, and their labels say so.
    """
    rows = np.arange(len(labels))
    unknown = pl.Series([None] * frame.height, dtype=pl.Float64)  # refunds by their own date have no interval
    columns = (figure, f"{figure}_low", f"{figure}_high")
    middle, low, high = (frame.get_column(column, default=unknown).cast(pl.Float64).to_numpy() for column in columns)
    is_open = np.isnan(high) & ~np.isnan(low)
    edge = 1.1 * np.nanmax([*middle, *low, *high, *also_shown, 0.0])
    ax.hlines(rows, low, np.where(is_open, edge, high), color=COLOURS[0], alpha=0.35, linewidth=6)
    ax.scatter(np.full(is_open.sum(), edge), rows[is_open], marker=">", color=COLOURS[0], alpha=0.6, s=90)
    is_young = (
        frame["mature"].eq(other=False).fill_null(value=False).to_numpy() if "mature" in frame.columns else rows < 0
    )
    filled = np.where(is_young, "none", COLOURS[0])
    name = "median" if "hours" in figure else None
    ax.scatter(middle, rows, facecolors=filled, edgecolors=COLOURS[0], zorder=3, label=name)
    label_rows(ax, [f"{label} (too young)" if young else label for label, young in zip(labels, is_young, strict=True)])
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x", color=LIGHT_GREY)
    ax.set_axisbelow(True)

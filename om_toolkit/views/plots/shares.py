"""How orders, captures and money divide: frames in, bars and a heat map out."""

from collections.abc import Sequence
from itertools import cycle
from typing import Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from om_toolkit import money
from om_toolkit.tables.results import key_columns
from om_toolkit.views.plots.canvas import (
    COLOURS,
    REST_GREY,
    check_frame,
    group_label,
    label_rows,
    new_axes,
    number_of,
    place_legend_below,
    plot_text,
    row_labels,
    set_title,
    split_by_group,
)
from om_toolkit.views.plots.groups import draw_intervals

_DARK_CELL: Final = 0.55
"""The share from which the text of a cell is white."""


def shipping_methods(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of each shipping method or carrier, or one stacked bar per group.

    Args:
        frame: The result of `shipping_methods` or `carriers`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many captures, shipments or orders it shows.

    Returns:
        The Axes: per cent across. Beyond six methods, the least common are one grey part.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "shipping_methods", "count", "share", "with_tracking")
    return _draw_shares(frame, "shipping_methods", ax, title, number_of(frame, "count", "shipped item"))


def carriers(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of each carrier, as `shipping_methods` does.

    Args:
        frame: The result of `carriers`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many captures, shipments or orders it shows.

    Returns:
        The Axes: per cent across.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    return shipping_methods(frame, ax=ax, title=title)


def mix(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the share of orders with each value, or one stacked bar per group, such as per month, and currency.

    Args:
        frame: The result of `mix`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: per cent across. Beyond six values, the least common are one grey part.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "mix", "count", "share", "average_order_value")
    return _draw_shares(frame, "mix", ax, title, number_of(frame, "count", "order"))


def chosen_vs_shipped(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw how many orders with a chosen method were shipped by which method, as a heat map.

    Args:
        frame: The result of `chosen_vs_shipped` without `by`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: shipped methods across, chosen ones down, the most common first. The colour is the share of a row, the
        number its orders.

    Raises:
        ValueError: If the frame is that of another metric, or has groups.
    """
    check_frame(frame, "chosen_vs_shipped", "chosen", "shipped", "orders")
    if key_columns(frame.columns, "chosen_vs_shipped") != ["chosen", "shipped"]:
        raise ValueError("the heat map shows one group; filter the frame and drop its group columns")
    chosen, shipped = (_most_common(frame, side, "orders") for side in ("chosen", "shipped"))
    counts = np.zeros((len(chosen), len(shipped)))
    for one, other, orders in frame.select("chosen", "shipped", "orders").iter_rows():
        counts[chosen.index(one), shipped.index(other)] = orders
    ax = ax or new_axes(height=1.8 + 0.34 * len(chosen))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if counts.size:
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), orders in np.ndenumerate(counts):
        if orders:
            colour = "white" if shares[row, column] > _DARK_CELL else "black"
            ax.text(column, row, f"{orders:,.0f}", ha="center", va="center", color=colour, fontsize="small")
    ax.set_xticks(range(len(shipped)), [plot_text(name) for name in shipped], rotation=45, ha="right")
    ax.set_yticks(range(len(chosen)), [plot_text(name) for name in chosen])
    ax.set(xlabel="shipped", ylabel="chosen")
    set_title(ax, title, number_of(frame, "orders", "order"))
    return ax


def key_figures(frame: pl.DataFrame, *, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw where the ordered money went: captured, open, expired, cancelled, and the rest, one bar per group.

    Args:
        frame: The result of `key_figures`.
        ax: Where to draw; a new figure by default.
        title: The title, such as the finding; by default how many orders it shows.

    Returns:
        The Axes: per cent of the ordered amount across. The refunded part of the captured amount is hatched. The rest
        was released after a partial capture, or its fate is unknown.

    Raises:
        ValueError: If the frame is that of another metric.
    """
    check_frame(frame, "key_figures", "order_amount", "captured_amount", "open_amount", "refunded_amount")
    labels = row_labels(frame, "key_figures")
    ax = ax or new_axes(rows=len(labels) + 2)
    amounts = {name: frame[f"{name}_amount"].cast(pl.Float64).to_numpy() for name in ("order", *_FATES, "refunded")}
    whole = np.maximum(amounts.pop("order"), 1)
    refunded = amounts.pop("refunded") / whole
    rest = np.maximum(whole - sum(amounts.values()), 0) / whole
    parts = {**{name: amount / whole for name, amount in amounts.items()}, "released or unknown": rest}
    rows, left = np.arange(len(labels)), np.zeros(len(labels))
    for (name, width), colour in zip(parts.items(), (*COLOURS[:1], COLOURS[5], *COLOURS[3:5], REST_GREY), strict=True):
        ax.barh(rows, width, left=left, color=colour, label=name)
        left += width
    ax.barh(rows, refunded, color=COLOURS[0], edgecolor="white", hatch="////", linewidth=0, label="refunded")
    ordered = [money.format(*row) for row in frame.select("order_amount", "purchase_currency").iter_rows()]
    label_rows(
        ax,
        [
            label if label == "all orders" else f"{label}\n{amount}"
            for label, amount in zip(labels, ordered, strict=True)
        ],
    )
    ax.set_xlabel("share of the ordered amount")
    ax.set_xlim(0, max([1.0, *left]))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if labels:
        place_legend_below(ax)
    set_title(ax, title, number_of(frame, "orders", "order"))
    return ax


_FATES: Final = ("captured", "open", "expired", "cancelled")


def _draw_shares(frame: pl.DataFrame, metric: str, ax: Axes | None, title: str | None, default: str) -> Axes:
    """Draw the share of each label with its interval, or one stacked bar per group."""
    *groups, kind = key_columns(frame.columns, metric)
    if groups:
        parts = split_by_group(frame, groups)
        ax = ax or new_axes(rows=len(parts) + 1)
        _draw_stacked_bars(ax, parts, kind, _most_common(frame, kind))
    else:
        ax = ax or new_axes(rows=frame.height)
        draw_intervals(ax, frame, "share", [group_label([label]) for label in frame[kind]])
    ax.set_xlabel("share" if groups else "share, 95 % interval")
    ax.set_xlim(0, 1 if groups else None)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    set_title(ax, title, default)
    return ax


def _most_common(frame: pl.DataFrame, kind: str, counted: str = "count") -> list[str | None]:
    """Return the labels, the most common first."""
    counts = frame.group_by(kind, maintain_order=True).agg(pl.col(counted).sum())
    return counts.sort(counted, kind, descending=[True, False])[kind].to_list()


def _draw_stacked_bars(
    ax: Axes, parts: Sequence[tuple[str, pl.DataFrame]], kind: str, methods: Sequence[str | None]
) -> None:
    """Draw one bar per group, divided into the most common methods and all others."""
    shares = [dict(part.select(kind, "share").iter_rows()) for _, part in parts]
    left = np.zeros(len(parts))
    for method, colour in zip(methods[: len(COLOURS)], cycle(COLOURS), strict=False):
        width = [of_group.get(method, 0.0) for of_group in shares]
        ax.barh(range(len(parts)), width, left=left, color=colour, label=group_label([method]))
        left += width
    if len(methods) > len(COLOURS):
        ax.barh(range(len(parts)), 1 - left, left=left, color=REST_GREY, label="all others")
    label_rows(ax, [label for label, _ in parts])
    if shares:
        place_legend_below(ax)

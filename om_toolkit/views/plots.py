"""A picture for each metric: its frame in, matplotlib Axes out.

Every function takes the frame that the metric of the same name returned, draws into `ax` or into a new figure of its
own, and touches neither pyplot nor rcParams. Axes made here show themselves in a notebook.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from io import BytesIO, StringIO
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from om_toolkit.views.small_groups import FEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, which nearly everybody can tell apart."""


_GREY: Final = "#6b7280"


_POINTS: Final = 201  # of a curve: more cannot be seen


_LONGEST_LABEL: Final = 30


_HOURS_SHOWN_AS_DAYS: Final = 72


class _ShownAxes(Axes):
    """Axes that a notebook shows as their picture."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int | str]]:
        figure = self.get_figure(root=True)
        assert figure is not None
        width, height = (int(100 * inches) for inches in figure.get_size_inches())
        out = BytesIO()
        with _any_script():
            figure.savefig(out, format="png", dpi=200)
        described = " by ".join(filter(None, [self.get_ylabel(), self.get_xlabel()]))
        return out.getvalue(), {"width": width, "height": height, "alt": described}


def capture_curve(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of orders captured over time, a line per group.

    Args:
        frame: What `capture_curve` returned.
        ax: Where to draw; else a new figure.

    Returns:
        The Axes: days (or hours, where all is over in three days) across, share captured up. They end where every
        curve has come to 98 % of its last height.
    """
    ax = ax or _axes(height=4)
    groups = _groups(frame, before="hours")
    curves = [
        (name, curve["hours"].to_numpy(), curve["captured_share"].to_numpy()) for name, curve in _each(frame, groups)
    ]
    end = max((_settled(hours, share) for _, hours, share in curves), default=1.0)
    unit, hours_of_unit = ("days", 24) if end > _HOURS_SHOWN_AS_DAYS else ("hours", 1)
    grid = np.linspace(0, end, _POINTS)
    for (name, hours, share), colour in zip(curves, cycle(COLOURS), strict=False):
        at = np.append(grid[grid < hours[-1]], min(hours[-1], end))
        reached = np.concatenate([[0.0], share])[np.searchsorted(hours, at, side="right")]
        x, y = np.append(0.0, at) / hours_of_unit, np.append(0.0, reached)
        ax.step(x, y, where="post", color=colour, label=name, linewidth=1.8)
    ax.set(
        xlabel=f"{unit} since the order was placed", ylabel="share of orders captured", xlim=(0, end / hours_of_unit)
    )
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", color="#e5e7eb")
    if len(curves) > 1:
        ax.legend(frameon=False, loc="lower right")
    return ax


def capture_latency(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the median hours to capture of each group with its 95 % interval, and the biased median beside it.

    Args:
        frame: What `capture_latency` returned, with 0.5 among its quantiles.
        ax: Where to draw; else a new figure.

    Returns:
        The Axes: hours across, a row per group.
    """
    names = _names(frame, before="orders")
    ax = ax or _axes(rows=len(names))
    naive = frame["captured_only_p50_hours"].cast(pl.Float64).to_numpy()
    _intervals(ax, frame, "p50_hours", names, beside=naive)
    ax.scatter(
        naive, range(len(names)), marker="|", s=120, color=_GREY, label="median of the captured only (too short)"
    )
    ax.set_xlabel("hours from order to capture: median, 95 % interval")
    ax.set_xlim(left=0)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
    return ax


def refund_ratio(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of the captured money that was refunded, of each group, with its 95 % interval.

    Args:
        frame: What `refund_ratio` returned.
        ax: Where to draw; else a new figure.

    Returns:
        The Axes: per cent across, a row per group and currency.
    """
    names = _names(frame, before="orders_captured")
    ax = ax or _axes(rows=len(names))
    _intervals(ax, frame, "amount_ratio", names)
    ax.set_xlabel("refunded share of the captured amount, 95 % interval")
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    return ax


def shipping_methods(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each shipping method or carrier: bars, or one stacked bar per group.

    Args:
        frame: What `shipping_methods` or `carriers` returned.
        ax: Where to draw; else a new figure.

    Returns:
        The Axes: per cent across.
    """
    kind = "shipping_method" if "shipping_method" in frame.columns else "shipping_company"
    groups = _groups(frame, before=kind)
    methods = (
        frame.filter(pl.col(kind).ne_missing(FEW))
        .group_by(kind, maintain_order=True)
        .agg(pl.col("count").sum())
        .sort("count", kind, descending=[True, False])
    )
    if groups:
        ax = ax or _axes(rows=len(_each(frame, groups)) + 1)
        _stacked(ax, frame, groups, kind, methods[kind].to_list())
    else:
        ax = ax or _axes(rows=frame.height)
        _intervals(ax, frame, "share", [_plain(method) for method in frame[kind]])
    ax.set_xlabel("share" if groups else "share, 95 % interval")
    ax.set_xlim(0, 1 if groups else None)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return ax


def svg(ax: Axes) -> str:
    """Return the figure of some Axes as SVG, the same text for the same picture, with text that can be selected."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    out = StringIO()
    with mpl.rc_context({"svg.hashsalt": "om_toolkit", "svg.fonttype": "none"}), _any_script():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return out.getvalue()[out.getvalue().index("<svg") :]


@contextmanager
def _any_script() -> Iterator[None]:
    """Bear names in scripts that matplotlib's font lacks: in an SVG the reader's own fonts show them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _axes(*, height: float | None = None, rows: int = 1) -> Axes:
    """Make a figure of 7.5 inches width, as high as told or as its rows need."""
    figure = Figure(figsize=(7.5, height or 1.3 + 0.34 * max(rows, 1)), layout="constrained")
    ax = figure.add_subplot(axes_class=_ShownAxes)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _groups(frame: pl.DataFrame, *, before: str) -> list[str]:
    """Return the group columns: a metric puts them before all others."""
    return frame.columns[: frame.columns.index(before)]


def _label(values: Sequence[Any]) -> str:
    return ", ".join("(none)" if value is None else _plain(value) for value in values) or "all orders"


def _plain(value: object) -> str:
    """Return a label as it is to be read: no mathematics, and short enough to leave room for the picture."""
    text = str(value)
    text = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text  # matplotlib hides labels that start with an underscore


def _names(frame: pl.DataFrame, *, before: str) -> list[str]:
    return [_label(row) for row in frame.select(_groups(frame, before=before)).rows()] or ["all orders"] * frame.height


def _each(frame: pl.DataFrame, groups: list[str]) -> list[tuple[str, pl.DataFrame]]:
    """Split a frame into its groups, each with what a reader calls it; two may look the same once they are cut."""
    if not groups:
        return [("all orders", frame)] if frame.height else []
    return [(_label(key), part) for key, part in frame.partition_by(groups, as_dict=True, maintain_order=True).items()]


def _settled(hours: np.ndarray[Any, Any], share: np.ndarray[Any, Any]) -> float:
    """Return when a curve has all but reached its last height: what comes after is a flat line."""
    return float(hours[np.searchsorted(share, 0.98 * share[-1])]) or float(hours[-1]) or 1.0


def _intervals(
    ax: Axes, frame: pl.DataFrame, figure: str, names: Sequence[str], *, beside: Iterable[float] = ()
) -> None:
    """Draw a row per group, the first on top: a dot, and a bar from the figure's low to its high.

    A high that was not reached is somewhere beyond: the bar ends in an arrow at the edge of all there is to see, what
    is drawn `beside` included.
    """
    rows = np.arange(len(names))
    columns = (figure, f"{figure}_low", f"{figure}_high")
    middle, low, high = (frame[column].cast(pl.Float64).to_numpy() for column in columns)
    beyond = np.isnan(high) & ~np.isnan(low)
    edge = 1.1 * np.nanmax([*middle, *low, *high, *beside, 0.0])
    ax.hlines(rows, low, np.where(beyond, edge, high), color=COLOURS[0], alpha=0.35, linewidth=6)
    ax.scatter(np.full(beyond.sum(), edge), rows[beyond], marker=">", color=COLOURS[0], alpha=0.6, s=90)
    ax.scatter(middle, rows, color=COLOURS[0], zorder=3, label="median" if "hours" in figure else None)
    _name_rows(ax, names)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x", color="#e5e7eb")
    ax.set_axisbelow(True)


def _name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)


def _stacked(ax: Axes, frame: pl.DataFrame, groups: list[str], kind: str, methods: Sequence[str]) -> None:
    """Draw a bar per group, cut into its methods, the commonest first and the rest together."""
    parts = _each(frame, groups)
    shares = [dict(part.select(kind, "share").iter_rows()) for _, part in parts]
    left = np.zeros(len(parts))
    for method, colour in zip(methods[: len(COLOURS)], COLOURS, strict=False):
        width = [of_group.get(method, 0.0) for of_group in shares]
        ax.barh(range(len(parts)), width, left=left, color=colour, label=_plain(method))
        left += width
    if len(methods) > len(COLOURS) or any(FEW in of_group for of_group in shares):
        ax.barh(range(len(parts)), 1 - left, left=left, color="#d1d5db", label="all others")
    _name_rows(ax, [name for name, _ in parts])
    if shares:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))

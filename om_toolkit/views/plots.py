"""The frame of a metric in; matplotlib Axes out, one function for each metric that has a picture.

Each function takes the frame of the metric with the same name and draws into `ax`, or into a new figure. None of them
changes pyplot's state or rcParams. Axes created here display themselves in a notebook.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, StringIO
from itertools import cycle
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from om_toolkit.tables.results import key_columns

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""The colours of Okabe and Ito, which most people with colour blindness can distinguish."""

_GREY: Final = "#6b7280"

_LIGHT_GREY: Final = "#e5e7eb"

_CURVE_POINTS: Final = 201  # more are not visible at this size

_LONGEST_LABEL: Final = 30

_HOURS_SHOWN_AS_DAYS: Final = 72

_BIASED_LABEL: Final = "median of captured orders only (too short)"


def capture_curve(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of orders captured over time, with one line per group.

    Args:
        frame: The result of `capture_curve`.
        ax: Where to draw; a new figure by default.

    Returns:
        The Axes: days across (hours if the curves settle within three days), share captured up. The axis ends where
        every curve has reached 98 % of its last value.
    """
    ax = ax or _new_axes(height=4)
    curves = [
        (label, curve["hours"].to_numpy(), curve["captured_share"].to_numpy())
        for label, curve in _split_by_group(frame, key_columns(frame.columns, "capture_curve"))
    ]
    end = max((_time_settled(hours, share) for _, hours, share in curves), default=1.0)
    unit, hours_per_unit = ("days", 24) if end > _HOURS_SHOWN_AS_DAYS else ("hours", 1)
    for (label, hours, share), colour in zip(curves, cycle(COLOURS), strict=False):
        x, y = _step_points(hours, share, end)
        ax.step(x / hours_per_unit, y, where="post", color=colour, label=label, linewidth=1.8)
    ax.set(xlabel=f"{unit} since the order was placed", ylabel="share of orders captured")
    ax.set(xlim=(0, end / hours_per_unit), ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", color=_LIGHT_GREY)
    if len(curves) > 1:
        ax.legend(frameon=False, loc="lower right")
    return ax


def capture_latency(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the median hours to capture of each group with its 95 % interval, and the biased median for comparison.

    Args:
        frame: The result of `capture_latency`, with 0.5 among its quantiles.
        ax: Where to draw; a new figure by default.

    Returns:
        The Axes: hours across, one row per group.
    """
    labels = _row_labels(frame, "capture_latency")
    ax = ax or _new_axes(rows=len(labels))
    biased = frame["captured_only_p50_hours"].cast(pl.Float64).to_numpy()
    _draw_intervals(ax, frame, "p50_hours", labels, also_shown=biased)
    ax.scatter(biased, range(len(labels)), marker="|", s=120, color=_GREY, label=_BIASED_LABEL)
    ax.set_xlabel("hours from order to capture: median, 95 % interval")
    ax.set_xlim(left=0)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
    return ax


def refund_ratio(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the refunded share of the captured amount of each group, with its 95 % interval.

    Args:
        frame: The result of `refund_ratio`.
        ax: Where to draw; a new figure by default.

    Returns:
        The Axes: per cent across, one row per group and currency.
    """
    labels = _row_labels(frame, "refund_ratio")
    ax = ax or _new_axes(rows=len(labels))
    _draw_intervals(ax, frame, "amount_ratio", labels)
    ax.set_xlabel("refunded share of the captured amount, 95 % interval")
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    return ax


def shipping_methods(frame: pl.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each shipping method or carrier, or one stacked bar per group.

    Args:
        frame: The result of `shipping_methods` or `carriers`.
        ax: Where to draw; a new figure by default.

    Returns:
        The Axes: per cent across.
    """
    *groups, kind = key_columns(frame.columns, "shipping_methods")
    if groups:
        parts = _split_by_group(frame, groups)
        ax = ax or _new_axes(rows=len(parts) + 1)
        _draw_stacked_bars(ax, parts, kind, _most_common(frame, kind))
    else:
        ax = ax or _new_axes(rows=frame.height)
        _draw_intervals(ax, frame, "share", [_plot_text(method) for method in frame[kind]])
    ax.set_xlabel("share" if groups else "share, 95 % interval")
    ax.set_xlim(0, 1 if groups else None)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return ax


def svg(ax: Axes) -> str:
    """Return the figure of the Axes as SVG with selectable text; equal pictures give equal SVG."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    out = StringIO()
    with mpl.rc_context({"svg.hashsalt": "om_toolkit", "svg.fonttype": "none"}), _missing_glyphs_ignored():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return out.getvalue()[out.getvalue().index("<svg") :]


class _NotebookAxes(Axes):
    """Axes that a notebook displays as their picture."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int | str]]:
        figure = self.get_figure(root=True)
        assert figure is not None
        width, height = (int(100 * inches) for inches in figure.get_size_inches())
        out = BytesIO()
        with _missing_glyphs_ignored():
            figure.savefig(out, format="png", dpi=200)
        description = " by ".join(filter(None, [self.get_ylabel(), self.get_xlabel()]))
        return out.getvalue(), {"width": width, "height": height, "alt": description}


@contextmanager
def _missing_glyphs_ignored() -> Iterator[None]:
    """Ignore names in scripts that matplotlib's font lacks: in an SVG the reader's own fonts show them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _new_axes(*, height: float | None = None, rows: int = 1) -> Axes:
    """Return the Axes of a new figure, 7.5 inches wide, with the given height or the height that its rows need."""
    figure = Figure(figsize=(7.5, height or 1.3 + 0.34 * max(rows, 1)), layout="constrained")
    ax = figure.add_subplot(axes_class=_NotebookAxes)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _row_labels(frame: pl.DataFrame, metric: str) -> list[str]:
    groups = frame.select(key_columns(frame.columns, metric))
    return [_group_label(row) for row in groups.rows()] or ["all orders"] * frame.height


def _split_by_group(frame: pl.DataFrame, groups: list[str]) -> list[tuple[str, pl.DataFrame]]:
    """Split a frame into its groups, each with its label; labels are not unique, since long ones are shortened."""
    if not groups:
        return [("all orders", frame)] if frame.height else []
    parts = frame.partition_by(groups, as_dict=True, maintain_order=True)
    return [(_group_label(key), part) for key, part in parts.items()]


def _group_label(values: Sequence[Any]) -> str:
    return ", ".join("(none)" if value is None else _plot_text(value) for value in values) or "all orders"


def _plot_text(value: object) -> str:
    """Return a text that matplotlib shows literally, without math, and short enough to leave room for the picture."""
    text = str(value)
    text = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text  # matplotlib hides labels that start with an underscore


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


def _draw_intervals(
    ax: Axes, frame: pl.DataFrame, figure: str, labels: Sequence[str], *, also_shown: Iterable[float] = ()
) -> None:
    """Draw one row per group, the first at the top: a dot, and a bar from the lower to the upper bound.

    Where the upper bound is unknown, the bar ends in an arrow at the right edge, beyond all other values, `also_shown`
    included.
    """
    rows = np.arange(len(labels))
    columns = (figure, f"{figure}_low", f"{figure}_high")
    middle, low, high = (frame[column].cast(pl.Float64).to_numpy() for column in columns)
    is_open = np.isnan(high) & ~np.isnan(low)
    edge = 1.1 * np.nanmax([*middle, *low, *high, *also_shown, 0.0])
    ax.hlines(rows, low, np.where(is_open, edge, high), color=COLOURS[0], alpha=0.35, linewidth=6)
    ax.scatter(np.full(is_open.sum(), edge), rows[is_open], marker=">", color=COLOURS[0], alpha=0.6, s=90)
    ax.scatter(middle, rows, color=COLOURS[0], zorder=3, label="median" if "hours" in figure else None)
    _label_rows(ax, labels)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.grid(axis="x", color=_LIGHT_GREY)
    ax.set_axisbelow(True)


def _most_common(frame: pl.DataFrame, kind: str) -> list[str]:
    """Return the methods, the most common first."""
    counts = frame.group_by(kind, maintain_order=True).agg(pl.col("count").sum())
    return counts.sort("count", kind, descending=[True, False])[kind].to_list()


def _draw_stacked_bars(ax: Axes, parts: Sequence[tuple[str, pl.DataFrame]], kind: str, methods: Sequence[str]) -> None:
    """Draw one bar per group, divided into the most common methods and all others."""
    shares = [dict(part.select(kind, "share").iter_rows()) for _, part in parts]
    left = np.zeros(len(parts))
    for method, colour in zip(methods[: len(COLOURS)], COLOURS, strict=False):
        width = [of_group.get(method, 0.0) for of_group in shares]
        ax.barh(range(len(parts)), width, left=left, color=colour, label=_plot_text(method))
        left += width
    if len(methods) > len(COLOURS):
        ax.barh(range(len(parts)), 1 - left, left=left, color="#d1d5db", label="all others")
    _label_rows(ax, [label for label, _ in parts])
    if shares:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label the rows, the first at the top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)

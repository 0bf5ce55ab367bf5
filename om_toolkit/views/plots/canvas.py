"""What the pictures share: Axes that a notebook displays, SVG, colours, labels, and the check of the frame."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, StringIO
from itertools import product
from typing import Any, Final

import matplotlib as mpl
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from om_toolkit.support.text import count_of
from om_toolkit.tables.results import key_columns

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""The colours of Okabe and Ito, which most people with colour blindness can distinguish."""

STYLES: Final = tuple((colour, line) for line, colour in product(("-", "--", ":"), COLOURS))
"""Colours and line styles, so that 18 lines differ."""

GREY: Final = "#6b7280"

LIGHT_GREY: Final = "#e5e7eb"

REST_GREY: Final = "#d1d5db"

_LONGEST_LABEL: Final = 30


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


def new_axes(*, height: float | None = None, rows: int = 1) -> Axes:
    """Return the Axes of a new figure, 7.5 inches wide, with the given height or the height that its rows need."""
    return new_column(1, height=height or 1.3 + 0.34 * max(rows, 1))[0]


def new_column(pictures: int, *, height: float) -> list[Axes]:
    """Return Axes one above the other in a new figure, which each of them displays."""
    figure = Figure(figsize=(7.5, height * max(pictures, 1)), layout="constrained")
    column = [
        figure.add_subplot(max(pictures, 1), 1, place + 1, axes_class=_NotebookAxes)
        for place in range(max(pictures, 1))
    ]
    for ax in column:
        ax.spines[["top", "right"]].set_visible(False)
    return column


def check_frame(frame: object, metric: str, *columns: str) -> None:
    """Check that a frame is the result of a metric.

    Raises:
        TypeError: If it is no polars DataFrame.
        ValueError: If one of the columns that the picture needs is missing.
    """
    advice = f"pass the result of om.{metric}"
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"the picture needs a polars DataFrame, not {type(frame).__name__}; {advice}")
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"the frame has no column {missing[0]!r}; {advice}")


def set_title(ax: Axes, title: str | None, default: str) -> None:
    """Set the title that a caller gave, or the default."""
    ax.set_title(plain(default if title is None else title), loc="left", fontsize="medium")


def number_of(frame: pl.DataFrame, counted: str, noun: str) -> str:
    """Return the sum of a count with its noun, as a title: `300 orders`."""
    return count_of(int(frame[counted].sum()), noun) if frame.height else "no data"


def row_labels(frame: pl.DataFrame, metric: str) -> list[str]:
    """Return a label for each row: the values of its keys."""
    groups = frame.select(key_columns(frame.columns, metric))
    return [group_label(row) for row in groups.rows()] or ["all orders"] * frame.height


def split_by_group(frame: pl.DataFrame, groups: Sequence[str]) -> list[tuple[str, pl.DataFrame]]:
    """Split a frame into its groups, each with its label; labels are not unique, since long ones are shortened."""
    if not groups:
        return [("all orders", frame)] if frame.height else []
    parts = frame.partition_by(groups, as_dict=True, maintain_order=True)
    return [(group_label(key), part) for key, part in parts.items()]


def group_label(values: Sequence[Any]) -> str:
    """Return the label of a group."""
    return ", ".join("(none)" if value is None else plot_text(value) for value in values) or "all orders"


def plot_text(value: object) -> str:
    """Return a text that matplotlib shows literally, without math, and short enough to leave room for the picture."""
    text = str(value)
    text = plain(text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…")
    return f" {text}" if text.startswith("_") else text  # matplotlib hides labels that start with an underscore


def plain(text: str) -> str:
    """Return a text that matplotlib shows without math."""
    return text.replace("$", r"\$")


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label the rows, the first at the top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)


def place_legend_right(ax: Axes) -> None:
    """Put the legend at the right of the picture."""
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))

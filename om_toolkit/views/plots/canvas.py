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
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.support.text import count_of
from om_toolkit.tables.results import key_columns
from om_toolkit.tables.units import Unit, unit_of

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""The colours of Okabe and Ito, which most people with colour blindness can distinguish."""

STYLES: Final = tuple((colour, line) for line, colour in product(("-", "--", ":"), COLOURS))
"""Colours and line styles, so that 18 lines differ."""

INK: Final = "#767676"
"""The colour of text and axes: readable on white and on black, since the background is transparent."""

GREY: Final = "#6b7280"

LIGHT_GREY: Final = "#9ca3af59"
"""The colour of grids and areas, translucent for both themes."""

REST_GREY: Final = "#b6bcc6"

WIDTH: Final = 6
"""Inches, so that 10 points can be read where the picture is reduced to 400 pixels."""

_LONGEST_LABEL: Final = 30


def svg(ax: Axes) -> str:
    """Return the figure of the Axes as SVG with selectable text, in the text colour of its page.

    Equal pictures give equal SVG. The background is transparent, for light and dark pages.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    out = StringIO()
    with (
        mpl.rc_context(_SVG_SETTINGS),
        _missing_glyphs_ignored(),
        _without_background(figure),
        _svg_canvas(figure) as canvas,
    ):
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    picture = out.getvalue()
    return picture[picture.index("<svg") :].replace(INK, "currentColor")


_SVG_SETTINGS: Final[Any] = {"svg.hashsalt": "om_toolkit", "svg.fonttype": "none"}


@contextmanager
def _svg_canvas(figure: Figure) -> Iterator[FigureCanvasSVG]:
    """Give a figure a canvas for SVG for a while: `savefig` draws twice if there is a layout, this canvas once."""
    canvas, dpi = figure.canvas, figure.dpi
    try:
        yield FigureCanvasSVG(figure)
    finally:
        figure.set_canvas(canvas)
        figure.set_dpi(dpi)


@contextmanager
def _without_background(figure: Figure) -> Iterator[None]:
    """Hide the backgrounds of a figure and of its Axes, also those inside of others, for a while."""
    inner: list[Any] = [one for ax in figure.axes for one in ax.child_axes]
    shown = [one.patch for one in (figure, *figure.subfigs, *figure.axes, *inner) if one.patch.get_visible()]
    try:
        for patch in shown:
            patch.set_visible(False)
        yield
    finally:
        for patch in shown:
            patch.set_visible(True)


class _NotebookAxes(Axes):
    """Axes that a notebook displays as their picture."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int | str]]:
        figure = self.get_figure(root=True)
        assert figure is not None
        width, height = (int(100 * inches) for inches in figure.get_size_inches())
        out = BytesIO()
        with _missing_glyphs_ignored():
            figure.savefig(out, format="png", dpi=200, transparent=True)
        axes = " by ".join(filter(None, [self.get_ylabel(), self.get_xlabel()]))
        title = figure.get_suptitle() or self.get_title(loc="left")
        description = ": ".join(filter(None, [title.replace(r"\$", "$"), axes]))
        return out.getvalue(), {"width": width, "height": height, "alt": description}


@contextmanager
def _missing_glyphs_ignored() -> Iterator[None]:
    """Ignore names in scripts that matplotlib's font lacks: in an SVG the reader's own fonts show them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def new_axes(*, height: float | None = None, rows: int = 1) -> Axes:
    """Return the Axes of a new figure, 6 inches wide, with the given height or the height that its rows need."""
    return new_column(1, height=height or 1.3 + 0.34 * max(rows, 1))[0]


def new_column(pictures: int, *, height: float) -> list[Axes]:
    """Return Axes one above the other in a new figure, which each of them displays."""
    return _new_grid(max(pictures, 1), 1, height)


def new_panels(pictures: int) -> list[Axes]:
    """Return Axes in two columns of a new figure, which each of them displays."""
    return _new_grid(pictures, 2, 1.9)


def _new_grid(pictures: int, columns: int, height: float) -> list[Axes]:
    rows = -(-pictures // columns)
    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    grid: list[Axes] = []
    for place in range(pictures):
        ax = figure.add_subplot(rows, columns, place + 1, axes_class=_NotebookAxes)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(INK)
        ax.tick_params(colors=INK)
        ax.xaxis.label.set_color(INK)
        ax.yaxis.label.set_color(INK)
        grid.append(ax)
    return grid


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
    ax.set_title(plain(default if title is None else title), loc="left", fontsize="medium", color=INK)


def number_of(frame: pl.DataFrame, counted: str, noun: str) -> str:
    """Return the sum of a count with its noun, as a title: `300 orders`."""
    return count_of(int(frame[counted].sum()), noun) if frame.height else "no data"


def row_labels(frame: pl.DataFrame, metric: str) -> list[str]:
    """Return a label for each row of a result: the values of its keys."""
    return _labels(frame, key_columns(frame.columns, metric))


def split_by_group(frame: pl.DataFrame, groups: Sequence[str]) -> list[tuple[str, pl.DataFrame]]:
    """Split a frame into its groups, each with its label; labels are not unique, since long ones are shortened."""
    if not groups or not frame.height:
        return [("all orders", frame)] if frame.height else []
    parts = frame.partition_by(groups, maintain_order=True)
    return list(zip(_labels(pl.concat(part.head(1) for part in parts), groups), parts, strict=True))


def _labels(frame: pl.DataFrame, groups: Sequence[str]) -> list[str]:
    """Return a label for each row: months without a day, and the currency only where there are several."""
    names = [name for name in groups if name != CURRENCY or len(groups) == 1 or frame[name].n_unique() > 1]
    months = [name for name in names if unit_of(name, frame.schema[name]) is Unit.MONTH]
    shown = frame.with_columns(pl.col(months).dt.strftime("%Y-%m")) if months else frame
    return [group_label(row) for row in shown.select(names).rows()] or ["all orders"] * frame.height


def group_label(values: Sequence[Any]) -> str:
    """Return the label of a group."""
    return ", ".join("(none)" if value is None else plot_text(value) for value in values) or "all orders"


def plot_text(value: object) -> str:
    """Return a text that matplotlib shows literally, without math, and short enough to leave room for the picture."""
    text = plain(shorten(str(value), _LONGEST_LABEL))
    return f" {text}" if text.startswith("_") else text  # matplotlib hides labels that start with an underscore


def shorten(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def plain(text: str) -> str:
    """Return a text that matplotlib shows without math."""
    return text.replace("$", r"\$")


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label the rows, the first at the top."""
    ax.set_yticks(range(len(labels)), labels, fontsize=9)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)


def place_legend_below(ax: Axes, *, columns: int = 3) -> None:
    """Put the legend below the label of the axis, where it takes no room from the bars."""
    figure = ax.get_figure()
    assert figure is not None
    ax.legend(
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -0.45, figure.dpi_scale_trans),
        ncols=columns,
        fontsize=9,
        labelcolor=INK,
    )

"""Tables in; the sections of the report out: sentences, a picture and a table for readers.

For a report, pool small countries first, see `small_groups.pool_countries`. A new section follows the two rules of
`small_groups`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl

from om_toolkit import metrics
from om_toolkit.metrics.intervals import moments, unit_ratio
from om_toolkit.support.html_tables import Heading
from om_toolkit.support.text import isolated
from om_toolkit.tables.tables import Tables
from om_toolkit.views import plots
from om_toolkit.views.formatting import (
    Cell,
    Columns,
    Formatter,
    Row,
    amount,
    count,
    format_rows,
    hours,
    hours_interval,
    percent,
    text,
)
from om_toolkit.views.pages import render
from om_toolkit.views.report import small_groups
from om_toolkit.views.show import Shown

_COUNTRY: Final = "purchase_country"

_METHOD: Final = "shipping_method"

_CAPTURE_COLUMNS: Final[Columns] = {
    "country": text(_COUNTRY),
    "orders": count("orders"),
    "captured": count("captured"),
    "waiting": count("waiting"),
    "expired": count("expired"),
    "cancelled": count("cancelled"),
    "other": count("other"),
    "excluded": count("excluded"),
    "half captured within": hours("p50_hours"),
    "90 % within": hours("p90_hours", interval=False),
    "within 24 h": percent("within_24h"),
    "within 72 h": percent("within_72h"),
}

_REFUND_COLUMNS: Final[Columns] = {
    "country": text(_COUNTRY),
    "captured orders": count("orders_captured"),
    "refunded orders": count("orders_refunded"),
    "refunded in full": count("orders_fully_refunded"),
    "captured": amount("captured_amount"),
    "refunded": amount("refunded_amount"),
    "share of amount": percent("amount_ratio"),
    "share of orders": percent("count_ratio"),
}

_SHIPPING_FIGURES: Final = (_METHOD, "count", "^share(_low|_high)?$", "with_tracking", "tracking_share")

_SHIPPING_COLUMNS: Final[Columns] = {
    "shipping method": text(_METHOD),
    "captures": count("count"),
    "share": percent("share"),
    "with tracking": count("with_tracking"),
    "tracking share": percent("tracking_share", interval=False),
}


@dataclass(frozen=True)
class Section:
    """A part of the report about one subject.

    Attributes:
        name: What its frame is called: the key of `Report.frames` and the name of its sheet in Excel.
        title: The heading.
        sentences: The result in words.
        picture: The result as an SVG; empty if there is none.
        table: The table for readers.
        frame: The frame that the table was made of.
        code: The Python line that gives the frame of `orders`, before small groups are pooled.
    """

    name: str
    title: str
    sentences: Sequence[str]
    picture: str
    table: Shown
    frame: pl.DataFrame
    code: str

    @property
    def headings(self) -> list[str]:
        """The headings of the table."""
        return [heading.words for heading in self.table.headings]

    @property
    def rows(self) -> Sequence[Sequence[Cell]]:
        """The rows of the table, as text."""
        return self.table.rows

    @property
    def html(self) -> str:
        """The section as HTML."""
        return render("section.html", section=self)


def capture(tables: Tables[Any], min_cell: int = 1) -> Section:
    """Return the section about the time to capture; the curve has one step for every `min_cell` captures."""
    by_country = small_groups.few_last(metrics.capture_latency(tables, by=_COUNTRY), _COUNTRY)
    sentences = [_capture_sentence(row) for row in metrics.capture_latency(tables).iter_rows(named=True)]
    if sentences:
        sentences.append("Waiting orders have no capture; the open ones of the key figures can be captured in part.")
    curve = metrics.capture_curve(tables)
    if min_cell > 1:
        captured = pl.col("captured").cum_sum()
        curve = curve.filter(captured // min_cell > (captured - pl.col("captured")) // min_cell)
        curve = curve.with_columns(at_risk=pl.lit(None, pl.Int64))  # the numbers under the axis can be small
    return Section(
        "captures",
        "How soon are orders captured?",
        or_no_data(sentences),
        plots.svg(plots.capture_curve(curve, title="")),
        table_of(_largest(by_country, "orders"), _CAPTURE_COLUMNS, of=by_country.height),
        by_country,
        'om.capture_latency(orders, by="purchase_country")',
    )


def refunds(tables: Tables[Any], _min_cell: int = 1) -> Section:
    """Return the section about the refunded share of the captured amount."""
    by_country = small_groups.few_last(metrics.refund_ratio(tables, by=_COUNTRY), _COUNTRY)
    shown = _largest(by_country, "orders_captured")
    sentences = sentences_of(metrics.refund_ratio(tables), _refund_sentence, "orders_captured")
    return Section(
        "refunds",
        "How much is refunded?",
        or_no_data(sentences),
        plots.svg(plots.refund_ratio(shown, title="")),
        table_of(shown, _REFUND_COLUMNS, of=by_country.height),
        by_country,
        'om.refund_ratio(orders, by="purchase_country")',
    )


def shipping(tables: Tables[Any], min_cell: int = 1) -> Section:
    """Return the section about shipping methods; methods with fewer orders than `min_cell` are pooled."""
    by_method = _pooled_methods(tables, min_cell) if min_cell > 1 else metrics.shipping_methods(tables)
    by_method = by_method.select(_SHIPPING_FIGURES)
    shown = _largest(by_method, "count")
    named = by_method.filter(~pl.col(_METHOD).str.starts_with("("))
    sentences = [_shipping_sentence(row) for row in named.head(1).iter_rows(named=True)]
    picture = plots.svg(plots.shipping_methods(shown, title=""))
    return Section(
        "shipping",
        "How are orders shipped?",
        or_no_data(sentences),
        picture,
        table_of(shown, _SHIPPING_COLUMNS, of=by_method.height),
        by_method,
        "om.shipping_methods(orders)",
    )


SECTIONS: Final[dict[str, Callable[..., Section]]] = {"capture": capture, "refunds": refunds, "shipping": shipping}


class KeyFigure(NamedTuple):
    """One of the figures at the top of a report."""

    name: str
    figure: str
    detail: str


def key_figures(tables: Tables[Any], min_cell: int = 1) -> dict[str, list[KeyFigure]]:
    """Return the key figures of each currency, as text."""
    return key_figure_texts(metrics.key_figures(tables), min_cell)


def _of_settlement(figures: Sequence[KeyFigure]) -> Iterator[KeyFigure]:
    """Yield the figures of orders that are known to be captured."""
    for figure in figures:
        if figure.name == _CAPTURED:
            yield KeyFigure("captured", figure.figure, "share withheld")
        elif figure.name not in _UNKNOWN_TO_SETTLEMENTS:
            yield figure


_CAPTURED: Final = "captured (share of ordered)"

_UNKNOWN_TO_SETTLEMENTS: Final = ("still open", "expired or cancelled", "half captured within")


def key_figure_texts(
    figures: pl.DataFrame, min_cell: int = 1, *, is_settlement: bool = False
) -> dict[str, list[KeyFigure]]:
    """Return the result of the metric `key_figures` as text, by currency.

    If small groups are pooled, tracking is shown by shipping method only, and here if there is one currency. Of the
    orders of a settlement, what follows from their being captured is left out.
    """
    lost = pl.col("expired_amount") + pl.col("cancelled_amount")
    figures = figures.with_columns(lost_amount=lost)
    shown = _KEY_FIGURES if min_cell == 1 or figures.height == 1 else _KEY_FIGURES[:-1]
    return {
        text("purchase_currency")(row): list(_of_settlement(texts) if is_settlement else texts)
        for row in figures.iter_rows(named=True)
        for texts in [[KeyFigure(name, figure(row), detail(row)) for name, figure, detail in shown]]
    }


def _phrase(pattern: str, **formatters: Formatter) -> Formatter:
    """Return a formatter of a text with several figures of one row."""
    return lambda row: Cell(pattern.format(**{name: formatter(row) for name, formatter in formatters.items()}))


_KEY_FIGURES: Final[Sequence[tuple[str, Formatter, Formatter]]] = (
    ("orders", count("orders"), _phrase("median {value}", value=amount("median_order_value"))),
    ("ordered", amount("order_amount"), _phrase("{value} on average", value=amount("average_order_value"))),
    (_CAPTURED, amount("captured_amount"), percent("capture_rate")),
    ("refunded (share of captured)", amount("refunded_amount"), percent("refund_ratio")),
    ("still open", amount("open_amount"), count("open_orders", "order")),
    (
        "expired or cancelled",
        amount("lost_amount"),
        _phrase("{expired} expired, {lost} cancelled", expired=count("expired_orders"), lost=count("cancelled_orders")),
    ),
    ("half captured within", hours("p50_hours", interval=False), hours_interval("p50_hours")),
    (  # the last one, see `key_figure_texts`
        "shipped with tracking",
        percent("tracking_share", interval=False),
        _phrase("{some} of {all}", some=count("captures_with_tracking"), all=count("captures", "capture")),
    ),
)


def or_no_data(sentences: Sequence[str]) -> Sequence[str]:
    """Return the sentences of a section, or that there are none."""
    return sentences or ["There is not enough data for a summary."]


def table_of(frame: pl.DataFrame, columns: Columns, *, of: int = 0) -> Shown:
    """Return a frame as a table for readers, whose first column has names; `of` is the number of groups there are."""
    headings = [Heading(words, is_text=not place) for place, words in enumerate(columns)]
    note = f"The {frame.height} largest of {of:,} groups; the Excel file has all of them."
    return Shown(headings, format_rows(frame, columns), note if of > frame.height else "")


_MOST_GROUPS: Final = 25

_MOST_SENTENCES: Final = 4


def _largest(frame: pl.DataFrame, size: str, most: int = _MOST_GROUPS) -> pl.DataFrame:
    """Return the largest groups, in their order: as many as a picture and a table have room for."""
    return frame.filter(pl.col(size).rank("ordinal", descending=True) <= most)


def sentences_of(frame: pl.DataFrame, sentence: Callable[[Row], str], size: str) -> list[str]:
    """Return a sentence for each currency; of many, for the largest ones, and where the others are."""
    if frame.height <= _MOST_SENTENCES:
        return [sentence(row) for row in frame.iter_rows(named=True)]
    rows = _largest(frame, size, _MOST_SENTENCES - 1).to_dicts()
    return [*map(sentence, rows), f"The key figures have the other {frame.height - len(rows)} currencies as well."]


def _pooled_methods(tables: Tables[Any], min_cell: int) -> pl.DataFrame:
    """Return what `shipping_methods` returns, with small groups pooled: order by order, because they are counted."""
    count = pl.col("count")
    by_order = small_groups.published(metrics.shipping_methods(tables, by="order_id"), _METHOD, min_cell)
    of_orders = by_order.group_by("order_id", _METHOD).agg(pl.col("count", "with_tracking").sum())
    of_orders = of_orders.with_columns(of_order=count.sum().over("order_id"))
    counts = of_orders.group_by(_METHOD).agg(
        pl.col("count", "with_tracking").sum(), **moments("share", count, pl.col("of_order"))
    )
    shares = counts.with_columns(total=count.sum(), share_xx=pl.col("share_xy").sum()).with_columns(
        *unit_ratio("share", "count", "total"), tracking_share=pl.col("with_tracking") / count
    )
    return small_groups.few_last(shares.sort(-count, _METHOD, nulls_last=True), _METHOD)


def _capture_sentence(row: Row) -> str:
    sentence = (
        f"{count('orders', 'order')(row)}: {row['captured']:,} captured, {row['waiting']:,} waiting, "
        f"{row['expired']:,} expired, {row['cancelled']:,} cancelled, {row['other']:,} with another ending, "
        f"{row['excluded']:,} excluded (with times that cannot be evaluated; refunds include them)."
    )
    if row["p50_hours"] is None:
        return sentence
    return f"{sentence} Half of the orders are captured within {hours('p50_hours')(row)}."


def _refund_sentence(row: Row) -> str:
    captured, refunded = amount("captured_amount")(row), amount("refunded_amount")(row)
    return f"Of {captured} captured, {refunded} was refunded: {percent('amount_ratio')(row)}."


def _shipping_sentence(row: Row) -> str:
    return f"The most common shipping method is {isolated(row[_METHOD])}: {percent('share')(row)} of the captures."

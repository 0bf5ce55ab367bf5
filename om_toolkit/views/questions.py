"""The three questions of report and explorer: tables in; sentences, a picture and a table for a reader out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from om_toolkit import metrics
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.metrics.intervals import count_ratio
from om_toolkit.views import plots
from om_toolkit.views import small_groups as cells
from om_toolkit.views.formatting import (
    Columns,
    Record,
    Writer,
    amount,
    count,
    hours,
    hours_between,
    percent,
    text,
    write_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from om_toolkit.tables.tables import Tables


_COUNTRY: Final = "purchase_country"


_METHOD: Final = "shipping_method"


PAGES: Final = Environment(
    loader=PackageLoader("om_toolkit.views"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Answer:
    """What a reader is shown of one question.

    Attributes:
        title: The question.
        sentences: The answer in words.
        picture: The answer as an SVG.
        headings: Of the table.
        rows: Of the table, as text.
    """

    title: str
    sentences: Sequence[str]
    picture: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def html(self) -> str:
        """The answer as a piece of HTML."""
        return PAGES.get_template("answer.html").render(answer=self)


def pooled(tables: Tables[Any], min_cell: int) -> Tables[Any]:
    """Put together, each currency for itself, the countries of fewer captured orders than `min_cell`.

    A currency with fewer is left out. Everything that is shown is to be made of the result: countries that stand
    together in one table and alone in another would tell of each other. Done once more it changes nothing.
    """
    counts = (pl.col("captured_amount") > 0) & pl.col("order_id").is_in(tables.captures["order_id"].to_list())
    orders = cells.pool(tables.orders, _COUNTRY, min_cell, [CURRENCY], counts) if min_cell > 1 else tables.orders
    return replace(tables, orders=orders)


def capture(tables: Tables[Any], min_cell: int = 1) -> Answer:
    """Answer how soon orders are captured; see `pooled`. The curve is drawn at every so many captures only."""
    tables = pooled(tables, min_cell)
    total = metrics.capture_latency(tables)
    by_country = cells.last(metrics.capture_latency(tables, by=_COUNTRY), _COUNTRY)
    columns: Columns = {
        "country": text("purchase_country"),
        "orders": count("orders"),
        "captured": count("captured"),
        "waiting": count("waiting"),
        "expired": count("expired"),
        "left out": count("excluded"),
        "half captured after": hours("p50_hours"),
        "90 % after": hours("p90_hours", interval=False),
        "within 24 h": percent("within_24h", interval=False),
        "within 72 h": percent("within_72h", interval=False),
    }
    sentences = [_capture_sentence(row) for row in total.iter_rows(named=True)]
    curve = metrics.capture_curve(tables)
    if min_cell > 1:
        captured = pl.col("captured").cum_sum()
        curve = curve.filter(captured // min_cell > (captured - pl.col("captured")) // min_cell)
    picture = plots.capture_curve(curve)
    return _answer("How soon are orders captured?", sentences, picture, columns, by_country)


def refunds(tables: Tables[Any], min_cell: int = 1) -> Answer:
    """Answer how much of the captured money is refunded; see `pooled`."""
    tables = pooled(tables, min_cell)
    by_currency = metrics.refund_ratio(tables)
    by_country = cells.last(metrics.refund_ratio(tables, by=_COUNTRY), _COUNTRY)
    columns: Columns = {
        "country": text("purchase_country"),
        "captured orders": count("orders_captured"),
        "refunded orders": count("orders_refunded"),
        "refunded in full": count("orders_fully_refunded"),
        "captured": amount("captured_amount"),
        "refunded": amount("refunded_amount"),
        "of the amount": percent("amount_ratio"),
        "of the orders": percent("count_ratio"),
    }
    sentences = [_refund_sentence(row) for row in by_currency.iter_rows(named=True)]
    picture = plots.refund_ratio(by_country)
    return _answer("How much is refunded?", sentences, picture, columns, by_country)


def shipping(tables: Tables[Any], min_cell: int = 1) -> Answer:
    """Answer how captures are shipped; see `pooled`. Methods of fewer orders stand together as well."""
    by_order = metrics.shipping_methods(pooled(tables, min_cell), by=[_COUNTRY, "order_id"])
    by_method = cells.pool(by_order, _METHOD, min_cell)
    total = _methods(by_method)
    in_countries = cells.pool_parts(by_method, _METHOD, min_cell, _COUNTRY)
    columns: Columns = {
        "shipping method": text("shipping_method"),
        "captures": count("count"),
        "share": percent("share"),
        "with tracking": count("with_tracking"),
        "of these": percent("tracking_share", interval=False),
    }
    named = total.filter(~pl.col("shipping_method").str.starts_with("("))
    sentences = [_shipping_sentence(row) for row in named.head(1).iter_rows(named=True)]
    picture = plots.shipping_methods(_methods(in_countries, _COUNTRY))
    return _answer("How are orders shipped?", sentences, picture, columns, total)


def _methods(by_order: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Sum the methods of single orders up to what `shipping_methods` tells of groups."""
    counts = by_order.group_by(*by, _METHOD).agg(pl.col("count", "with_tracking").sum())
    total = pl.col("count").sum()
    shares = counts.with_columns(total=total.over(by) if by else total).with_columns(
        *count_ratio("share", "count", "total"), tracking_share=pl.col("with_tracking") / pl.col("count")
    )
    return cells.last(shares.sort(*by, -pl.col("count"), _METHOD, nulls_last=True), by[0] if by else _METHOD)


QUESTIONS: Final[dict[str, Callable[..., Answer]]] = {
    "capture": capture,
    "refunds": refunds,
    "shipping": shipping,
}


class KeyFigure(NamedTuple):
    """One of the figures that head a report."""

    name: str
    figure: str
    detail: str


def key_figures(tables: Tables[Any]) -> dict[str, list[KeyFigure]]:
    """Write the key figures of each currency."""
    return {
        text("purchase_currency")(row): [KeyFigure(name, figure(row), detail(row)) for name, figure, detail in _HEAD]
        for row in metrics.key_figures(tables).iter_rows(named=True)
    }


def _detail(form: str, **writers: Writer) -> Writer:
    return lambda row: form.format(**{name: write(row) for name, write in writers.items()})


def _lost(row: Record) -> str:
    return amount("lost")(row | {"lost": row["expired_amount"] + row["cancelled_amount"]})


_HEAD: Final[Sequence[tuple[str, Writer, Writer]]] = (
    ("orders", count("orders"), _detail("median {value}", value=amount("median_order_value"))),
    ("ordered", amount("order_amount"), _detail("{value} on average", value=amount("average_order_value"))),
    ("captured, of the ordered", amount("captured_amount"), percent("capture_rate")),
    ("refunded, of the captured", amount("refunded_amount"), percent("refund_ratio")),
    ("still open", amount("open_amount"), _detail("{n} orders", n=count("open_orders"))),
    (
        "expired or cancelled",
        _lost,
        _detail("{n} expired, {m} cancelled", n=count("expired_orders"), m=count("cancelled_orders")),
    ),
    ("half captured within", hours("p50_hours", interval=False), hours_between("p50_hours")),
    (
        "shipped with tracking",
        percent("tracking_share", interval=False),
        _detail("{n} of {m} captures", n=count("captures_with_tracking"), m=count("captures")),
    ),
)


def _answer(title: str, sentences: Sequence[str], picture: Axes, columns: Columns, frame: pl.DataFrame) -> Answer:
    nothing = ["There is nothing to tell yet: none of these orders can say."]
    return Answer(title, sentences or nothing, plots.svg(picture), list(columns), write_rows(frame, columns))


def _capture_sentence(row: Record) -> str:
    told = (
        f"Of {row['orders']:,} orders {row['captured']:,} were captured, {row['waiting']:,} still wait, "
        f"{row['expired']:,} expired; {row['excluded']:,} are left out: cancelled or closed at a moment "
        "the API does not tell, or with times or a status that cannot be judged."
    )
    if row["p50_hours"] is None:
        return told
    return f"{told} Half are captured within {hours('p50_hours')(row)}."


def _refund_sentence(row: Record) -> str:
    ratio = percent("amount_ratio")(row)
    captured, refunded = amount("captured_amount")(row), amount("refunded_amount")(row)
    return f"{refunded} of {captured} captured was refunded: {ratio}."


def _shipping_sentence(row: Record) -> str:
    return f"The commonest shipping method is {row['shipping_method']}: {percent('share')(row)} of the captures."

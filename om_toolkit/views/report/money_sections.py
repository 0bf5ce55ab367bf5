"""Tables in; the sections about money out: where it went, and what is at risk."""

from typing import Final

import polars as pl

from om_toolkit import metrics
from om_toolkit.metrics.expressions import OPEN, total
from om_toolkit.metrics.grouping import CURRENCY, groups_of
from om_toolkit.metrics.refunded_orders import amounts_of_orders
from om_toolkit.support.html_tables import Heading
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views import plots
from om_toolkit.views.formatting import Cell, Row, amount, percent, text
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import Section, or_no_data, sentences_of
from om_toolkit.views.show import Shown

_FATE_NAMES: Final = {
    "captured_amount": "captured",
    "open_amount": "still open",
    "expired_amount": "expired",
    "cancelled_amount": "cancelled",
    "released_amount": "released",
    "unexplained_amount": "unexplained",
}
"""What became of the ordered money, by column."""


def balance(data: object) -> pl.DataFrame:
    """Return what became of the ordered money, per currency.

    `order_amount` and the amounts captured, open, expired and cancelled are those of `key_figures`. Released is what
    was not captured of other orders: those captured in part that are CAPTURED, CLOSED or of unknown status, and
    PART_CAPTURED ones of which nothing remains. Unexplained is what the amounts of single orders contradict or lack:
    more captured than ordered, another remaining amount than ordered less captured, or an unknown amount.

    Returns:
        A row per currency: `purchase_currency`, `order_amount`, `captured_amount`, `refunded_amount` (a part of the
        captured amount), `open_amount`, `expired_amount`, `cancelled_amount`, `released_amount`, `unexplained_amount`;
        Int64, minor units. The amounts after `order_amount`, but for `refunded_amount`, add up to it.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> balance(orders).select("order_amount", "captured_amount", "released_amount", "unexplained_amount").row(0)
        (3748771, 2910020, 338130, -100)
    """
    return _balance(data, metrics.key_figures(data))


def _balance(data: object, figures: pl.DataFrame) -> pl.DataFrame:
    """Return the balance of the orders with these key figures."""
    tables = tables_of(data)
    figures = figures.select(CURRENCY, "order_amount", "refunded_amount", *list(_FATE_NAMES)[:4])
    rest = tables.run(_uncaptured(tables))
    columns = [CURRENCY, "order_amount", "captured_amount", "refunded_amount", *list(_FATE_NAMES)[1:]]
    return figures.join(rest, on=CURRENCY, how="left", nulls_equal=True, maintain_order="left").select(columns)


def _uncaptured(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the released and the unexplained amount of each currency, order by order."""
    groups = groups_of(tables.orders, (), currency=True)
    orders = amounts_of_orders(tables, groups, "order_amount", "status", "remaining_authorized_amount")
    remaining, status = pl.col("remaining_authorized_amount"), pl.col("status")
    rest = pl.col("order_amount") - pl.col("captured")
    is_lost = status.is_in(("EXPIRED", "CANCELLED")).fill_null(value=False)
    is_open = status.is_in(OPEN).fill_null(value=False)
    is_released = (~is_lost & ~is_open) | ((status == "PART_CAPTURED") & (remaining == 0)).fill_null(value=False)
    kept = pl.when(is_open).then(pl.coalesce(remaining, rest)).when(is_lost).then(rest).fill_null(0)
    released = pl.when(is_released & (rest > 0)).then(rest).otherwise(0)
    left = pl.col("order_amount").fill_null(0) - pl.col("captured").fill_null(0)
    return groups.present(
        orders.group_by(groups.keys).agg(
            released_amount=total(released), unexplained_amount=total(left - kept - released)
        )
    )


def money(scope: Scope) -> Section:
    """Return the section about what became of the ordered money."""
    frame = _balance(scope.tables, scope.figures)
    sized = frame.with_columns(scope.figures["orders"])
    sentences = sentences_of(sized, _balance_sentence, "orders")
    if frame["unexplained_amount"].cast(pl.Boolean).any():
        sentences.append("Unexplained is what the amounts of single orders contradict or lack; the audit lists them.")
    return Section(
        "money",
        "Where did the money go?",
        or_no_data(sentences),
        plots.svg(plots.key_figures(scope.figures, title="")),
        _balance_table(frame),
        frame,
        scope.frame_code("money"),
    )


def _balance_sentence(row: Row) -> str:
    """Return the share of the ordered money that was captured, and what was lost or released of it."""
    row = row | {"lost_amount": row["expired_amount"] + row["cancelled_amount"] + row["released_amount"]}
    names = ("order_amount", "captured_amount", "open_amount", "lost_amount")
    ordered, captured, still_open, lost = (amount(name)(row) for name in names)
    return (
        f"Of {ordered} ordered, {captured} was captured, {still_open} is still open and {lost} expired, was cancelled "
        "or released."
    )


def _balance_table(frame: pl.DataFrame) -> Shown:
    """Return a line for each fate of the ordered money and a column for each currency, with the total at the end."""
    rows = frame.to_dicts()
    fates = [name for name in _FATE_NAMES if name != "unexplained_amount" or any(row[name] for row in rows)]
    lines = [("ordered", "order_amount")]
    for name in fates:
        lines.append((_FATE_NAMES[name], name))
        if name == "captured_amount":
            lines.append(("of which refunded", "refunded_amount"))
    totals = [row | {"total_amount": sum(row[name] for name in fates)} for row in rows]
    lines.append((f"total of {_FATE_NAMES[fates[0]]} to {_FATE_NAMES[fates[-1]]}", "total_amount"))
    headings = [Heading("", is_text=True), *(Heading(text(CURRENCY)(row)) for row in rows)]
    return Shown(
        headings,
        [] if not rows else [[Cell(line), *(_with_share(name, row) for row in totals)] for line, name in lines],
    )


def _with_share(name: str, row: Row) -> Cell:
    """Return an amount, and its share of the ordered amount if it is a known fate of it."""
    written = amount(name)(row)
    if name not in list(_FATE_NAMES)[:-1] or not row["order_amount"]:
        return written
    share = percent("share", interval=False)({"share": row[name] / row["order_amount"]})
    return Cell(written.number, f"{written.rest} ({share})")

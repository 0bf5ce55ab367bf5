"""What the explorer shows under each tab: Python for a frame, its picture, and the orders behind one of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from om_toolkit.support.html_tables import Heading
from om_toolkit.views import plots
from om_toolkit.views.explorer.filters import equals
from om_toolkit.views.formatting import Cell
from om_toolkit.views.report.sections import key_figure_texts
from om_toolkit.views.show import Shown, show

ORDER_GROUPS: Final = {
    "country": '"purchase_country"',
    "payment method": '"initial_payment_method_type"',
    "customer type": '"customer_type"',
    "month": 'om.by_period("1mo", time_zone="{time_zone}")',
    "week": 'om.by_period("1w", time_zone="{time_zone}")',
}
"""What orders can be grouped by, as Python."""

LINE_GROUPS: Final = {name: f'"{name}"' for name in ("category", "brand", "reference", "name", "type")}
"""What order lines can be grouped by."""

ORDER_COLUMNS: Final = (
    "order_id",
    "merchant_reference1",
    "created_at",
    "purchase_country",
    "status",
    "purchase_currency",
    "order_amount",
    "captured_amount",
    "refunded_amount",
    "remaining_authorized_amount",
)


MOST_ROWS: Final = 50
"""The rows that a table shows; saving it gives all."""


def _as_it_is(frame: pl.DataFrame, time_zone: str) -> Shown:
    more = f"the first {MOST_ROWS} of {frame.height:,} rows; a saved table has all" if frame.height > MOST_ROWS else ""
    return show(frame.head(MOST_ROWS), time_zone=time_zone, rows=MOST_ROWS, caption=more)


def _by_figure(frame: pl.DataFrame, _time_zone: str) -> Shown:
    """Return the key figures with one row per figure and one column per currency."""
    texts = key_figure_texts(frame)
    headings = [Heading("figure", is_text=True), *map(Heading, texts)]
    rows = [
        [Cell(of_currencies[0].name), *(Cell(one.figure, f" ({one.detail})") for one in of_currencies)]
        for of_currencies in zip(*texts.values(), strict=True)
    ]
    return Shown(headings, rows)


@dataclass(frozen=True)
class Tab:
    """What is shown under a tab.

    Attributes:
        line: Python for the frame from `selected`, the tables; `{by}` stands for the groups.
        groups: What the frame can be grouped by.
        draw: The picture of the frame, if it has one.
        drawn: Python for the frame of the picture, if that is another one.
        behind: Python for the condition that an order is behind a row, from the groups and the values of the row.
        table: The frame as a table for readers, with times of a time zone.
    """

    line: str
    groups: Mapping[str, str] | None = None
    draw: Callable[..., Any] | None = None
    drawn: str | None = None
    behind: Callable[[str, Mapping[str, Any]], str] | None = None
    table: Callable[[pl.DataFrame, str], Shown] = _as_it_is


def _in_group(by: str, row: Mapping[str, Any]) -> str:
    """Return the condition that an order is in a group: its first column has the value of the row."""
    column, value = next(iter(row.items()))
    conditions = [equals(f"pl.col({by})" if by.startswith('"') else by, value)]
    if "purchase_currency" in row and column != "purchase_currency":
        conditions.append(equals('pl.col("purchase_currency")', row["purchase_currency"]))
    return ", ".join(conditions)


def _in_result(result: str, row: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the condition that the result of a metric by order has an order with the keys of a row."""
    conditions = ", ".join(equals(f'pl.col("{key}")', row[key]) for key in keys)
    return f'pl.col("order_id").is_in({result}.filter({conditions})["order_id"].implode())'


def _behind_products(by: str, row: Mapping[str, Any]) -> str:
    if row["captured_quantity"] is None:  # the money that no line explains belongs to no line's order
        return ""
    return _in_result(f'om.products(selected, by=[{by}, "order_id"])', row, [by.strip('"'), "purchase_currency"])


def _behind_shipping(_by: str, row: Mapping[str, Any]) -> str:
    return _in_result('om.shipping_methods(selected, by="order_id")', row, ["shipping_method"])


ORDERS: Final = "orders"

ORDER_LIST: Final = '{{tables}}.orders.sort("created_at", descending=True, nulls_last=True).select({})'.format(
    ", ".join(f'"{name}"' for name in ORDER_COLUMNS)
)
"""Python for a list of orders, the newest first."""

TABS: Final = {
    "overview": Tab("om.key_figures(selected)", draw=plots.key_figures, table=_by_figure),
    "latency": Tab("om.capture_latency(selected, by={by})", ORDER_GROUPS, plots.capture_latency, behind=_in_group),
    "refunds": Tab("om.refund_ratio(selected, by={by})", ORDER_GROUPS, plots.refund_ratio, behind=_in_group),
    "products": Tab("om.products(selected, by={by})", LINE_GROUPS, plots.products, behind=_behind_products),
    "shipping": Tab("om.shipping_methods(selected)", draw=plots.shipping_methods, behind=_behind_shipping),
    "money at risk": Tab(
        "om.expiring(selected, within=None)",
        draw=plots.at_risk,
        drawn='om.at_risk(selected, within=None, every="1d", time_zone="{time_zone}")',
    ),
    "audit": Tab("om.audit(selected)"),
    ORDERS: Tab(ORDER_LIST.format(tables="selected")),
}
"""The tabs. A row with an `order_id` opens that order."""

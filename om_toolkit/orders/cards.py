"""An order, or its captures, refunds, lines or shipments, in; HTML for notebooks out that shows no person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import polars as pl

from om_toolkit import money
from om_toolkit.support.html_tables import Heading, facts, paragraph, table
from om_toolkit.support.text import count_of
from om_toolkit.tables.units import Unit, heading, unit_of

PartT = TypeVar("PartT")


class Parts(tuple[PartT, ...]):
    """The elements of an array, which a notebook shows as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return parts_table(self)


def card(order: Any) -> str:  # noqa: ANN401 - an Order, whose module needs this one
    """Return the card of an order: its facts, lines and shipments, and what happened to it."""
    currency = order.purchase_currency
    shipments = [*order.shipping_info, *(one for capture in order.captures for one in capture.shipping_info)]
    heading_of_card = f"Order {order.order_id}, {order.status or 'without status'}"
    return "".join(
        [
            paragraph(heading_of_card),
            facts((name, value) for name, value in _facts(order) if value is not None),
            *_captioned("order line", order.order_lines, currency),
            *_captioned("shipment", shipments, currency),
            paragraph("events"),
            _timeline(_moments(order), currency),
        ]
    )


def _facts(order: Any) -> Iterator[tuple[str, str | None]]:  # noqa: ANN401 - an Order
    """Yield the facts of an order; those without a value are left out."""
    yield "merchant reference", order.merchant_reference1
    yield "country", order.purchase_country
    yield "customer", order.customer and order.customer.type
    yield "payment", order.initial_payment_method and order.initial_payment_method.type
    yield "fraud status", order.fraud_status
    for name in ("order_amount", "captured_amount", "refunded_amount", "remaining_authorized_amount"):
        amount = getattr(order, name)
        yield heading(name), None if amount is None else money.format(amount, order.purchase_currency)


def _captioned(noun: str, parts: Sequence[Any], currency: str | None) -> Iterator[str]:
    if shown := parts_table(parts, currency):
        yield paragraph(count_of(len(parts), noun))
        yield shown


def parts_table(parts: Sequence[Any], currency: str | None = None) -> str | None:
    """Return the table of parts of one kind, with the fields of their repr; None of none, and of texts.

    Amounts are in major units where the currency is known: that of a part itself, or the given one.
    """
    if not parts or isinstance(parts[0], str):
        return None
    rows: list[dict[str, Any]] = [dict(part.__repr_args__()) for part in parts]
    names = [name for name in rows[0] if name != _CURRENCY and any(row[name] is not None for row in rows)]
    currencies = [row.get(_CURRENCY) or currency for row in rows]
    is_amount = {name for name in names if name in _PRICES or unit_of(name, pl.Int64()) is Unit.AMOUNT}
    headings = [
        Heading(
            heading(name) + (" (minor units)" if name in is_amount and None in currencies else ""),
            name,
            is_text=not any(isinstance(row[name], int) and not isinstance(row[name], bool) for row in rows),
        )
        for name in names
    ]
    cells = (
        [_cell(row[name], code if name in is_amount and None not in currencies else None) for name in names]
        for row, code in zip(rows, currencies, strict=True)
    )
    return table(headings, cells)


_CURRENCY: Final = "purchase_currency"
_PRICES: Final = {"price"}  # of a chosen shipping option; the tables have it under a longer name


def _cell(value: object, currency: str | None) -> str:
    """Return the text of a value; with a currency it is an amount."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return money.format(value, currency) if currency else f"{value:,}"
    return _shown_time(value) if isinstance(value, datetime) else str(value)


def _moments(order: Any) -> list[tuple[datetime | None, str, int | None]]:  # noqa: ANN401 - an Order
    """Return what happened to an order, and the end of its authorisation, with the amounts, oldest first."""
    events = [
        (order.created_at, "placed", order.order_amount),
        *((one.captured_at, "captured", one.captured_amount) for one in order.captures),
        *((one.refunded_at, "refunded", one.refunded_amount) for one in order.refunds),
        (order.expires_at, "authorisation ends", order.remaining_authorized_amount),
    ]
    return sorted(events, key=lambda event: event[0] or datetime.max.replace(tzinfo=UTC))


def _timeline(events: Sequence[tuple[datetime | None, str, int | None]], currency: str | None) -> str:
    headings = [Heading("time", is_text=True), Heading("event", is_text=True), Heading("amount")]
    return table(headings, ((_shown_time(at), event, money.format(amount, currency)) for at, event, amount in events))


def _shown_time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "-"

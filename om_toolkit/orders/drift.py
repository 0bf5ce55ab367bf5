"""Documents in, their fields and vocabulary beyond the documentation out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import polars as pl

from om_toolkit.orders.models import (
    Capture,
    Customer,
    InitialPaymentMethod,
    Model,
    Order,
    OrderLine,
    Refund,
    ShippingInfo,
)
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import is_name
from om_toolkit.support.json_text import json_type
from om_toolkit.tables.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def drift_of(orders: Iterable[Order]) -> pl.DataFrame:
    """Count the unknown fields and values of orders; see `Orders.drift` for the columns."""
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], str | None] = {}
    for order in orders:
        for found in _undocumented(order):
            counts[found] += 1
            first.setdefault(found, order.order_id)
    rows = [(*found, counts[found], first[found]) for found in sorted(counts)]
    return pl.DataFrame(rows, schema=_DRIFT_COLUMNS, orient="row")


_DRIFT_COLUMNS: Final = {
    "path": pl.String(),
    "kind": pl.String(),
    "seen": pl.String(),
    "count": pl.Int64(),
    "order_id": pl.String(),
}

_KNOWN_VALUES: Final[dict[tuple[type[Model], str], frozenset[str]]] = {
    (Order, "status"): VOCABULARY["orders", "status"],
    (Order, "fraud_status"): VOCABULARY["orders", "fraud_status"],
    (InitialPaymentMethod, "type"): VOCABULARY["orders", "initial_payment_method_type"],
    (Customer, "type"): VOCABULARY["orders", "customer_type"],
    (Customer, "organization_entity_type"): VOCABULARY["orders", "customer_organization_entity_type"],
    (OrderLine, "type"): VOCABULARY["order_lines", "type"],
    (ShippingInfo, "shipping_method"): VOCABULARY["shipments", "shipping_method"],
}


def _undocumented(model: Model, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield what a document contains beyond the documentation, at any depth.

    Yields:
        The API path, with `?` for a name that may be personal; `field` or `value`; of an unknown field its JSON type,
        of a known field its unknown value, or the value's JSON type if it may be personal.
    """
    if isinstance(model, Capture | Refund):
        for name in ("order_id", "purchase_currency"):  # documented of the order only
            if name in model.model_fields_set:
                yield f"{path}{name}", "field", json_type(getattr(model, name))
    for name, value in (model.model_extra or {}).items():
        yield f"{path}{name if is_name(name) else '?'}", "field", json_type(value)
    for name, value in model.__dict__.items():
        known = _KNOWN_VALUES.get((type(model), name))
        if known and value and value not in known:
            yield f"{path}{name}", "value", json_type(value) if names_somebody(value) else value
        for nested in value if isinstance(value, tuple) else (value,):
            if isinstance(nested, Model):
                yield from _undocumented(nested, f"{path}{name}.")

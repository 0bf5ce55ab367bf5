"""Drift: documents in, what they hold beyond the documentation out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
from om_toolkit.orders.parsing import json_type
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import is_name
from om_toolkit.tables.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterator


_KNOWN: Final[dict[tuple[type[Model], str], frozenset[str]]] = {
    (Order, "status"): VOCABULARY["orders", "status"],
    (Order, "fraud_status"): VOCABULARY["orders", "fraud_status"],
    (InitialPaymentMethod, "type"): VOCABULARY["orders", "initial_payment_method_type"],
    (Customer, "type"): VOCABULARY["orders", "customer_type"],
    (Customer, "organization_entity_type"): VOCABULARY["orders", "customer_organization_entity_type"],
    (OrderLine, "type"): VOCABULARY["order_lines", "type"],
    (ShippingInfo, "shipping_method"): VOCABULARY["shipments", "shipping_method"],
}


def undocumented(model: Model, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield what a document holds beyond the documentation, at any depth.

    Yields:
        The API path, with `?` for a name that may be somebody's; `field` or `value`; and of an unknown field its JSON
        type, of a known one the unknown value, if it names nobody.
    """
    if isinstance(model, Capture | Refund):
        for name in ("order_id", "purchase_currency"):
            if name in model.model_fields_set:
                yield f"{path}{name}", "field", json_type(getattr(model, name))
    for name, value in (model.model_extra or {}).items():
        shown = name if is_name(name) else "?"
        yield f"{path}{shown}", "field", json_type(value)
    for name, value in model.__dict__.items():
        if (type(model), name) in _KNOWN and value and value not in _KNOWN[type(model), name]:
            yield f"{path}{name}", "value", json_type(value) if names_somebody(value) else value
        for below in value if isinstance(value, tuple) else (value,):
            if isinstance(below, Model):
                yield from undocumented(below, f"{path}{name}.")

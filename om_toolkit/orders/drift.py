"""Documents in, their fields and vocabulary beyond the documentation out."""

from collections.abc import Iterable, Iterator
from typing import Final

import polars as pl

from om_toolkit.orders import models
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import is_name
from om_toolkit.support.json_text import json_type
from om_toolkit.tables.vocabulary import VOCABULARY


def drift_of(orders: Iterable[models.Order]) -> pl.DataFrame:
    """Count the unknown fields and values of orders; see `Orders.drift` for the columns."""
    rows = [(*found, order.order_id) for order in orders for found in _undocumented(order)]
    keys = ("path", "kind", "seen")
    frame = pl.DataFrame(rows, schema=dict.fromkeys((*keys, "order_id"), pl.String()), orient="row")
    counts = frame.group_by(keys, maintain_order=True).agg(
        pl.len().cast(pl.Int64()).alias("count"), pl.col("order_id").first()
    )
    return counts.sort(keys)


_KNOWN_VALUES: Final[dict[tuple[type[models.Model], str], frozenset[str]]] = {
    (models.Order, "status"): VOCABULARY["orders", "status"],
    (models.Order, "fraud_status"): VOCABULARY["orders", "fraud_status"],
    (models.InitialPaymentMethod, "type"): VOCABULARY["orders", "initial_payment_method_type"],
    (models.Customer, "type"): VOCABULARY["orders", "customer_type"],
    (models.Customer, "organization_entity_type"): VOCABULARY["orders", "customer_organization_entity_type"],
    (models.OrderLine, "type"): VOCABULARY["order_lines", "type"],
    (models.ShippingInfo, "shipping_method"): VOCABULARY["shipments", "shipping_method"],
}


def _undocumented(model: models.Model, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield what a document contains beyond the documentation, at any depth.

    Yields:
        The API path, with `?` for a name that may be personal; `field` or `value`; of an unknown field its JSON type,
        of a known field its unknown value, or the value's JSON type if it may be personal, or that characters of its
        text were lost.
    """
    if isinstance(model, models.Capture | models.Refund):
        for name in ("order_id", "purchase_currency"):  # documented of the order only
            if name in model.model_fields_set:
                yield f"{path}{name}", "field", json_type(getattr(model, name))
    for name, value in (model.model_extra or {}).items():
        yield f"{path}{name if is_name(name) else '?'}", "field", json_type(value)
    for name, value in model.__dict__.items():
        known = _KNOWN_VALUES.get((type(model), name))
        if known and value and value not in known:
            yield f"{path}{name}", "value", json_type(value) if names_somebody(value) else value
        elif isinstance(value, str) and "\N{REPLACEMENT CHARACTER}" in value:
            yield f"{path}{name}", "value", "text with U+FFFD"
        for nested in value if isinstance(value, tuple) else (value,):
            if isinstance(nested, models.Model):
                yield from _undocumented(nested, f"{path}{name}.")

"""Documents in, their fields and vocabulary beyond the documentation out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, get_args

import polars as pl

from om_toolkit.orders import models
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import is_name
from om_toolkit.support.json_text import json_type
from om_toolkit.tables.vocabulary import VOCABULARY


def drift_of(orders: Iterable[models.Order]) -> pl.DataFrame:
    """Count the unknown fields and values of orders; see `Orders.drift` for the columns."""
    rows = [(*one, order.order_id) for order in orders for one in _undocumented(order)]
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


def _undocumented(order: models.Order) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    _collect(found, order)
    return found


class _Plan(NamedTuple):
    """Where to look in a document of one kind."""

    texts: tuple[str, ...]
    texts_of: Callable[[dict[str, Any]], tuple[str | None, ...]]
    known: tuple[tuple[str, frozenset[str]], ...]
    nested: tuple[tuple[str, str], ...]
    stamped: tuple[str, ...]


@cache
def _plan_of(kind: type[models.Model]) -> _Plan:
    """Sort the fields of a class of documents by what can be undocumented in them."""
    inside = {name: set(_types_in(field.annotation)) for name, field in kind.model_fields.items()}
    nested = [
        (name, f"{name}.") for name, types in inside.items() if any(issubclass(one, models.Model) for one in types)
    ]
    known = {name: values for (owner, name), values in _KNOWN_VALUES.items() if owner is kind}
    optional = {name for name, field in kind.model_fields.items() if field.default is None}
    texts = [name for name, types in inside.items() if str in types and name in optional - known.keys()]
    # A capture or refund is given these by its order, in which alone they are documented.
    stamped = ("order_id", "purchase_currency") if issubclass(kind, models.Capture | models.Refund) else ()
    return _Plan(tuple(texts), _getter(texts), tuple(known.items()), tuple(nested), stamped)


def _getter(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[str | None, ...]]:
    return itemgetter(*names, *names[:1]) if names else lambda _: ()  # of a single name, it returns no tuple


def _types_in(annotation: object) -> Iterator[type]:
    """Yield the classes that an annotation names at any depth."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _types_in(argument)


def _collect(found: list[tuple[str, str, str]], model: models.Model, path: str = "") -> None:
    """Add what a document contains beyond the documentation, at any depth.

    That is its API path, with `?` for a name that may be personal; `field` or `value`; of an unknown field its JSON
    type, of a known field its unknown value, or the value's JSON type if it may be personal, or that characters of its
    text were lost.
    """
    texts, texts_of, known, nested, stamped = _plan_of(type(model))
    values = model.__dict__
    if stamped or model.__pydantic_extra__:
        found += _undocumented_fields(model, path, stamped)
    for name, vocabulary in known:
        value = values[name]
        if value and value not in vocabulary:
            found.append((path + name, "value", json_type(value) if names_somebody(value) else value))
    if _LOST in "".join(filter(None, texts_of(values))):
        found += [(path + name, "value", _HAS_LOST) for name in texts if _LOST in (values[name] or "")]
    for name, step in nested:
        if below := values[name]:
            for one in below if isinstance(below, tuple) else (below,):
                _collect(found, one, path + step)


def _undocumented_fields(model: models.Model, path: str, stamped: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for name in stamped:
        if name in model.model_fields_set:
            yield path + name, "field", json_type(getattr(model, name))
    for name, value in (model.__pydantic_extra__ or {}).items():
        yield f"{path}{name if is_name(name) else '?'}", "field", json_type(value)


_LOST: Final = "\N{REPLACEMENT CHARACTER}"
_HAS_LOST: Final = "text with U+FFFD"

"""Canonical JSON of accepted answers in, the five tables out, without objects on the way.

polars' decoder is several times faster than objects, and in silence turns 1.5 into 1, true into 1 and a number that is
too large into null. So it is given nothing but what `models.to_json` wrote: no documented field holds such a thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from om_toolkit.privacy.pseudonyms import customer_key, has_pseudonym_key
from om_toolkit.tables.schema import SCHEMAS, Column, columns, frame

if TYPE_CHECKING:
    from collections.abc import Sequence


_TRACKING: Final = ("tracking_number", "tracking_uri")  # what has_tracking is made of


_OWNED: Final = ("order_id", "purchase_currency")  # a capture or refund has the order's, unless it tells its own


def decode(documents: Sequence[bytes], *, personal: bool) -> dict[str, pl.DataFrame]:
    """Lay orders in canonical JSON out as the five tables, row for row as `Orders.tables` does.

    Raises:
        polars.exceptions.ComputeError: If an undocumented field holds what polars does not take for JSON: Infinity.
    """
    texts = pl.Series("order", documents, dtype=pl.Binary()).cast(pl.String())
    orders = texts.str.json_decode(_order_type(personal=personal)).struct.unnest().with_row_index(_NUMBER)
    captures, refunds = _items(orders, "captures"), _items(orders, "refunds")
    lines = (
        _items(orders, "order_lines", source="order"),
        _items(captures, "captures.order_lines", source="capture", capture_id="captures.capture_id"),
        _items(refunds, "refunds.order_lines", source="refund", refund_id="refunds.refund_id"),
    )
    shipments = (
        _items(orders, "shipping_info", source="order"),
        _items(captures, "captures.shipping_info", source="capture", capture_id="captures.capture_id"),
    )
    rows = {
        "orders": _with_customer_keys(orders),
        "captures": captures.with_columns(_own_or_order_s("captures", name) for name in _OWNED),
        "refunds": refunds.with_columns(_own_or_order_s("refunds", name) for name in _OWNED),
        "order_lines": _stacked(lines),
        "shipments": _stacked(shipments).with_columns(_has_tracking()),
    }
    return {name: _flat(columns(name, personal=personal), rows[name], _ITEMS[name]) for name in SCHEMAS}


_CUSTOMER: Final = {
    "email": "billing_address.email",
    "organization": "customer.organization_registration_id",
    "country": "billing_address.country",
}
"""What `privacy.customer_key` takes, and where it stands."""


_TELL_CUSTOMERS: Final = [column for column in SCHEMAS["orders"] if column.field in _CUSTOMER.values()]


def _with_customer_keys(orders: pl.DataFrame) -> pl.DataFrame:
    if not has_pseudonym_key():
        return orders
    told = orders.select(_at(path).alias(name) for name, path in _CUSTOMER.items())
    keys = [customer_key(**row) for row in told.iter_rows(named=True)]
    return orders.with_columns(pl.Series("customer_key", keys, dtype=pl.String()))


_NUMBER: Final = "number of the order"


_PLACE: Final = "place among the items"


_ITEMS: Final = {
    "orders": "",
    "captures": "captures",
    "refunds": "refunds",
    "order_lines": "order_lines",
    "shipments": "shipping_info",
}
"""The column that holds a row's own object."""


def _order_type(*, personal: bool) -> pl.Struct:
    """Return the type of an order's document, as far as the tables need it."""
    fields = {name: _fields(columns(name, personal=personal)) for name in SCHEMAS}
    if has_pseudonym_key():
        fields["orders"] = _fields([*columns("orders", personal=personal), *_TELL_CUSTOMERS])
    lines = {"order_lines": _array(fields["order_lines"])}
    shipments = {"shipping_info": _array(fields["shipments"] | dict.fromkeys(_TRACKING, pl.String()))}
    captures = {"captures": _array(fields["captures"] | lines | shipments)}
    refunds = {"refunds": _array(fields["refunds"] | lines)}
    return pl.Struct(fields["orders"] | lines | shipments | captures | refunds)


def _fields(schema: Sequence[Column]) -> dict[str, Any]:
    """Return the fields of the object that is a row of a table, objects within it as structs."""
    tree: dict[str, Any] = {}
    for column in schema:
        if column.path is not None:
            *parents, name = column.field.split(".")
            place = tree
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = column.kind.dtype
    return {name: _typed(below) for name, below in tree.items()}


def _typed(tree: dict[str, Any] | pl.DataType) -> pl.DataType:
    return pl.Struct({name: _typed(below) for name, below in tree.items()}) if isinstance(tree, dict) else tree


def _array(fields: dict[str, pl.DataType]) -> pl.List:
    return pl.List(pl.Struct(fields))


def _items(owners: pl.DataFrame, array: str, *, source: str | None = None, **keys: str) -> pl.DataFrame:
    """Return a row per item of an array: the item, its place in the array, and the keys of whose it is."""
    items = _at(array)
    return (
        owners.filter(items.list.len() > 0)
        .select(
            _NUMBER,
            *_OWNED,
            *(_at(path).alias(name) for name, path in keys.items()),
            pl.lit(source, pl.String()).alias("source"),
            items.alias(array.rpartition(".")[2]),
            pl.int_ranges(items.list.len()).alias(_PLACE),
        )
        .explode(array.rpartition(".")[2], _PLACE)
    )


def _at(path: str) -> pl.Expr:
    first, *rest = path.split(".")
    place = pl.col(first)
    for name in rest:
        place = place.struct.field(name)
    return place


def _own_or_order_s(part: str, name: str) -> pl.Expr:
    own = _at(f"{part}.{name}")
    return pl.coalesce(pl.when(own != "").then(own), name).alias(name)


def _has_tracking() -> pl.Expr:
    given = [(_at(f"shipping_info.{name}") != "").fill_null(value=False) for name in _TRACKING]
    return pl.any_horizontal(given).alias("has_tracking")


def _stacked(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put the items of orders, captures and refunds under each other, those of one order together."""
    return pl.concat(parts, how="diagonal").sort(_NUMBER, maintain_order=True)


def _flat(schema: Sequence[Column], rows: pl.DataFrame, item: str) -> pl.DataFrame:
    return frame(schema, rows.select(_value(column, item) for column in schema))


def _value(column: Column, item: str) -> pl.Expr:
    if column.name in ("line", "shipment"):
        value = pl.col(_PLACE)
    elif column.path is None or column.name in _OWNED:
        value = pl.col(column.name)
    else:
        value = _at(f"{item}.{column.field}".lstrip("."))
    return value.alias(column.name)

"""Orders as canonical JSON in, the five tables out, without objects in between.

polars decodes JSON several times faster than objects are made, but it silently turns 1.5 into 1, true into 1, and a
number that is too large into null. Therefore it only gets what `orders.parsing.to_json` wrote of a validated order: no
documented field contains such a value.
"""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from om_toolkit.privacy.pseudonyms import customer_key, has_pseudonym_key
from om_toolkit.tables.schema import SCHEMAS, Column, columns, frame

_INHERITED: Final = ("order_id", "purchase_currency")
"""The fields that a capture or refund has from its order, unless its own document contains them."""

_TRACKING: Final = ("tracking_number", "tracking_uri")
"""A shipment with one of these fields has tracking."""

_CUSTOMER: Final = {
    "email": "billing_address.email",
    "organization": "customer.organization_registration_id",
    "country": "billing_address.country",
}
"""The arguments of `privacy.customer_key`, and the fields of an order that give them."""

_OPTIONS: Final = "selected_shipping_options"

_ITEMS: Final = {
    "captures": "captures",
    "refunds": "refunds",
    "order_lines": "order_lines",
    "shipments": "shipping_info",
}
"""By table, the temporary column with the object that becomes a row; a row of `orders` is an order itself."""

_POSITIONS: Final = {"captures": "capture", "refunds": "refund", "order_lines": "line", "shipments": "shipment"}
"""By table, the column with the position of the row's object in its array."""

_NUMBER: Final = "number of the order"  # a temporary column

_POSITION: Final = "position in the array"  # a temporary column


def decode(documents: Sequence[bytes], *, personal: bool) -> dict[str, pl.DataFrame]:
    """Return the frames of the five tables, equal to those of `Orders.tables`.

    Raises:
        polars.exceptions.ComputeError: If an undocumented field contains `Infinity`, which polars refuses.
    """
    texts = pl.Series("order", documents, dtype=pl.Binary()).cast(pl.String())
    orders = texts.str.json_decode(_order_type(personal=personal)).struct.unnest().with_row_index(_NUMBER)
    captures, refunds = _exploded(orders, "captures"), _exploded(orders, "refunds")
    of_capture = {"capture_id": "captures.capture_id", "capture": _POSITION}
    lines = (
        _exploded(orders, "order_lines", source="order"),
        _exploded(captures, "captures.order_lines", source="capture", **of_capture),
        _exploded(refunds, "refunds.order_lines", source="refund", refund_id="refunds.refund_id", refund=_POSITION),
    )
    shipments = (
        _exploded(orders, "shipping_info", source="order"),
        _exploded(captures, "captures.shipping_info", source="capture", **of_capture),
    )
    rows = {
        "orders": _with_customer_keys(orders).with_columns(_chosen_methods(), seen_at=None),
        "captures": captures.with_columns(_own_or_inherited("captures", name) for name in _INHERITED),
        "refunds": refunds.with_columns(_own_or_inherited("refunds", name) for name in _INHERITED),
        "order_lines": _by_order(lines),
        "shipments": _by_order(shipments).with_columns(_has_tracking()),
    }
    for name, position in _POSITIONS.items():
        rows[name] = rows[name].rename({_POSITION: position})
    return {name: _table(columns(name, personal=personal), rows[name], _ITEMS.get(name, "")) for name in SCHEMAS}


def _order_type(*, personal: bool) -> pl.Struct:
    """Return the type of an order's document, limited to the fields that the tables need."""
    fields = {name: _fields(columns(name, personal=personal)) for name in SCHEMAS}
    if has_pseudonym_key():
        sources = [column for column in SCHEMAS["orders"] if column.field in _CUSTOMER.values()]
        fields["orders"] = _fields([*columns("orders", personal=personal), *sources])
    lines = {"order_lines": _array(fields["order_lines"])}
    shipments = {"shipping_info": _array(fields["shipments"] | dict.fromkeys(_TRACKING, pl.String()))}
    options = {_OPTIONS: _array({"method": pl.String()})}
    captures = {"captures": _array(fields["captures"] | lines | shipments)}
    refunds = {"refunds": _array(fields["refunds"] | lines)}
    return pl.Struct(fields["orders"] | options | lines | shipments | captures | refunds)


def _fields(schema: Sequence[Column]) -> dict[str, Any]:
    """Return the fields of an object that is a row of a table; nested objects are structs."""
    tree: dict[str, Any] = {}
    for column in schema:
        if column.path is not None:
            *parents, name = column.field.split(".")
            branch = tree
            for parent in parents:
                branch = branch.setdefault(parent, {})
            branch[name] = column.kind.dtype
    return {name: _type(below) for name, below in tree.items()}


def _type(tree: dict[str, Any] | pl.DataType) -> pl.DataType:
    return pl.Struct({name: _type(below) for name, below in tree.items()}) if isinstance(tree, dict) else tree


def _array(fields: dict[str, pl.DataType]) -> pl.List:
    return pl.List(pl.Struct(fields))


def _exploded(owners: pl.DataFrame, array: str, *, source: str | None = None, **keys: str) -> pl.DataFrame:
    """Return a row per item of an array: the item, its position in the array, and keys of its owner."""
    items, name = _value(array), array.rpartition(".")[2]
    rows = owners.filter(items.list.len() > 0).select(
        _NUMBER,
        *_INHERITED,
        *(_value(path).alias(key) for key, path in keys.items()),
        pl.lit(source, pl.String()).alias("source"),
        items.alias(name),
        pl.int_ranges(items.list.len()).alias(_POSITION),
    )
    return rows.explode(name, _POSITION)


def _value(path: str) -> pl.Expr:
    first, *rest = path.split(".")
    value = pl.col(first)
    for name in rest:
        value = value.struct.field(name)
    return value


def _with_customer_keys(orders: pl.DataFrame) -> pl.DataFrame:
    if not has_pseudonym_key():
        return orders
    customers = orders.select(_value(path).alias(name) for name, path in _CUSTOMER.items())
    keys = [customer_key(**row) for row in customers.iter_rows(named=True)]
    return orders.with_columns(pl.Series("customer_key", keys, dtype=pl.String()))


def _own_or_inherited(item: str, name: str) -> pl.Expr:
    own = _value(f"{item}.{name}")
    return pl.coalesce(pl.when(own != "").then(own), name).alias(name)


def _chosen_methods() -> pl.Expr:
    method = pl.element().struct.field("method")
    return pl.col(_OPTIONS).list.eval(method.filter(method != "")).list.join("\n").alias(f"{_OPTIONS}_method")


def _has_tracking() -> pl.Expr:
    present = [(_value(f"shipping_info.{name}") != "").fill_null(value=False) for name in _TRACKING]
    return pl.any_horizontal(present).alias("has_tracking")


def _by_order(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Concatenate the items of orders, captures and refunds, and sort them by order."""
    return pl.concat(parts, how="diagonal").sort(_NUMBER, maintain_order=True)


def _table(schema: Sequence[Column], rows: pl.DataFrame, item: str) -> pl.DataFrame:
    return frame(schema, rows.select(_column(column, item) for column in schema))


def _column(column: Column, item: str) -> pl.Expr:
    if column.path is None or column.name in _INHERITED:
        value = pl.col(column.name)
    else:
        value = _value(f"{item}.{column.field}".lstrip("."))
    return value.alias(column.name)

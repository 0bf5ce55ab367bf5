"""The five tables as schemas: the kind, dtype, unit and API path of every column; frames made after them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import polars as pl

from om_toolkit.privacy.fields import is_personal
from om_toolkit.privacy.pseudonyms import has_pseudonym_key
from om_toolkit.support.instants import EPOCH, MICROSECOND


class Kind(Enum):
    """The meaning of a column's values, which decides its dtype."""

    TEXT = "text"
    CODE = "code, upper case"
    AMOUNT = "minor units"
    COUNT = "count"
    RATE = "percent, two implied decimals"
    TIME = "UTC"
    FLAG = "true or false"

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of a column of this kind."""
        if self in (Kind.TEXT, Kind.CODE):
            return pl.String()
        if self is Kind.TIME:
            return pl.Datetime("us", "UTC")
        return pl.Boolean() if self is Kind.FLAG else pl.Int64()


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: Its name in the frame.
        kind: The meaning of its values.
        field: Its path below the object that is a row, such as `billing_address.country`.
        path: Its API path from the order down; None for keys of the row's owner and for columns computed here.
    """

    name: str
    kind: Kind
    field: str
    path: str | None

    @property
    def parent(self) -> str:
        """The path of the nested object with the field; "" for the row's object itself."""
        return self.field.rpartition(".")[0]

    @property
    def is_personal(self) -> bool:
        """Whether it is absent unless `personal=True`."""
        return self.path is not None and is_personal(self.path)


def _columns(root: str, kinds: Mapping[str, Kind]) -> Iterator[Column]:
    """Name the columns of the fields below `root`, an API path, or "" for the order itself."""
    for field, kind in kinds.items():
        yield Column(field.replace(".", "_"), kind, field, f"{root}.{field}".lstrip("."))


def _without_path(names: str, kind: Kind = Kind.TEXT) -> Iterator[Column]:
    return (Column(name, kind, name, None) for name in names.split())


def _kinds(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


def _below(parent: str, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    return {f"{parent}.{field}": kind for field, kind in kinds.items()}


_ADDRESS_KINDS: Final = {
    **_kinds(Kind.TEXT, "attention city"),
    "country": Kind.CODE,
    **_kinds(Kind.TEXT, "email family_name given_name organization_name phone postal_code region"),
    **_kinds(Kind.TEXT, "street_address street_address2 title"),
}

_CUSTOMER_KINDS: Final = {
    **_kinds(Kind.TEXT, "type date_of_birth national_identification_number vat_id"),
    **_kinds(Kind.TEXT, "organization_entity_type organization_registration_id"),
}

_SHIPPING_OPTION_KINDS: Final = {
    **_kinds(Kind.TEXT, "id class type method name carrier tms_reference"),
    **_kinds(Kind.AMOUNT, "price tax_amount"),
    "tax_rate": Kind.RATE,
    **_kinds(Kind.TEXT, "carrier_product.identifier carrier_product.name location.id location.name"),
    "location.price": Kind.AMOUNT,
    **_below("location.address", _ADDRESS_KINDS),
    **_kinds(Kind.TEXT, "timeslot.id timeslot.start timeslot.end timeslot.cutoff"),
    "timeslot.price": Kind.AMOUNT,
}

_ORDER_KINDS: Final = {
    **_kinds(Kind.TEXT, "order_id"),
    **_kinds(Kind.CODE, "status fraud_status"),
    **_kinds(Kind.CODE, "purchase_country purchase_currency"),
    **_kinds(Kind.AMOUNT, "order_amount original_order_amount captured_amount refunded_amount"),
    "remaining_authorized_amount": Kind.AMOUNT,
    **_kinds(Kind.TIME, "created_at expires_at"),
    **_kinds(Kind.TEXT, "locale klarna_reference merchant_reference1 merchant_reference2 merchant_data"),
    **_kinds(Kind.TEXT, "initial_payment_method.type initial_payment_method.description"),
    "initial_payment_method.number_of_installments": Kind.COUNT,
    **_below("customer", _CUSTOMER_KINDS),
    **_below("billing_address", _ADDRESS_KINDS),
    **_below("shipping_address", _ADDRESS_KINDS),
    **_below("selected_shipping_option", _SHIPPING_OPTION_KINDS),
}

_CAPTURE_KINDS: Final = {
    "purchase_currency": Kind.CODE,
    **_kinds(Kind.TEXT, "klarna_reference reference description"),
    "captured_amount": Kind.AMOUNT,
    "captured_at": Kind.TIME,
    "refunded_amount": Kind.AMOUNT,
    **_below("billing_address", _ADDRESS_KINDS),
    **_below("shipping_address", _ADDRESS_KINDS),
}

_REFUND_KINDS: Final = {
    "purchase_currency": Kind.CODE,
    **_kinds(Kind.TEXT, "reference description"),
    "refunded_amount": Kind.AMOUNT,
    "refunded_at": Kind.TIME,
}

_LINE_KINDS: Final = {
    **_kinds(Kind.TEXT, "reference type name"),
    "quantity": Kind.COUNT,
    "quantity_unit": Kind.TEXT,
    "unit_price": Kind.AMOUNT,
    "tax_rate": Kind.RATE,
    **_kinds(Kind.AMOUNT, "total_amount total_discount_amount total_tax_amount"),
    **_kinds(Kind.TEXT, "image_url product_url merchant_data"),
    **_below("product_identifiers", _kinds(Kind.TEXT, "brand category_path color global_trade_item_number")),
    **_below("product_identifiers", _kinds(Kind.TEXT, "manufacturer_part_number size")),
}

_SHIPMENT_KINDS: Final = {
    **_kinds(Kind.TEXT, "shipping_company shipping_method tracking_number tracking_uri"),
    **_kinds(Kind.TEXT, "return_shipping_company return_tracking_number return_tracking_uri"),
}

_CUSTOMER_KEY: Final = "customer_key"

SCHEMAS: Final[dict[str, tuple[Column, ...]]] = {
    "orders": (
        *_columns("", _ORDER_KINDS),
        *_without_path("selected_shipping_options_method"),
        *_without_path("seen_at", Kind.TIME),
        *_without_path(_CUSTOMER_KEY),
    ),
    "captures": (
        *_columns("captures", _kinds(Kind.TEXT, "order_id capture_id")),
        Column("capture", Kind.COUNT, "position", None),
        *_columns("captures", _CAPTURE_KINDS),
    ),
    "refunds": (
        *_columns("refunds", _kinds(Kind.TEXT, "order_id refund_id")),
        Column("refund", Kind.COUNT, "position", None),
        *_columns("refunds", _REFUND_KINDS),
    ),
    "order_lines": (
        *_without_path("order_id source capture_id"),
        *_without_path("capture", Kind.COUNT),
        *_without_path("refund_id"),
        *_without_path("refund line", Kind.COUNT),
        *_without_path("purchase_currency", Kind.CODE),
        *_columns("order_lines", _LINE_KINDS),
    ),
    "shipments": (
        *_without_path("order_id source capture_id"),
        *_without_path("capture shipment", Kind.COUNT),
        *_without_path("purchase_currency", Kind.CODE),
        *_without_path("has_tracking", Kind.FLAG),
        *_columns("shipping_info", _SHIPMENT_KINDS),
    ),
}
"""Every column of every table, in order; the personal columns exist only with `personal=True`.

`selected_shipping_options_method` has the methods of `selected_shipping_options`, one per line. `seen_at` is when an
order was fetched, null if that is unknown. `capture` and `refund` are positions in the order's arrays, from 0, since
ids can be missing or repeated. `customer_key` exists only if the environment has a key, see `privacy.customer_key`.
"""

GRAINS: Final = {
    "orders": "one row per order",
    "captures": "one row per capture of an order",
    "refunds": "one row per refund of an order",
    "order_lines": "one row per order line of an order, a capture or a refund (`source`)",
    "shipments": "one row per shipping_info entry of an order or a capture (`source`)",
}
"""The meaning of a row, by table."""


def describe() -> str:
    """Return the documentation of all columns, in Markdown: each table's grain, each column's type, unit and path."""
    parts = []
    for table, schema in SCHEMAS.items():
        parts += [f"**`{table}`**: {GRAINS[table]}", "", "| column | type | unit | API path |", "|---|---|---|---|"]
        for column in schema:
            mark = " (personal)" if column.is_personal else " (with a key)" if column.name == _CUSTOMER_KEY else ""
            path = f"`{column.path}`" if column.path else "-"
            parts.append(f"| `{column.name}`{mark} | {column.kind.dtype} | {column.kind.value} | {path} |")
        parts.append("")
    return "\n".join(parts)


def columns(table: str, *, personal: bool = False) -> tuple[Column, ...]:
    """List the columns of a table, with the personal ones if `personal`."""
    absent = set() if has_pseudonym_key() else {_CUSTOMER_KEY}
    return tuple(
        column for column in SCHEMAS[table] if column.name not in absent and (personal or not column.is_personal)
    )


def frame(schema: Sequence[Column], values: Iterable[Sequence[Any] | pl.Series]) -> pl.DataFrame:
    """Make a frame from the values of its columns, in the order of the schema; empty text becomes null."""
    series = [
        pl.Series(column.name, _physical(column, value), dtype=column.kind.dtype, strict=True)
        for column, value in zip(schema, values, strict=True)
    ]
    return pl.DataFrame(series).with_columns(_clean(column) for column in schema if column.kind in _CLEANED)


def with_seen_at(orders: pl.DataFrame, times: Iterable[datetime | None]) -> pl.DataFrame:
    """Return the orders table with the times when its orders were fetched."""
    (column,) = (column for column in SCHEMAS["orders"] if column.name == "seen_at")
    return orders.with_columns(pl.Series(column.name, _physical(column, [*times]), dtype=column.kind.dtype))


def _physical(column: Column, values: Sequence[Any] | pl.Series) -> Sequence[Any] | pl.Series:
    """Return times as microseconds: polars takes them from integers six times faster than from datetimes."""
    return [at and (at - EPOCH) // MICROSECOND for at in values] if column.kind is Kind.TIME else values


_CLEANED: Final = (Kind.TEXT, Kind.CODE)


def _clean(column: Column) -> pl.Expr:
    text = pl.col(column.name)
    text = pl.when(text != "").then(text)
    return text.str.to_uppercase() if column.kind is Kind.CODE else text

"""TODO."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from om_toolkit.privacy.fields import is_personal
from om_toolkit.privacy.pseudonyms import has_pseudonym_key
from om_toolkit.support.instants import EPOCH, MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Kind(Enum):
    """What a column holds: how its values are to be read, and its dtype."""

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
        kind: What it holds.
        field: Where it stands below the row's own object, such as `billing_address.country`.
        path: Its API path from the order down; None for what tells whose the row's object is, and what we add.
    """

    name: str
    kind: Kind
    field: str
    path: str | None

    @property
    def parent(self) -> str:
        """The nested object that holds it; "" for the row's own."""
        return self.field.rpartition(".")[0]

    @property
    def is_personal(self) -> bool:
        """Whether it is left out unless `personal=True`."""
        return self.path is not None and is_personal(self.path)


def _columns(root: str, kinds: Mapping[str, Kind]) -> Iterator[Column]:
    """Name the columns of the fields below `root`, an API path or "" for the order itself."""
    for field, kind in kinds.items():
        yield Column(field.replace(".", "_"), kind, field, f"{root}.{field}".lstrip("."))


def _keys(names: str, kind: Kind = Kind.TEXT) -> Iterator[Column]:
    return (Column(name, kind, name, None) for name in names.split())


def _below(parent: str, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    return {f"{parent}.{field}": kind for field, kind in kinds.items()}


def _texts(names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), Kind.TEXT)


_ADDRESS: Final = {
    **_texts("attention city"),
    "country": Kind.CODE,
    **_texts("email family_name given_name organization_name phone postal_code region"),
    **_texts("street_address street_address2 title"),
}


_ORDER: Final = {
    **_texts("order_id status fraud_status"),
    "purchase_country": Kind.CODE,
    "purchase_currency": Kind.CODE,
    "order_amount": Kind.AMOUNT,
    "original_order_amount": Kind.AMOUNT,
    "captured_amount": Kind.AMOUNT,
    "refunded_amount": Kind.AMOUNT,
    "remaining_authorized_amount": Kind.AMOUNT,
    "created_at": Kind.TIME,
    "expires_at": Kind.TIME,
    **_texts("locale klarna_reference merchant_reference1 merchant_reference2 merchant_data"),
    **_texts("initial_payment_method.type initial_payment_method.description"),
    "initial_payment_method.number_of_installments": Kind.COUNT,
    **_below(
        "customer",
        _texts(
            "type date_of_birth national_identification_number vat_id organization_entity_type "
            "organization_registration_id"
        ),
    ),
    **_below("billing_address", _ADDRESS),
    **_below("shipping_address", _ADDRESS),
    **_below(
        "selected_shipping_option",
        {
            **_texts("id class type method name carrier tms_reference"),
            "price": Kind.AMOUNT,
            "tax_amount": Kind.AMOUNT,
            "tax_rate": Kind.RATE,
            **_texts("carrier_product.identifier carrier_product.name location.id location.name"),
            "location.price": Kind.AMOUNT,
            **_below("location.address", _ADDRESS),
            **_texts("timeslot.id timeslot.start timeslot.end timeslot.cutoff"),
            "timeslot.price": Kind.AMOUNT,
        },
    ),
}


_CAPTURE: Final = {
    **_texts("order_id capture_id"),
    "purchase_currency": Kind.CODE,
    **_texts("klarna_reference reference description"),
    "captured_amount": Kind.AMOUNT,
    "captured_at": Kind.TIME,
    "refunded_amount": Kind.AMOUNT,
    **_below("billing_address", _ADDRESS),
    **_below("shipping_address", _ADDRESS),
}


_REFUND: Final = {
    **_texts("order_id refund_id"),
    "purchase_currency": Kind.CODE,
    **_texts("reference description"),
    "refunded_amount": Kind.AMOUNT,
    "refunded_at": Kind.TIME,
}


_LINE: Final = {
    **_texts("reference type name"),
    "quantity": Kind.COUNT,
    "quantity_unit": Kind.TEXT,
    "unit_price": Kind.AMOUNT,
    "tax_rate": Kind.RATE,
    "total_amount": Kind.AMOUNT,
    "total_discount_amount": Kind.AMOUNT,
    "total_tax_amount": Kind.AMOUNT,
    **_texts("image_url product_url merchant_data"),
    **_below(
        "product_identifiers",
        _texts("brand category_path color global_trade_item_number manufacturer_part_number size"),
    ),
}


_SHIPMENT: Final = _texts(
    "shipping_company shipping_method tracking_number tracking_uri "
    "return_shipping_company return_tracking_number return_tracking_uri"
)


SCHEMAS: Final[dict[str, tuple[Column, ...]]] = {
    "orders": (*_columns("", _ORDER), *_keys("customer_key")),
    "captures": (*_columns("captures", _CAPTURE),),
    "refunds": (*_columns("refunds", _REFUND),),
    "order_lines": (
        *_keys("order_id source capture_id refund_id"),
        *_keys("line", Kind.COUNT),
        *_keys("purchase_currency", Kind.CODE),
        *_columns("order_lines", _LINE),
    ),
    "shipments": (
        *_keys("order_id source capture_id"),
        *_keys("shipment", Kind.COUNT),
        *_keys("purchase_currency", Kind.CODE),
        *_keys("has_tracking", Kind.FLAG),
        *_columns("shipping_info", _SHIPMENT),
    ),
}
"""Every column of every table, in order; the personal ones are there only with `personal=True`.

`customer_key` is there only with a key, see `privacy.customer_key`.
"""


GRAINS: Final = {
    "orders": "one row per order",
    "captures": "one row per capture of an order",
    "refunds": "one row per refund of an order",
    "order_lines": "one row per order line of an order, a capture or a refund (`source`)",
    "shipments": "one row per shipping_info entry of an order or a capture (`source`)",
}
"""What a row of each table is."""


def describe() -> str:
    """Return the documentation of all columns, in Markdown: each table's grain, each column's type, unit and path."""
    parts = []
    for table, schema in SCHEMAS.items():
        parts += [f"**`{table}`**: {GRAINS[table]}", "", "| column | type | unit | API path |", "|---|---|---|---|"]
        for column in schema:
            mark = " (personal)" if column.is_personal else " (with a key)" if column.name == _PSEUDONYM else ""
            path = f"`{column.path}`" if column.path else "-"
            parts.append(f"| `{column.name}`{mark} | {column.kind.dtype} | {column.kind.value} | {path} |")
        parts.append("")
    return "\n".join(parts)


def columns(table: str, *, personal: bool = False) -> tuple[Column, ...]:
    """List the columns of one of the five tables, without the personal ones unless they are asked for."""
    absent = set() if has_pseudonym_key() else {_PSEUDONYM}
    return tuple(
        column for column in SCHEMAS[table] if column.name not in absent and (personal or not column.is_personal)
    )


_PSEUDONYM: Final = "customer_key"


def frame(schema: Sequence[Column], values: Iterable[Sequence[Any] | pl.Series]) -> pl.DataFrame:
    """Build a table from its columns' values: one sequence a column, in the schema's order."""
    series = [
        pl.Series(column.name, _physical(column, value), dtype=column.kind.dtype, strict=True)
        for column, value in zip(schema, values, strict=True)
    ]
    return pl.DataFrame(series).with_columns(_clean(column) for column in schema if column.kind in _CLEANED)


def _physical(column: Column, values: Sequence[Any] | pl.Series) -> Sequence[Any] | pl.Series:
    """Return times as microseconds: polars takes them from integers six times faster than from datetimes."""
    return [at and (at - EPOCH) // MICROSECOND for at in values] if column.kind is Kind.TIME else values


_CLEANED: Final = (Kind.TEXT, Kind.CODE)


def _clean(column: Column) -> pl.Expr:
    text = pl.col(column.name)
    text = pl.when(text != "").then(text)
    return text.str.to_uppercase() if column.kind is Kind.CODE else text

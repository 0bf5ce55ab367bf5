"""Orders as objects in, the five tables out.

Objects are scattered over memory, and waiting for memory takes most of the time. Therefore a few orders at a time go
into all five tables: meanwhile they stay in the processor's cache.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Protocol, Self, TypeAlias, runtime_checkable

import polars as pl

from om_toolkit.support.chunks import chunked
from om_toolkit.tables.schema import Column, columns, frame


@runtime_checkable
class OrderDocument(Protocol):
    """An order as an object; it and its parts have an attribute per field of the API (`class_` for `class`)."""

    order_id: str | None
    purchase_currency: str | None
    order_lines: tuple[Any, ...]
    shipping_info: tuple[Any, ...]
    captures: tuple[Any, ...]
    refunds: tuple[Any, ...]


_ORDERS_PER_CHUNK: Final = 32  # orders, some hundred KB


def to_frame(table: str, items: Sequence[object], *, personal: bool = False) -> pl.DataFrame:
    """Return the frame of objects of one kind, one row each.

    Args:
        table: Name of the table.
        items: The objects.
        personal: Whether to include the personal columns.
    """
    rows = _Rows(table, personal=personal)
    for chunk in chunked(items, 4 * _ORDERS_PER_CHUNK):  # a capture or an order line weighs less than an order
        rows.add(chunk)
    return rows.frame()


class TablesBuilder:
    """Collects orders and makes the frames of the five tables of them."""

    def __init__(self, *, personal: bool = False) -> None:
        self._orders = _Rows("orders", personal=personal)
        self._captures = _Rows("captures", personal=personal)
        self._refunds = _Rows("refunds", personal=personal)
        self._positions: dict[str, list[int]] = {"captures": [], "refunds": []}
        self._lines = _OwnedRows("order_lines", "line", personal=personal)
        self._shipments = _OwnedRows("shipments", "shipment", personal=personal)

    def add(self, orders: Iterable[OrderDocument]) -> Self:
        """Add the rows of some orders."""
        for chunk in chunked(orders, _ORDERS_PER_CHUNK):
            self._orders.add(chunk)
            self._captures.add([capture for order in chunk for capture in order.captures])
            self._refunds.add([refund for order in chunk for refund in order.refunds])
            for order in chunk:
                self._positions["captures"].extend(range(len(order.captures)))
                self._positions["refunds"].extend(range(len(order.refunds)))
            self._lines.add(_owners(chunk, "order_lines"))
            self._shipments.add(_owners(chunk, "shipping_info"))
        return self

    def frames(self) -> dict[str, Any]:
        """Return the frames by table."""
        return {
            "orders": self._orders.frame(),
            "captures": self._captures.frame({"capture": self._positions["captures"]}),
            "refunds": self._refunds.frame({"refund": self._positions["refunds"]}),
            "order_lines": self._lines.frame(),
            "shipments": self._shipments.frame(),
        }


class _Rows:
    """The columns of one table, filled with objects; each nested object is looked up once per chunk."""

    def __init__(self, table: str, *, personal: bool) -> None:
        self._schema = columns(table, personal=personal)
        self._values: dict[str, list[Any]] = {column.name: [] for column in self._schema}
        fields = [column for column in self._schema if column.path is not None]
        self._fields = [(one.parent, self._values[one.name], itemgetter(_attribute(one))) for one in fields]
        self._properties = [(one.field, self._values[one.name]) for one in self._schema if one.path is None]
        steps = (step for column in fields for step in (*column.parent.split("."), _attribute(column)))
        self._absent: dict[str, Any] = dict.fromkeys(steps)

    def add(self, items: Sequence[object]) -> None:
        """Append the values of some objects."""
        if not items:
            return
        nested = {"": [item.__dict__ for item in items]}
        for parent, values, attribute in self._fields:
            values.extend(map(attribute, self._nested(parent, nested)))
        for name, values in self._properties:
            values.extend(_property(name, items))

    def _nested(self, parent: str, known: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return the attributes of the objects nested at a path; of a missing object every attribute is None."""
        if parent not in known:
            above, _, name = parent.rpartition(".")
            objects = [attributes[name] for attributes in self._nested(above, known)]
            known[parent] = [self._absent if one is None else one.__dict__ for one in objects]
        return known[parent]

    def frame(self, keys: Mapping[str, Sequence[Any] | pl.Series] | None = None) -> pl.DataFrame:
        """Return the frame; `keys` replaces columns that the objects themselves do not know."""
        values = {**self._values, **(keys or {})}
        return frame(self._schema, [values[column.name] for column in self._schema])


def _attribute(column: Column) -> str:
    name = column.field.rpartition(".")[2]
    return "class_" if name == "class" else name


def _property(name: str, items: Sequence[object]) -> list[Any]:
    """Return a property of each object; None if their class has none, even if an unknown field has its name."""
    if not hasattr(type(items[0]), name):
        return [None] * len(items)
    return [getattr(item, name) for item in items]


_Owner: TypeAlias = tuple[str | None, str | None, str, str | None, int | None, str | None, int | None, tuple[Any, ...]]
"""The keys of an order, capture or refund as in `_OWNER_KEYS`, then its lines or shipments."""

_OWNER_KEYS: Final = {
    **dict.fromkeys(("order_id", "purchase_currency", "source"), pl.String()),
    "capture_id": pl.String(),
    "capture": pl.Int64(),
    "refund_id": pl.String(),
    "refund": pl.Int64(),
}


def _owners(orders: Iterable[OrderDocument], name: str) -> Iterator[_Owner]:
    """Yield each owner with its `order_lines` or `shipping_info`; a refund has no shipping_info."""
    for order in orders:
        order_id, currency = order.order_id, order.purchase_currency
        yield order_id, currency, "order", None, None, None, None, getattr(order, name)
        for position, capture in enumerate(order.captures):
            yield order_id, currency, "capture", capture.capture_id, position, None, None, getattr(capture, name)
        for position, refund in enumerate(order.refunds if name == "order_lines" else ()):
            yield order_id, currency, "refund", None, None, refund.refund_id, position, refund.order_lines


class _OwnedRows:
    """The columns of order lines or shipments, with the keys of their owners."""

    def __init__(self, table: str, position: str, *, personal: bool) -> None:
        self._position = position
        self._rows = _Rows(table, personal=personal)
        self._keys: dict[str, list[str | int | None]] = {name: [] for name in _OWNER_KEYS}
        self._counts: list[int] = []

    def add(self, owners: Iterable[_Owner]) -> None:
        """Append the lines or shipments of some owners."""
        with_items = [owner for owner in owners if owner[-1]]
        if not with_items:
            return
        *keys, items = zip(*with_items, strict=True)
        for values, more in zip(self._keys.values(), keys, strict=True):
            values.extend(more)
        self._counts.extend(map(len, items))
        self._rows.add(list(chain.from_iterable(items)))

    def frame(self) -> pl.DataFrame:
        """Return the frame; the position of a line or shipment counts from 0 within its owner."""
        owners = pl.DataFrame(self._keys, schema=_OWNER_KEYS)
        counts = pl.Series(self._counts, dtype=pl.Int64)
        keys = owners.with_columns(pl.int_ranges(counts).alias(self._position)).explode(self._position)
        return self._rows.frame(keys.to_dict())

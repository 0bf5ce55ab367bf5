"""Objects in, the five tables out.

What an order holds lies all over memory, and waiting for it is what takes the time. So objects are laid out some at a
time: what they hold stays in the processor's cache until rows have become columns, and right after they were read it is
there already.
"""

from __future__ import annotations

from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import polars as pl

from om_toolkit.tables.schema import SCHEMAS, Column, columns, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from om_toolkit.orders.models import Order, Row


_AT_ONCE: Final = 32  # orders, some hundred KB; of anything else a few times as many weigh the same


def to_frame(table: str, items: Sequence[Row], *, personal: bool = False) -> pl.DataFrame:
    """Lay objects of one kind out as rows of their table.

    Args:
        table: Name of the table.
        items: The objects, one a row.
        personal: Whether the personal columns are there as well.
    """
    rows = _Table(table, personal=personal)
    for some in _some(items, 4 * _AT_ONCE):
        rows.add(some)
    return rows.frame(_computed(_not_fields(columns(table)), items))


class Rows:
    """The five tables in the making: orders go in some at a time, and frames come out."""

    def __init__(self, *, personal: bool = False) -> None:
        self._orders = _Table("orders", personal=personal)
        self._captures = _Table("captures", personal=personal)
        self._refunds = _Table("refunds", personal=personal)
        self._lines = _Parts("order_lines", "line", personal=personal)
        self._shipments = _Parts("shipments", "shipment", personal=personal)

    def take(self, orders: Iterable[Order]) -> Self:
        """Lay orders out."""
        for some in _some(orders, _AT_ONCE):
            self._orders.add(some)
            self._captures.add([capture for order in some for capture in order.captures])
            self._refunds.add([refund for order in some for refund in order.refunds])
            self._lines.add(_owners_of_lines(some))
            self._shipments.add(_owners_of_shipments(some))
        return self

    def frames(self, orders: Sequence[Order]) -> dict[str, Any]:
        """Return the frames, by table; the orders that were taken tell once more what is computed of them."""
        return {
            "orders": self._orders.frame(_computed(_not_fields(columns("orders")), orders)),
            "captures": self._captures.frame(),
            "refunds": self._refunds.frame(),
            "order_lines": self._lines.frame(),
            "shipments": self._shipments.frame(),
        }


def _some(items: Iterable[Any], count: int) -> Iterator[list[Any]]:
    items = iter(items)
    return iter(lambda: list(islice(items, count)), [])


def _not_fields(schema: Iterable[Column]) -> list[str]:
    return [column.name for column in schema if column.path is None]


def _computed(names: Iterable[str], items: Sequence[Row]) -> dict[str, list[Any]]:
    """Return columns that are no fields of the answer, but properties of an object.

    A line by itself does not know whose it is, whatever an unknown field of that name says.
    """
    return {
        name: [None if name in (item.model_extra or ()) else getattr(item, name, None) for item in items]
        for name in names
    }


class _Table:
    """A table in the making. Each nested object is gone to once: its `__dict__` gives a row of attributes."""

    def __init__(self, name: str, *, personal: bool) -> None:
        self._name, self._personal = name, personal
        of_fields = (column for column in SCHEMAS[name] if column.path is not None)
        fields = [column for column in of_fields if personal or not column.is_personal]
        self._readers = [
            (parent, _reader([_attribute(column) for column in columns]))
            for parent, columns in groupby(fields, key=lambda column: column.parent)
        ]
        steps = (step for column in fields for step in (*column.parent.split("."), _attribute(column)))
        self._absent: dict[str, Any] = dict.fromkeys(steps)
        self._values: dict[str, list[Any]] = {column.name: [] for column in fields}

    def add(self, items: Sequence[Row]) -> None:
        """Read the values of some objects, in rows, and turn them into columns."""
        if not items:
            return
        walk = _Walk(items, self._absent)
        columns = chain.from_iterable(zip(*map(read, walk.to(parent)), strict=True) for parent, read in self._readers)
        for values, more in zip(self._values.values(), columns, strict=True):
            values.extend(more)

    def frame(self, computed: Mapping[str, Sequence[Any] | pl.Series] | None = None) -> pl.DataFrame:
        """Return the frame, with columns that are no fields of the objects."""
        values = {**self._values, **(computed or {})}
        schema = columns(self._name, personal=self._personal)
        return frame(schema, [values[column.name] for column in schema])


def _reader(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return itemgetter(*names) if len(names) > 1 else lambda attributes: (attributes[names[0]],)


def _attribute(column: Column) -> str:
    name = column.field.rpartition(".")[2]
    return "class_" if name == "class" else name


class _Walk:
    """Finds what is nested in some objects, going to each once; of one that is not there, every attribute is None."""

    def __init__(self, items: Sequence[Row], absent: dict[str, Any]) -> None:
        self._absent = absent
        self._found: dict[str, Sequence[dict[str, Any]]] = {"": [item.__dict__ for item in items]}

    def to(self, parent: str) -> Sequence[dict[str, Any]]:
        """Return the attributes of the objects nested at `parent`."""
        if parent not in self._found:
            above, _, name = parent.rpartition(".")
            owners = [attributes[name] for attributes in self.to(above)]
            self._found[parent] = [self._absent if owner is None else owner.__dict__ for owner in owners]
        return self._found[parent]


_Owner: TypeAlias = tuple[str | None, str | None, str, str | None, str | None, "Sequence[Row]"]
"""Whose lines or shipments they are, by the keys of `_KEYS`, and these."""


_KEYS: Final = ("order_id", "purchase_currency", "source", "capture_id", "refund_id")


def _owners_of_lines(orders: Iterable[Order]) -> Iterator[_Owner]:
    for order in orders:
        order_id, currency = order.order_id, order.purchase_currency
        yield order_id, currency, "order", None, None, order.order_lines
        for capture in order.captures:
            yield order_id, currency, "capture", capture.capture_id, None, capture.order_lines
        for refund in order.refunds:
            yield order_id, currency, "refund", None, refund.refund_id, refund.order_lines


def _owners_of_shipments(orders: Iterable[Order]) -> Iterator[_Owner]:
    for order in orders:
        order_id, currency = order.order_id, order.purchase_currency
        yield order_id, currency, "order", None, None, order.shipping_info
        for capture in order.captures:
            yield order_id, currency, "capture", capture.capture_id, None, capture.shipping_info


class _Parts:
    """A table in the making of what orders, captures and refunds hold several of, each with its owner's keys."""

    def __init__(self, name: str, position: str, *, personal: bool) -> None:
        self._position = position
        self._rows = _Table(name, personal=personal)
        self._keys: list[list[str | None]] = [[] for _ in _KEYS]
        self._counts: list[int] = []
        others = (column for column in _not_fields(SCHEMAS[name]) if column not in (*_KEYS, position))
        self._computed: dict[str, list[Any]] = {column: [] for column in others}

    def add(self, owners: Iterable[_Owner]) -> None:
        """Lay out the items of owners, as far as they have any."""
        with_items = [owner for owner in owners if owner[-1]]
        if not with_items:
            return
        *keys, of_owners = zip(*with_items, strict=True)
        for values, more in zip(self._keys, keys, strict=True):
            values.extend(more)
        self._counts.extend(map(len, of_owners))
        items = list(chain.from_iterable(of_owners))
        self._rows.add(items)
        for name, computed in _computed(self._computed, items).items():
            self._computed[name].extend(computed)

    def frame(self) -> pl.DataFrame:
        """Return the frame; the position of an item is its place among its owner's."""
        owners = pl.DataFrame(dict(zip(_KEYS, self._keys, strict=True)), schema=dict.fromkeys(_KEYS, pl.String()))
        counts = pl.Series(self._counts, dtype=pl.Int64)
        keys = owners.with_columns(pl.int_ranges(counts).alias(self._position)).explode(self._position)
        return self._rows.frame({**keys.to_dict(), **self._computed})

"""Validated orders or captures in; immutable collections with tables, drift and HTML out."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any, Self

import polars as pl

from om_toolkit import money
from om_toolkit.errors import Failure
from om_toolkit.orders.batch import Batch
from om_toolkit.orders.drift import drift_of
from om_toolkit.orders.json_documents import documents
from om_toolkit.orders.models import Capture, Order, with_currency
from om_toolkit.orders.parsing import pack_orders, unpack_orders
from om_toolkit.orders.saved import Saved, newest_time, warn_of_repeated
from om_toolkit.support.gc_pause import paused
from om_toolkit.tables.from_objects import TablesBuilder
from om_toolkit.tables.results import LABELS, key_columns
from om_toolkit.tables.schema import Kind, columns, with_seen_at
from om_toolkit.tables.tables import Tables


class Captures(Batch[Capture]):
    """Captures, in the order of the requested ids; `captures["..."]` finds one by its capture_id."""

    _noun = "capture"
    _key = ("order_id", "capture_id")

    @staticmethod
    def _completed(new: Capture, old: Capture | None) -> Capture:
        """Keep a known currency: the endpoint of captures does not return it."""
        return with_currency(new, old.purchase_currency) if old and not new.purchase_currency else new

    def _summary(self) -> Iterator[Sequence[object]]:
        """Count the captures and add up their amounts, by currency."""
        counts, amounts = Counter[str](), Counter[str]()
        for capture in self:
            currency = (capture.purchase_currency or "?").upper()
            counts[currency] += 1
            amounts[currency] += capture.captured_amount or 0
        yield "", "captures", "captured"
        for currency in sorted(counts):
            yield currency, counts[currency], money.format(amounts[currency], currency)


class Orders(Batch[Order]):
    """Orders, in the order of the requested ids; `orders["..."]` finds one by its order_id."""

    _noun = "order"
    _key = ("order_id",)

    @classmethod
    def from_json(cls, *sources: str | bytes | Path, as_of: datetime | None = None) -> Self:
        """Read saved responses: one order, an array of orders, or NDJSON (an order per line).

        A response that cannot be read becomes one of the `failures` and affects no other. Of an order with more than
        one response the last one counts, and a warning names it.

        Args:
            *sources: Paths, or JSON itself as text or bytes, with or without a byte order mark.
            as_of: When the responses were fetched; by default the time of the newest purchase, capture or refund.
                Times more than three years after the purchase are mistyped and do not count.

        Raises:
            FileNotFoundError: If a file does not exist.
            ValueError: If the bytes are not text.

        Example:
            >>> Orders.from_json('{"order_id": "1", "created_at": "2026-10-01T08:00:00Z"}')
            Orders(1 order, as of 2026-10-01 08:00 UTC, the newest time in the data)
        """
        saved = Saved()
        with paused():
            deque(saved.read(documents(*sources)), maxlen=0)  # read all; `saved` keeps them
        warn_of_repeated(saved.repeated)
        return cls.at(as_of, list(saved.orders.values()), saved.failures)

    @classmethod
    def at(
        cls,
        as_of: datetime | None,
        orders: Sequence[Order],
        failures: Iterable[Failure] = (),
        answered: Mapping[str, datetime | None] | None = None,
    ) -> Self:
        """Return orders as of an instant; if it is unknown, as of the newest purchase, capture or refund."""
        if as_of is None:
            return cls(orders, failures=failures, as_of=newest_time(orders), as_of_is_inferred=True)
        return cls(orders, failures=failures, as_of=as_of, answered=answered)

    @property
    def captures(self) -> Captures:
        """The captures of all these orders."""
        captures = (capture for order in self for capture in order.captures)
        instant, is_inferred = self.as_of, self.as_of_is_inferred
        return Captures(
            captures, failures=self.failures, as_of=instant, as_of_is_inferred=is_inferred, answered=self.answered
        )

    def tables(self, *, personal: bool = False) -> Tables[pl.DataFrame]:
        """Return the five tables of these orders.

        Args:
            personal: Whether to include the columns that can name a person.
        """
        if personal:
            return self._make_tables(personal=True)
        # Made once, then copied at no cost: a user can change a frame in place.
        return self._tables.map(pl.DataFrame.clone, is_conformed=True)

    @cached_property
    def _tables(self) -> Tables[pl.DataFrame]:
        return self._make_tables(personal=False)

    def _make_tables(self, *, personal: bool) -> Tables[pl.DataFrame]:
        with paused():
            frames = TablesBuilder(personal=personal).add(self).frames()
            frames["orders"] = with_seen_at(frames["orders"], self._seen_at())
        instant, is_inferred = self.as_of, self.as_of_is_inferred
        return Tables(**frames, as_of=instant, failures=self.failures, as_of_is_inferred=is_inferred, is_conformed=True)

    def where(self, row: Mapping[str, Any] | pl.DataFrame, *, by: str | pl.Expr | Sequence[str | pl.Expr] = ()) -> Self:
        """Return the orders in the group of a row of a metric's result, without failures.

        The group is read from the columns before the metric's figures, if they are columns of the orders table; the
        shipping method or carrier of a row is not part of its group. If the metric was grouped by an expression, a time
        or an amount, or if the row lacks columns, pass the same `by` as to the metric. A row about one order, of
        `expiring` or `audit`, gives that order. The group includes orders that the metric counts separately, such as
        excluded ones.

        Args:
            row: A row as a mapping, as `frame.row(0, named=True)` returns it, or a frame of one row.
            by: The `by` of the metric.

        Raises:
            ValueError: If the frame has several rows, or the group is unknown or has no orders.

        Example:
            >>> orders = Orders.from_json('[{"order_id": "1", "purchase_country": "SE"}, {"order_id": "2"}]')
            >>> orders.where({"purchase_country": "SE", "orders": 1, "p50_hours": None})[0].order_id
            '1'
        """
        values = _only_row(row)
        expressions = [by] if isinstance(by, str | pl.Expr) else by
        keys = self.to_polars().select(expressions or _group_columns(values))
        if missing := set(keys.columns) - set(values):
            raise ValueError(f"the row has no column {', '.join(sorted(missing))}; it has {', '.join(values)}")
        group = pl.DataFrame({name: [values[name]] for name in keys.columns}, schema=keys.schema)
        is_in_group = [keys[name].eq_missing(group[name]) for name in keys.columns]
        found = self._like(compress(self._items, map(all, zip(*is_in_group, strict=True))) if is_in_group else self)
        if not found:
            key = ", ".join(f"{name}={values[name]!r}" for name in keys.columns)
            raise ValueError(f"no order has {key}; if the metric was grouped by an expression, pass it as by=")
        return found

    @cached_property
    def drift(self) -> pl.DataFrame:
        """The fields and vocabulary of these orders that the documentation does not know.

        A frame with a row for each: `path` (String), `kind` (`field` or `value`), `seen` (the unknown field's JSON
        type, or the unknown value), `count` (Int64), `order_id` (of the first order with it). `text with U+FFFD` is
        text in which half of a surrogate pair was replaced by that character.
        """
        return drift_of(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle has: the orders as JSON, which is several times faster than object by object."""
        state = {name: value for name, value in self.__dict__.items() if name != "_by_id"}
        return state | {"_items": pack_orders(self._items)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with paused():
            self.__dict__.update(state, _items=unpack_orders(*state["_items"]))

    def __copy__(self) -> Self:
        return self  # it is immutable

    def _summary(self) -> Iterator[Sequence[object]]:
        """Count the orders by currency and status."""
        counts = Counter(((order.purchase_currency or "?").upper(), order.status or "?") for order in self)
        currencies, statuses = (sorted({key[axis] for key in counts}) for axis in (0, 1))
        yield "", *statuses
        for currency in currencies:
            yield currency, *(counts[currency, status] for status in statuses)


def _only_row(row: Mapping[str, Any] | pl.DataFrame) -> Mapping[str, Any]:
    if not isinstance(row, pl.DataFrame):
        return row
    if row.height != 1:
        raise ValueError(f"where takes one row, and the frame has {row.height}; pass one of them, such as frame[0]")
    return row.row(0, named=True)


def _group_columns(row: Mapping[str, object]) -> list[str]:
    """Return the group columns of a metric's result, as far as its row shows them."""
    if "order_id" in row:
        return ["order_id"]
    if "running_captured" in row:
        raise ValueError("the row is an event of a timeline, which is that of the one order that you passed to it")
    keys = key_columns(row)
    groups = [key for key in keys if key not in LABELS]
    known = {column.name for column in columns("orders") if column.kind in (Kind.TEXT, Kind.CODE, Kind.COUNT)}
    if len(keys) == len(row) or not known.issuperset(groups or keys):
        raise ValueError(f"the group of the row is unknown ({', '.join(row)}); pass the by= of the metric")
    return groups

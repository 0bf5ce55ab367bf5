"""Sequences of orders and captures: immutable, with what failed and the instant they speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from itertools import compress, takewhile
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload

import polars as pl

from om_toolkit import money
from om_toolkit.answers import documents, newest, read, warn_of_repeated
from om_toolkit.collector import paused
from om_toolkit.drift import undocumented
from om_toolkit.errors import FailedOrders, Failure
from om_toolkit.instants import in_utc, moment
from om_toolkit.models import Capture, Order, with_currency
from om_toolkit.rows import Rows, to_frame
from om_toolkit.tables import Kind, Tables, columns

if TYPE_CHECKING:
    from pathlib import Path

RowT = TypeVar("RowT", Order, Capture)


class Failures(tuple[Failure, ...]):
    """Why orders could not be had, a `Failure` each; `client.orders(orders.failures)` tries them again."""

    __slots__ = ()

    def to_polars(self) -> pl.DataFrame:
        """Return a frame with one row a failure.

        Columns: `order_id`, `kind` (String), `status` (Int64), `error_code`, `messages` (String; several are parted by
        semicolons), `correlation_id` (String), `attempts` (Int64), `elapsed_seconds` (Float64); see `Failure`.

        Example:
            >>> failures = Failures([Failure("1", "not_found", status=404)])
            >>> failures.to_polars().select("order_id", "kind", "status").rows()
            [('1', 'not_found', 404)]
        """
        frame = pl.DataFrame(list(map(astuple, self)), schema=_FAILURE_COLUMNS, orient="row")
        told = pl.col("messages").list.join("; ")
        return frame.with_columns(pl.when(told != "").then(told).alias("messages"))

    def __repr__(self) -> str:
        kinds = Counter(one.kind for one in self)
        told = ", ".join(f"{kinds[kind]:,} {kind}" for kind in sorted(kinds))
        return f"Failures({told or 'none'})"

    def _repr_html_(self) -> str:
        """Tell the first ones in words."""
        failed = "".join(f"<li>{escape(str(failure))}</li>" for failure in self[:_SHOWN])
        if len(self) > _SHOWN:
            failed += f"<li>and {len(self) - _SHOWN:,} more: see .failures</li>"
        return f"<p>{escape(repr(self))}</p><ul>{failed}</ul>"


_FAILURE_COLUMNS = {
    "order_id": pl.String(),
    "kind": pl.String(),
    "status": pl.Int64(),
    "error_code": pl.String(),
    "messages": pl.List(pl.String()),
    "correlation_id": pl.String(),
    "attempts": pl.Int64(),
    "elapsed_seconds": pl.Float64(),
}


class Batch(Sequence[RowT]):
    """An immutable sequence of what was fetched, with the failures beside it.

    Attributes:
        failures: Why the others could not be had, a `Failure` each; `failures.to_polars()` is a frame of them.
        as_of: The instant the answers speak of, in UTC (a naive one is taken for it); None if nothing tells.
        as_of_is_inferred: Whether that is the newest time in the answers, for nobody has told when they were fetched.
        answered: When each order was answered, by its id: where batches were merged, at different times, and of
            captures also those orders that have none.
    """

    _table: ClassVar[str]
    _key: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        items: Iterable[RowT] = (),
        *,
        failures: Iterable[Failure] = (),
        as_of: datetime | None = None,
        as_of_is_inferred: bool = False,
        answered: Mapping[str, datetime | None] | None = None,
    ) -> None:
        self._items: tuple[RowT, ...] = tuple(items)
        self._answered = answered
        self.failures = Failures(failures)
        self.as_of = in_utc(as_of)
        self.as_of_is_inferred = as_of_is_inferred

    @overload
    def __getitem__(self, which: int | str) -> RowT: ...
    @overload
    def __getitem__(self, which: slice) -> Self: ...
    def __getitem__(self, which: int | str | slice) -> RowT | Self:
        """Return the one at a position or with an id; of a slice, a sequence of the same kind, without failures."""
        if isinstance(which, slice):
            return self._like(self._items[which])
        if not isinstance(which, str):
            return self._items[which]
        if which not in self._by_id:
            raise KeyError(f"{which} is not among these {len(self):,} {self._table}")
        return self._by_id[which]

    def __contains__(self, which: object) -> bool:
        return which in self._by_id if isinstance(which, str) else which in self._items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._items)

    def __add__(self, other: Self) -> Self:
        """Merge with others; of an order in both, what was answered later counts, and what was had is no failure."""
        if not isinstance(other, type(self)):
            return NotImplemented
        older: Self
        newer: Self
        is_in_turn = (self.as_of or _LONG_AGO) <= (other.as_of or _LONG_AGO)
        older, newer = (self, other) if is_in_turn else (other, self)
        mine, theirs = self.answered, other.answered
        taken = {one for one, at in theirs.items() if one not in mine or (at or _LONG_AGO) >= (mine[one] or _LONG_AGO)}
        own = {self._identity(item): item for item in self}
        new = {self._identity(item): item for item in other if item.order_id in taken or item.order_id is None}
        kept = {key: item for key, item in own.items() if key in new or item.order_id not in taken}
        merged = kept | {key: self._renewed(own.get(key), item) for key, item in new.items()}
        answered = mine | {order_id: theirs[order_id] for order_id in taken}
        # What was asked for again has failed once, by its last answer; what was read from a file fails by itself.
        failed = {
            one.order_id if one.attempts or one.kind == "unauthorized" else id(one): one
            for one in (*older.failures, *newer.failures)
        }
        failures = [one for one in failed.values() if one.order_id not in answered]
        return newer._like(merged.values(), failures, answered)

    def filter(self, predicate: Callable[[RowT], object] | pl.Expr) -> Self:
        """Keep those for which a function, or a polars expression over `to_polars()`, is true; without failures.

        Example:
            >>> orders = Orders.from_json('[{"order_id": "1", "order_amount": 5}, {"order_id": "2"}]')
            >>> len(orders.filter(lambda order: order.order_amount)), len(orders.filter(pl.col("order_amount") > 9))
            (1, 0)
        """
        if isinstance(predicate, pl.Expr):
            kept = self.to_polars().with_row_index("item").filter(predicate)["item"]
            return self._like(map(self._items.__getitem__, kept))
        return self._like(filter(predicate, self._items))

    def to_polars(self, *, personal: bool = False) -> pl.DataFrame:
        """Return a frame with one row an item; see `Tables` for its columns.

        Args:
            personal: Whether the columns that can name a person are there as well.
        """
        return to_frame(self._table, self._items, personal=personal)

    def raise_for_failures(self) -> Self:
        """Raise if anything failed; else return the sequence itself.

        Raises:
            FailedOrders: With all the failures.
        """
        if self.failures:
            raise FailedOrders(self.failures)
        return self

    def __repr__(self) -> str:
        failed = f", {len(self.failures):,} failed" if self.failures else ""
        told = moment(self.as_of, is_inferred=self.as_of_is_inferred)
        return f"{type(self).__name__}({len(self):,} {self._table}{failed}, {told})"

    def _told_failures(self) -> str:
        """Return the failures in words, as HTML."""
        return self.failures._repr_html_() if self.failures else ""

    def _like(
        self,
        items: Iterable[RowT],
        failures: Iterable[Failure] = (),
        answered: Mapping[str, datetime | None] | None = None,
    ) -> Self:
        items = tuple(items)
        if answered is None and self._answered is not None:
            answered = {item.order_id: self._answered.get(item.order_id) for item in items if item.order_id}
        return type(self)(
            items,
            failures=failures,
            as_of=self.as_of,
            as_of_is_inferred=self.as_of_is_inferred,
            answered=answered,
        )

    @property
    def answered(self) -> dict[str, datetime | None]:
        """When each order was answered, by its id."""
        if self._answered is not None:
            return dict(self._answered)
        return {item.order_id: self.as_of for item in self if item.order_id}

    @staticmethod
    def _renewed(old: RowT | None, new: RowT) -> RowT:  # noqa: ARG004 - Captures looks at it
        """Return what is to stand for one that is in both of two merged sequences."""
        return new

    @cached_property
    def _by_id(self) -> dict[str, RowT]:
        return {getattr(item, self._key[-1]): item for item in self._items}

    def _identity(self, item: RowT) -> tuple[object, ...]:
        """Return what makes it the same as one in another sequence; one without an id is like no other."""
        identity: tuple[object, ...] = tuple(getattr(item, name) for name in self._key)
        return identity if identity[-1] else (*identity, id(item))


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Captures(Batch[Capture]):
    """Captures, in the order of the ids that were asked for; `captures["..."]` finds one by its capture_id."""

    _table = "captures"
    _key = ("order_id", "capture_id")

    @staticmethod
    def _renewed(old: Capture | None, new: Capture) -> Capture:
        """Keep a currency that is known: their own endpoint does not tell it."""
        return with_currency(new, old.purchase_currency) if old and not new.purchase_currency else new

    def _repr_html_(self) -> str:
        """Show counts and amounts by currency, and the failures in words."""
        amounts: Counter[str] = Counter()
        counts = Counter((capture.purchase_currency or "?").upper() for capture in self)
        for capture in self:
            amounts[(capture.purchase_currency or "?").upper()] += capture.captured_amount or 0
        rows = [_html_row("", "captures", "captured")]
        rows += [
            _html_row(currency, counts[currency], money.format(amounts[currency], currency))
            for currency in sorted(counts)
        ]
        return f"<p>{escape(repr(self))}</p><table>{''.join(rows)}</table>{self._told_failures()}"


class Orders(Batch[Order]):
    """Orders, in the order of the ids that were asked for; `orders["..."]` finds one by its order_id."""

    _table = "orders"
    _key = ("order_id",)

    _rows: Rows | None = None
    """What the tables will be made of, until they are, where the orders were laid out as they were read."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": None}

    @classmethod
    def from_json(cls, *sources: str | bytes | Path, as_of: datetime | None = None) -> Self:
        """Read answers that somebody saved: one order, an array of orders, or NDJSON (an order a line).

        An answer that cannot be read becomes one of the `failures` and costs no other. Of an order that stands there
        more than once the last one counts.

        Args:
            *sources: Paths, or the JSON itself as text or bytes; a byte order mark is welcome.
            as_of: When the answers were fetched; without it the newest purchase, capture or refund tells.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the bytes are no text.

        Example:
            >>> Orders.from_json('{"order_id": "1", "created_at": "2026-10-01T08:00:00Z"}')
            Orders(1 orders, as of 2026-10-01 08:00 UTC, the newest time in the data)
        """
        with paused():
            found = read(documents(*sources))
        warn_of_repeated(found.repeated)
        return cls.at(as_of, found.orders, found.failures, found.rows)

    @classmethod
    def at(
        cls,
        as_of: datetime | None,
        orders: Sequence[Order],
        failures: Iterable[Failure] = (),
        rows: Rows | None = None,
    ) -> Self:
        """Return orders, laid out or not, that speak of an instant, or, where none is known, of the newest in them."""
        at = newest(orders) if as_of is None else as_of
        made = cls(orders, failures=failures, as_of=at, as_of_is_inferred=as_of is None)
        made._rows = rows
        return made

    @property
    def captures(self) -> Captures:
        """The captures of all these orders."""
        captures = (capture for order in self for capture in order.captures)
        return Captures(
            captures,
            failures=self.failures,
            as_of=self.as_of,
            as_of_is_inferred=self.as_of_is_inferred,
            answered=self.answered,
        )

    def tables(self, *, personal: bool = False) -> Tables[pl.DataFrame]:
        """Return the five tables of these orders.

        Args:
            personal: Whether the columns that can name a person are there as well.
        """
        if personal:
            with paused():
                return self._laid_out(Rows(personal=True).take(self))
        # What was made once is handed out as a copy, which costs nothing: a frame can be changed in place.
        return self._tables.map(pl.DataFrame.clone)

    @cached_property
    def _tables(self) -> Tables[pl.DataFrame]:
        with paused():
            rows, self._rows = self._rows or Rows().take(self), None
            return self._laid_out(rows)

    def _laid_out(self, rows: Rows) -> Tables[pl.DataFrame]:
        return Tables(
            **rows.frames(self),
            as_of=self.as_of,
            failures=self.failures,
            as_of_is_inferred=self.as_of_is_inferred,
        )

    def where(self, row: Mapping[str, Any] | pl.DataFrame, *, by: str | pl.Expr | Sequence[str | pl.Expr] = ()) -> Self:
        """Return the orders that a row of a metric's result speaks of: those of its group; without failures.

        The group is read from the columns that stand before the metric's own, if they are columns of the orders table.
        Where the metric was grouped by an expression, by a time or by an amount, or where columns were left out of the
        row, give `by` again as it was given to the metric. A row about one order, of `expiring` or `audit`, gives that
        order. Those that the metric counted apart, such as the excluded or the uncaptured, belong to their group too.

        Args:
            row: A row, as `frame.row(0, named=True)` gives it, or a frame of one row.
            by: What the metric was grouped by.

        Raises:
            ValueError: If that does not tell a group, or no order is in it.

        Example:
            >>> orders = Orders.from_json('[{"order_id": "1", "purchase_country": "SE"}, {"order_id": "2"}]')
            >>> orders.where({"purchase_country": "SE", "orders": 1, "p50_hours": None})[0].order_id
            '1'
        """
        told = row.row(0, named=True) if isinstance(row, pl.DataFrame) else row
        asked = [by] if isinstance(by, str | pl.Expr) else by
        keys = self.to_polars().select(asked or _group_columns(told))
        if missing := set(keys.columns) - set(told):
            raise ValueError(f"the row has no column {', '.join(sorted(missing))}: it has {', '.join(told)}")
        group = pl.DataFrame({name: [told[name]] for name in keys.columns}, schema=keys.schema)
        is_in = [keys[name].eq_missing(group[name]) for name in keys.columns]
        found = self._like(compress(self._items, map(all, zip(*is_in, strict=True))) if is_in else self)
        if not found:
            told_group = ", ".join(f"{name}={told[name]!r}" for name in keys.columns)
            raise ValueError(f"no order has {told_group}: if the metric was grouped by an expression, give it as by=")
        return found

    @cached_property
    def drift(self) -> pl.DataFrame:
        """What these orders hold beyond the documentation: fields and vocabulary that it does not know.

        A frame with a row for each: `path` (String), `kind` (`field` or `value`), `seen` (the unknown field's JSON
        type, or the unknown value), `count` (Int64), `order_id` (of the first that holds it).
        """
        counts: Counter[tuple[str, str, str]] = Counter()
        first: dict[tuple[str, str, str], str | None] = {}
        for order in self:
            for found in undocumented(order):
                counts[found] += 1
                first.setdefault(found, order.order_id)
        rows = [(*found, counts[found], first[found]) for found in sorted(counts)]
        names = ("path", "kind", "seen", "count", "order_id")
        schema = {name: pl.Int64() if name == "count" else pl.String() for name in names}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _repr_html_(self) -> str:
        """Show counts by currency and status, and the failures in words."""
        counts = Counter(((order.purchase_currency or "?").upper(), order.status or "?") for order in self)
        currencies, statuses = (sorted({key[axis] for key in counts}) for axis in (0, 1))
        rows = _html_row("", *statuses)
        for currency in currencies:
            rows += _html_row(currency, *(counts[currency, status] for status in statuses))
        return f"<p>{escape(repr(self))}</p><table>{rows}</table>{self._told_failures()}"


_SHOWN = 5  # failures that a notebook spells out


def _html_row(*cells: object) -> str:
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"


_OWN = ("orders", "orders_captured", "refunds")
"""The first of a metric's own columns: what stands before it is a group of orders."""

_GROUP_KINDS = (Kind.TEXT, Kind.CODE, Kind.COUNT)


def _group_columns(row: Mapping[str, object]) -> list[str]:
    """Return the columns by which a metric has grouped, as far as its row tells."""
    if "order_id" in row:
        return ["order_id"]
    names = list(takewhile(lambda name: name not in _OWN, row))
    known = {column.name for column in columns("orders") if column.kind in _GROUP_KINDS}
    if len(names) == len(row) or not known.issuperset(names):
        raise ValueError(f"the row does not tell its group ({', '.join(row)}): give by= as it was given to the metric")
    return names

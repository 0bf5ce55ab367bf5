"""Sequences of orders and captures: immutable, with what failed and the instant they speak of."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from html import escape
from itertools import compress, takewhile
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from om_toolkit import money
from om_toolkit.orders.batch import Batch, html_row
from om_toolkit.orders.drift import undocumented
from om_toolkit.orders.json_documents import documents
from om_toolkit.orders.models import Capture, Order, with_currency
from om_toolkit.orders.saved import newest, read, warn_of_repeated
from om_toolkit.support.gc_pause import paused
from om_toolkit.tables.from_objects import Rows
from om_toolkit.tables.schema import Kind, columns
from om_toolkit.tables.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from om_toolkit.errors import Failure


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
        rows = [html_row("", "captures", "captured")]
        rows += [
            html_row(currency, counts[currency], money.format(amounts[currency], currency))
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
        rows = html_row("", *statuses)
        for currency in currencies:
            rows += html_row(currency, *(counts[currency, status] for status in statuses))
        return f"<p>{escape(repr(self))}</p><table>{rows}</table>{self._told_failures()}"


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

"""TODO."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from typing import ClassVar, Self, TypeVar, overload

import polars as pl

from om_toolkit.errors import FailedOrders, Failure
from om_toolkit.orders.failures import Failures
from om_toolkit.orders.models import Capture, Order
from om_toolkit.support.instants import in_utc, moment
from om_toolkit.tables.from_objects import to_frame

RowT = TypeVar("RowT", Order, Capture)


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


def html_row(*cells: object) -> str:
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"

"""The base of `Orders` and `Captures`: items, failures and the instant they describe, merged and filtered."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar, Final, Self, TypeVar, overload

import polars as pl

from om_toolkit.errors import FailedOrders, Failure
from om_toolkit.orders.collection import Items
from om_toolkit.orders.failures import Failures
from om_toolkit.orders.models import Capture, Order
from om_toolkit.support.html_tables import Heading, paragraph, table
from om_toolkit.support.instants import as_of_in_utc, as_of_text
from om_toolkit.support.text import count_of
from om_toolkit.tables.from_objects import to_frame
from om_toolkit.tables.schema import with_seen_at

RowT = TypeVar("RowT", Order, Capture)


class Batch(Items[RowT]):
    """An immutable collection of fetched items, with the failures of the others.

    It has a length, positions, slices, `in`, `reversed` and `+` like a tuple, but it is no `collections.abc.Sequence`:
    frame libraries would open every item of one. `pl.DataFrame(orders)` has the columns of `orders.to_polars()`, as in
    every library that reads Arrow streams.

    Attributes:
        failures: Why other orders are missing, a `Failure` each; `failures.to_polars()` is a frame of them.
        as_of: The instant that the responses describe, in UTC (a naive time is UTC); None if it is unknown.
        as_of_is_inferred: Whether `as_of` is the newest time in the responses, because no time of fetching is known.
        answered: When the response of each order was received, by order id; the column `seen_at` has it where it is
            not inferred. After a merge the times differ; of captures it includes orders without captures.
    """

    _noun: ClassVar[str]
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
        self._items = tuple(items)
        self._answered = answered
        self._inferred: Collection[str] = ()  # the orders of an explicit `answered` whose time there is inferred
        self.failures = Failures(failures)
        self.as_of = as_of_in_utc(as_of)
        self.as_of_is_inferred = as_of_is_inferred

    @overload
    def __getitem__(self, which: int | str) -> RowT: ...
    @overload
    def __getitem__(self, which: slice) -> Self: ...
    def __getitem__(self, which: int | str | slice) -> RowT | Self:
        """Return the item at a position or with an id; of a slice, a collection of the same kind without failures."""
        if isinstance(which, slice):
            return self._like(self._items[which])
        if not isinstance(which, str):
            return self._items[which]
        if which not in self._by_id:
            raise KeyError(f"{which} is not among {count_of(len(self), self._noun)}")
        return self._by_id[which]

    def __contains__(self, which: object) -> bool:
        return which in self._by_id if isinstance(which, str) else super().__contains__(which)

    def __add__(self, other: Self) -> Self:
        """Merge two collections: of an order in both the later response counts, and a fetched order is no failure."""
        if not isinstance(other, type(self)):
            return NotImplemented
        older: Self
        newer: Self
        older, newer = (self, other) if _at(self.as_of) <= _at(other.as_of) else (other, self)
        before, after = self.answered, other.answered
        replaced = {one for one, at in after.items() if one not in before or _at(at) >= _at(before[one])}
        answered = before | {order_id: after[order_id] for order_id in replaced}
        inferred = (self._inferred_ids - replaced) | (other._inferred_ids & replaced)
        failures = [one for one in _distinct((*older.failures, *newer.failures)) if one.order_id not in answered]
        return newer._like(self._merged(other, replaced), failures, answered, inferred)

    def _merged(self, other: Self, replaced: set[str]) -> Iterable[RowT]:
        """Return the items of both; of the orders in `replaced`, only those of the other collection."""
        own = {self._identity(item): item for item in self}
        new = {self._identity(item): item for item in other if item.order_id in replaced or item.order_id is None}
        kept = {key: item for key, item in own.items() if key in new or item.order_id not in replaced}
        return (kept | {key: self._completed(item, own.get(key)) for key, item in new.items()}).values()

    @staticmethod
    def _completed(new: RowT, old: RowT | None) -> RowT:  # noqa: ARG004 - Captures uses it
        """Return an item, with what only its older version knows."""
        return new

    def filter(self, predicate: Callable[[RowT], object] | pl.Expr) -> Self:
        """Keep the items for which a function, or an expression over `to_polars()`, is true; drop the failures.

        Raises:
            TypeError: If `predicate` is something else.

        Example:
            >>> import om_toolkit as om
            >>> orders = om.Orders.from_json('[{"order_id": "1", "order_amount": 5}, {"order_id": "2"}]')
            >>> len(orders.filter(lambda order: order.order_amount)), len(orders.filter(pl.col("order_amount") > 9))
            (1, 0)
        """
        if isinstance(predicate, pl.Expr):
            kept = self.to_polars().with_row_index("item").filter(predicate)["item"]
            return self._like(map(self._items.__getitem__, kept))
        if not callable(predicate):
            raise TypeError(
                f"filter takes a function or a polars expression, such as pl.col('order_amount') > 0, not {predicate!r}"
            )
        return self._like(filter(predicate, self._items))

    def to_polars(self, *, personal: bool = False) -> pl.DataFrame:
        """Return a frame with one row per item; see `Tables` for its columns.

        Args:
            personal: Whether to include the columns that can name a person.
        """
        frame = to_frame(f"{self._noun}s", self._items, personal=personal)
        return with_seen_at(frame, self._seen_at()) if "seen_at" in frame.columns else frame

    def raise_for_failures(self) -> Self:
        """Return the collection itself if nothing failed.

        Raises:
            FailedOrders: With all failures.
        """
        if self.failures:
            raise FailedOrders(self.failures)
        return self

    @property
    def answered(self) -> dict[str, datetime | None]:
        """When the response of each order was received, by order id."""
        if self._answered is not None:
            return dict(self._answered)
        return {item.order_id: self.as_of for item in self if item.order_id}

    @property
    def _inferred_ids(self) -> set[str]:
        """The orders whose time in `answered` is only the newest time in the data."""
        is_inferred = self._answered is None and self.as_of_is_inferred
        return set(self.answered if is_inferred else self._inferred)

    def _seen_at(self) -> Iterator[datetime | None]:
        """Yield when the order of each item was fetched; None if that is unknown."""
        known = self.answered | dict.fromkeys(self._inferred_ids)
        return (known.get(item.order_id or "") for item in self)

    def __repr__(self) -> str:
        failed = f", {len(self.failures):,} failed" if self.failures else ""
        as_of = as_of_text(self.as_of, is_inferred=self.as_of_is_inferred)
        return f"{type(self).__name__}({count_of(len(self), self._noun)}{failed}, {as_of})"

    def _repr_html_(self) -> str:
        failures = self.failures._repr_html_() if self.failures else ""
        headings, *rows = self._summary()
        shown = table([Heading(str(words), is_text=not words) for words in headings], rows)
        return paragraph(repr(self)) + shown + failures

    def _summary(self) -> Iterable[Sequence[object]]:
        """Return the headings and the rows of the table that a notebook shows."""
        raise NotImplementedError

    def _like(
        self,
        items: Iterable[RowT],
        failures: Iterable[Failure] = (),
        answered: Mapping[str, datetime | None] | None = None,
        inferred: Collection[str] | None = None,
    ) -> Self:
        items = tuple(items)
        if answered is None and self._answered is not None:
            answered = {item.order_id: self._answered.get(item.order_id) for item in items if item.order_id}
        instant, is_inferred = self.as_of, self.as_of_is_inferred
        like = type(self)(items, failures=failures, as_of=instant, as_of_is_inferred=is_inferred, answered=answered)
        like._inferred = self._inferred if inferred is None else inferred  # noqa: SLF001 - of the same class
        return like

    @cached_property
    def _by_id(self) -> dict[str, RowT]:
        return {getattr(item, self._key[-1]): item for item in self._items}

    def _identity(self, item: RowT) -> tuple[object, ...]:
        """Return what an item has in common with its other versions; an item without an id has none."""
        identity: tuple[object, ...] = tuple(getattr(item, name) for name in self._key)
        return identity if identity[-1] else (*identity, id(item))


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def _at(time: datetime | None) -> datetime:
    """Return a time to compare; a missing one is older than all others."""
    return time or _LONG_AGO


def _distinct(failures: Iterable[Failure]) -> Iterable[Failure]:
    """Keep the last failure of each requested order; failures of saved documents are all different."""
    return {
        failure.order_id if failure.attempts or failure.kind == "unauthorized" else id(failure): failure
        for failure in failures
    }.values()

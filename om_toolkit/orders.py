"""Sequences of orders and captures: immutable, with what failed and the instant they speak of."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar, overload

from om_toolkit.errors import FailedOrders, Failure, FetchError, RepeatedOrders
from om_toolkit.models import Capture, Order, OrderLine, Row, ShippingInfo, read_order, to_frame
from om_toolkit.tables import Tables

if TYPE_CHECKING:
    import polars as pl

RowT = TypeVar("RowT", Order, Capture)


class Batch(Sequence[RowT]):
    """An immutable sequence of what was fetched, with the failures beside it.

    Attributes:
        failures: Why the others could not be had, a `Failure` each.
        as_of: The instant the answers speak of, in UTC; None if nothing tells.
    """

    _table: ClassVar[str]
    _key: ClassVar[str]

    def __init__(
        self,
        items: Iterable[RowT] = (),
        *,
        failures: Iterable[Failure] = (),
        as_of: datetime | None = None,
        as_of_note: str = "",
    ) -> None:
        self._items: tuple[RowT, ...] = tuple(items)
        self.failures = tuple(failures)
        self.as_of = as_of
        self._as_of_note = as_of_note

    @overload
    def __getitem__(self, which: int | str) -> RowT: ...
    @overload
    def __getitem__(self, which: slice) -> Self: ...
    def __getitem__(self, which: int | str | slice) -> RowT | Self:
        """Return the one at a position or with an id; of a slice, a sequence of the same kind, without failures."""
        if isinstance(which, slice):
            return type(self)(self._items[which], as_of=self.as_of, as_of_note=self._as_of_note)
        return self._by_id[which] if isinstance(which, str) else self._items[which]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._items)

    @cached_property
    def _by_id(self) -> dict[str, RowT]:
        return {getattr(item, self._key): item for item in self._items}

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
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{type(self).__name__}({len(self):,} {self._table}{failed}, {self._told_as_of()})"

    def _told_as_of(self) -> str:
        if self.as_of is None:
            return "as of an unknown time"
        return f"as of {self.as_of:%Y-%m-%d %H:%M} UTC{self._as_of_note}"


class Captures(Batch[Capture]):
    """Captures, in the order of the ids that were asked for; `captures["..."]` finds one by its capture_id."""

    _table = "captures"
    _key = "capture_id"


class Orders(Batch[Order]):
    """Orders, in the order of the ids that were asked for; `orders["..."]` finds one by its order_id."""

    _table = "orders"
    _key = "order_id"

    @classmethod
    def from_json(cls, source: str | bytes | Path, *, as_of: datetime | None = None) -> Self:
        """Read answers that somebody saved: one order, an array of orders, or NDJSON (an order a line).

        An answer that cannot be read becomes one of the `failures` and costs no other. Of an order that stands there
        more than once the last one counts.

        Args:
            source: A path, or the JSON itself as text or bytes; a byte order mark is welcome.
            as_of: When the answers were fetched; without it the newest purchase, capture or refund tells.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the bytes are no text.

        Example:
            >>> Orders.from_json('{"order_id": "1", "created_at": "2026-10-01T08:00:00Z"}')
            Orders(1 orders, as of 2026-10-01 08:00 UTC, the newest time in the data)
        """
        orders: dict[str, Order] = {}
        failures, repeated = [], Counter[str]()
        for where, document in _documents(source):
            try:
                order = read_order(document)
            except FetchError as error:
                known = error.failure.order_id
                failures.append(replace(error.failure, order_id=known if known != "?" else where))
                continue
            order_id = order.order_id or ""
            repeated[order_id] += order_id in orders
            orders[order_id] = order
        _warn_of_repeated(+repeated)
        if as_of is not None:
            return cls(orders.values(), failures=failures, as_of=as_of)
        newest = max(_moments(orders.values()), default=None)
        return cls(orders.values(), failures=failures, as_of=newest, as_of_note=", the newest time in the data")

    @property
    def captures(self) -> Captures:
        """The captures of all these orders."""
        captures = (capture for order in self for capture in order.captures)
        return Captures(captures, as_of=self.as_of, as_of_note=self._as_of_note)

    def tables(self, *, personal: bool = False) -> Tables[pl.DataFrame]:
        """Return the five tables of these orders.

        Args:
            personal: Whether the columns that can name a person are there as well.
        """
        return self._make_tables(personal=True) if personal else self._tables

    @cached_property
    def _tables(self) -> Tables[pl.DataFrame]:
        return self._make_tables(personal=False)

    def _make_tables(self, *, personal: bool) -> Tables[pl.DataFrame]:
        return Tables(
            orders=self.to_polars(personal=personal),
            captures=self.captures.to_polars(personal=personal),
            refunds=to_frame("refunds", [refund for order in self for refund in order.refunds], personal=personal),
            order_lines=_parts_frame("order_lines", "line", _order_lines(self), personal=personal),
            shipments=_parts_frame("shipments", "shipment", _shipments(self), personal=personal),
            as_of=self.as_of,
        )

    def __add__(self, other: Orders) -> Orders:
        """Merge with other orders; of an order in both, the one with the newer `as_of` counts."""
        newer = max(other, self, key=lambda orders: orders.as_of or datetime.min.replace(tzinfo=UTC))
        merged = {order.order_id: order for order in (*self, *other)} | {**newer._by_id}
        failed = {failure.order_id: failure for failure in (*self.failures, *other.failures)}
        failures = [failure for order_id, failure in failed.items() if order_id not in merged]
        return Orders(merged.values(), failures=failures, as_of=newer.as_of, as_of_note=newer._as_of_note)

    def _repr_html_(self) -> str:
        """Show counts by currency and status, and the failures in words."""
        counts = Counter(((order.purchase_currency or "?").upper(), order.status or "?") for order in self)
        currencies, statuses = (sorted({key[axis] for key in counts}) for axis in (0, 1))
        rows = _html_row("", *statuses)
        for currency in currencies:
            rows += _html_row(currency, *(counts[currency, status] for status in statuses))
        failed = "".join(f"<li>{escape(str(failure))}</li>" for failure in self.failures[:_SHOWN])
        if len(self.failures) > _SHOWN:
            failed += f"<li>and {len(self.failures) - _SHOWN} more: see .failures</li>"
        return f"<p>{escape(repr(self))}</p><table>{rows}</table><ul>{failed}</ul>"


_SHOWN = 5  # failures that a notebook spells out


def _html_row(*cells: object) -> str:
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"


class _Part(NamedTuple):
    """A line or shipment, with the keys that tell whose it is."""

    item: Row
    order_id: str | None
    source: str
    position: int
    purchase_currency: str | None
    capture_id: str | None = None
    refund_id: str | None = None


def _order_lines(orders: Iterable[Order]) -> Iterator[_Part]:
    for order in orders:
        yield from _parts(order.order_lines, order, "order")
        for capture in order.captures:
            yield from _parts(capture.order_lines, order, "capture", capture_id=capture.capture_id)
        for refund in order.refunds:
            yield from _parts(refund.order_lines, order, "refund", refund_id=refund.refund_id)


def _shipments(orders: Iterable[Order]) -> Iterator[_Part]:
    for order in orders:
        yield from _parts(order.shipping_info, order, "order")
        for capture in order.captures:
            yield from _parts(capture.shipping_info, order, "capture", capture_id=capture.capture_id)


def _parts(
    items: Sequence[OrderLine] | Sequence[ShippingInfo], order: Order, source: str, **ids: str | None
) -> Iterator[_Part]:
    for position, item in enumerate(items):
        yield _Part(item, order.order_id, source, position, order.purchase_currency, **ids)


def _parts_frame(table: str, position: str, parts: Iterable[_Part], *, personal: bool) -> pl.DataFrame:
    rows = list(parts)
    keys: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in _Part._fields}
    items = keys.pop("item")
    return to_frame(table, items, {**keys, position: keys["position"]}, personal=personal)


def _moments(orders: Iterable[Order]) -> Iterator[datetime]:
    """Yield every time at which something has happened; an expiry may be yet to come."""
    for order in orders:
        happened = (
            order.created_at,
            *(capture.captured_at for capture in order.captures),
            *(refund.refunded_at for refund in order.refunds),
        )
        yield from filter(None, happened)


def _warn_of_repeated(repeated: Counter[str]) -> None:
    if repeated:
        ids = ", ".join(sorted(repeated)[:5])
        text = f"{len(repeated)} order(s) stand there more than once, and the last one counts: {ids}"
        warnings.warn(text, RepeatedOrders, stacklevel=3)


def _documents(source: str | bytes | Path) -> Iterator[tuple[str, str]]:
    """Yield each document of a source as text, with where it stands."""
    name, text = _text(source)
    if text.startswith("["):
        pieces = _elements(text)
    else:
        lines = [line for line in text.splitlines() if line.strip()]
        pieces = iter(lines if all(line.lstrip().startswith("{") for line in lines) else [text])
    for number, piece in enumerate(pieces, 1):
        yield f"{name} #{number}", piece


def _text(source: str | bytes | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return "answer", source.lstrip("\ufeff \t\r\n")
    name, data = ("answer", source) if isinstance(source, bytes) else (Path(source).name, Path(source).read_bytes())
    try:
        return name, data.decode(json.detect_encoding(data)).strip()
    except UnicodeDecodeError:
        msg = f"{name} is no JSON: its bytes are no text in UTF-8"
        raise ValueError(msg) from None


def _elements(text: str) -> Iterator[str]:
    """Yield each element of a JSON array as it was written; what follows a broken one cannot be told apart."""
    decode = json.JSONDecoder().raw_decode
    start = 1
    while (start := _skip(text, start)) < len(text) and text[start] != "]":
        try:
            _, end = decode(text, start)
        except ValueError:
            end = len(text)
        yield text[start:end]
        start = end


def _skip(text: str, start: int) -> int:
    while start < len(text) and text[start] in ", \t\r\n":
        start += 1
    return start

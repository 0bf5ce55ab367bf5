"""Saved answers: a path, text or bytes in; orders and their rows out, and a failure for each answer that is none."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from om_toolkit.errors import Failure, FetchError, RepeatedOrders
from om_toolkit.orders.json_documents import Splitter
from om_toolkit.orders.parsing import read_order
from om_toolkit.tables.from_objects import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from om_toolkit.orders.models import Order


_SHOWN: Final = 5  # ids that a warning spells out


class Read(NamedTuple):
    """What documents held.

    Attributes:
        orders: The orders; of one that stood there more than once the last.
        rows: These, laid out.
        failures: Why other documents are no orders.
        repeated: How often an order stood there before.
    """

    orders: list[Order]
    rows: Rows
    failures: list[Failure]
    repeated: Counter[str]


def read(documents: Iterable[tuple[str, bytes]], *, personal: bool = False) -> Read:
    """Read documents, and lay each order out while it is at hand."""
    orders: dict[str, Order] = {}
    failures, repeated = [], Counter[str]()

    def as_they_come() -> Iterator[Order]:
        for where, document in documents:
            for found in _read(where, document):
                if isinstance(found, Failure):
                    failures.append(found)
                    continue
                order_id = found.order_id or ""
                if orders.pop(order_id, None):
                    repeated[order_id] += 1
                orders[order_id] = found
                yield found

    rows = Rows(personal=personal).take(as_they_come())
    if repeated:
        rows = Rows(personal=personal).take(orders.values())
    return Read(list(orders.values()), rows, failures, repeated)


def _read(where: str, document: bytes, *, is_part: bool = False) -> Sequence[Order | Failure]:
    """Read a document; a line that is none may hold several, or one and something else."""
    try:
        return [read_order(document)]
    except FetchError as error:
        failure = error.failure
    may_hold_more = failure.kind == "invalid_body" and not is_part and b"\n" not in document
    parts = list(Splitter().parts(document)) if may_hold_more else []
    if len(parts) > 1:
        return [found for part in parts for found in _read(where, part, is_part=True)]
    return [failure if failure.order_id != "?" else replace(failure, order_id=where)]


def newest(orders: Iterable[Order]) -> datetime | None:
    """Return the newest time at which something has happened; an expiry may be yet to come."""
    happened: list[datetime | None] = []
    for order in orders:
        happened.append(order.created_at)
        happened.extend([capture.captured_at for capture in order.captures])
        happened.extend([refund.refunded_at for refund in order.refunds])
    return max(filter(None, happened), default=None)


def warn_of_repeated(repeated: Counter[str]) -> None:
    """Warn of orders that stood there more than once."""
    if repeated:
        ids = ", ".join(sorted(repeated)[:_SHOWN])
        text = f"{len(repeated)} order(s) stand there more than once, and the last one counts: {ids}"
        warnings.warn(text, RepeatedOrders, stacklevel=3)

"""Saved documents in; orders, failures, and the count of repeated orders out."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from om_toolkit.errors import Failure, FetchError, RepeatedOrders
from om_toolkit.orders.json_documents import Splitter
from om_toolkit.orders.models import Order
from om_toolkit.orders.parsing import read_order
from om_toolkit.support.instants import LONGEST_LIFE, newest
from om_toolkit.support.text import count_of


class Saved:
    """What saved documents contain, filled by `read`.

    Attributes:
        orders: The orders by id; of a repeated order its last document.
        failures: Why other documents are not orders.
        repeated: How many documents were replaced by a later one, by order id.
    """

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.failures: list[Failure] = []
        self.repeated: Counter[str] = Counter()

    def read(self, documents: Iterable[tuple[str, bytes]]) -> Iterator[Order]:
        """Read documents, each given with the name of its place; yield every order, also one that is replaced later."""
        for place, document in documents:
            for found in _read_document(place, document):
                if isinstance(found, Failure):
                    self.failures.append(found)
                else:
                    self._keep(found)
                    yield found

    def _keep(self, order: Order) -> None:
        order_id = order.order_id or ""
        if self.orders.pop(order_id, None):
            self.repeated[order_id] += 1
        self.orders[order_id] = order


def _read_document(place: str, document: bytes, *, is_part: bool = False) -> Sequence[Order | Failure]:
    """Read a document; a line that is not JSON may contain several documents, valid or not."""
    try:
        return [read_order(document)]
    except FetchError as error:
        failure = error.failure
    may_contain_more = failure.kind == "invalid_body" and not is_part and b"\n" not in document
    parts = list(Splitter().parts(document)) if may_contain_more else []
    if len(parts) > 1:
        return [found for part in parts for found in _read_document(place, part, is_part=True)]
    return [failure if failure.order_id != "?" else replace(failure, order_id=place)]


def newest_time(orders: Iterable[Order]) -> datetime | None:
    """Return the time of the newest purchase, capture or refund; an expiry may be in the future.

    A capture or refund more than three years after its purchase does not count: its time is mistyped.
    """
    times: list[datetime | None] = []
    for order in orders:
        placed = order.created_at
        events = [capture.captured_at for capture in order.captures]
        events += [refund.refunded_at for refund in order.refunds]
        times.append(placed)
        times.extend(at for at in events if at and (placed is None or at - placed <= LONGEST_LIFE))
    return newest(times)


def warn_of_repeated(repeated: Counter[str]) -> None:
    """Warn of orders with more than one document."""
    if repeated:
        ids = ", ".join(sorted(repeated)[:_MOST_IDS])
        rest = f" and {len(repeated) - _MOST_IDS:,} more" if len(repeated) > _MOST_IDS else ""
        text = f"{count_of(len(repeated), 'order')} had more than one document, and the last one counts: {ids}{rest}"
        warnings.warn(text, RepeatedOrders, stacklevel=3)


_MOST_IDS: Final = 5  # of a warning

"""Results: the result of each order id in; `Orders` or `Captures` with their failures out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from warnings import warn

from om_toolkit.api.responses import Fetched, Result
from om_toolkit.errors import Failure, Interrupted, NothingFound
from om_toolkit.orders.models import Capture, Order
from om_toolkit.orders.orders import Captures, Orders
from om_toolkit.support.instants import newest

T = TypeVar("T")
BatchT = TypeVar("BatchT", Orders, Captures)


class Results(dict[str, Result[T]]):
    """The result of each order id that has one, in the order of the ids.

    Attributes:
        is_interrupted: Whether Ctrl-C ended the batch before all ids had a result.
    """

    def __init__(self, order_ids: Iterable[str], results: Mapping[str, Result[T]], *, is_interrupted: bool) -> None:
        super().__init__((order_id, results[order_id]) for order_id in order_ids if order_id in results)
        self.is_interrupted = is_interrupted

    @property
    def failures(self) -> list[Failure]:
        """Return the failures."""
        return [result for result in self.values() if isinstance(result, Failure)]

    @property
    def fetched(self) -> dict[str, Fetched[T]]:
        """Return what was fetched, by order id."""
        return {order_id: result for order_id, result in self.items() if isinstance(result, Fetched)}

    @property
    def as_of(self) -> datetime | None:
        """Return when the newest response was sent."""
        return newest(result.at for result in self.fetched.values())


def to_orders(results: Results[Order]) -> Orders:
    """Return the orders of a batch."""
    fetched = results.fetched.values()
    answered = {str(result.value.order_id): result.at for result in fetched}
    return Orders.at(results.as_of, [result.value for result in fetched], results.failures, answered)


def to_captures(results: Results[tuple[Capture, ...]]) -> Captures:
    """Return the captures of a batch."""
    fetched = results.fetched
    captures = (capture for result in fetched.values() for capture in result.value)
    answered = {order_id: result.at for order_id, result in fetched.items()}
    return Captures(captures, failures=results.failures, as_of=results.as_of, answered=answered)


def is_not_found(result: object) -> bool:
    """Return whether the API does not know an order."""
    return isinstance(result, Failure) and result.kind == "not_found"


def checked(batch: BatchT, results: Results[Any], hosts: Sequence[str]) -> BatchT:
    """Return a batch, unless it was interrupted; warn if nothing was found.

    Raises:
        Interrupted: If Ctrl-C ended it.

    Warns:
        NothingFound: If none of the hosts knows any of its ids.
    """
    if results.is_interrupted:
        raise Interrupted(batch)
    if batch.failures and not len(batch) and all(map(is_not_found, batch.failures)):
        names = " and ".join(host or "the transport" for host in hosts)
        text = (
            f"{names} know{'s' if len(hosts) == 1 else ''} none of these orders; check host, environment "
            "(live or playground) and merchant: a key gives access to the orders of one merchant only"
        )
        warn(text, NothingFound, stacklevel=3)  # the caller of the client's method
    return batch

"""The two endpoints: an order id in, its path out, and back; and which HTTP statuses are worth a retry."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import quote, unquote, urlsplit

from om_toolkit.orders.models import Capture, Order
from om_toolkit.orders.parsing import read_captures, read_order

T = TypeVar("T")

RETRYABLE_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})

_PREFIX: Final = "/ordermanagement/v1/orders/"

_PATH: Final = re.compile(rf"{_PREFIX}([^/]+)(/captures)?$")


@dataclass(frozen=True)
class Endpoint(Generic[T]):
    """An endpoint below an order.

    Attributes:
        suffix: What follows the order id in the path.
        read: Returns the object for a response body and an order id.
    """

    suffix: str
    read: Callable[[bytes, str], T]

    def path(self, order_id: str) -> str:
        """Return the path to request."""
        return f"{_PREFIX}{quote(order_id, safe='')}{self.suffix}"


ORDER: Final[Endpoint[Order]] = Endpoint("", read_order)

CAPTURES: Final[Endpoint[tuple[Capture, ...]]] = Endpoint("/captures", read_captures)


def parse_path(url: str) -> tuple[str, str] | None:
    """Return the order id and the endpoint's suffix in a URL of any host or a path; None if it is not one of ours."""
    found = _PATH.search(urlsplit(url).path)
    return (unquote(found[1]), found[2] or "") if found else None


def path_for(url: str, order_id: str) -> str:
    """Return the path of a URL's endpoint for another order id; a proxy's path that precedes it is omitted."""
    _, suffix = parse_path(url) or ("", "")
    return f"{_PREFIX}{quote(order_id, safe='')}{suffix}"

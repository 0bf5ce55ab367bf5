"""The transport: a request in, its whole response out. This is where HTTP, recordings and test doubles plug in."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from om_toolkit.errors import OMError


class Request:
    """One GET request, which another thread can cancel.

    Attributes:
        path: The path with the quoted order id, such as `/ordermanagement/v1/orders/ID` or `…/ID/captures`.
        deadline: The moment of `time.monotonic()` by which the whole response must have arrived.
        is_cancelled: Whether the response is no longer wanted.
        on_cancel: Called by `cancel`, perhaps repeatedly; a transport sets it to a function that ends its waiting.
    """

    __slots__ = ("deadline", "is_cancelled", "on_cancel", "path")

    def __init__(self, path: str, deadline: float = math.inf) -> None:
        self.path = path
        self.deadline = deadline
        self.is_cancelled = False
        self.on_cancel: Callable[[], None] | None = None

    def cancel(self) -> None:
        """Cancel the request: the thread that waits for the response stops waiting."""
        self.is_cancelled = True
        if self.on_cancel is not None:
            self.on_cancel()

    def __repr__(self) -> str:
        return f"Request({self.path!r})"


class Response:
    """A whole HTTP response.

    Attributes:
        status: The HTTP status.
        headers: The headers, with names in lower case.
        body: The body, decompressed.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()} if headers else {}
        self.body = body

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body):,} bytes)"  # a body is personal


class TransportError(OMError):
    """A request without a response that can be used; the client turns it into a `Failure`.

    Args:
        message: What went wrong, without addresses, credentials and personal data.
        kind: The `kind` of the failure: `connection`, `timeout`, `invalid_body` or `not_recorded`.
        status: The HTTP status, if there was a response.
        may_retry: Whether another attempt can succeed.
        retry_after: Seconds that the server asks to wait before it.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "connection",
        status: int | None = None,
        may_retry: bool = True,
        retry_after: float = 0.0,
    ) -> None:
        self.message = message
        self.kind = kind
        self.status = status
        self.may_retry = may_retry
        self.retry_after = retry_after
        super().__init__(message)


class Transport:
    """The base of all transports; a subclass overrides `get`, which several threads call at the same time.

    Attributes:
        base_url: The host, for messages.
        waits: Whether rate limit, back-off and the server's requests to wait apply.
        max_workers: The most requests that may be in flight at the same time; None for any number.

    Example:
        >>> import om_toolkit as om
        >>> class Canned(om.Transport):
        ...     def get(self, request: om.Request) -> om.Response:
        ...         return om.Response(200, body=b'{"order_id": "1", "order_amount": 500}')
        >>> om.Client(transport=Canned()).order("1").order_amount
        500
    """

    base_url: str = ""
    waits: bool = True

    @property
    def max_workers(self) -> int | None:
        """Return the most requests that may be in flight at the same time; None for any number."""
        return None

    def get(self, request: Request) -> Response:
        """Return the response to a request, with any status.

        Raises:
            TransportError: If there is no whole response.
        """
        raise NotImplementedError

    def now(self) -> datetime | None:
        """Return the time of a response without a `Date` header; None if it is unknown."""
        return datetime.now(UTC)

    def close(self) -> None:
        """Release connections and files."""

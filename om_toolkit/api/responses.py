"""Responses: an HTTP response in; the order or the captures out, or the failure, and whether to try again."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Generic, NamedTuple, Self, TypeAlias, TypeVar

from om_toolkit.api.endpoints import RETRYABLE_STATUSES, Endpoint
from om_toolkit.api.transport import Response, TransportError
from om_toolkit.errors import Failure, FetchError
from om_toolkit.orders.models import ApiError
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.support.instants import in_utc

T = TypeVar("T")

_FAILURE_KINDS: Final = {
    **dict.fromkeys((400, 414, 422, 431), "invalid_id"),
    **dict.fromkeys((404, 410), "not_found"),
    401: "unauthorized",
    403: "forbidden",
    408: "timeout",
    429: "rate_limited",
}

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_LONGEST_WAIT: Final = 3600.0  # seconds that a server may ask for; longer waits are ignored

_WITHHELD: Final = "(a message that names a person is not shown)"


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """What a response contained, and when it was sent."""

    value: T
    at: datetime | None


Result: TypeAlias = Fetched[T] | Failure | None
"""What becomes of an order id: an object, a failure, or None if the object is stored in an archive."""


class FailedAttempt(NamedTuple):
    """An attempt that gave no object.

    Attributes:
        failure: Why.
        may_retry: Whether another attempt can succeed.
        retry_after: Seconds that the server asks to wait before it.
    """

    failure: Failure
    may_retry: bool
    retry_after: float = 0.0

    @classmethod
    def without_response(cls, error: TransportError, order_id: str) -> Self:
        """Return the attempt of a request without a usable response."""
        return cls(Failure(order_id, error.kind, error.status, messages=(error.message,)), error.may_retry)


def read_response(
    response: Response, order_id: str, endpoint: Endpoint[T], at: datetime | None
) -> Fetched[T] | FailedAttempt:
    """Return the object in a response that was sent at a certain time, or why there is none."""
    if response.status != HTTPStatus.OK:
        may_retry = response.status in RETRYABLE_STATUSES
        return FailedAttempt(_failure_of(response, order_id), may_retry, requested_wait(response))
    try:
        return Fetched(endpoint.read(response.body, order_id), at)
    except FetchError as error:
        correlation_id = response.headers.get("klarna-correlation-id")
        failure = replace(error.failure, status=response.status, correlation_id=correlation_id)
        # Text that is not JSON may have been truncated on its way.
        return FailedAttempt(failure, failure.kind == "invalid_body", requested_wait(response))


def _failure_of(response: Response, order_id: str) -> Failure:
    api_error = _read_api_error(response.body)
    kind = _FAILURE_KINDS.get(response.status, "server_error")
    messages = tuple(_WITHHELD if names_somebody(text) else text for text in api_error.error_messages)
    if api_error.error_code in {"NOT_FOUND", "NO_SUCH_ORDER"}:
        kind = "not_found"
    if response.status in _REDIRECTS and "location" in response.headers:
        kind, messages = "forbidden", ("the host responded with a redirect, which is not followed",)
    correlation_id = api_error.correlation_id or response.headers.get("klarna-correlation-id")
    return Failure(order_id, kind, response.status, api_error.error_code, messages, correlation_id)


def _read_api_error(body: bytes) -> ApiError:
    """Read as much of an error body as is documented; some gateways send a single `error_message`."""
    try:
        document = json.loads(body)
        texts = {name: document.get(name) for name in ("error_code", "correlation_id")}
        known = {name: text for name, text in texts.items() if isinstance(text, str)}
        messages = document.get("error_messages") or [document.get("error_message")]
        return ApiError(error_messages=tuple(text for text in messages if isinstance(text, str)), **known)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ApiError()


def requested_wait(response: Response) -> float:
    """Return the seconds the server asks to wait: by `Retry-After`, or because the rate limit is used up; else 0."""
    wait, remaining = response.headers.get("retry-after"), response.headers.get("x-ratelimit-remaining")
    if wait is None and (response.status == HTTPStatus.TOO_MANY_REQUESTS or remaining == "0"):
        wait = response.headers.get("x-ratelimit-reset")
    if wait is None:
        return 0.0
    until, now = http_date(wait), http_date(response.headers.get("date")) or datetime.now(UTC)
    try:
        seconds = (until - now).total_seconds() if until else float(wait)
    except ValueError:
        return 0.0
    return max(0.0, seconds) if seconds <= _LONGEST_WAIT else 0.0


def http_date(text: str | None) -> datetime | None:
    """Read an HTTP date, which is in UTC regardless of the zone it names; return None if it is missing or invalid."""
    try:
        return in_utc(parsedate_to_datetime(text or ""))
    except (ValueError, OverflowError):
        return None

"""Responses: an HTTP response in; the order or the captures out, or the failure, and whether to try again."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Final, Generic, NamedTuple, Self, TypeAlias, TypeVar

from om_toolkit.api.endpoints import RETRYABLE_STATUSES, Endpoint
from om_toolkit.api.throttle import LONGEST_WAIT, WaitTooLong
from om_toolkit.api.transport import Response, TransportError
from om_toolkit.api.waits import requested_wait
from om_toolkit.errors import Failure, FetchError
from om_toolkit.orders.models import ApiError
from om_toolkit.privacy.messages import shown_identifier, shown_messages

T = TypeVar("T")

_REDIRECTION: Final = 3  # the first digit of such a status

_KINDS_BY_STATUS: Final = {
    **dict.fromkeys((400, 414, 422, 431), "invalid_id"),
    **dict.fromkeys((404, 410), "not_found"),
    401: "unauthorized",
    403: "forbidden",
    408: "timeout",
    429: "rate_limited",
}

_KINDS_BY_CLASS: Final = {3: "forbidden", 4: "refused", 5: "server_error"}
"""The kinds of other statuses, by their first digit; any other response is not what was asked for."""


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
        failure = Failure(order_id, error.kind, error.status, messages=(error.message,))
        return cls(failure, error.may_retry, error.retry_after).if_wait_is_possible()

    @classmethod
    def not_sent(cls, error: WaitTooLong, order_id: str) -> Self:
        """Return the attempt of a request that the server does not want yet."""
        return cls(Failure(order_id, "rate_limited", messages=(str(error),)), may_retry=False)

    def if_wait_is_possible(self) -> Self:
        """Return the attempt; if the server asks for too long a wait before the next, there is no next attempt."""
        if not self.may_retry or self.retry_after <= LONGEST_WAIT:
            return self
        messages = str(WaitTooLong(self.retry_after)), *self.failure.messages
        return self._replace(failure=replace(self.failure, kind="rate_limited", messages=messages), may_retry=False)


def read_response(
    response: Response, order_id: str, endpoint: Endpoint[T], at: datetime | None
) -> Fetched[T] | FailedAttempt:
    """Return the object in a response that was sent at a certain time, or why there is none."""
    if response.status != HTTPStatus.OK:
        failure = _failure_of(response, order_id)
        may_retry = response.status in RETRYABLE_STATUSES
    else:
        try:
            return Fetched(endpoint.read(response.body, order_id), at)
        except FetchError as error:
            correlation_id = shown_identifier(response.headers.get("klarna-correlation-id"))
            failure = replace(error.failure, status=response.status, correlation_id=correlation_id)
            may_retry = False
    # What is not JSON may have been truncated on its way, or come from something in between.
    may_retry = may_retry or failure.kind == "invalid_body"
    return FailedAttempt(failure, may_retry, requested_wait(response)).if_wait_is_possible()


def _failure_of(response: Response, order_id: str) -> Failure:
    api_error = _read_api_error(response.body)
    kind = _KINDS_BY_STATUS.get(response.status) or _KINDS_BY_CLASS.get(response.status // 100, "invalid_body")
    if kind == "invalid_id" and api_error.error_code in {"NOT_FOUND", "NO_SUCH_ORDER"}:
        kind = "not_found"
    messages = shown_messages(api_error.error_messages)
    if response.status // 100 == _REDIRECTION and "location" in response.headers:
        messages = ("the host responded with a redirect, which is not followed",)
    elif kind == "invalid_body":
        messages = (f"the host responded with HTTP status {response.status}, not with a document",)
    correlation_id = shown_identifier(api_error.correlation_id or response.headers.get("klarna-correlation-id"))
    return Failure(order_id, kind, response.status, shown_identifier(api_error.error_code), messages, correlation_id)


def _read_api_error(body: bytes) -> ApiError:
    """Read as much of an error body as is documented; some gateways send one text in place of a list of messages."""
    try:
        document = json.loads(body)
        texts = {name: document.get(name) for name in ("error_code", "correlation_id")}
        messages = document.get("error_messages") or document.get("error_message")
    except (ValueError, AttributeError, RecursionError):
        return ApiError()
    known = {name: text for name, text in texts.items() if isinstance(text, str)}
    messages = messages if isinstance(messages, list) else [messages]
    return ApiError(error_messages=tuple(text for text in messages if isinstance(text, str)), **known)

"""TODO."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from om_toolkit.errors import Failure
from om_toolkit.orders.models import ApiError
from om_toolkit.privacy.detectors import names_somebody

_KINDS: Final = {
    400: "invalid_id",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    410: "not_found",
    414: "invalid_id",
    422: "invalid_id",
    429: "rate_limited",
    431: "invalid_id",
}


RETRYABLE: Final = {408, 429, 500, 502, 503, 504}


_LONGEST_ASKED: Final = 3600.0  # and as long as it may ask for


_WITHHELD = "(a message that names a person is not shown)"


def failure_of(answer: requests.Response, order_id: str) -> Failure:
    """Say why an answer other than 200 is no order."""
    told = _api_error(answer.content)
    kind = _KINDS.get(answer.status_code, "server_error")
    messages = tuple(_WITHHELD if names_somebody(text) else text for text in told.error_messages)
    if told.error_code in {"NOT_FOUND", "NO_SUCH_ORDER"}:
        kind = "not_found"
    if answer.is_redirect:
        kind, messages = "forbidden", ("the host answered with a redirect, which is not followed",)
    return Failure(
        order_id,
        kind,
        status=answer.status_code,
        error_code=told.error_code,
        messages=messages,
        correlation_id=told.correlation_id or answer.headers.get("klarna-correlation-id"),
    )


def _api_error(body: bytes) -> ApiError:
    """Read the body of an error, as far as it is one; some gateways send a single `error_message`."""
    try:
        document = json.loads(body)
        known = {
            name: document[name] for name in ("error_code", "correlation_id") if isinstance(document.get(name), str)
        }
        messages = document.get("error_messages") or [document.get("error_message")]
        return ApiError(error_messages=tuple(text for text in messages if isinstance(text, str)), **known)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ApiError()


def requested_wait(answer: requests.Response) -> float | None:
    """Return the seconds that the server wants us to wait: by `Retry-After`, or as the rate limit is used up."""
    asked, left = answer.headers.get("retry-after"), answer.headers.get("x-ratelimit-remaining")
    if asked is None and (answer.status_code == requests.codes.too_many_requests or left == "0"):
        asked = answer.headers.get("x-ratelimit-reset")
    if asked is None:
        return None
    until, now = http_date(asked), http_date(answer.headers.get("date")) or datetime.now(UTC)
    try:
        seconds = (until - now).total_seconds() if until else float(asked)
    except ValueError:
        return None
    return max(0.0, seconds) if seconds <= _LONGEST_ASKED else None


def http_date(text: str | None) -> datetime | None:
    """Read a date of HTTP, which is in UTC whatever it says; None if it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None

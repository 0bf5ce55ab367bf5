"""The normal response of the server in; the response of a fault out."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from math import fsum
from typing import Literal, NamedTuple, TypeAlias

from om_toolkit.synthetic.dice import to_json
from om_toolkit.synthetic.shop import AS_OF

_QUOTA = {"x-ratelimit-limit": "200, 200;w=1", "x-ratelimit-remaining": "199", "x-ratelimit-reset": "1"}
_JSON_HEADERS = {"content-type": "application/json;charset=utf-8", "cache-control": "no-cache, no-store", **_QUOTA}


class ServerResponse(NamedTuple):
    """A response before it is sent."""

    correlation_id: str  # "" sends none
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = _JSON_HEADERS
    delivery: Literal["whole", "truncated", "drip", "reset", "hang"] = "whole"
    at: datetime = AS_OF


Fault: TypeAlias = "Callable[[ServerResponse], ServerResponse]"


def api_error(normal: ServerResponse, status: int, code: str, message: str, **more: object) -> ServerResponse:
    """Return an error in the API's own format."""
    document = {"error_code": code, "error_messages": [message], "correlation_id": normal.correlation_id, **more}
    return normal._replace(status=status, body=to_json(document), headers=_JSON_HEADERS)


def unauthorized(_: ServerResponse) -> ServerResponse:
    """Return the page that refuses credentials."""
    return _html_page(401, "401 Authorization Required", **{"www-authenticate": 'Basic realm="sandbox"'})


def checked_faults(faults: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each fault.

    Raises:
        ValueError: If a fault is unknown, a share is negative, or their sum is more than 1.
    """
    if unknown := sorted(faults.keys() - FAULTS.keys()):
        raise ValueError(f"unknown faults {', '.join(unknown)}; use some of {', '.join(FAULTS)}")
    if not (min(faults.values(), default=0) >= 0 and fsum(faults.values()) <= 1):  # nan fails both
        raise ValueError(f"invalid shares of faults {dict(faults)}; use positive shares with a sum of at most 1")
    return dict(faults)


def _html_page(status: int, title: str, **headers: str) -> ServerResponse:
    """Return a page of a proxy, which knows no correlation id."""
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()
    return ServerResponse("", status, body, {"content-type": "text/html", **headers})


def _rate_limited(**more: str) -> ServerResponse:
    """Return a 429 with an empty body, as recorded, and more headers."""
    recorded = {**_QUOTA, "x-envoy-ratelimited": "true", "x-ratelimit-remaining": "0"}
    return ServerResponse("", 429, headers={**recorded, **more})


def _rate_limited_until(normal: ServerResponse) -> ServerResponse:
    """Return a 429 that ends one second later, as a date."""
    retry_after = format_datetime(normal.at + timedelta(seconds=1), usegmt=True)
    return _rate_limited(**{"retry-after": retry_after})


def _wrong_type(normal: ServerResponse) -> ServerResponse:
    """Return the response with text in place of its first amount."""
    amount = rb'"(order_amount|captured_amount)":-?\d+'
    return normal._replace(body=re.sub(amount, rb'"\1":"12.50"', normal.body, count=1))


_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE", "Try again later"

FAULTS: dict[str, Fault] = {
    "invalid_id": lambda normal: api_error(normal, 400, "INVALID_ORDER_ID", "The order id is malformed"),
    "unauthorized": unauthorized,
    "forbidden": lambda normal: api_error(normal, 403, "NOT_ALLOWED", "Not for this merchant", reason="disabled"),
    "firewall": lambda _: _html_page(403, "403 Forbidden"),
    "not_found": lambda normal: api_error(normal, 404, "NO_SUCH_ORDER", "There is no such order"),
    "redirect": lambda _: _html_page(302, "302 Found", location="https://elsewhere.example/"),
    "rate_limited": lambda _: _rate_limited(),
    "rate_limited_seconds": lambda _: _rate_limited(**{"retry-after": "1"}),
    "rate_limited_date": _rate_limited_until,
    "used_up": lambda normal: normal._replace(headers={**normal.headers, "x-ratelimit-remaining": "0"}),
    "server_error": lambda normal: api_error(normal, 500, "INTERNAL_SERVER_ERROR", "Something went wrong"),
    "bad_gateway": lambda _: _html_page(502, "502 Bad Gateway"),
    "unavailable": lambda normal: api_error(normal, 503, *_UNAVAILABLE),
    "gateway_timeout": lambda normal: api_error(normal, 504, *_UNAVAILABLE),
    "hang": lambda normal: normal._replace(delivery="hang"),
    "drip": lambda normal: normal._replace(delivery="drip"),
    "reset": lambda normal: normal._replace(delivery="reset"),
    "truncated": lambda normal: normal._replace(delivery="truncated"),
    "page": lambda _: _html_page(200, "We are back soon"),
    "not_json": lambda normal: normal._replace(body=normal.body[: len(normal.body) // 2]),
    "oversize": lambda normal: normal._replace(body=b" " * 10_000_000 + normal.body),
    "wrong_type": _wrong_type,
}
"""Every fault by name: a function from the normal response to the one that is sent instead."""

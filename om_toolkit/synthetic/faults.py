"""TODO."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from math import fsum
from typing import TYPE_CHECKING, Literal, NamedTuple

from om_toolkit.synthetic.shop import AS_OF, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_LIMIT = {"x-ratelimit-limit": "200, 200;w=1", "x-ratelimit-remaining": "199", "x-ratelimit-reset": "1"}


_JSON_HEADERS = {"content-type": "application/json;charset=utf-8", "cache-control": "no-cache, no-store", **_LIMIT}


class ServerResponse(NamedTuple):
    """An answer before it is sent."""

    correlation_id: str  # "" sends none
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = _JSON_HEADERS
    delivery: Literal["whole", "truncated", "drip", "reset", "hang"] = "whole"
    at: datetime = AS_OF


def problem(honest: ServerResponse, status: int, code: str, message: str, **more: object) -> ServerResponse:
    document = {"error_code": code, "error_messages": [message], "correlation_id": honest.correlation_id, **more}
    return honest._replace(status=status, body=to_json(document), headers=_JSON_HEADERS)


def _page(status: int, title: str, **headers: str) -> ServerResponse:
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()
    return ServerResponse("", status, body, {"content-type": "text/html", **headers})


def unauthorized(_honest: ServerResponse) -> ServerResponse:
    return _page(401, "401 Authorization Required", **{"www-authenticate": 'Basic realm="sandbox"'})


def _rate_limited(**more: str) -> ServerResponse:
    """Refuse with an empty body, as was recorded; `more` tells in another way how long to wait."""
    recorded = {**_LIMIT, "x-envoy-ratelimited": "true", "x-ratelimit-remaining": "0"}
    return ServerResponse("", 429, headers={**recorded, **more})


def _a_second_later(honest: ServerResponse) -> ServerResponse:
    moment = format_datetime(honest.at + timedelta(seconds=1), usegmt=True)
    return _rate_limited(**{"retry-after": moment})


def _wrong_type(honest: ServerResponse) -> ServerResponse:
    amount = rb'"(order_amount|captured_amount)":-?\d+'
    return honest._replace(body=re.sub(amount, rb'"\1":"12.50"', honest.body, count=1))


_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE", "Try again later"


# A fault takes the honest answer and returns what is sent instead.
FAULTS: dict[str, Callable[[ServerResponse], ServerResponse]] = {
    "invalid_id": lambda honest: problem(honest, 400, "INVALID_ORDER_ID", "The order id is malformed"),
    "unauthorized": unauthorized,
    "forbidden": lambda honest: problem(honest, 403, "NOT_ALLOWED", "Not for this merchant", reason="disabled"),
    "firewall": lambda _: _page(403, "403 Forbidden"),
    "not_found": lambda honest: problem(honest, 404, "NO_SUCH_ORDER", "There is no such order"),
    "redirect": lambda _: _page(302, "302 Found", location="https://elsewhere.example/"),
    "rate_limited": lambda _: _rate_limited(),
    "rate_limited_seconds": lambda _: _rate_limited(**{"retry-after": "1"}),
    "rate_limited_date": _a_second_later,
    "used_up": lambda honest: honest._replace(headers={**honest.headers, "x-ratelimit-remaining": "0"}),
    "server_error": lambda honest: problem(honest, 500, "INTERNAL_SERVER_ERROR", "Something went wrong"),
    "bad_gateway": lambda _: _page(502, "502 Bad Gateway"),
    "unavailable": lambda honest: problem(honest, 503, *_UNAVAILABLE),
    "gateway_timeout": lambda honest: problem(honest, 504, *_UNAVAILABLE),
    "hang": lambda honest: honest._replace(delivery="hang"),
    "drip": lambda honest: honest._replace(delivery="drip"),
    "reset": lambda honest: honest._replace(delivery="reset"),
    "truncated": lambda honest: honest._replace(delivery="truncated"),
    "page": lambda _: _page(200, "We are back soon"),
    "not_json": lambda honest: honest._replace(body=honest.body[: len(honest.body) // 2]),
    "oversize": lambda honest: honest._replace(body=b" " * 10_000_000 + honest.body),
    "wrong_type": _wrong_type,
}


def checked_faults(faults: Mapping[str, float]) -> dict[str, float]:
    if unknown := sorted(faults.keys() - FAULTS.keys()):
        raise ValueError(f"unknown faults: {', '.join(unknown)}; known are {', '.join(FAULTS)}")
    if not (min(faults.values(), default=0) >= 0 and fsum(faults.values()) <= 1):  # nan is neither
        raise ValueError(f"shares of faults must be positive and add up to 1 at most: {dict(faults)}")
    return dict(faults)

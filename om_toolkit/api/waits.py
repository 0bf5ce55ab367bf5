"""Waits: the headers of a response in; the seconds that the server asks to wait out."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import isfinite
from typing import Final

from om_toolkit.api.transport import Response
from om_toolkit.support.instants import in_utc

_FIRST_EPOCH: Final = 1e9  # a larger number is a moment, in seconds since 1970;

_FIRST_EPOCH_MS: Final = 1e11  # and from here on in milliseconds or smaller units


def requested_wait(response: Response) -> float:
    """Return the seconds the server asks to wait: by `Retry-After`, or because the rate limit is used up; else 0.

    Of a repeated header, the longest wait counts.
    """
    headers = response.headers
    names = ["retry-after"]
    if response.status == HTTPStatus.TOO_MANY_REQUESTS or _is_used_up(headers.get("x-ratelimit-remaining")):
        names.append("x-ratelimit-reset")
    for name in names:
        if waits := _waits(headers.get(name, ""), response):
            return max(0.0, *waits)
    return 0.0


def http_date(text: str | None) -> datetime | None:
    """Read an HTTP date, which is in UTC regardless of the zone it names; return None if it is missing or invalid."""
    try:
        return in_utc(parsedate_to_datetime(text or ""))
    except (ValueError, OverflowError):
        return None


def _is_used_up(remaining: str | None) -> bool:
    return remaining is not None and any(
        number <= 0 for number in map(_number, remaining.split(",")) if number is not None
    )


def _waits(header: str, response: Response) -> list[float]:
    """Return the valid values of a header; a date remains valid when it is split at the comma after its weekday."""
    if not header:
        return []
    now = http_date(response.headers.get("date")) or datetime.now(UTC)
    return [seconds for part in header.split(",") if (seconds := _seconds(part, now)) is not None]


def _seconds(text: str, now: datetime) -> float | None:
    """Return the seconds until a moment, or the seconds themselves; None if it is neither."""
    number = _number(text)
    if number is None:
        until = http_date(text)
        return (until - now).total_seconds() if until else None
    while number >= _FIRST_EPOCH_MS:
        number /= 1000
    return number - now.timestamp() if number >= _FIRST_EPOCH else number


def _number(text: str) -> float | None:
    """Return a finite number; it may have parameters, such as `1;w=1`."""
    try:
        number = float(text.partition(";")[0])
    except ValueError:
        return None
    return number if isfinite(number) else None

"""Waits: which headers ask for one, how long it is, and what happens if it is too long."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING

import pytest
from secret_watch import KEY
from serving import serving

import om_toolkit as om
from om_toolkit.api.waits import requested_wait
from om_toolkit.support import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

DATE = "Wed, 25 Nov 2026 12:00:00 GMT"
EPOCH = 1795608000  # the same moment
LIMITED = {"X-RateLimit-Remaining": "0"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0.25", 0.25),
        ("7200", 7200),
        ("-3", 0),
        ("2, 5", 5),
        ("soon, 5", 5),
        ("5;w=1", 5),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30),
        ("Wednesday, 25-Nov-26 12:00:30 GMT", 30),
        ("Wed Nov 25 12:00:30 2026", 30),
        ("Wed, 25 Nov 2026 12:00:30 GMT, Wed, 25 Nov 2026 12:00:40 GMT", 40),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0),
        (f"{EPOCH + 90}", 90),
        (f"{EPOCH + 90}000", 90),
        (f"{EPOCH + 90}000000", 90),
        (f"{EPOCH - 90}", 0),
        *((invalid, 0) for invalid in ("", "soon", "nan", "inf", "9" * 5000, ",", "1e400")),
    ],
)
def test_a_wait_is_given_in_seconds_or_as_a_moment(value: str, seconds: float) -> None:
    for headers in ({"Retry-After": value}, {"X-RateLimit-Reset": value} | LIMITED):
        for status in (200, 429, 503):
            response = om.Response(status, {"Date": DATE} | headers)
            assert requested_wait(response) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("status", "remaining", "seconds"),
    [(200, "4", 0), (200, "0", 9), (200, "0, 0", 9), (200, "0;w=1", 9), (200, "", 0), (429, "4", 9), (503, "1", 0)],
)
def test_a_reset_counts_once_the_limit_is_used_up(status: int, remaining: str, seconds: float) -> None:
    headers = {"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": "9"}
    assert requested_wait(om.Response(status, headers)) == seconds


def test_an_invalid_retry_after_leaves_the_reset() -> None:
    assert requested_wait(om.Response(429, {"Retry-After": "soon", "X-RateLimit-Reset": "9"})) == 9


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "7200"}),
        (503, {"Retry-After": "7200, 60"}),
        (429, {"Date": DATE, "X-RateLimit-Reset": f"{EPOCH + 7200}"}),
        (520, {"Date": DATE, "Retry-After": "Wed, 25 Nov 2026 14:00:00 GMT"}),
    ],
)
def test_a_wait_that_is_too_long_fails_everything_at_once_and_says_how_long(
    status: int, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "om_toolkit")
    with (
        serving(lambda _: (status, headers, b"")) as served,
        om.Client(KEY, base_url=served.url, workers=1) as client,
    ):
        started = time.monotonic()
        for ids in (["1", "2", "3"], ["4"]):
            failures = client.orders(ids).failures
            assert [failure.kind for failure in failures] == ["rate_limited"] * len(ids)
            assert all("wait 7,200 s" in str(failure) for failure in failures)
        assert time.monotonic() - started < 3
    assert len(served.paths) == 1
    assert [failure.attempts for failure in failures] == [0]
    assert "order 1: the server asks to wait 7.2e+03 s" in caplog.messages


def test_a_wait_that_is_too_long_with_an_order_costs_the_other_orders_only() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4000"}
    with (
        serving(lambda path: (200, headers, f'{{"order_id": "{path[-1]}"}}'.encode())) as served,
        om.Client(KEY, base_url=served.url, workers=1) as client,
    ):
        orders = client.orders(["1", "2"])
    assert [order.order_id for order in orders] == ["1"]
    assert [(failure.order_id, failure.kind) for failure in orders.failures] == [("2", "rate_limited")]


def test_the_bar_shows_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_SECONDS_WITHOUT_BAR", 0)
    replies: Iterator[tuple[int, dict[str, str], bytes]] = iter(
        [(429, {"Retry-After": "1.9"}, b""), (200, {}, b'{"order_id": "1"}')]
    )
    with serving(lambda _: next(replies)) as served, om.Client(KEY, base_url=served.url) as client:
        client.order("1")
    assert "waiting 2 s for the server" in stream.getvalue()

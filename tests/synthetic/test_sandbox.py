"""The sandbox is a client on a synthetic shop."""

from __future__ import annotations

import threading
import time

import pytest

from om_toolkit.errors import InvalidSetting
from om_toolkit.synthetic.sandbox import sandbox


def test_the_client_fetches_the_whole_shop_without_a_rate_limit() -> None:
    with sandbox(orders=60) as client:
        started = time.monotonic()
        orders = client.orders(client.order_ids)
        assert time.monotonic() - started < 2  # at the usual 20 requests/s it would be 3
        assert [order.order_id for order in orders] == list(client.order_ids)
        assert orders.failures == ()
        assert orders.as_of == client.shop.as_of
        assert client.server.served == 60


def test_options_of_the_client_and_faults_are_passed_on() -> None:
    with sandbox(orders=3, faults={"unavailable": 1.0}, max_retries=0, workers=2) as client:
        failures = client.orders(client.order_ids).failures
    assert [failure.kind for failure in failures] == ["server_error"] * 3
    assert client.server.served == 3


def test_closing_the_client_stops_the_server() -> None:
    client = sandbox(orders=1, max_retries=0)
    client.close()
    assert [failure.kind for failure in client.orders(client.order_ids).failures] == ["connection"]


def test_an_invalid_option_leaves_no_server_running() -> None:
    before = set(threading.enumerate())
    with pytest.raises(InvalidSetting):
        sandbox(orders=1, workers=0)
    assert set(threading.enumerate()) <= before

"""A transport of one's own: what it gets, what the client makes of its responses and errors, and when it waits."""

from __future__ import annotations

import _thread
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from secret_watch import KEY, PASSWORD, USERNAME

import om_toolkit as om
from om_toolkit.api import client as client_module

if TYPE_CHECKING:
    from collections.abc import Callable


def found(request: om.Request) -> om.Response:
    return om.Response(200, body=json.dumps({"order_id": unquote(request.path.rpartition("/")[2])}).encode())


class Canned(om.Transport):
    """Calls a function for each request and counts the requests."""

    waits = False

    def __init__(self, respond: Callable[[om.Request], om.Response] = found) -> None:
        self.respond = respond
        self.requested = Counter[str]()
        self.is_closed = False

    def get(self, request: om.Request) -> om.Response:
        self.requested[request.path] += 1
        return self.respond(request)

    def close(self) -> None:
        self.is_closed = True


def failing(**options: Any) -> Callable[[om.Request], om.Response]:
    def respond(_: om.Request) -> om.Response:
        raise om.TransportError("broken", **options)

    return respond


def test_a_transport_needs_no_credentials_and_gets_the_path_of_each_order_once() -> None:
    transport = Canned()
    with om.Client(transport=transport) as client:
        orders = client.orders(["a/b", "2", "2"])
    assert [order.order_id for order in orders] == ["a/b", "2"]
    assert transport.requested == {
        "/ordermanagement/v1/orders/a%2Fb": 1,
        "/ordermanagement/v1/orders/2": 1,
    }
    assert transport.is_closed


def test_captures_are_requested_at_their_own_path() -> None:
    transport = Canned(lambda _: om.Response(200, body=b'[{"capture_id": "c"}]'))
    assert [capture.capture_id for capture in om.Client(transport=transport).captures("1")] == ["c"]
    assert list(transport.requested) == ["/ordermanagement/v1/orders/1/captures"]


def test_the_environment_is_not_read_for_a_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_API_KEY", f"{KEY} {KEY}")
    monkeypatch.setenv("OM_BASE_URL", "no address")
    assert repr(om.Client(transport=Canned())) == "Client('')"


@pytest.mark.parametrize(
    "option",
    [
        {"api_key": KEY},
        {"username": USERNAME},
        {"password": PASSWORD},
        {"base_url": "https://api.kustom.co"},
        {"integrator": "shop"},
    ],
)
def test_credentials_are_not_given_to_a_client_with_a_transport(option: dict[str, str]) -> None:
    with pytest.raises(om.InvalidSetting, match="leave out"):
        om.Client(transport=Canned(), **option)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind", "attempts"),
    [
        ({}, om.ConnectionFailed, 3),
        ({"kind": "timeout"}, om.RequestTimeout, 3),
        ({"kind": "invalid_body", "status": 200, "may_retry": False}, om.InvalidBody, 1),
        ({"kind": "not_recorded", "may_retry": False}, om.NotRecorded, 1),
    ],
)
def test_its_errors_become_failures_and_are_retried_if_that_may_help(
    error: dict[str, Any], kind: type[om.FetchError], attempts: int
) -> None:
    transport = Canned(failing(**error))
    with pytest.raises(kind) as raised:
        om.Client(transport=transport, max_retries=2).order("1")
    failure = raised.value.failure
    assert (failure.messages, failure.status, failure.attempts) == (("broken",), error.get("status"), attempts)
    assert transport.requested.total() == attempts


def test_an_unforeseen_error_of_its_own_is_the_failure_of_one_order() -> None:
    def respond(request: om.Request) -> om.Response:
        return {"1": om.Response(404)}[request.path[-1]]

    with pytest.warns(om.NothingFound, match="the transport knows none"):
        om.Client(transport=Canned(respond)).orders("1")
    failures = om.Client(transport=Canned(respond)).orders(["1", "2"]).failures
    assert [(failure.kind, failure.messages) for failure in failures] == [
        ("not_found", ()),
        ("invalid_body", ("KeyError",)),
    ]


def test_a_transport_that_does_not_wait_is_retried_immediately_and_without_rate_limit() -> None:
    responses = iter([om.Response(503, {"Retry-After": "60"}), om.Response(429), om.Response(503)])
    transport = Canned(lambda request: next(responses, None) or found(request))
    started = time.monotonic()
    assert len(om.Client(transport=transport, requests_per_second=0.1).orders(["1", "2", "3"])) == 3
    assert time.monotonic() - started < 5
    assert transport.requested.total() == 6


def test_a_transport_waits_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting(Canned):
        waits = om.Transport.waits

    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
    responses = iter([om.Response(503, {"Retry-After": "0.3"})])
    started = time.monotonic()
    om.Client(transport=Waiting(lambda request: next(responses, None) or found(request))).order("1")
    assert time.monotonic() - started > 0.28


def test_its_clock_dates_a_response_without_a_date() -> None:
    moment = datetime(2026, 10, 1, tzinfo=UTC)

    class Dated(Canned):
        def now(self) -> datetime:
            return moment

    assert om.Client(transport=Dated()).orders("1").as_of == moment
    header = {"DATE": "Tue, 01 Sep 2026 08:00:00 GMT"}
    dated = Dated(lambda _: om.Response(200, header, b'{"order_id": "1"}'))
    assert om.Client(transport=dated).orders("1").as_of == datetime(2026, 9, 1, 8, tzinfo=UTC)


def test_no_more_requests_are_in_flight_than_it_allows() -> None:
    in_flight, most = set[str](), []

    class Single(Canned):
        @property
        def max_workers(self) -> int:
            return 1

    def respond(request: om.Request) -> om.Response:
        in_flight.add(request.path)
        time.sleep(0.005)
        most.append(len(in_flight))
        in_flight.discard(request.path)
        return found(request)

    om.Client(transport=Single(respond)).orders([str(number) for number in range(10)])
    assert most == [1] * 10


def blocking(request: om.Request) -> om.Response:
    """Wait as a transport should: until the request is cancelled."""
    cancelled = threading.Event()
    request.on_cancel = cancelled.set
    assert cancelled.wait(10)
    assert request.is_cancelled
    raise om.TransportError("cancelled", kind="timeout")


def test_a_request_is_cancelled_at_its_deadline() -> None:
    with pytest.raises(om.RequestTimeout) as raised:
        om.Client(transport=Canned(blocking), timeout=0.1, max_retries=0).order("1")
    assert 0.15 < raised.value.failure.elapsed < 2


def test_requests_in_flight_are_cancelled_by_an_interrupt() -> None:
    client = om.Client(transport=Canned(lambda one: found(one) if one.path.endswith("/0") else blocking(one)))
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(om.Interrupted) as raised:
        client.orders([str(number) for number in range(30)])
    assert [order.order_id for order in raised.value.orders] == ["0"]
    assert raised.value.orders.failures == ()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("om_toolkit")]


def test_an_interrupt_of_a_single_order_is_a_keyboard_interrupt() -> None:
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        om.Client(transport=Canned(blocking)).order("1")


def test_neither_a_request_nor_a_response_shows_what_is_personal() -> None:
    assert repr(om.Response(200, {"Set-Cookie": "x=1"}, b'{"given_name": "Ada"}')) == "Response(200, 21 bytes)"
    assert repr(om.Request("/ordermanagement/v1/orders/1")) == "Request('/ordermanagement/v1/orders/1')"


def test_a_base_transport_says_that_get_is_missing() -> None:
    with pytest.raises(NotImplementedError):
        om.Transport().get(om.Request("/"))

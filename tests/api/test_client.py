"""The client: credentials, addresses, every documented and recorded fault, and batches that lose nothing."""

from __future__ import annotations

import _thread
import copy
import io
import json
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import pytest
from secret_watch import KEY, PASSWORD, USERNAME
from serving import Reply, serving

import om_toolkit as om
from om_toolkit.api import client as client_module
from om_toolkit.api import workers
from om_toolkit.support import progress
from om_toolkit.synthetic.faults import FAULTS as FAULT_RESPONSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class TestCredentials:
    def test_without_any_the_error_names_them_all(self) -> None:
        with pytest.raises(om.CredentialsMissing) as raised:
            om.Client()
        assert isinstance(raised.value, ValueError)
        for name in ("api_key", "OM_API_KEY", "OM_USERNAME", "OM_PASSWORD"):
            assert name in str(raised.value)

    def test_arguments_win_over_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OM_API_KEY", "klarna_live_api_x")
        monkeypatch.setenv("OM_BASE_URL", "https://api-na.klarna.com/")
        assert om.Client().base_url == "https://api-na.klarna.com"
        assert om.Client(KEY, base_url="https://api.kustom.co").base_url == "https://api.kustom.co"

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ({"api_key": f" {KEY}\n"}, f"Basic {KEY}"),
            ({"username": "K1_é", "password": "pä:ss"}, "Basic SzFfw6k6cMOkOnNz"),
        ],
    )
    def test_both_forms_are_sent_and_netrc_is_ignored(
        self, given: dict[str, Any], sent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login other password other\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with (
            serving(lambda _: (200, {}, b'{"order_id": "1"}')) as server,
            om.Client(**given, base_url=server.url) as client,
        ):
            client.order("1")
        assert server.headers[0]["Authorization"] == sent

    @pytest.mark.parametrize(
        "key", ["kco_live_SECRET\nTAIL", "kco_live_SECRET…", "\ufeffkco_live_SECRET", "kco live SECRET"]
    )
    def test_a_key_that_is_not_a_valid_header_is_refused_without_quoting_it(self, key: str) -> None:
        with pytest.raises(om.InvalidSetting, match="API key") as raised:
            om.Client(key)
        assert "SECRET" not in f"{raised.value!r}"

    def test_a_host_on_this_computer_is_not_reached_through_a_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(lambda _: (200, {}, b'{"order_id": "1"}')) as proxy, om.sandbox(1) as client:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("http_proxy", proxy.url)
            assert client.order(client.order_ids[0]).order_id == client.order_ids[0]
            assert proxy.paths == []

    @pytest.mark.parametrize("key", [KEY, "klarna_live_api_x", "KCO_TEST_x"])
    def test_a_key_given_as_username_is_an_error(self, key: str) -> None:
        with pytest.raises(om.InvalidSetting, match="api_key"):
            om.Client(username=key, password="x")

    @pytest.mark.parametrize(
        "client",
        [{"api_key": KEY}, {"username": USERNAME, "password": PASSWORD, "base_url": "https://api.kustom.co"}],
    )
    def test_they_are_not_shown_and_not_pickled(self, client: dict[str, str]) -> None:
        made = om.Client(**client)  # type: ignore[arg-type]
        shown = f"{made!r} {made} {vars(made)} {vars(made._transport)}"
        assert KEY not in shown
        assert PASSWORD not in shown
        for holder in (made, made._transport):
            for taken in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match="credentials"):
                    taken(holder)


@pytest.mark.parametrize(
    ("base_url", "message"),
    [
        ("http://api.kustom.co", "https"),
        ("https://api.kustom.com", r"\.co"),
        ("https://user:secret@api.kustom.co", "without credentials"),
        ("api.kustom.co", "https"),
        ("ftp://api.kustom.co", "https"),
        ("https://:secret@api.kustom.co", "without credentials"),
        ("https://api.kustom.co:abc", "address"),
        ("https://[::1", "address"),
    ],
)
def test_credentials_are_not_sent_where_they_must_not_go(base_url: str, message: str) -> None:
    with pytest.raises(om.InvalidSetting, match=message) as raised:
        om.Client(KEY, base_url=base_url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "option",
    [
        {"workers": 0},
        {"max_retries": -1},
        {"requests_per_second": 0},
        {"requests_per_second": float("nan")},
        {"deadline": float("nan")},
        {"timeout": (0, 1)},
        {"timeout": (1, float("nan"))},
        {"timeout": -1},
        {"integrator": "шоп"},
        {"integrator": " shop"},
        {"base_url": "https://a b"},
        {"base_url": "https://.kustom.co"},
        {"base_url": "https://*.kustom.co"},
    ],
)
def test_an_option_that_cannot_work_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(om.InvalidSetting):
        om.Client(KEY, **option)


def test_a_client_that_was_not_made_has_a_repr() -> None:
    assert repr(om.Client.__new__(om.Client)) == "Client('')"


ORDER = b'{"order_id": "1"}'


def fetch(respond: Any, order_id: str = "1", **options: Any) -> om.Order:
    with serving(respond) as server, om.Client(KEY, base_url=server.url, **{"max_retries": 0} | options) as client:
        return client.order(order_id)


def order_at(path: str) -> bytes:
    return json.dumps({"order_id": path.rpartition("/")[2]}).encode()


FAULTS: dict[str, tuple[type[om.FetchError], int | None, bool]] = {
    "invalid_id": (om.InvalidID, 400, False),
    "unauthorized": (om.Unauthorized, 401, False),
    "forbidden": (om.Forbidden, 403, False),
    "firewall": (om.Forbidden, 403, False),
    "not_found": (om.NotFound, 404, False),
    "redirect": (om.Forbidden, 302, False),
    "rate_limited": (om.RateLimited, 429, True),
    "rate_limited_seconds": (om.RateLimited, 429, True),
    "rate_limited_date": (om.RateLimited, 429, True),
    "server_error": (om.ServerError, 500, True),
    "bad_gateway": (om.ServerError, 502, True),
    "unavailable": (om.ServerError, 503, True),
    "gateway_timeout": (om.ServerError, 504, True),
    "hang": (om.RequestTimeout, None, True),
    "drip": (om.RequestTimeout, None, True),
    "reset": (om.ConnectionFailed, None, True),
    "truncated": (om.ConnectionFailed, None, True),
    "page": (om.InvalidBody, 200, True),
    "not_json": (om.InvalidBody, 200, True),
    "oversize": (om.InvalidBody, 200, False),
    "wrong_type": (om.InvalidOrder, 200, False),
}
"""Each fault of the sandbox: the error that it ends in, its status, and whether it is retried."""


def test_every_fault_of_the_sandbox_is_known_here() -> None:
    assert {*FAULTS, "used_up"} == set(FAULT_RESPONSES)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no thread wait between two attempts, not even if the server asks for it."""
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
    monkeypatch.setattr(client_module.Client, "_wait_as_asked", lambda *_: None)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_error_and_failure_and_is_retried_if_that_may_help(fault: str) -> None:
    error, status, may_get_better = FAULTS[fault]
    attempts = 3 if may_get_better else 1
    timeout = (0.1, 0.1) if error is om.RequestTimeout else (5, 30)
    with om.sandbox(3, seed=7, faults={fault: 1.0}, max_retries=2, timeout=timeout) as client:
        order_id = next(one for one in client.order_ids if client.shop.answer(one)["captures"])
        with pytest.raises(error) as raised:
            client.order(order_id)
        failure = raised.value.failure
        assert (failure.order_id, failure.status, failure.attempts) == (order_id, status, attempts)
        assert str(raised.value).startswith(order_id)
        assert client.server.served == attempts
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", om.NothingFound)
            many = client.orders([order_id])
            captures = client.captures([order_id])
        found = [(one.kind, one.status, one.attempts) for one in (*many.failures, *captures.failures)]
        assert found == [(failure.kind, status, attempts)] * 2


def test_failures_are_a_frame_as_well() -> None:
    faults = {"not_found": 0.3, "unavailable": 0.3}
    with om.sandbox(20, faults=faults, max_retries=0) as client:
        failures = client.orders(client.order_ids).failures
        again = client.orders(failures)
    frame = failures.to_polars()
    assert frame["order_id"].to_list() == [failure.order_id for failure in failures]
    assert set(frame["kind"]) == {"not_found", "server_error"}
    assert set(frame["messages"]) == {"There is no such order", "Try again later"}
    assert frame["correlation_id"].null_count() == 0
    assert frame["elapsed_seconds"].min() > 0  # type: ignore[operator]
    assert frame.schema == om.Failures().to_polars().schema
    assert len(again) + len(again.failures) == len(failures)
    assert "not_found" in repr(failures)
    assert failures._repr_html_().count("<li>") == 6  # five in words, and how many more
    assert pickle.loads(pickle.dumps(failures)) == failures


def test_a_documented_error_body_is_kept() -> None:
    body = {"error_messages": ["Order 1 cannot be found"], "correlation_id": "abc", "error_code": "NO_SUCH_ORDER"}
    with pytest.raises(om.NotFound) as raised:
        fetch(lambda _: (404, {}, json.dumps(body).encode()))
    failure = raised.value.failure
    assert (failure.error_code, failure.messages, failure.correlation_id) == (
        "NO_SUCH_ORDER",
        ("Order 1 cannot be found",),
        "abc",
    )


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (400, {}, b'{"error_code": "INVALID_ORDER_ID"}', "invalid_id"),
        (400, {}, b'{"error_code": "NOT_FOUND"}', "not_found"),
        (403, {}, b"<html>", "forbidden"),
        (404, {}, b"", "not_found"),
        (408, {}, b"", "timeout"),
        (204, {}, b"", "invalid_body"),
        (206, {}, b'{"order_id"', "invalid_body"),
        (300, {}, b"", "forbidden"),
        (304, {}, b"", "forbidden"),
        (401, {}, b'{"error_code": "NOT_FOUND"}', "unauthorized"),
        (405, {}, b"", "refused"),
        (425, {}, b"", "refused"),
        (451, {}, b"<html>", "refused"),
        (529, {}, b"", "server_error"),
        (777, {}, b"", "invalid_body"),
        (410, {}, b"", "not_found"),
        (414, {}, b"", "invalid_id"),
        (431, {}, b"", "invalid_id"),
        (502, {}, b"<html>", "server_error"),
        (500, {}, b'{"error_message": {"a": 1}, "error_messages": 5}', "server_error"),
        (504, {"Klarna-Correlation-Id": "xyz"}, b"[]", "server_error"),
    ],
)
def test_other_responses_have_their_kind(status: int, headers: dict[str, str], body: bytes, kind: str) -> None:
    with pytest.raises(om.FetchError) as raised:
        fetch(lambda _: (status, headers, body))
    assert raised.value.failure.kind == kind
    assert raised.value.failure.correlation_id == headers.get("Klarna-Correlation-Id")


def test_a_gateway_s_single_message_is_kept() -> None:
    with pytest.raises(om.FetchError) as raised:
        fetch(lambda _: (500, {}, b'{"error_message": "sorry"}'))
    assert raised.value.failure.messages == ("sorry",)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('"Closed"', ("Closed",)),
        ('["Closed", "Paid"]', ("Closed", "Paid")),
        ('[7, {}, "Closed"]', ("Closed",)),
        ('{"text": "Closed"}', ()),
        ("true", ()),
    ],
)
def test_error_messages_of_another_type_are_read_as_far_as_they_are_text(sent: str, kept: tuple[str, ...]) -> None:
    body = f'{{"error_messages": {sent}, "error_code": "CONFLICT"}}'
    with pytest.raises(om.Refused) as raised:
        fetch(lambda _: (409, {}, body.encode()))
    assert (raised.value.failure.messages, raised.value.failure.error_code) == (kept, "CONFLICT")


def test_codes_and_ids_that_are_none_are_left_out() -> None:
    body = {"error_code": "ada@lovelace.se", "correlation_id": "1\x1b[31m"}
    with pytest.raises(om.Forbidden) as raised:
        fetch(lambda _: (403, {"Klarna-Correlation-Id": "x" * 999}, json.dumps(body).encode()))
    assert (raised.value.failure.error_code, raised.value.failure.correlation_id) == (None, None)


@pytest.mark.parametrize("status", [425, 520, 521, 522, 523, 524, 529])
def test_statuses_of_proxies_are_retried(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
    replies = iter([(status, {}, b""), (200, {}, ORDER)])
    assert fetch(lambda _: next(replies), max_retries=1).order_id == "1"


def test_a_message_that_names_a_person_is_not_shown() -> None:
    with pytest.raises(om.FetchError) as raised:
        fetch(lambda _: (400, {}, b'{"error_messages": ["not an id: ada@lovelace.se", "sorry"]}'))
    assert raised.value.failure.messages == ("(a message that names a person is not shown)", "sorry")


def test_a_redirect_is_not_followed() -> None:
    with serving(lambda _: (200, {}, b'{"order_id": "1"}')) as elsewhere:
        with pytest.raises(om.Forbidden, match="redirect"):
            fetch(lambda path: (302, {"Location": elsewhere.url + path}, b""))
        assert elsewhere.paths == []


def test_no_response_in_time_is_a_timeout() -> None:
    def slow(_: str) -> Reply:
        time.sleep(0.5)
        return 200, {}, b"{}"

    for timeout in ((1, 0.1), 0.1):
        with pytest.raises(om.RequestTimeout) as raised:
            fetch(slow, timeout=timeout)
        assert isinstance(raised.value, TimeoutError)


def test_an_unreachable_host_is_a_failed_connection() -> None:
    with serving(lambda _: (200, {}, b"")) as server:
        url = server.url
    with om.Client(KEY, base_url=url, max_retries=0) as client, pytest.raises(om.ConnectionFailed):
        client.order("1")


def test_back_off_grows_exponentially_with_full_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return 0

    monkeypatch.setattr(client_module.random, "uniform", draw)
    with pytest.raises(om.ServerError):
        fetch(lambda _: (503, {}, b""), max_retries=8)
    assert drawn[:8] == [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 32), (0, 60), (0, 60)]


def test_a_retry_that_succeeds_is_a_success() -> None:
    replies = iter([(503, {"Retry-After": "0.1"}, b""), (200, {}, b'{"order_id": "1"}')])
    assert fetch(lambda _: next(replies), max_retries=1).order_id == "1"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"X-Ratelimit-Reset": "0"}),
        (429, {"Retry-After": "-1"}),
        (503, {"Retry-After": "0"}),
        (503, {"Date": "Tue, 01 Sep 2026 08:00:01 GMT", "Retry-After": "Tue, 01 Sep 2026 08:00:00 GMT"}),
    ],
)
def test_a_server_that_asks_for_no_wait_is_retried_after_the_usual_back_off(
    status: int, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0.3)
    replies = iter([(status, headers, b""), (200, {}, b'{"order_id": "1"}')])
    started = time.monotonic()
    fetch(lambda _: next(replies), max_retries=1, requests_per_second=None)
    assert time.monotonic() - started > 0.28


def test_the_server_may_ask_to_wait_in_seconds_or_until_a_date() -> None:
    replies = iter(
        [
            (429, {"X-Ratelimit-Reset": "0.2"}, b""),
            (503, {"Date": "Tue, 01 Sep 2026 08:00:00 GMT", "Retry-After": "Tue, 01 Sep 2026 08:00:01 GMT"}, b""),
            (200, {}, b'{"order_id": "1"}'),
        ]
    )
    started = time.monotonic()
    fetch(lambda _: next(replies), max_retries=2)
    assert time.monotonic() - started > 1.1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "0.4"}),
        (429, {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "0.4"}),
        (429, {"Retry-After": "0.4", "X-Ratelimit-Reset": "30"}),
        (503, {"Retry-After": "0.4"}),
        (200, {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "0.4"}),
    ],
)
def test_one_response_that_asks_to_wait_makes_all_threads_wait_and_then_the_rate_limit_applies(
    status: int, headers: dict[str, str]
) -> None:
    waiting = iter([(status, headers)])
    with (
        serving(lambda path: (*next(waiting, (200, {"X-Ratelimit-Remaining": "9"})), order_at(path))) as served,
        om.Client(KEY, base_url=served.url, workers=4, requests_per_second=20) as client,
    ):
        assert len(client.orders([str(number) for number in range(8)])) == 8
    first, *others = served.times
    assert others[0] - first > 0.38
    assert others[-1] - others[0] > 0.5 * (len(others) - 1) / 20  # no burst; to the letter in test_transport


def test_a_429_without_a_time_makes_all_threads_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0.4)
    waiting: Iterator[Any] = iter([(429, {})])
    with (
        serving(lambda path: (*next(waiting, (200, {})), order_at(path))) as served,
        om.Client(KEY, base_url=served.url, workers=4, requests_per_second=20) as client,
    ):
        assert len(client.orders(["1", "2", "3"])) == 3
    assert served.times[1] - served.times[0] > 0.38


BEYOND_TIME = ["Mon, 99999999999999999999 Jan 2020 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -0100", ","]
"""Dates outside of every calendar."""


@pytest.mark.parametrize("retry_after", ["inf", "nan", "1e12", "soon", "Tue, 01 Sep 2020 08:00:00 -0000", *BEYOND_TIME])
def test_an_invalid_retry_after_is_ignored(retry_after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
    replies = iter([(503, {"Retry-After": retry_after}, b""), (200, {}, b'{"order_id": "1"}')])
    assert fetch(lambda _: next(replies), max_retries=1).order_id == "1"


@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_a_date_is_in_utc_in_any_notation(zone: str) -> None:
    headers = {"Date": f"Tue, 01 Sep 2026 08:00:00 {zone}".strip()}
    with (
        serving(lambda _: (200, headers, b'{"order_id": "1"}')) as server,
        om.Client(KEY, base_url=server.url) as client,
    ):
        assert client.orders("1").as_of == datetime(2026, 9, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("date", [*BEYOND_TIME, "Fri, 01 Jan 2199 00:00:00 GMT"])
def test_only_a_host_on_this_computer_may_respond_from_the_future(date: str) -> None:
    with serving(lambda _: (200, {"Date": date}, ORDER)) as served, om.Client(KEY, base_url=served.url) as client:
        here = client.orders("1").as_of
        client.base_url = (
            "https://orders.example"  # what the client takes itself to be at; its requests go on as before
        )
        there = client.orders("1").as_of
    assert here
    assert there
    assert (here.year == 2199) is ("2199" in date)
    assert abs(datetime.now(UTC) - there) < timedelta(minutes=1)


def test_ids_are_quoted_into_the_path() -> None:
    with (
        serving(lambda _: (404, {}, b"")) as server,
        om.Client(KEY, base_url=server.url) as client,
        pytest.warns(om.NothingFound),
    ):
        client.orders(["a/../b?c#d", "é 1"])
    assert sorted(server.paths) == [
        "/ordermanagement/v1/orders/%C3%A9%201",
        "/ordermanagement/v1/orders/a%2F..%2Fb%3Fc%23d",
    ]


def test_integrator_and_user_agent_are_sent() -> None:
    with (
        serving(lambda _: (200, {}, b'{"order_id": "1"}')) as server,
        om.Client(KEY, base_url=server.url, integrator="shop-plugin") as client,
    ):
        client.order("1")
    assert server.headers[0]["Klarna-Integrator"] == "shop-plugin"
    assert server.headers[0]["User-Agent"].startswith("om_toolkit/")


class TestBatches:
    def test_every_id_ends_up_among_the_orders_or_the_failures(self) -> None:
        with om.sandbox(60, faults={"not_found": 0.2, "not_json": 0.2, "reset": 0.1}, max_retries=0) as client:
            ids = [*client.order_ids, "unknown", client.order_ids[0], f" {client.order_ids[1]}\n"]
            orders = client.orders(ids)
            assert len(orders) + len(orders.failures) == 61
            assert client.server.served == 61
            assert {one.kind for one in orders.failures} == {"not_found", "invalid_body", "connection"}
            found = [order.order_id for order in orders]
            assert found == [order_id for order_id in client.order_ids if order_id in set(found)]
            again = orders + client.orders(orders.failures)
            assert len(again) > len(orders)
            assert len(again) + len(again.failures) == 61

    def test_ids_that_differ_only_in_case_are_one(self) -> None:
        with om.sandbox(2) as client:
            assert len(client.orders([client.order_ids[0], client.order_ids[0].upper()])) == 1

    def test_as_of_is_the_server_s_date(self) -> None:
        with om.sandbox(3) as client:
            assert client.orders(client.order_ids).as_of == client.shop.as_of
            assert client.captures(client.order_ids).as_of == client.shop.as_of

    def test_captures_are_those_of_the_orders(self) -> None:
        with om.sandbox(40) as client:
            orders, captures = client.orders(client.order_ids), client.captures(client.order_ids)
        assert len(captures) > 20
        found = [(capture.order_id, capture.capture_id, capture.captured_amount) for capture in captures]
        assert found == [(one.order_id, one.capture_id, one.captured_amount) for one in orders.captures]
        assert {capture.purchase_currency for capture in captures} == {None}

    def test_refused_credentials_stop_the_batch(self) -> None:
        with om.sandbox(50, faults={"unauthorized": 1.0}, workers=2) as client:
            orders = client.orders(client.order_ids)
            assert Counter(failure.kind for failure in orders.failures) == {"unauthorized": 50}
            assert client.server.served <= 2

    def test_when_nothing_is_found_a_warning_names_the_likely_reason(self) -> None:
        with om.sandbox(3) as client:
            for fetch_many in (client.orders, client.captures):
                with pytest.warns(om.NothingFound, match="environment") as warned:
                    assert len(fetch_many(["x", "y"]).failures) == 2
                assert warned[0].filename == __file__

    def test_a_single_text_is_one_id(self) -> None:
        with om.sandbox(3) as client:
            assert len(client.orders(client.order_ids[0])) == 1

    @pytest.mark.parametrize("unforeseen", [MemoryError, RecursionError, ZeroDivisionError])
    def test_an_unforeseen_error_in_one_response_does_not_cost_the_others(
        self, unforeseen: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with om.sandbox(20) as client:
            read = client_module.ORDER.read

            def breaking(body: bytes, order_id: str) -> om.Order:
                if order_id == client.order_ids[10]:
                    raise unforeseen(PASSWORD)
                return read(body, order_id)

            monkeypatch.setattr(client_module, "ORDER", replace(client_module.ORDER, read=breaking))
            orders = client.orders(client.order_ids)
        assert len(orders) == 19
        (failure,) = orders.failures
        assert (failure.order_id, failure.messages) == (client.order_ids[10], (unforeseen.__name__,))

    def test_after_refused_credentials_no_thread_retries(self) -> None:
        requested = Counter[str]()
        all_requested = threading.Barrier(4)

        def respond(path: str) -> Reply:
            requested[path] += 1
            if requested[path] == 1:
                all_requested.wait(10)
            if path.endswith("/1"):
                time.sleep(0.2)  # by then the others wait for their next attempt
                return 401, {}, b""
            return 503, {"Retry-After": "1"}, b""

        with serving(respond) as served, om.Client(KEY, base_url=served.url, requests_per_second=None) as client:
            failures = client.orders([str(number) for number in range(4)]).failures
        assert {failure.kind for failure in failures} == {"unauthorized"}
        assert len(failures) == len(served.paths) == 4

    @pytest.mark.parametrize(
        "bad", ["", "  ", "..", None, 17, float("nan"), "a\ud800", "a\0b", "1\r\nHost: x", "a\x9f"]
    )
    def test_an_item_that_cannot_be_an_id_is_refused_before_any_request(self, bad: Any) -> None:
        with om.sandbox(3) as client:
            with pytest.raises(ValueError, match=r"order_ids\[1\]"):
                client.orders([client.order_ids[0], bad])
            assert client.server.served == 0

    def test_the_failure_of_a_saved_response_without_an_id_cannot_be_retried(self) -> None:
        failures = om.Orders.from_json('[{"order_id": "x-1", "order_amount": "?"}, {"status": "CAPTURED"}]').failures
        with om.sandbox(1) as client:
            with pytest.raises(ValueError, match=r"order_ids\[1\] is the failure of document #2"):
                client.orders(failures)
            with pytest.warns(om.NothingFound):
                assert client.orders(failures[:1]).failures[0].order_id == "x-1"

    def test_no_ids_are_no_orders(self) -> None:
        with om.sandbox(3) as client:
            assert len(client.orders([])) == 0

    def test_an_interrupt_keeps_what_was_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with om.sandbox(20, workers=1) as client:
            read = client_module.ORDER.read

            def interrupted(body: bytes, order_id: str) -> om.Order:
                if order_id == client.order_ids[10]:
                    raise KeyboardInterrupt
                return read(body, order_id)

            monkeypatch.setattr(client_module, "ORDER", replace(client_module.ORDER, read=interrupted))
            with pytest.raises(om.Interrupted) as raised:
                client.orders(client.order_ids)
        assert isinstance(raised.value, KeyboardInterrupt)
        assert [order.order_id for order in raised.value.orders] == list(client.order_ids[:10])

    def test_an_interrupt_keeps_results_that_were_not_yielded_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(pool: Any, order_ids: Sequence[str]) -> Iterator[Any]:
            for result in run(pool, order_ids):
                yield result
                while client.server.served < 30:
                    time.sleep(0.01)
                time.sleep(0.2)  # for these to be read
                raise KeyboardInterrupt

        run = workers.WorkerPool.run
        monkeypatch.setattr(workers.WorkerPool, "run", interrupted)
        with om.sandbox(30, faults={"not_found": 0.3}) as client, pytest.raises(om.Interrupted) as raised:
            client.orders(client.order_ids)
        orders = raised.value.orders
        assert len(orders) + len(orders.failures) == 30
        assert {failure.kind for failure in orders.failures} == {"not_found"}

    def test_an_interrupt_does_not_make_requests_in_flight_failures(self) -> None:
        with om.sandbox(20, faults={"hang": 0.5, "unavailable": 0.5}, workers=8, max_retries=0) as client:
            threading.Timer(0.3, _thread.interrupt_main).start()
            with pytest.raises(om.Interrupted) as raised:
                client.orders(client.order_ids)
        assert {failure.kind for failure in raised.value.orders.failures} <= {"server_error"}

    def test_an_interrupt_cancels_all_requests_in_flight(self) -> None:
        faults = {"hang": 0.1, "drip": 0.1, "unavailable": 0.3}
        with om.sandbox(300, faults=faults, workers=16, max_retries=99, requests_per_second=200) as client:
            timer = threading.Timer(0.5, _thread.interrupt_main)
            started = time.monotonic()
            timer.start()
            with pytest.raises(om.Interrupted) as raised:
                client.orders(client.order_ids)
            assert time.monotonic() - started < 0.5 + 2
            assert 0 < len(raised.value.orders) < 100
            assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("om_toolkit")]

    def test_after_an_interrupt_no_request_is_sent(self) -> None:
        with om.sandbox(20, requests_per_second=0.01) as client:
            threading.Timer(0.3, _thread.interrupt_main).start()
            with pytest.raises(om.Interrupted):
                client.orders(client.order_ids)
            assert client.server.served == 1

    def test_no_thread_is_left_behind(self) -> None:
        with om.sandbox(5) as client:
            client.orders(client.order_ids)
            assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("om_toolkit")]

    def test_the_rate_limit_is_for_all_threads_together(self) -> None:
        with om.sandbox(21, requests_per_second=50, workers=8) as client:
            started = time.monotonic()
            client.orders(client.order_ids)
            assert time.monotonic() - started >= 20 / 50

    def test_retries_waits_and_failures_are_logged_by_id_only(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
        caplog.set_level("INFO", "om_toolkit")
        body = b'{"error_messages": ["from-the-body"], "correlation_id": "from-the-body"}'
        headers = {"Klarna-Correlation-Id": "from-a-header"}
        replies = iter([(503, {"Retry-After": "0.02"} | headers, body), (500, headers, body), (403, headers, body)])
        with pytest.raises(om.Forbidden):
            fetch(lambda _: next(replies), "id-7", max_retries=9)
        assert [(record.levelname, record.message) for record in caplog.records if record.name == "om_toolkit"] == [
            ("INFO", "order id-7: the server asks to wait 0.02 s"),
            ("INFO", "order id-7: retrying after server_error, attempt 1"),
            ("INFO", "order id-7: retrying after server_error, attempt 2"),
            ("WARNING", "order id-7 failed: forbidden, HTTP status 403, 3 requests"),
        ]

    @pytest.mark.parametrize("is_terminal", [False, True])
    def test_the_bar_shows_in_a_terminal_and_is_silent_in_a_pipe(
        self,
        is_terminal: bool,  # noqa: FBT001 - a parameter
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(progress, "_SECONDS_WITHOUT_BAR", 0)
        with om.sandbox(5) as client:
            client.orders(client.order_ids)
        assert ("5/5" in stream.getvalue()) is is_terminal

    @pytest.mark.parametrize("is_closed", [False, True])
    def test_a_program_without_a_console_can_fetch(
        self,
        is_closed: bool,  # noqa: FBT001 - a parameter
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        stream = io.StringIO()
        stream.close()
        monkeypatch.setattr(sys, "stderr", stream if is_closed else None)
        with om.sandbox(5) as client:
            assert len(client.orders(client.order_ids)) == 5

    def test_in_a_pipe_no_bar_is_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # it would start a thread, even where it shows nothing
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        with om.sandbox(5) as client:
            assert len(client.orders(client.order_ids)) == 5


def test_in_a_notebook_the_bar_is_a_widget_and_counts_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Bar:
        def __init__(self, **options: Any) -> None:
            assert options["total"] == 10

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self) -> None:
            shown.append("")

        def set_postfix_str(self, text: str, *, refresh: bool) -> None:
            assert not refresh
            shown.append(text)

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    monkeypatch.setitem(sys.modules, "tqdm.auto", SimpleNamespace(tqdm=Bar))
    with om.sandbox(10, faults={"not_found": 0.3}) as client:
        failures = client.orders(client.order_ids).failures
    assert shown.count("") == 10
    assert [text for text in shown if text] == [f"{number} failed" for number in range(1, len(failures) + 1)]


class TestSeveralMerchants:
    def test_each_client_is_asked_for_what_those_before_do_not_know(self) -> None:
        with om.sandbox(4, seed=1) as one, om.sandbox(3, seed=2) as other:
            mixed = [*other.order_ids[:1], *one.order_ids, "unknown-1", *other.order_ids[1:]]
            orders = om.fetch_all([one, other], mixed)
            assert one.server.served == 8
            assert other.server.served == 4
        assert [order.order_id for order in orders] == [order_id for order_id in mixed if order_id != "unknown-1"]
        assert [(failure.order_id, failure.kind) for failure in orders.failures] == [("unknown-1", "not_found")]

    def test_other_failures_are_not_requested_from_the_next_client(self) -> None:
        with om.sandbox(2, seed=1, faults={"forbidden": 1.0}) as one, om.sandbox(2, seed=2) as other:
            orders = om.fetch_all([one, other], one.order_ids)
            assert other.server.served == 0
        assert [failure.kind for failure in orders.failures] == ["forbidden"] * 2

    def test_a_warning_names_every_host_if_none_knows_any(self) -> None:
        with om.sandbox(1, seed=1) as one, om.sandbox(1, seed=2) as other:
            with pytest.warns(om.NothingFound, match=f"{one.base_url} and {other.base_url} know none") as warned:
                om.fetch_all([one, other], ["x"])
            assert warned[0].filename == __file__

    def test_an_interrupt_keeps_what_was_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with om.sandbox(2, seed=1) as one, om.sandbox(1, seed=2) as other:
            monkeypatch.setattr(other._transport, "get", interrupted)
            with pytest.raises(om.Interrupted) as raised:
                om.fetch_all([one, other], [*one.order_ids, *other.order_ids])
            assert [order.order_id for order in raised.value.orders] == list(one.order_ids)

    def test_an_interrupt_leaves_out_ids_that_the_next_client_was_not_asked_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An id that the first client does not know is a failure once the last does not know it, either."""
        with om.sandbox(2, seed=1) as one, om.sandbox(1, seed=2, workers=1) as last:
            get = last._transport.get

            def interrupted(request: om.Request) -> om.Response:
                if request.path.endswith("unknown-2"):
                    raise KeyboardInterrupt
                return get(request)

            monkeypatch.setattr(last._transport, "get", interrupted)
            mixed = ["unknown-1", "unknown-2", *one.order_ids, *last.order_ids]
            with pytest.raises(om.Interrupted) as raised:
                om.fetch_all([one, last], mixed)
            assert [order.order_id for order in raised.value.orders] == list(one.order_ids)
            assert [failure.order_id for failure in raised.value.orders.failures] == ["unknown-1"]

    def test_without_a_client_there_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="client"):
            om.fetch_all([], ["1"])


INTERRUPTED = """
import om_toolkit as om
with om.sandbox(100, {options}) as client:
    print("begun", flush=True)
    try:
        client.orders(client.order_ids)
    except om.Interrupted as interrupted:
        print(len(interrupted.orders))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize(
    ("options", "fetched"),
    [
        ("faults={'hang': 1.0}", 0),
        ("faults={'drip': 1.0}", 0),
        ("faults={'unavailable': 1.0}, max_retries=99", 0),
        ("requests_per_second=0.01", 1),
    ],
    ids=["hang", "drip", "retries", "rate limit"],
)
def test_on_ctrl_c_the_process_ends_within_two_seconds(options: str, fetched: int) -> None:
    code = INTERRUPTED.format(options=options)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        time.sleep(0.7)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 2
        assert (process.stdout.read(), process.stderr.read()) == (f"{fetched}\n".encode(), b"")

"""The client: credentials, addresses, every documented and recorded fault, and batches that lose nothing."""

from __future__ import annotations

import io
import json
import pickle
import sys
import time
import warnings
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from secret_watch import KEY, PASSWORD, USERNAME
from serving import Answer, serving

import om_toolkit as om
from om_toolkit import client as client_module
from om_toolkit import progress

if TYPE_CHECKING:
    from pathlib import Path


class TestCredentials:
    def test_without_any_the_error_names_them_all(self) -> None:
        with pytest.raises(om.CredentialsMissing) as raised:
            om.Client()
        assert isinstance(raised.value, ValueError)
        for name in ("api_key", "OM_API_KEY", "OM_USERNAME", "OM_PASSWORD"):
            assert name in str(raised.value)

    @pytest.mark.parametrize(
        ("key", "host"),
        [(KEY, "https://api.kustom.co"), ("kco_test_x", "https://api.playground.kustom.co")],
    )
    def test_the_prefix_of_a_key_chooses_the_host(self, key: str, host: str) -> None:
        assert om.Client(key).base_url == host

    def test_arguments_win_over_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OM_API_KEY", "kco_test_x")
        monkeypatch.setenv("OM_BASE_URL", "https://api-na.klarna.com/")
        assert om.Client().base_url == "https://api-na.klarna.com"
        assert om.Client(KEY, base_url="https://api.klarna.com").base_url == "https://api.klarna.com"

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ({"api_key": f" {KEY}\n"}, f"Basic {KEY}"),
            ({"username": "K1_é", "password": "pä:ss"}, "Basic SzFfw6k6cMOkOnNz"),
        ],
    )
    def test_both_forms_are_sent_whatever_netrc_says(
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
    def test_a_key_that_no_header_can_hold_is_refused_unquoted(self, key: str) -> None:
        with pytest.raises(om.InvalidSetting, match="API key") as raised:
            om.Client(key)
        assert "SECRET" not in f"{raised.value!r}"

    def test_a_proxy_is_not_told_what_stays_on_this_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(lambda _: (200, {}, b'{"order_id": "1"}')) as proxy, om.sandbox(1) as client:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("http_proxy", proxy.url)
            assert client.order(client.order_ids[0]).order_id == client.order_ids[0]
            assert proxy.paths == []

    def test_a_key_as_username_is_told(self) -> None:
        with pytest.raises(om.InvalidSetting, match="api_key"):
            om.Client(username=KEY, password="x")

    @pytest.mark.parametrize("client", [{"api_key": KEY}, {"username": USERNAME, "password": PASSWORD}])
    def test_they_are_shown_nowhere(self, client: dict[str, str]) -> None:
        made = om.Client(**client)  # type: ignore[arg-type]
        shown = f"{made!r} {made} {vars(made)} {vars(made._transport)}"
        assert KEY not in shown
        assert PASSWORD not in shown
        with pytest.raises(TypeError, match="credentials"):
            pickle.dumps(made)


@pytest.mark.parametrize(
    ("base_url", "told"),
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
def test_credentials_are_not_sent_where_they_must_not_go(base_url: str, told: str) -> None:
    with pytest.raises(om.InvalidSetting, match=told) as raised:
        om.Client(KEY, base_url=base_url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "option",
    [{"workers": 0}, {"max_retries": -1}, {"requests_per_second": 0}, {"timeout": (0, 1)}, {"integrator": "шоп"}],
)
def test_an_option_that_cannot_work_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(om.InvalidSetting):
        om.Client(KEY, **option)


def fetch(answer: Any, order_id: str = "1", **options: Any) -> om.Order:
    with serving(answer) as server, om.Client(KEY, base_url=server.url, **{"max_retries": 0} | options) as client:
        return client.order(order_id)


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("unauthorized", om.Unauthorized, 401),
        ("forbidden", om.Forbidden, 403),
        ("firewall", om.Forbidden, 403),
        ("not_found", om.NotFound, 404),
        ("rate_limited", om.RateLimited, 429),
        ("server_error", om.ServerError, 500),
        ("unavailable", om.ServerError, 503),
        ("reset", om.ConnectionFailed, None),
        ("truncated", om.ConnectionFailed, None),
        ("not_json", om.InvalidBody, 200),
        ("wrong_type", om.InvalidOrder, 200),
    ],
)
def test_each_fault_ends_in_its_own_error_and_failure(
    fault: str, error: type[om.FetchError], status: int | None
) -> None:
    with om.sandbox(3, faults={fault: 1.0}, max_retries=0) as client:
        order_id = client.order_ids[0]
        with pytest.raises(error) as raised:
            client.order(order_id)
        failure = raised.value.failure
        assert (failure.order_id, failure.status, failure.attempts) == (order_id, status, 1)
        assert str(raised.value).startswith(order_id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", om.NothingFound)
            many = client.orders([order_id])
            captures = client.captures([order_id])
        assert [one.kind for one in many.failures] == [failure.kind]
        if fault != "wrong_type":  # which this order's captures need not have
            assert [one.kind for one in captures.failures] == [failure.kind]


def test_a_documented_error_is_kept_whole() -> None:
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
        (204, {}, b"", "server_error"),
        (405, {}, b"", "server_error"),
        (410, {}, b"", "not_found"),
        (502, {}, b"<html>", "server_error"),
        (500, {}, b'{"error_message": {"a": 1}, "error_messages": 5}', "server_error"),
        (504, {"Klarna-Correlation-Id": "xyz"}, b"[]", "server_error"),
    ],
)
def test_other_answers_have_their_kind(status: int, headers: dict[str, str], body: bytes, kind: str) -> None:
    with pytest.raises(om.FetchError) as raised:
        fetch(lambda _: (status, headers, body))
    assert raised.value.failure.kind == kind
    assert raised.value.failure.correlation_id == headers.get("Klarna-Correlation-Id")


def test_a_gateway_s_single_message_is_kept() -> None:
    with pytest.raises(om.FetchError) as raised:
        fetch(lambda _: (500, {}, b'{"error_message": "sorry"}'))
    assert raised.value.failure.messages == ("sorry",)


def test_a_redirect_is_not_followed() -> None:
    with serving(lambda _: (200, {}, b'{"order_id": "1"}')) as elsewhere:
        with pytest.raises(om.Forbidden, match="redirect"):
            fetch(lambda path: (302, {"Location": elsewhere.url + path}, b""))
        assert elsewhere.paths == []


def test_no_answer_in_time_is_a_timeout() -> None:
    def slow(_: str) -> Answer:
        time.sleep(0.5)
        return 200, {}, b"{}"

    with pytest.raises(om.RequestTimeout) as raised:
        fetch(slow, timeout=(1, 0.1))
    assert isinstance(raised.value, TimeoutError)


def test_a_host_that_is_not_there_is_a_failed_connection() -> None:
    with serving(lambda _: (200, {}, b"")) as server:
        url = server.url
    with om.Client(KEY, base_url=url, max_retries=0) as client, pytest.raises(om.ConnectionFailed):
        client.order("1")


def test_what_may_get_better_is_asked_again_and_what_cannot_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
    for status, attempts in ((503, 3), (404, 1), (403, 1), (401, 1), (400, 1)):
        with pytest.raises(om.FetchError) as raised:
            fetch(lambda _, status=status: (status, {}, b""), max_retries=2)
        assert raised.value.failure.attempts == attempts


def test_a_retry_that_succeeds_is_a_success() -> None:
    answers = iter(
        [(429, {"X-Ratelimit-Reset": "0"}, b""), (503, {"Retry-After": "0"}, b""), (200, {}, b'{"order_id": "1"}')]
    )
    assert fetch(lambda _: next(answers), max_retries=2).order_id == "1"


def test_the_server_s_word_on_waiting_is_taken_in_seconds_and_as_a_date() -> None:
    answers = iter(
        [
            (429, {"X-Ratelimit-Reset": "0.2"}, b""),
            (503, {"Date": "Tue, 01 Sep 2026 08:00:00 GMT", "Retry-After": "Tue, 01 Sep 2026 08:00:01 GMT"}, b""),
            (200, {}, b'{"order_id": "1"}'),
        ]
    )
    started = time.monotonic()
    fetch(lambda _: next(answers), max_retries=2)
    assert time.monotonic() - started > 1.1


@pytest.mark.parametrize("asked", ["inf", "nan", "1e12", "soon", "Tue, 01 Sep 2026 08:00:00 -0000"])
def test_a_word_on_waiting_that_cannot_be_taken_is_passed_over(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.random, "uniform", lambda *_: 0)
    answers = iter([(503, {"Retry-After": asked}, b""), (200, {}, b'{"order_id": "1"}')])
    assert fetch(lambda _: next(answers), max_retries=1).order_id == "1"


@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_a_date_is_in_utc_whatever_it_says(zone: str) -> None:
    headers = {"Date": f"Tue, 01 Sep 2026 08:00:00 {zone}".strip()}
    with (
        serving(lambda _: (200, headers, b'{"order_id": "1"}')) as server,
        om.Client(KEY, base_url=server.url) as client,
    ):
        assert client.orders("1").as_of == datetime(2026, 9, 1, 8, tzinfo=UTC)


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


def test_who_we_are_is_sent() -> None:
    with (
        serving(lambda _: (200, {}, b'{"order_id": "1"}')) as server,
        om.Client(KEY, base_url=server.url, integrator="shop-plugin") as client,
    ):
        client.order("1")
    assert server.headers[0]["Klarna-Integrator"] == "shop-plugin"
    assert server.headers[0]["User-Agent"].startswith("om_toolkit/")


class TestBatches:
    def test_every_id_ends_among_the_orders_or_the_failures(self) -> None:
        with om.sandbox(60, faults={"not_found": 0.2, "not_json": 0.2, "reset": 0.1}, max_retries=0) as client:
            ids = [*client.order_ids, "unknown", client.order_ids[0], f" {client.order_ids[1]}\n"]
            orders = client.orders(ids)
            assert len(orders) + len(orders.failures) == 61
            assert client.server.served == 61
            assert {one.kind for one in orders.failures} == {"not_found", "invalid_body", "connection"}
            asked = [order.order_id for order in orders]
            assert asked == [order_id for order_id in client.order_ids if order_id in set(asked)]
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
        told = [(capture.order_id, capture.capture_id, capture.captured_amount) for capture in captures]
        assert told == [(one.order_id, one.capture_id, one.captured_amount) for one in orders.captures]
        assert {capture.purchase_currency for capture in captures} == {None}

    def test_refused_credentials_stop_the_batch(self) -> None:
        with om.sandbox(50, faults={"unauthorized": 1.0}, workers=2) as client:
            orders = client.orders(client.order_ids)
            assert Counter(failure.kind for failure in orders.failures) == {"unauthorized": 50}
            assert client.server.served <= 2

    def test_when_nothing_is_known_a_warning_names_the_likely_reason(self) -> None:
        with om.sandbox(3) as client, pytest.warns(om.NothingFound, match="environment"):
            assert len(client.orders(["x", "y"]).failures) == 2

    def test_a_single_text_is_one_id(self) -> None:
        with om.sandbox(3) as client:
            assert len(client.orders(client.order_ids[0])) == 1

    @pytest.mark.parametrize("bad", ["", "  ", "..", None, 17, float("nan")])
    def test_what_cannot_be_an_id_is_refused_before_anything_is_asked(self, bad: Any) -> None:
        with om.sandbox(3) as client:
            with pytest.raises(ValueError, match="item 1 of the order ids"):
                client.orders([client.order_ids[0], bad])
            assert client.server.served == 0

    def test_no_ids_are_no_orders(self) -> None:
        with om.sandbox(3) as client:
            assert len(client.orders([])) == 0

    def test_an_interrupt_keeps_what_was_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with om.sandbox(20, workers=1) as client:
            read = client_module.read_order

            def interrupted(body: bytes, order_id: str) -> om.Order:
                if order_id == client.order_ids[10]:
                    raise KeyboardInterrupt
                return read(body, order_id)

            monkeypatch.setattr(client_module, "read_order", interrupted)
            with pytest.raises(om.Interrupted) as raised:
                client.orders(client.order_ids)
        assert isinstance(raised.value, KeyboardInterrupt)
        assert [order.order_id for order in raised.value.orders] == list(client.order_ids[:10])

    def test_the_pace_is_kept_by_all_threads_together(self) -> None:
        with om.sandbox(21, requests_per_second=50, workers=8) as client:
            started = time.monotonic()
            client.orders(client.order_ids)
            assert time.monotonic() - started >= 20 / 50

    @pytest.mark.parametrize("is_terminal", [False, True])
    def test_the_bar_shows_in_a_terminal_and_is_silent_in_a_pipe(
        self,
        is_terminal: bool,  # noqa: FBT001 - a parameter
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(progress, "_SECONDS_BEFORE", 0)
        with om.sandbox(5) as client:
            client.orders(client.order_ids)
        assert ("5/5" in stream.getvalue()) is is_terminal

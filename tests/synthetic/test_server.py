"""The local server responds as the API does, and with faults on demand."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from om_toolkit.synthetic.server import Server
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(shop: Shop) -> Iterator[Server]:
    with Server(shop) as server:
        yield server


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("sandbox", "made-up")
        yield session


def address(server: Server, order_id: str | None = None, below: str = "") -> str:
    return f"{server.url}/ordermanagement/v1/orders/{order_id or server.shop.order_ids[0]}{below}"


def test_an_order_is_served_as_the_shop_has_it(server: Server, http: requests.Session) -> None:
    order_id = server.shop.order_ids[7]
    response = http.get(address(server, order_id))
    assert response.status_code == 200
    assert response.json() == server.shop.answer(order_id)
    assert response.headers["content-type"] == "application/json;charset=utf-8"
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["date"] == "Sat, 31 Oct 2026 12:00:00 GMT"
    assert response.headers["x-ratelimit-reset"] == "1"
    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["klarna-correlation-id"])


def test_responses_are_compressed_only_if_accepted(server: Server, http: requests.Session) -> None:
    response = http.get(address(server), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in response.headers
    assert response.content == server.shop.body(server.shop.order_ids[0])


def test_the_captures_of_an_order_are_an_array(server: Server, http: requests.Session) -> None:
    order = next(order for order in map(server.shop.answer, server.shop.order_ids) if len(order["captures"]) > 1)
    assert http.get(address(server, order["order_id"], "/captures")).json() == order["captures"]


def test_a_raw_test_key_is_accepted(server: Server, http: requests.Session) -> None:
    http.auth = None
    assert http.get(address(server), headers={"Authorization": "Basic kco_test_abc"}).status_code == 200


@pytest.mark.parametrize("auth", [None, ("sandbox", "guessed"), ("kco_test_abc", "")])
def test_wrong_credentials_get_a_page_without_a_correlation_id(
    server: Server, http: requests.Session, auth: tuple[str, str] | None
) -> None:
    http.auth = auth
    response = http.get(address(server))
    assert response.status_code == 401
    assert response.headers["content-type"] == "text/html"
    assert response.headers["www-authenticate"].startswith("Basic realm=")
    assert "klarna-correlation-id" not in response.headers
    assert "<html>" in response.text


def test_credentials_can_be_chosen(http: requests.Session) -> None:
    with Server(Shop(1), username="K1_a", password="pässword") as server:
        http.auth = (b"K1_a", "pässword".encode())  # type: ignore[assignment]
        assert http.get(address(server)).status_code == 200


@pytest.mark.parametrize(
    ("below", "code"), [("", "NO_SUCH_ORDER"), ("/captures", "NO_SUCH_ORDER"), ("/refunds", "NOT_FOUND")]
)
def test_an_unknown_order_or_path_is_a_documented_404(
    server: Server, http: requests.Session, below: str, code: str
) -> None:
    response = http.get(address(server, "7849fd84-0000-0000-0000-000000000000", below))
    problem = response.json()
    assert response.status_code == 404
    assert problem["error_code"] == code
    assert [type(message) for message in problem["error_messages"]] == [str]
    assert problem["correlation_id"] == response.headers["klarna-correlation-id"]


def test_other_methods_are_refused(server: Server, http: requests.Session) -> None:
    assert http.post(address(server, below="/captures"), json={"captured_amount": 1}).status_code == 405
    assert http.get(address(server)).status_code == 200  # on the same connection


def test_correlation_ids_are_unique_and_reproducible(http: requests.Session) -> None:
    def ids() -> list[str]:
        with Server(Shop(2)) as server:
            urls = [address(server, order_id) for order_id in server.shop.order_ids] * 2
            return [http.get(url).headers["klarna-correlation-id"] for url in urls]

    first = ids()
    assert len(set(first)) == 4
    assert ids() == first


def test_requests_are_counted(http: requests.Session) -> None:
    with Server(Shop(1), faults={"reset": 0.3}) as server, ThreadPoolExecutor(8) as pool:

        def ask(_: int) -> None:
            with suppress(requests.ConnectionError):
                http.get(address(server))

        list(pool.map(ask, range(40)))
        assert server.served == 40


def test_latency_delays_the_response(http: requests.Session) -> None:
    with Server(Shop(1), latency=0.1) as server:
        assert http.get(address(server)).elapsed > timedelta(seconds=0.1)


def test_a_reused_connection_responds_immediately(server: Server, http: requests.Session) -> None:
    started = time.monotonic()
    for _ in range(25):
        http.get(address(server))
    assert time.monotonic() - started < 25 * 0.04  # the delay of Nagle's algorithm


def test_closing_also_closes_open_connections(http: requests.Session) -> None:
    server = Server(Shop(1))
    assert http.get(address(server)).status_code == 200
    server.close()
    with pytest.raises(requests.ConnectionError):
        http.get(address(server))
    server.close()  # a second time has no effect


def test_nothing_is_logged(http: requests.Session, capfd: pytest.CaptureFixture[str]) -> None:
    with Server(Shop(1), latency=0.05) as server:
        http.get(address(server, "unknown"))
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(f"GET {address(server)} HTTP/1.1\r\n\r\n".encode())
        time.sleep(0.1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "text"),
    [
        ("invalid_id", 400, "application/json", "INVALID_ORDER_ID"),
        ("unauthorized", 401, "text/html", "<html>"),
        ("forbidden", 403, "application/json", "reason"),
        ("firewall", 403, "text/html", "<html>"),
        ("not_found", 404, "application/json", "NO_SUCH_ORDER"),
        ("rate_limited", 429, None, ""),
        ("rate_limited_seconds", 429, None, ""),
        ("rate_limited_date", 429, None, ""),
        ("server_error", 500, "application/json", "INTERNAL_SERVER_ERROR"),
        ("bad_gateway", 502, "text/html", "<html>"),
        ("unavailable", 503, "application/json", "TEMPORARILY_UNAVAILABLE"),
        ("gateway_timeout", 504, "application/json", "TEMPORARILY_UNAVAILABLE"),
        ("page", 200, "text/html", "<html>"),
        ("redirect", 302, "text/html", "<html>"),
    ],
)
def test_a_fault_responds_as_recorded(
    http: requests.Session, fault: str, status: int, content_type: str | None, text: str
) -> None:
    with Server(Shop(1), faults={fault: 1.0}) as server:
        response = http.get(address(server), allow_redirects=False)
    assert response.status_code == status
    assert response.headers.get("content-type", "").partition(";")[0] == (content_type or "")
    assert text in response.text


def test_a_rate_limit_has_only_the_time_to_its_reset(http: requests.Session) -> None:
    with Server(Shop(1), faults={"rate_limited": 1.0}) as server:
        response = http.get(address(server))
    assert response.content == b""
    assert response.headers["x-ratelimit-reset"] == "1"
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert response.headers["x-envoy-ratelimited"] == "true"
    assert not {"retry-after", "klarna-correlation-id"} & {name.lower() for name in response.headers}


def test_the_time_to_wait_is_also_in_seconds_or_a_date_or_announced(http: requests.Session) -> None:
    def response_of(fault: str) -> requests.Response:
        with Server(Shop(1, as_of=datetime(2026, 3, 1, tzinfo=UTC)), faults={fault: 1.0}) as server:
            return http.get(address(server))

    assert response_of("rate_limited_seconds").headers["retry-after"] == "1"
    as_a_date = response_of("rate_limited_date").headers
    assert as_a_date["date"] == "Sun, 01 Mar 2026 00:00:00 GMT"
    assert as_a_date["retry-after"] == "Sun, 01 Mar 2026 00:00:01 GMT"
    announced = response_of("used_up")
    assert announced.headers["x-ratelimit-remaining"] == "0"
    assert announced.json()["order_id"]


def test_a_redirect_leads_to_another_host(http: requests.Session) -> None:
    with Server(Shop(1), faults={"redirect": 1.0}) as server:
        response = http.get(address(server), allow_redirects=False)
    assert response.headers["location"].startswith("https://elsewhere.example/")


def test_an_oversize_response_is_still_the_order(http: requests.Session) -> None:
    with Server(Shop(1), faults={"oversize": 1.0}) as server:
        response = http.get(address(server))
    assert len(response.content) > 10_000_000
    assert response.json() == server.shop.answer(server.shop.order_ids[0])


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_hanging_response_ends_when_the_server_closes(http: requests.Session, fault: str) -> None:
    with Server(Shop(1), faults={fault: 1.0}) as server:
        with pytest.raises(requests.exceptions.RequestException, match="timed out"):
            http.get(address(server), timeout=0.3)
        waiting = ThreadPoolExecutor(1)
        response = waiting.submit(http.get, address(server), timeout=30)
        time.sleep(0.1)
    with pytest.raises(requests.exceptions.RequestException):
        response.result(5)
    waiting.shutdown()


def test_half_a_document_is_not_json(http: requests.Session) -> None:
    with Server(Shop(1), faults={"not_json": 1.0}) as server:
        response = http.get(address(server))
    assert server.shop.body(server.shop.order_ids[0]).startswith(response.content)
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_a_wrong_type_is_sent_by_both_endpoints(http: requests.Session) -> None:
    with Server(Shop(5, seed=7), faults={"wrong_type": 1.0}) as server:
        order_id = next(
            order["order_id"] for order in map(server.shop.answer, server.shop.order_ids) if order["captures"]
        )
        assert http.get(address(server, order_id)).json()["order_amount"] == "12.50"
        assert http.get(address(server, order_id, "/captures")).json()[0]["captured_amount"] == "12.50"


def test_a_reset_closes_the_connection_before_the_response(http: requests.Session) -> None:
    with (
        Server(Shop(1), faults={"reset": 1.0}) as server,
        pytest.raises(requests.ConnectionError, match=r"reset by peer|forcibly closed"),
    ):
        http.get(address(server))


def test_a_truncated_response_ends_early(http: requests.Session) -> None:
    with (
        Server(Shop(1), faults={"truncated": 1.0}) as server,
        pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"),
    ):
        http.get(address(server))


FAULTS = {"rate_limited": 0.2, "unavailable": 0.1}


def statuses(shop: Shop, http: requests.Session, threads: int) -> list[int]:
    with Server(shop, faults=FAULTS) as server, ThreadPoolExecutor(threads) as pool:
        urls = [address(server, order_id) for order_id in shop.order_ids]
        return [response.status_code for response in pool.map(http.get, urls)]


def test_threads_do_not_change_which_responses_are_faults(shop: Shop, http: requests.Session) -> None:
    sequential = statuses(shop, http, 1)
    assert statuses(shop, http, 8) == sequential
    found = Counter(sequential)
    assert 40 <= found[429] <= 80
    assert 15 <= found[503] <= 45
    assert found[200] == 300 - found[429] - found[503]


def test_a_repeated_request_can_have_another_fault(http: requests.Session) -> None:
    with Server(Shop(1), faults={"unavailable": 0.5}) as server:
        found = {http.get(address(server)).status_code for _ in range(20)}
    assert found == {200, 503}


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"rate_limitd": 0.1}, "unknown faults rate_limitd; use some of .*rate_limited"),
        ({"reset": 0.7, "truncated": 0.7}, "sum of at most 1"),
        ({"reset": -0.1}, "use positive shares"),
    ],
)
def test_invalid_faults_are_refused(faults: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Server(Shop(0), faults=faults)

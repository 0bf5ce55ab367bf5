"""The synthetic shop: always the same, plausible, consistent but for its planted defects; and its server."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import documented_fields as documented
import pytest
import requests

from om_toolkit.errors import InvalidSetting
from om_toolkit.synthetic.sandbox import sandbox
from om_toolkit.synthetic.server import Server
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]
OPEN = ("AUTHORIZED", "PART_CAPTURED")
STATUSES = {*OPEN, "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED"}
DIGEST = "23a9ffbfda030909bd26fa3e3d247271b13cb149666c0a4b1d4f1364c54e2079"


def answers(shop: Shop) -> list[Json]:
    return [shop.answer(order_id) for order_id in shop.order_ids]


def digest(shop: Shop) -> str:
    return hashlib.sha256(b"\n".join(shop.body(order_id) for order_id in shop.order_ids)).hexdigest()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="module")
def large_shop() -> Shop:
    return Shop(5000)


@pytest.fixture(scope="module")
def orders(large_shop: Shop) -> list[Json]:
    """The orders of the large shop that are as they should be."""
    return [order for order in answers(large_shop) if order["order_id"] not in large_shop.defects]


# ---- The shop: always the same


def test_the_answers_drift_neither_with_the_platform_nor_with_a_change_of_ours() -> None:
    assert digest(Shop(50, seed=7)) == DIGEST


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its zone in a process")
def test_the_answers_do_not_depend_on_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        there = digest(Shop(50, seed=7))
    time.tzset()
    assert there == DIGEST


def test_an_instant_is_the_same_in_every_offset() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=9)))
    assert digest(Shop(20, as_of=noon)) == digest(Shop(20, as_of=elsewhere))
    assert Shop(0, as_of=elsewhere).as_of.utcoffset() == timedelta(0)


def test_another_seed_is_another_shop() -> None:
    assert not set(Shop(20, seed=1).order_ids) & set(Shop(20, seed=2).order_ids)


def test_an_answer_is_the_callers_own() -> None:
    shop = Shop(1)
    shop.answer(shop.order_ids[0]).clear()
    assert shop.answer(shop.order_ids[0])["order_id"] == shop.order_ids[0]


def test_an_unknown_order_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        Shop(1).answer("nobody")


@pytest.mark.parametrize("options", [{"orders": -1}, {"days": 0}, {"as_of": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_an_option_that_makes_no_shop_is_refused(options: Json) -> None:
    with pytest.raises(ValueError, match=r"orders|as_of"):
        Shop(**options)


# ---- The shop: plausible


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_hundred_orders_hold_something_of_everything(seed: int) -> None:
    shop = Shop(300, seed=seed)
    found = [order for order in answers(shop) if order["order_id"] not in shop.defects]
    assert {order["status"] for order in found} == STATUSES
    assert {order["fraud_status"] for order in found} == {"ACCEPTED", "PENDING", "REJECTED"}
    assert {order["purchase_currency"] for order in found} == {"SEK", "EUR", "USD", "JPY"}
    assert len({order["purchase_country"] for order in found if order["purchase_currency"] == "EUR"}) >= 3
    assert any(order.get("customer", {}).get("type") == "organization" for order in found)
    assert any(len(order["captures"]) > 1 for order in found)
    assert any(len(capture["shipping_info"]) > 1 for order in found for capture in order["captures"])
    assert any(not capture["order_lines"] for order in found for capture in order["captures"])
    assert any(len(order["refunds"]) > 1 for order in found)
    assert any(order["status"] == "CAPTURED" and order["captured_amount"] < order["order_amount"] for order in found)
    assert any(
        [c["captured_at"] for c in order["captures"]] != sorted(c["captured_at"] for c in order["captures"])
        for order in found
    )
    assert len(set(shop.defects.values())) >= 8


def test_every_documented_field_is_filled_somewhere(shop: Shop) -> None:
    filled: set[str] = set()

    def visit(value: object, path: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(item, f"{path}.{key}".lstrip("."))
        elif isinstance(value, list):
            for item in value:
                visit(item, path)
        if value not in ("", [], {}, None):
            filled.add(path)

    for order in answers(shop):
        visit(order, "")
    assert {line.split()[0] for line in documented.ORDER.strip().splitlines()} - filled == set()


def test_bodies_are_as_large_as_real_ones(shop: Shop) -> None:
    assert 4000 < mean(len(shop.body(order_id)) for order_id in shop.order_ids) < 8000


def test_ids_are_hexadecimal_and_in_order_of_creation(shop: Shop) -> None:
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", order_id) for order_id in shop.order_ids)
    created = [order["created_at"] for order in answers(shop)]
    assert created == sorted(created)
    assert len(shop.order_ids) == 300


def test_times_are_written_in_utc_with_milliseconds(shop: Shop) -> None:
    for order in answers(shop):
        for text in (order["created_at"], order["expires_at"]):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)


def test_orders_are_placed_in_the_days_before_as_of() -> None:
    as_of = datetime(2025, 2, 3, 4, tzinfo=UTC)
    created = [instant(order["created_at"]) for order in answers(Shop(300, as_of=as_of, days=10))]
    assert as_of - timedelta(days=10) <= min(created) < as_of - timedelta(days=9)
    assert as_of - timedelta(days=1) < max(created) <= as_of


def test_life_goes_forward_and_ends_at_as_of(large_shop: Shop, orders: list[Json]) -> None:
    for order in orders:
        captured = [instant(capture["captured_at"]) for capture in order["captures"]]
        refunded = [instant(refund["refunded_at"]) for refund in order["refunds"]]
        assert all(instant(order["created_at"]) < at <= instant(order["expires_at"]) for at in captured)
        assert all(max(captured) < at for at in refunded)
        assert all(at <= large_shop.as_of for at in captured + refunded)


def hours_to_capture(orders: list[Json], wanted: Callable[[Json], bool]) -> list[float]:
    waits = (
        instant(min(capture["captured_at"] for capture in order["captures"])) - instant(order["created_at"])
        for order in orders
        if order["captures"] and wanted(order)
    )
    return [wait / timedelta(hours=1) for wait in waits]


def is_digital(order: Json) -> bool:
    return "digital" in [line["type"] for line in order["order_lines"]]


def was_shipped_by(method: str) -> Callable[[Json], bool]:
    return lambda order: method in [shipment["shipping_method"] for shipment in order["captures"][0]["shipping_info"]]


def was_bought_on(*weekdays: int) -> Callable[[Json], bool]:
    return lambda order: instant(order["created_at"]).weekday() in weekdays and not is_digital(order)


def test_digital_goods_are_captured_within_seconds(orders: list[Json]) -> None:
    hours = hours_to_capture(orders, is_digital)
    assert len(hours) > 500
    assert max(hours) < 10 / 3600


def test_what_is_shipped_takes_about_as_long_as_its_method(orders: list[Json]) -> None:
    collected, home, pallet = (
        median(hours_to_capture(orders, was_shipped_by(method)))
        for method in ("ClickCollect", "Home", "PalletDelivery")
    )
    assert 1 < collected < home < pallet
    assert 18 < home < 60
    assert pallet > 96


def test_week_ends_slow_the_parcels_down(orders: list[Json]) -> None:
    before_it, after_it = (hours_to_capture(orders, was_bought_on(*days)) for days in ((3, 4), (0, 1)))
    assert median(before_it) > median(after_it) + 12


def test_purchases_follow_the_week_and_the_hour(orders: list[Json]) -> None:
    weekdays = Counter(instant(order["created_at"]).weekday() for order in orders)
    assert weekdays[0] > 1.2 * weekdays[5]  # Monday, Saturday
    hours = Counter(instant(order["created_at"]).hour for order in orders if order["purchase_country"] == "SE")
    assert hours[18] > 5 * hours[1]


def test_refunds_depend_on_what_was_bought(orders: list[Json]) -> None:
    refunded: defaultdict[str, list[bool]] = defaultdict(list)
    for order in orders:
        if order["captures"]:
            path = order["order_lines"][0]["product_identifiers"]["category_path"]
            refunded[path.split(" > ")[1]].append(bool(order["refunds"]))
    assert mean(refunded["Clothing"]) > 2 * mean(refunded["Home"])
    assert 0.05 < mean(refunded["Clothing"]) < 0.5


def test_amounts_in_yen_have_no_decimals(orders: list[Json]) -> None:
    typical = {
        currency: median(order["order_amount"] for order in orders if order["purchase_currency"] == currency)
        for currency in ("EUR", "JPY")
    }
    assert 80 < typical["JPY"] / (typical["EUR"] / 100) < 250  # yen to the euro


def test_nobody_real_is_named(shop: Shop) -> None:
    for order in answers(shop):
        for address in (order["billing_address"], order["shipping_address"]):
            assert re.fullmatch(r"[a-z.0-9]+@example\.(com|org)", address["email"])
            assert address["phone"].startswith(("+467017406", "+4930231250", "+121255501", "+4477009000"))


# ---- The shop: consistent, but for its defects


def broken_rules(order: Json, as_of: datetime) -> set[str]:
    """Find what is wrong with an order, by the definitions alone."""
    captures, refunds, status = order["captures"], order["refunds"], order["status"]
    captured = sum(capture["captured_amount"] for capture in captures)
    refunded = sum(refund["refunded_amount"] for refund in refunds)
    open_amount = order["order_amount"] - order["captured_amount"]
    lines = order["order_lines"]
    rules = {
        "captured_amount_differs": order["captured_amount"] != captured,
        "refunded_amount_differs": order["refunded_amount"] != refunded,
        "capture_refunds_differ": sum(capture["refunded_amount"] for capture in captures) != refunded,
        "remaining_amount_differs": status in OPEN and order["remaining_authorized_amount"] != open_amount,
        "status_contradicts_amounts": bool(captures) == (status in ("AUTHORIZED", "CANCELLED", "EXPIRED")),
        "capture_before_creation": any(capture["captured_at"] < order["created_at"] for capture in captures),
        "capture_after_expiry": any(capture["captured_at"] > order["expires_at"] for capture in captures),
        "overdue": status in OPEN and instant(order["expires_at"]) < as_of,
        "no_shipping_info": any(
            not capture["shipping_info"] and any(line["type"] == "physical" for line in capture["order_lines"])
            for capture in captures
        ),
        "unknown_status": status not in STATUSES,
        "unknown_vocabulary": order["initial_payment_method"]["type"] not in documented_payments(),
        "unknown_field": "loyalty_points" in order,
        "lower_case_codes": order["purchase_currency"].islower(),
        "lines_do_not_add_up": sum(line["total_amount"] for line in lines) != order["order_amount"],
        "line_total_differs": any(
            line["quantity"] * line["unit_price"] - line["total_discount_amount"] != line["total_amount"]
            for line in lines
        ),
        "line_tax_differs": any(
            abs(line["total_amount"] * line["tax_rate"] / (10000 + line["tax_rate"]) - line["total_tax_amount"]) > 1
            for line in lines
        ),
    }
    return {rule for rule, is_broken in rules.items() if is_broken}


def documented_payments() -> set[str]:
    return set(
        "APPLE_PAY_CARD BANK_TRANSFER CARD DIRECT_DEBIT FIXED_AMOUNT GOOGLE_PAY_CARD INVOICE INVOICE_BUSINESS "
        "MOBILEPAY OTHER PAY_LATER_IN_PARTS SWISH".split()
    )


def test_orders_without_a_planted_defect_have_none(large_shop: Shop, orders: list[Json]) -> None:
    assert len(orders) == 5000 - 200
    assert [rules for order in orders if (rules := broken_rules(order, large_shop.as_of))] == []


def test_a_planted_defect_is_there_under_its_label(large_shop: Shop) -> None:
    assert len(set(large_shop.defects.values())) == 16
    for order_id, label in large_shop.defects.items():
        assert label in broken_rules(large_shop.answer(order_id), large_shop.as_of)


# ---- The server


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


def test_an_order_is_answered_as_the_shop_tells_it(server: Server, http: requests.Session) -> None:
    order_id = server.shop.order_ids[7]
    answer = http.get(address(server, order_id))
    assert answer.status_code == 200
    assert answer.json() == server.shop.answer(order_id)
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["date"] == "Sat, 31 Oct 2026 12:00:00 GMT"
    assert answer.headers["x-ratelimit-reset"] == "1"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["klarna-correlation-id"])


def test_compression_is_for_those_who_accept_it(server: Server, http: requests.Session) -> None:
    answer = http.get(address(server), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.content == server.shop.body(server.shop.order_ids[0])


def test_the_captures_of_an_order_are_a_bare_array(server: Server, http: requests.Session) -> None:
    order = next(order for order in answers(server.shop) if len(order["captures"]) > 1)
    assert http.get(address(server, order["order_id"], "/captures")).json() == order["captures"]


def test_a_raw_test_key_opens_it_as_well(server: Server, http: requests.Session) -> None:
    http.auth = None
    assert http.get(address(server), headers={"Authorization": "Basic kco_test_abc"}).status_code == 200


@pytest.mark.parametrize("auth", [None, ("sandbox", "guessed"), ("kco_test_abc", "")])
def test_wrong_credentials_get_a_page_without_a_correlation_id(
    server: Server, http: requests.Session, auth: tuple[str, str] | None
) -> None:
    http.auth = auth
    answer = http.get(address(server))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert "klarna-correlation-id" not in answer.headers
    assert "<html>" in answer.text


def test_credentials_can_be_chosen(http: requests.Session) -> None:
    with Server(Shop(1), username="K1_a", password="pässword") as server:
        http.auth = (b"K1_a", "pässword".encode())  # type: ignore[assignment]
        assert http.get(address(server)).status_code == 200


@pytest.mark.parametrize(
    ("below", "code"), [("", "NO_SUCH_ORDER"), ("/captures", "NO_SUCH_ORDER"), ("/refunds", "NOT_FOUND")]
)
def test_what_is_not_there_is_a_documented_404(server: Server, http: requests.Session, below: str, code: str) -> None:
    answer = http.get(address(server, "7849fd84-0000-0000-0000-000000000000", below))
    problem = answer.json()
    assert answer.status_code == 404
    assert problem["error_code"] == code
    assert [type(message) for message in problem["error_messages"]] == [str]
    assert problem["correlation_id"] == answer.headers["klarna-correlation-id"]


def test_it_can_only_be_read(server: Server, http: requests.Session) -> None:
    assert http.post(address(server, below="/captures"), json={"captured_amount": 1}).status_code == 405
    assert http.get(address(server)).status_code == 200  # on the same connection


def test_correlation_ids_are_new_for_each_request_but_the_same_every_time(http: requests.Session) -> None:
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


def test_latency_is_kept(http: requests.Session) -> None:
    with Server(Shop(1), latency=0.1) as server:
        assert http.get(address(server)).elapsed > timedelta(seconds=0.1)


def test_a_kept_connection_answers_at_once(server: Server, http: requests.Session) -> None:
    started = time.monotonic()
    for _ in range(25):
        http.get(address(server))
    assert time.monotonic() - started < 25 * 0.04  # what Nagle's algorithm would take


def test_closing_ends_the_open_connections_too(http: requests.Session) -> None:
    server = Server(Shop(1))
    assert http.get(address(server)).status_code == 200
    server.close()
    with pytest.raises(requests.ConnectionError):
        http.get(address(server))
    server.close()  # twice is harmless


def test_nothing_is_logged(http: requests.Session, capfd: pytest.CaptureFixture[str]) -> None:
    with Server(Shop(1), latency=0.05) as server:
        http.get(address(server, "nobody"))
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            hasty.sendall(f"GET {address(server)} HTTP/1.1\r\n\r\n".encode())
        time.sleep(0.1)
    assert capfd.readouterr() == ("", "")


# ---- Faults on demand


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
def test_a_fault_is_what_was_recorded(
    http: requests.Session, fault: str, status: int, content_type: str | None, text: str
) -> None:
    with Server(Shop(1), faults={fault: 1.0}) as server:
        answer = http.get(address(server), allow_redirects=False)
    assert answer.status_code == status
    assert answer.headers.get("content-type", "").partition(";")[0] == (content_type or "")
    assert text in answer.text


def test_a_rate_limit_tells_only_when_the_quota_is_new(http: requests.Session) -> None:
    with Server(Shop(1), faults={"rate_limited": 1.0}) as server:
        answer = http.get(address(server))
    assert answer.content == b""
    assert answer.headers["x-ratelimit-reset"] == "1"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert answer.headers["x-envoy-ratelimited"] == "true"
    assert not {"retry-after", "klarna-correlation-id"} & {name.lower() for name in answer.headers}


def test_how_long_to_wait_is_also_told_in_seconds_as_a_date_and_ahead(http: requests.Session) -> None:
    def told(fault: str) -> requests.Response:
        with Server(Shop(1, as_of=datetime(2026, 3, 1, tzinfo=UTC)), faults={fault: 1.0}) as server:
            return http.get(address(server))

    assert told("rate_limited_seconds").headers["retry-after"] == "1"
    as_a_date = told("rate_limited_date").headers
    assert as_a_date["date"] == "Sun, 01 Mar 2026 00:00:00 GMT"
    assert as_a_date["retry-after"] == "Sun, 01 Mar 2026 00:00:01 GMT"
    ahead = told("used_up")
    assert ahead.headers["x-ratelimit-remaining"] == "0"
    assert ahead.json()["order_id"]


def test_a_redirect_leads_to_another_host(http: requests.Session) -> None:
    with Server(Shop(1), faults={"redirect": 1.0}) as server:
        answer = http.get(address(server), allow_redirects=False)
    assert answer.headers["location"].startswith("https://elsewhere.example/")


def test_an_oversize_order_is_an_order_but_for_its_size(http: requests.Session) -> None:
    with Server(Shop(1), faults={"oversize": 1.0}) as server:
        answer = http.get(address(server))
    assert len(answer.content) > 10_000_000
    assert answer.json() == server.shop.answer(server.shop.order_ids[0])


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_an_answer_that_does_not_come_ends_with_the_server(http: requests.Session, fault: str) -> None:
    with Server(Shop(1), faults={fault: 1.0}) as server:
        with pytest.raises(requests.exceptions.RequestException, match="timed out"):
            http.get(address(server), timeout=0.3)
        waiting = ThreadPoolExecutor(1)
        answer = waiting.submit(http.get, address(server), timeout=30)
        time.sleep(0.1)
    with pytest.raises(requests.exceptions.RequestException):
        answer.result(5)
    waiting.shutdown()


def test_half_a_document_is_no_json(http: requests.Session) -> None:
    with Server(Shop(1), faults={"not_json": 1.0}) as server:
        answer = http.get(address(server))
    assert server.shop.body(server.shop.order_ids[0]).startswith(answer.content)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_wrong_type_comes_from_both_endpoints(http: requests.Session) -> None:
    with Server(Shop(5, seed=7), faults={"wrong_type": 1.0}) as server:
        order_id = next(order["order_id"] for order in answers(server.shop) if order["captures"])
        assert http.get(address(server, order_id)).json()["order_amount"] == "12.50"
        assert http.get(address(server, order_id, "/captures")).json()[0]["captured_amount"] == "12.50"


def test_a_reset_comes_before_any_answer(http: requests.Session) -> None:
    with (
        Server(Shop(1), faults={"reset": 1.0}) as server,
        pytest.raises(requests.ConnectionError, match=r"reset by peer|forcibly closed"),
    ):
        http.get(address(server))


def test_a_truncated_answer_breaks_off(http: requests.Session) -> None:
    with (
        Server(Shop(1), faults={"truncated": 1.0}) as server,
        pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"),
    ):
        http.get(address(server))


FAULTS = {"rate_limited": 0.2, "unavailable": 0.1}


def statuses(shop: Shop, http: requests.Session, threads: int) -> list[int]:
    with Server(shop, faults=FAULTS) as server, ThreadPoolExecutor(threads) as pool:
        urls = [address(server, order_id) for order_id in shop.order_ids]
        return [answer.status_code for answer in pool.map(http.get, urls)]


def test_threads_do_not_change_which_answers_are_faults(shop: Shop, http: requests.Session) -> None:
    alone = statuses(shop, http, 1)
    assert statuses(shop, http, 8) == alone
    found = Counter(alone)
    assert 40 <= found[429] <= 80
    assert 15 <= found[503] <= 45
    assert found[200] == 300 - found[429] - found[503]


def test_a_repeated_request_has_a_fate_of_its_own(http: requests.Session) -> None:
    with Server(Shop(1), faults={"unavailable": 0.5}) as server:
        found = {http.get(address(server)).status_code for _ in range(20)}
    assert found == {200, 503}


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"rate_limitd": 0.1}, "rate_limited"),
        ({"reset": 0.7, "truncated": 0.7}, "1 at most"),
        ({"reset": -0.1}, "positive"),
    ],
)
def test_faults_that_cannot_be_are_refused(faults: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Server(Shop(0), faults=faults)


# ---- The client


def test_the_client_finds_the_whole_shop_at_its_own_pace() -> None:
    with sandbox(orders=60) as client:
        started = time.monotonic()
        orders = client.orders(client.order_ids)
        assert time.monotonic() - started < 2  # at the usual 20 requests/s it would be 3
        assert [order.order_id for order in orders] == list(client.order_ids)
        assert orders.failures == ()
        assert orders.as_of == client.shop.as_of
        assert client.server.served == 60


def test_the_clients_options_and_faults_arrive() -> None:
    with sandbox(orders=3, faults={"unavailable": 1.0}, max_retries=0, workers=2) as client:
        failures = client.orders(client.order_ids).failures
    assert [failure.kind for failure in failures] == ["server_error"] * 3
    assert client.server.served == 3


def test_closing_the_client_stops_the_server() -> None:
    client = sandbox(orders=1, max_retries=0)
    client.close()
    assert [failure.kind for failure in client.orders(client.order_ids).failures] == ["connection"]


def test_an_option_that_cannot_work_leaves_no_server_behind() -> None:
    before = set(threading.enumerate())
    with pytest.raises(InvalidSetting):
        sandbox(orders=1, workers=0)
    assert set(threading.enumerate()) <= before

"""The synthetic shop is always the same, plausible, and consistent except for its planted defects."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import documented_fields as documented
import pytest

from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
OPEN = ("AUTHORIZED", "PART_CAPTURED")
STATUSES = {*OPEN, "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED"}
DIGEST = "105762abc05c71930a7aea1dd91cb8a2de6e2c87ba8db7a5e94a58e9ef345356"


def documents(shop: Shop) -> list[Json]:
    return [shop.answer(order_id) for order_id in shop.order_ids]


def digest(shop: Shop) -> str:
    return hashlib.sha256(b"\n".join(shop.body(order_id) for order_id in shop.order_ids)).hexdigest()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def large_shop() -> Shop:
    return Shop(5000)


@pytest.fixture(scope="module")
def orders(large_shop: Shop) -> list[Json]:
    """The orders of the large shop without a planted defect."""
    return [order for order in documents(large_shop) if order["order_id"] not in large_shop.defects]


def test_orders_are_the_same_on_every_platform_and_in_every_version() -> None:
    assert digest(Shop(50, seed=7)) == DIGEST


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its zone in a process")
def test_orders_do_not_depend_on_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        in_tokyo = digest(Shop(50, seed=7))
    time.tzset()
    assert in_tokyo == DIGEST


def test_an_instant_is_the_same_in_every_offset() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=9)))
    assert digest(Shop(20, as_of=noon)) == digest(Shop(20, as_of=elsewhere))
    assert Shop(0, as_of=elsewhere).as_of.utcoffset() == timedelta(0)


def test_another_seed_makes_another_shop() -> None:
    assert not set(Shop(20, seed=1).order_ids) & set(Shop(20, seed=2).order_ids)


def test_a_document_is_a_copy_for_the_caller() -> None:
    shop = Shop(1)
    shop.answer(shop.order_ids[0]).clear()
    assert shop.answer(shop.order_ids[0])["order_id"] == shop.order_ids[0]


def test_an_unknown_order_raises_a_key_error() -> None:
    with pytest.raises(KeyError, match="unknown"):
        Shop(1).answer("unknown")


@pytest.mark.parametrize("options", [{"orders": -1}, {"days": 0}, {"as_of": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_invalid_options_of_a_shop_are_refused(options: Json) -> None:
    with pytest.raises(ValueError, match=r"orders|as_of"):
        Shop(**options)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_hundred_orders_cover_every_case(seed: int) -> None:
    shop = Shop(300, seed=seed)
    found = [order for order in documents(shop) if order["order_id"] not in shop.defects]
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

    for order in documents(shop):
        visit(order, "")
    assert {line.split()[0] for line in documented.ORDER.strip().splitlines()} - filled == set()


def test_bodies_are_as_large_as_real_ones(shop: Shop) -> None:
    assert 4000 < mean(len(shop.body(order_id)) for order_id in shop.order_ids) < 8000


def test_ids_are_hexadecimal_and_in_order_of_creation(shop: Shop) -> None:
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", order_id) for order_id in shop.order_ids)
    created = [order["created_at"] for order in documents(shop)]
    assert created == sorted(created)
    assert len(shop.order_ids) == 300


def test_times_are_written_in_utc_with_milliseconds(shop: Shop) -> None:
    for order in documents(shop):
        for text in (order["created_at"], order["expires_at"]):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)


def test_orders_are_placed_in_the_days_before_as_of() -> None:
    as_of = datetime(2025, 2, 3, 4, tzinfo=UTC)
    created = [instant(order["created_at"]) for order in documents(Shop(300, as_of=as_of, days=10))]
    assert as_of - timedelta(days=10) <= min(created) < as_of - timedelta(days=9)
    assert as_of - timedelta(days=1) < max(created) <= as_of


def test_events_are_in_sequence_and_not_after_as_of(large_shop: Shop, orders: list[Json]) -> None:
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


def test_the_time_to_capture_depends_on_the_shipping_method(orders: list[Json]) -> None:
    collected, home, pallet = (
        median(hours_to_capture(orders, was_shipped_by(method)))
        for method in ("ClickCollect", "Home", "PalletDelivery")
    )
    assert 1 < collected < home < pallet
    assert 18 < home < 60
    assert pallet > 96


def test_captures_wait_for_the_end_of_the_week_end(orders: list[Json]) -> None:
    before, after = (hours_to_capture(orders, was_bought_on(*days)) for days in ((3, 4), (0, 1)))
    assert median(before) > median(after) + 12


@pytest.mark.slow
def test_purchases_depend_on_weekday_and_hour(orders: list[Json]) -> None:
    weekdays = Counter(instant(order["created_at"]).weekday() for order in orders)
    assert weekdays[0] > 1.2 * weekdays[5]  # Monday, Saturday
    hours = Counter(instant(order["created_at"]).hour for order in orders if order["purchase_country"] == "SE")
    assert hours[18] > 5 * hours[1]


def test_refunds_depend_on_the_category(orders: list[Json]) -> None:
    refunded: defaultdict[str, list[bool]] = defaultdict(list)
    for order in orders:
        if order["captures"]:
            path = order["order_lines"][0]["product_identifiers"]["category_path"]
            refunded[path.split(" > ")[0]].append(bool(order["refunds"]))
    assert mean(refunded["Clothing"]) > 2 * mean(refunded["Home"])
    assert 0.05 < mean(refunded["Clothing"]) < 0.5


def test_amounts_in_yen_have_no_decimals(orders: list[Json]) -> None:
    typical = {
        currency: median(order["order_amount"] for order in orders if order["purchase_currency"] == currency)
        for currency in ("EUR", "JPY")
    }
    assert 80 < typical["JPY"] / (typical["EUR"] / 100) < 250  # yen to the euro


def test_contact_data_is_invented(shop: Shop) -> None:
    for order in documents(shop):
        for address in (order["billing_address"], order["shipping_address"]):
            assert re.fullmatch(r"[a-z.0-9]+@example\.(com|org)", address["email"])
            assert address["phone"].startswith(("+467017406", "+4930231250", "+121255501", "+4477009000"))


def broken_rules(order: Json, as_of: datetime) -> set[str]:
    """Return the labels of the defects of an order, by the definitions."""
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
            not capture["shipping_info"]
            and not order["shipping_info"]
            and any(line["type"] == "physical" for line in capture["order_lines"])
            for capture in captures
        ),
        "shipped_uncaptured": bool(order["shipping_info"]) and not captures,
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


def test_other_orders_have_no_defect(large_shop: Shop, orders: list[Json]) -> None:
    assert len(orders) == 5000 - 200
    assert [rules for order in orders if (rules := broken_rules(order, large_shop.as_of))] == []


def test_a_planted_defect_is_in_the_order_under_its_label(large_shop: Shop) -> None:
    assert len(set(large_shop.defects.values())) == 17
    for order_id, label in large_shop.defects.items():
        assert label in broken_rules(large_shop.answer(order_id), large_shop.as_of)

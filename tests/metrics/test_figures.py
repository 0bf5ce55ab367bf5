from __future__ import annotations

from typing import Any

import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import by_period, capture_latency, key_figures, refund_ratio, shipping_methods


def order(order_id: str, status: str, amount: int | None, captured: int | None = 0, **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "status": status,
        "purchase_currency": "SEK",
        "order_amount": amount,
        "captured_amount": captured,
        "created_at": at(0),
        "expires_at": at(600),
        **more,
    }


ORDERS = [
    order("a", "CAPTURED", 1000, 1000, refunded_amount=250),
    order("b", "PART_CAPTURED", 1000, 400, remaining_authorized_amount=600),
    order("c", "AUTHORIZED", 500, None, remaining_authorized_amount=500),
    order("d", "EXPIRED", 300, 100),
    order("e", "CANCELLED", 200),
    order("f", "CLOSED", None, 50, refunded_amount=50),
    order("g", "AUTHORIZED", 80, purchase_currency="jpy", remaining_authorized_amount=80),
    order("h", "CAPTURED", 10, 10, purchase_currency=None, refunded_amount=4),
]
CAPTURES = [
    {"order_id": name, "capture_id": "1", "captured_at": at(hours), "captured_amount": amount}
    for name, hours, amount in (("a", 10, 1000), ("b", 20, 400), ("d", 30, 100), ("f", 40, 50), ("h", 5, 10))
]
SHIPMENTS = [
    {"order_id": name, "capture_id": "1", "source": "capture", "shipping_method": "Home", "has_tracking": tracked}
    for name, tracked in (("a", True), ("a", True), ("b", False), ("d", True))
]
TABLES = shop(orders=ORDERS, captures=CAPTURES, shipments=SHIPMENTS, as_of=at(100))


def test_the_figures_of_a_currency_worked_by_hand() -> None:
    row = key_figures(TABLES).row(1, named=True)
    assert row["purchase_currency"] == "SEK"
    assert (row["orders"], row["order_amount"]) == (6, 3000)
    assert (row["captured_orders"], row["captured_amount"]) == (4, 1550)
    assert (row["capture_rate"], row["excluded"]) == (1500 / 3000, 1)  # f has no order amount
    assert (row["refunded_orders"], row["refunded_amount"], row["refund_ratio"]) == (2, 300, 300 / 1550)
    assert (row["open_orders"], row["open_amount"]) == (2, 1100)
    assert (row["expired_orders"], row["expired_amount"]) == (1, 200)
    assert (row["cancelled_orders"], row["cancelled_amount"]) == (1, 200)
    assert (row["average_order_value"], row["median_order_value"]) == (600, 500)  # of five: one has no amount
    assert (row["captures"], row["captures_with_tracking"], row["tracking_share"]) == (4, 2, 0.5)
    # Captured at 10, 20, 30 and 40 h; c waits at 100 h; e ended unknown: the curve passes 4/5, 3/5, 2/5.
    assert row["p50_hours"] == 30


def test_figures_are_those_of_the_single_metrics() -> None:
    figures = key_figures(TABLES).to_dicts()
    refunds = {row["purchase_currency"]: row for row in refund_ratio(TABLES).to_dicts()}
    waits = {row["purchase_currency"]: row for row in capture_latency(TABLES, by="purchase_currency").to_dicts()}
    for row in figures:
        refund = refunds.get(row["purchase_currency"], {})
        wait = waits[row["purchase_currency"]]
        for end in ("", "_low", "_high"):
            assert row[f"refund_ratio{end}"] == refund.get(f"amount_ratio{end}")
            assert row[f"p50_hours{end}"] == wait[f"p50_hours{end}"]
    assert figures[2]["refund_ratio"] == 0.4
    assert figures[2]["p50_hours"] == 5
    assert sum(row["captures"] for row in figures) == shipping_methods(TABLES)["count"].sum()


def test_a_currency_without_captures_has_counts_of_zero_and_no_ratio() -> None:
    row = key_figures(TABLES).row(0, named=True)
    assert row["purchase_currency"] == "JPY"
    assert (row["captured_amount"], row["capture_rate"], row["capture_rate_low"]) == (0, 0, 0)
    assert row["capture_rate_high"] == pytest.approx(0.793, abs=1e-3)  # of one order: z² / (1 + z²)
    assert (row["refunded_orders"], row["refunded_amount"], row["refund_ratio"]) == (0, 0, None)
    assert (row["captures"], row["captures_with_tracking"], row["tracking_share"]) == (0, 0, None)
    assert (row["tracking_share_low"], row["p50_hours"]) == (None, None)


def test_the_interval_of_the_capture_rate_is_that_of_the_ratio_over_orders() -> None:
    # The same numbers as refunds of captures: the interval of y over x does not depend on what they are called.
    pairs = [(1000, 1000), (1000, 400), (500, 0), (300, 100)]
    rates = shop(orders=[order(str(number), "CAPTURED", x, y) for number, (x, y) in enumerate(pairs)])
    refunds = shop(
        orders=[order(str(number), "CAPTURED", x, x, refunded_amount=y) for number, (x, y) in enumerate(pairs)]
    )
    rate, refund = key_figures(rates).row(0, named=True), refund_ratio(refunds).row(0, named=True)
    assert rate["capture_rate_low"] == pytest.approx(refund["amount_ratio_low"], abs=1e-12)
    assert rate["capture_rate_high"] == pytest.approx(refund["amount_ratio_high"], abs=1e-12)
    assert 0 < rate["capture_rate_low"] < rate["capture_rate"] < rate["capture_rate_high"] < 1


def test_an_order_of_unknown_amount_is_excluded_from_the_rate_and_not_zero() -> None:
    known = [order("a", "CAPTURED", 1000, 400)]
    unknown = [order("b", "CLOSED", None, 50), order("c", "AUTHORIZED", 500, None)]
    captures = [{"order_id": "c", "capture_id": "1", "captured_amount": None}]
    found = key_figures(shop(orders=known + unknown, captures=captures))
    rate = ["capture_rate", "capture_rate_low", "capture_rate_high"]
    assert_frame_equal(found.select(rate), key_figures(shop(orders=known)).select(rate))
    assert found.select("orders", "order_amount", "captured_amount", "excluded").row(0) == (3, 1500, 450, 2)


def test_the_captures_stand_in_for_a_missing_captured_amount() -> None:
    captures = [{"order_id": "a", "capture_id": number, "captured_amount": 300} for number in "12"]
    found = key_figures(shop(orders=[order("a", "CAPTURED", 1000, None)], captures=captures))
    assert found.select("captured_orders", "captured_amount", "capture_rate", "excluded").row(0) == (1, 600, 0.6, 0)


def test_what_remains_of_an_open_order_is_inferred() -> None:
    orders = [order("a", "PART_CAPTURED", 1000, 400), order("b", "AUTHORIZED", None, 0)]
    assert key_figures(shop(orders=orders)).select("open_orders", "open_amount").row(0) == (2, 600)


def test_groups_have_their_own_figures_and_maturity_where_they_are_times() -> None:
    old = [order(f"o{number}", "CAPTURED", 100, 100) for number in range(3)]
    young = [order("y", "AUTHORIZED", 100, 0, created_at=at(24 * 40), remaining_authorized_amount=100)]
    captures = [{"order_id": f"o{number}", "captured_at": at(50), "captured_amount": 100} for number in range(3)]
    tables = shop(orders=old + young, captures=captures, as_of=at(24 * 41))
    found = key_figures(tables, by=by_period("1mo"))
    assert found.columns[:2] == ["created_at_1mo", "purchase_currency"]
    assert found.select("orders", "capture_rate", "p50_hours", "mature").rows() == [
        (3, 1.0, 50.0, True),
        (1, 0.0, None, False),
    ]
    assert "mature" not in key_figures(tables).columns
    by_status = key_figures(tables, by=["purchase_currency", "status"])
    assert by_status.select("purchase_currency", "status", "orders").rows() == [
        ("SEK", "AUTHORIZED", 1),
        ("SEK", "CAPTURED", 3),
    ]


def test_orders_without_currency_come_last() -> None:
    assert key_figures(TABLES)["purchase_currency"].to_list() == ["JPY", "SEK", None]


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    expected = key_figures(TABLES)
    assert_frame_equal(key_figures(shuffled(TABLES, 1)), expected, abs_tol=1e-12)
    assert_frame_equal(key_figures(TABLES.lazy()), expected, abs_tol=1e-12)
    assert key_figures(shop()).height == 0
    assert key_figures(shop()).schema == expected.schema

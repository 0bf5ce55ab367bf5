from __future__ import annotations

from typing import Any

import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import capture_latency, key_figures, refund_ratio, shipping_methods


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
    assert row["capture_rate"] == 1550 / 3000
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


def test_a_missing_amount_is_zero_in_the_capture_rate() -> None:
    untold, zero = (
        key_figures(shop(orders=[order("a", "CLOSED", amount, 50), order("b", "AUTHORIZED", 500, amount), *ORDERS[:2]]))
        for amount in (None, 0)
    )
    rate = ["capture_rate", "capture_rate_low", "capture_rate_high"]
    assert untold["capture_rate_low"].item() is not None
    assert_frame_equal(untold.select(rate), zero.select(rate))


def test_orders_without_currency_come_last() -> None:
    assert key_figures(TABLES)["purchase_currency"].to_list() == ["JPY", "SEK", None]


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    expected = key_figures(TABLES)
    assert_frame_equal(key_figures(shuffled(TABLES, 1)), expected, abs_tol=1e-12)
    assert_frame_equal(key_figures(TABLES.lazy()), expected, abs_tol=1e-12)
    assert key_figures(shop()).height == 0
    assert key_figures(shop()).schema == expected.schema

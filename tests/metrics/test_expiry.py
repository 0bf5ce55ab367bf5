from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import at_risk, expiring

NOW = at(100)


def order(order_id: str, expires: float | None, **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "status": "AUTHORIZED",
        "purchase_currency": "SEK",
        "remaining_authorized_amount": 500,
        "expires_at": None if expires is None else at(expires),
        **more,
    }


def ids(orders: list[dict[str, Any]], **options: Any) -> list[str]:
    return expiring(shop(orders=orders, as_of=NOW), **options)["order_id"].to_list()


@pytest.mark.parametrize(
    ("more", "is_listed"),
    [
        ({}, True),
        ({"status": "PART_CAPTURED"}, True),
        ({"status": "CAPTURED"}, False),
        ({"status": "EXPIRED"}, False),
        ({"status": "CANCELLED"}, False),
        ({"status": None}, False),
        ({"remaining_authorized_amount": 0}, False),
        ({"remaining_authorized_amount": None}, True),
        ({"remaining_authorized_amount": None, "order_amount": 900, "captured_amount": 900}, False),
        ({"status": "PART_CAPTURED", "remaining_authorized_amount": 0}, False),
        ({"created_at": at(100)}, True),
        ({"created_at": at(101)}, False),
        ({"expires_at": at(100)}, True),
        ({"expires_at": at(172)}, True),
        ({"expires_at": at(172) + timedelta(microseconds=1)}, False),
        ({"expires_at": at(99)}, False),
        ({"expires_at": None}, False),
    ],
)
def test_open_orders_with_a_remaining_amount_that_expire_soon_are_listed(more: dict[str, Any], is_listed: bool) -> None:  # noqa: FBT001
    assert ids([order("a", 120, **more)]) == (["a"] if is_listed else [])


def test_orders_are_sorted_by_expiry_then_by_id() -> None:
    assert ids([order("c", 130), order("b", 110), order("a", 130)]) == ["b", "a", "c"]


def test_a_row_has_the_remaining_amount_and_whether_it_can_be_captured() -> None:
    pending = order("a", 101.5, fraud_status="PENDING", merchant_reference1="R1")
    accepted, unchecked = order("b", 102, fraud_status="ACCEPTED"), order("c", 103)
    shown = expiring(shop(orders=[pending, accepted, unchecked], as_of=NOW))
    columns = "order_id merchant_reference1 purchase_currency remaining_authorized_amount remaining_is_inferred"
    assert shown.columns == [*columns.split(), "expires_at", "hours_left", "fraud_status", "can_capture"]
    assert shown.rows() == [
        ("a", "R1", "SEK", 500, False, at(101.5), 1.5, "PENDING", False),
        ("b", None, "SEK", 500, False, at(102), 2.0, "ACCEPTED", True),
        ("c", None, "SEK", 500, False, at(103), 3.0, None, True),
    ]


@pytest.mark.parametrize("status", ["PENDING", "REJECTED", "STOPPED"])
def test_an_order_whose_fraud_check_is_not_passed_cannot_be_captured(status: str) -> None:
    tables = shop(orders=[order("a", 110, fraud_status=status)], as_of=NOW)
    assert expiring(tables)["can_capture"].to_list() == [False]
    assert at_risk(tables)["blocked_orders"].to_list() == [1]


def test_a_missing_remaining_amount_is_inferred_or_unknown_but_never_zero() -> None:
    missing = {"remaining_authorized_amount": None}
    orders = [
        order("a", 110, **missing, order_amount=900, captured_amount=200),
        order("b", 111, **missing, order_amount=900),
        order("c", 112),
    ]
    tables = shop(orders=orders, as_of=NOW)
    shown = expiring(tables).select("order_id", "remaining_authorized_amount", "remaining_is_inferred")
    assert shown.rows() == [("a", 700, True), ("b", None, True), ("c", 500, False)]
    risk = at_risk(tables).select("orders", "remaining_authorized_amount", "excluded")
    assert risk.rows() == [(3, 1200, 1)]


def test_orders_without_a_deadline_are_counted_for_any_duration() -> None:
    orders = [order("a", None), order("b", 110), order("c", None, purchase_currency="JPY")]
    tables = shop(orders=orders, as_of=NOW)
    columns = ("purchase_currency", "orders", "remaining_authorized_amount", "without_deadline")
    assert at_risk(tables).select(columns).rows() == [("JPY", 0, 0, 1), ("SEK", 1, 500, 1)]
    assert at_risk(tables, within=None).select(columns).rows() == [("JPY", 1, 500, 1), ("SEK", 2, 1000, 1)]


def test_money_at_risk_is_summed_by_local_day_of_expiry() -> None:
    # Hour 100 is 2025-01-05 04:00 UTC; 23:30 UTC on that day is already the 6th in Stockholm.
    orders = [order("a", 119.5), order("b", 110), order("c", 121), order("d", None)]
    tables = shop(orders=orders, as_of=NOW)
    columns = ("purchase_currency", "expires_at_1d", "orders", "without_deadline")
    assert at_risk(tables, every="1d").select(columns).rows() == [
        ("SEK", date(2025, 1, 5), 2, 0),
        ("SEK", date(2025, 1, 6), 1, 0),
        ("SEK", None, 0, 1),
    ]
    local = at_risk(tables, every="1d", time_zone="Europe/Stockholm")
    assert local["orders"].to_list() == [1, 2, 0]


@pytest.mark.parametrize(
    ("hours", "within", "expected"),
    [
        (100, "72h", [True, False, True]),  # from 04:00 to 04:00
        (96, "72h", [False, False, True]),  # from midnight, until a midnight that is in the last period
        (96, timedelta(hours=72, microseconds=-1), [False, False]),
        (100, None, [False, False, False]),
    ],
)
def test_a_period_that_is_cut_is_partial(hours: float, within: Any, expected: list[bool]) -> None:
    orders = [order("a", 119.5), order("b", 130), order("c", 168), order("d", None)]
    found = at_risk(shop(orders=orders, as_of=at(hours)), within=within, every="1d")
    assert found.columns[-1] == "is_partial"
    assert found.drop_nulls("expires_at_1d")["is_partial"].to_list() == expected
    assert "is_partial" not in at_risk(shop(orders=orders, as_of=at(hours))).columns


@pytest.mark.parametrize(
    ("within", "expected"),
    [("90m", []), ("2h", ["a"]), ("1d", ["a"]), ("1w", ["a", "b"]), (timedelta(hours=2), ["a"])],
)
def test_within_is_a_duration(within: Any, expected: list[str]) -> None:
    assert ids([order("a", 102), order("b", 150)], within=within) == expected


def test_within_none_lists_all_open_orders_including_overdue_and_without_expiry() -> None:
    shown = expiring(shop(orders=[order("a", None), order("b", 90), order("c", 5000)], as_of=NOW), within=None)
    assert shown.select("order_id", "hours_left").rows() == [("b", -10), ("c", 4900), ("a", None)]


def test_as_of_defaults_to_that_of_the_data() -> None:
    tables = shop(orders=[order("a", 120)], as_of=NOW)
    assert expiring(tables)["hours_left"].item() == 20
    assert expiring(tables, as_of=at(110))["hours_left"].item() == 10
    assert expiring(tables, as_of=at(110).replace(tzinfo=None))["hours_left"].item() == 10


def test_without_as_of_the_list_is_empty() -> None:
    tables = shop(orders=[order("a", 120)])
    assert expiring(tables).height == 0
    assert expiring(tables, within=None)["hours_left"].to_list() == [None]


def test_money_at_risk_is_summed_per_currency() -> None:
    orders = [
        order("a", 120),
        order("b", 110, fraud_status="PENDING"),
        order("c", 115, purchase_currency="JPY", remaining_authorized_amount=7),
        order("d", 115, purchase_currency=None),
        order("e", 999),
    ]
    shown = at_risk(shop(orders=orders, as_of=NOW))
    columns = "purchase_currency orders remaining_authorized_amount soonest_expires_at blocked_orders"
    assert shown.columns == [*columns.split(), "without_deadline", "excluded"]
    assert shown.rows() == [
        ("JPY", 1, 7, at(115), 0, 0, 0),
        ("SEK", 2, 1000, at(110), 1, 0, 0),
        (None, 1, 500, at(115), 0, 0, 0),
    ]
    assert at_risk(shop(orders=orders, as_of=NOW), within=None)["orders"].to_list() == [1, 3, 1]


@pytest.mark.parametrize("metric", [expiring, at_risk])
def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing(metric: Any) -> None:
    tables = shop(orders=[order(str(number), 100 + number % 3) for number in range(9)], as_of=NOW)
    assert_frame_equal(metric(shuffled(tables, 1)), metric(tables))
    assert_frame_equal(metric(tables.lazy()), metric(tables))
    assert metric(shop()).height == 0
    assert metric(shop()).schema == metric(tables).schema


@pytest.mark.parametrize("within", ["soon", 72, 72.0, "³h", "", ["72h"]])
@pytest.mark.parametrize("metric", [expiring, at_risk])
def test_an_invalid_duration_is_refused(metric: Any, within: Any) -> None:
    message = f"invalid duration {within!r} in within; use a number and a unit, such as '90m', '72h', '7d' or '2w'"
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(shop(), within=within)

"""Goods shipped and not paid: which orders are listed, worked by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import shipped_uncaptured

NOW = at(100)


def order(order_id: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "status": "AUTHORIZED",
        "purchase_currency": "SEK",
        "order_amount": 900,
        "captured_amount": 0,
        "expires_at": at(200),
        **more,
    }


def shipment(order_id: str = "a", source: str = "order", **more: Any) -> dict[str, Any]:
    return {"order_id": order_id, "source": source, "has_tracking": False, "shipping_company": "DHL", **more}


def capture(amount: int | None, **more: Any) -> dict[str, Any]:
    return {"order_id": "a", "capture_id": "c", "captured_amount": amount, **more}


def is_listed(**tables: Any) -> bool:
    return shipped_uncaptured(shop(as_of=NOW, **{"orders": [order()], **tables})).height == 1


def test_a_row_has_amounts_carrier_tracking_and_deadline() -> None:
    orders = [
        order("a", merchant_reference1="R1", remaining_authorized_amount=900),
        order("b", status="EXPIRED", expires_at=at(50), purchase_currency="JPY"),
        order("c", expires_at=None),
        order("d"),
    ]
    shipments = [
        shipment("a", shipping_company="PostNord"),
        shipment("a", shipping_company="DHL", has_tracking=True),
        shipment("a", shipping_company=" dhl"),
        shipment("a", shipping_company=" ", shipping_method="Home"),
        shipment("b", shipping_company=None, shipping_method="Home"),
        shipment("c"),
        shipment("x"),
    ]
    shown = shipped_uncaptured(shop(orders=orders, shipments=shipments, as_of=NOW))
    columns = "order_id merchant_reference1 status purchase_currency order_amount remaining_authorized_amount"
    assert shown.columns == [*columns.split(), "shipping_company", "has_tracking", "expires_at"]
    assert shown.rows() == [
        ("b", None, "EXPIRED", "JPY", 900, None, None, False, at(50)),
        ("a", "R1", "AUTHORIZED", "SEK", 900, 900, "DHL, PostNord", True, at(200)),
        ("c", None, "AUTHORIZED", "SEK", 900, None, "DHL", False, None),
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("AUTHORIZED", True),
        ("PART_CAPTURED", True),
        ("CANCELLED", True),
        ("EXPIRED", True),
        ("CAPTURED", False),
        ("CLOSED", False),
        (None, False),
    ],
)
def test_open_cancelled_and_expired_orders_are_listed(status: str | None, expected: bool) -> None:  # noqa: FBT001
    assert is_listed(orders=[order(status=status)], shipments=[shipment()]) is expected


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, True),
        ({"shipping_company": None}, False),
        ({"shipping_company": " "}, False),
        ({"shipping_company": None, "return_shipping_company": "DHL"}, False),
        ({"shipping_company": None, "shipping_method": "Home"}, True),
        ({"shipping_company": None, "has_tracking": True}, True),
        ({"shipping_company": None, "has_tracking": None}, False),
        ({"order_id": None}, False),
    ],
)
def test_a_carrier_a_method_or_tracking_shows_that_goods_are_gone(info: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert is_listed(shipments=[shipment(**info)]) is expected


@pytest.mark.parametrize(
    ("captured_amount", "amounts", "expected"),
    [
        (0, [0], True),
        (0, [0, 0], True),
        (0, [None], False),  # the shipment is on a capture of an unknown amount
        (0, [0, 5], False),
        (5, [0], False),
        (None, [0], True),
        (None, [0, None], False),
    ],
)
def test_shipments_of_captures_count_if_nothing_was_captured(
    captured_amount: int | None,
    amounts: list[int | None],
    expected: bool,  # noqa: FBT001
) -> None:
    captures = [capture(amount, capture_id=None) for amount in amounts]  # ids can be missing: positions join
    shipments = [shipment(source="capture", capture=0)]
    orders = [order(captured_amount=captured_amount)]
    assert is_listed(orders=orders, captures=captures, shipments=shipments) is expected


def test_a_missing_captured_amount_without_captures_is_nothing_captured() -> None:
    assert is_listed(orders=[order(captured_amount=None)], shipments=[shipment()])
    assert not is_listed(orders=[order(captured_amount=1)], shipments=[shipment()])
    assert not is_listed()


def test_orders_without_an_id_have_no_shipments() -> None:
    assert not is_listed(orders=[order(order_id=None)], shipments=[shipment(order_id=None)])  # type: ignore[arg-type]


def test_an_order_that_is_created_after_as_of_is_not_visible() -> None:
    tables = shop(orders=[order(created_at=at(100))], shipments=[shipment()], as_of=NOW)
    assert shipped_uncaptured(tables).height == 1
    assert shipped_uncaptured(tables, as_of=NOW - timedelta(microseconds=1)).height == 0


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    orders = [order(str(number), expires_at=at(100 + number % 3)) for number in range(9)]
    shipments = [shipment(str(number), shipping_company=name) for number in range(9) for name in ("DHL", "dhl", "UPS")]
    tables = shop(orders=orders, shipments=shipments, as_of=NOW)
    shown = shipped_uncaptured(tables)
    assert shown["order_id"].to_list() == ["0", "3", "6", "1", "4", "7", "2", "5", "8"]
    assert shown["shipping_company"].unique().to_list() == ["DHL, UPS"]
    assert_frame_equal(shipped_uncaptured(shuffled(tables, 1)), shown)
    assert_frame_equal(shipped_uncaptured(tables.lazy()), shown)
    assert shipped_uncaptured(shop()).schema == shown.schema

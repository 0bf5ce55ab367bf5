"""Fields and vocabulary beyond the documentation are counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from two_orders import FIRST, SECOND

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Iterable


def at(day: int, *documents: dict[str, Any], failures: Iterable[om.Failure] = ()) -> om.Orders:
    read = om.Orders.from_json(json.dumps(documents), as_of=datetime(2026, 10, day, tzinfo=UTC))
    return om.Orders(read, failures=failures, as_of=read.as_of)


def test_drift_counts_unknown_fields_and_values() -> None:
    documents = [
        FIRST | {"status": "ON_HOLD", "moon": {"phase": 1}, "customer": {"type": "", "shoe_size": 44}},
        SECOND | {"moon": "full", "refunds": [{"order_lines": [{"type": "bonus", "stars": [5]}]}]},
        SECOND
        | {
            "order_id": "c-3",
            "status": "ON_HOLD",
            "captures": [{"shipping_info": [{"shipping_method": "PickupStore"}]}],
            "fraud_status": "ask ada@lovelace.se",
        },
    ]
    drift = om.Orders.from_json(json.dumps(documents)).drift
    assert drift.rows() == [
        ("captures.shipping_info.shipping_method", "value", "PickupStore", 1, "c-3"),
        ("customer.shoe_size", "field", "a number", 1, "a-1"),
        ("fraud_status", "value", "some text", 1, "c-3"),
        ("moon", "field", "an object", 1, "a-1"),
        ("moon", "field", "some text", 1, "b-2"),
        ("refunds.order_lines.stars", "field", "an array", 1, "b-2"),
        ("refunds.order_lines.type", "value", "bonus", 1, "b-2"),
        ("status", "value", "ON_HOLD", 2, "a-1"),
    ]
    assert om.Orders().drift.schema == drift.schema


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("status", "AUTHORIZED PART_CAPTURED CAPTURED CANCELLED EXPIRED CLOSED"),
        ("fraud_status", "ACCEPTED PENDING REJECTED"),
        (
            "initial_payment_method.type",
            "BANK_TRANSFER CARD FIXED_AMOUNT INVOICE_BUSINESS INVOICE MOBILEPAY PAY_BY_CARD",
        ),
        (
            "initial_payment_method.type",
            "PAY_LATER_IN_PARTS SWISH APPLE_PAY_CARD GOOGLE_PAY_CARD CARTES_BANCAIRES BLIK",
        ),
        ("initial_payment_method.type", "TWINT BANCONTACT OTHER"),
        ("customer.type", "person organization"),
        ("customer.organization_entity_type", "LIMITED_COMPANY PUBLIC_LIMITED_COMPANY ENTREPRENEURIAL_COMPANY OTHER"),
        ("customer.organization_entity_type", "LIMITED_PARTNERSHIP_LIMITED_COMPANY LIMITED_PARTNERSHIP SOLE_TRADER"),
        ("customer.organization_entity_type", "GENERAL_PARTNERSHIP REGISTERED_SOLE_TRADER CIVIL_LAW_PARTNERSHIP"),
        ("customer.organization_entity_type", "PUBLIC_INSTITUTION"),
        ("order_lines[].type", "physical discount shipping_fee sales_tax store_credit gift_card digital surcharge"),
        ("order_lines[].type", "return_fee package"),
        ("shipping_info[].shipping_method", "PickUpStore Home BoxReg BoxUnreg PickUpPoint Own Postal DHLPackstation"),
        ("shipping_info[].shipping_method", "Digital Undefined PickUpWarehouse ClickCollect PalletDelivery"),
    ],
)
def test_documented_vocabulary_is_no_drift(path: str, values: str) -> None:
    for value in values.split():
        document: object = value
        for step in reversed(path.split(".")):
            document = {step.removesuffix("[]"): [document] if step.endswith("[]") else document}
        orders = om.Orders.from_json(json.dumps(document | {"order_id": "1"}))  # type: ignore[operator]
        assert len(orders) == 1
        assert orders.drift.is_empty()


def test_an_order_id_in_a_capture_is_drift_and_no_key() -> None:
    other = {"order_id": "b", "purchase_currency": "eur", "captured_amount": 5, "order_lines": [{"quantity": 1}]}
    orders = at(1, {"order_id": "a", "purchase_currency": "sek", "captures": [other]})
    tables = orders.tables()
    for table in (tables.captures, tables.order_lines):
        assert table.select("order_id", "purchase_currency").rows() == [("a", "SEK")]
    assert orders.drift["path"].to_list() == ["captures.order_id", "captures.purchase_currency"]

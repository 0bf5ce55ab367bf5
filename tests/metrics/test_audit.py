"""The audit: each rule finds its contradiction, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

import om_toolkit as om
from om_toolkit.money import EXPONENTS
from om_toolkit.synthetic.shop import Shop

# An order of 100.00 SEK without contradictions: captured in two parts, shipped with tracking, refunded in part.
SOUND: dict[str, list[dict[str, Any]]] = {
    "orders": [
        {
            "order_id": "a",
            "status": "CAPTURED",
            "fraud_status": "ACCEPTED",
            "purchase_currency": "SEK",
            "order_amount": 10000,
            "captured_amount": 10000,
            "refunded_amount": 3000,
            "remaining_authorized_amount": 0,
            "created_at": at(0),
            "expires_at": at(600),
        }
    ],
    "captures": [
        {"capture_id": "1", "captured_amount": 6000, "refunded_amount": 3000, "captured_at": at(5)},
        {"capture_id": "2", "captured_amount": 4000, "refunded_amount": 0, "captured_at": at(600)},
    ],
    "refunds": [{"refund_id": "r", "refunded_amount": 3000, "refunded_at": at(700)}],
    "order_lines": [
        {"source": "order", "line": 0, "type": "physical", "quantity": 2, "unit_price": 5500, "tax_rate": 2500}
        | {"total_amount": 10000, "total_discount_amount": 1000, "total_tax_amount": 2000},
        {"source": "capture", "capture_id": "1", "line": 0, "type": "physical", "total_amount": 6000},
    ],
    "shipments": [{"source": "capture", "capture_id": "1", "shipping_method": "Home", "has_tracking": True}],
}
OF_ORDER = {"order_id": "a", "purchase_currency": "SEK"}


def sound(**changes: Any) -> om.Tables[pl.DataFrame]:
    """Make the sound order with other rows of a table, or with other values in its first row."""
    rows = {
        table: changes.get(table, [{**SOUND[table][0], **changes.get(f"first_{table}", {})}, *SOUND[table][1:]])
        for table in SOUND
    }
    rows = {table: [OF_ORDER | row for row in of_table] for table, of_table in rows.items()}
    return shop(as_of=at(1000), **rows)


def found(tables: om.Tables[pl.DataFrame]) -> list[tuple[Any, ...]]:
    """Return the findings, whose messages must be sentences without missing values."""
    findings = om.audit(tables)
    assert all(message.endswith(".") and "null" not in message for message in findings["message"])
    return findings.select("rule", "severity", "capture_id", "expected", "actual", "difference").rows()


def test_a_consistent_order_has_no_findings() -> None:
    assert found(sound()) == []


OPEN = {"status": "AUTHORIZED", "captured_amount": 0, "refunded_amount": 0, "remaining_authorized_amount": 10000}
MISSING = ("missing_value", "warning", None, None, None, None)
NOTHING_ELSE = {"captures": [], "refunds": [], "shipments": [], "order_lines": []}
CASES: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "captured amount": (
        {"first_orders": {"captured_amount": 10001}},
        [
            ("captured_amount", "error", None, 10000, 10001, 1),
            ("over_captured", "error", None, 10000, 10001, 1),
        ],
    ),
    "captured more than ordered": (
        {"first_orders": {"order_amount": 9999}, "order_lines": []},
        [("over_captured", "error", None, 9999, 10000, 1)],
    ),
    "captured amount, missing": (
        {"first_orders": {"captured_amount": None, "refunded_amount": 0, "status": "CANCELLED"}, "refunds": []}
        | {"captures": [{"capture_id": "1", "captured_amount": 6000, "captured_at": at(5)}], "order_lines": []},
        [MISSING],
    ),
    "captured amount of a capture, missing": (
        {"first_captures": {"captured_amount": None}},
        [("missing_value", "warning", "1", None, None, None)],
    ),
    "refunded amount, missing": ({"first_orders": {"refunded_amount": None}}, [MISSING]),
    "refunded amount of a capture, missing": ({"first_captures": {"refunded_amount": None}}, []),
    "refunded amount, two rules": (
        {"first_orders": {"refunded_amount": 2999}},
        [
            ("captures_refunded_amount", "error", None, 3000, 2999, -1),
            ("refunded_amount", "error", None, 3000, 2999, -1),
        ],
    ),
    "refunds the captures do not know of": (
        {"first_captures": {"refunded_amount": 0}},
        [("captures_refunded_amount", "error", None, 0, 3000, 3000)],
    ),
    "captures that do not speak of refunds": (
        {"captures": [{**row, "refunded_amount": None} for row in SOUND["captures"]]},
        [],
    ),
    "refunded more than captured": (
        {
            "first_orders": {"refunded_amount": 10001},
            "first_captures": {"refunded_amount": 10001},
            "first_refunds": {"refunded_amount": 10001},
        },
        [
            ("over_refunded", "error", "1", 6000, 10001, 4001),
            ("over_refunded", "error", None, 10000, 10001, 1),
        ],
    ),
    "remaining": (
        {**NOTHING_ELSE, "first_orders": {**OPEN, "remaining_authorized_amount": 9999, "expires_at": at(2000)}},
        [("remaining_amount", "error", None, 10000, 9999, -1)],
    ),
    "remaining, missing": (
        {**NOTHING_ELSE, "first_orders": {**OPEN, "remaining_authorized_amount": None, "expires_at": at(2000)}},
        [MISSING],
    ),
    "remaining, missing and overdue": (
        {**NOTHING_ELSE, "first_orders": {**OPEN, "remaining_authorized_amount": None}},
        [MISSING, ("overdue", "warning", None, None, 10000, None)],
    ),
    "remaining, unknown and overdue": (
        {
            **NOTHING_ELSE,
            "first_orders": {**OPEN, "remaining_authorized_amount": None, "order_amount": None},
        },
        [MISSING, MISSING, ("overdue", "warning", None, None, None, None)],
    ),
    "negative remaining": (
        {"first_orders": {"remaining_authorized_amount": -1}},
        [("negative_amount", "error", None, None, -1, None)],
    ),
    "negative refund": (
        {"refunds": [*SOUND["refunds"], {"refund_id": "s", "refunded_amount": -5, "refunded_at": at(700)}]}
        | {"first_orders": {"refunded_amount": 2995}, "first_captures": {"refunded_amount": 2995}},
        [("negative_amount", "error", None, None, -5, None)],
    ),
    "capture of nothing": (
        {"captures": [*SOUND["captures"], {"capture_id": "3", "captured_amount": 0, "captured_at": at(9)}]}
        | {"first_captures": {}},
        [("zero_capture", "info", "3", None, 0, None)],
    ),
    "open without expiry": ({**NOTHING_ELSE, "first_orders": {**OPEN, "expires_at": None}}, [MISSING]),
    "refunded before the first capture": (
        {"first_refunds": {"refunded_at": at(4)}},
        [("refund_before_capture", "error", None, None, None, None)],
    ),
    "refunded between two captures": ({"first_refunds": {"refunded_at": at(6)}}, []),
    "refunded without a capture": (
        {
            **NOTHING_ELSE,
            "first_orders": {"status": "CANCELLED", "captured_amount": 0, "refunded_amount": 0},
            "refunds": [{"refund_id": "r", "refunded_amount": 5, "refunded_at": at(7)}],
        },
        [
            ("refund_before_capture", "error", None, None, None, None),
            ("refunded_amount", "error", None, 5, 0, -5),
        ],
    ),
    "captured after it was fetched": (
        {"first_orders": {"seen_at": at(699)}},
        [("after_seen_at", "error", None, None, None, None)],
    ),
    "fetched within a minute": ({"first_orders": {"seen_at": at(700 - 1 / 60)}}, []),
    "created after it was fetched": (
        {**NOTHING_ELSE, "first_orders": {**OPEN, "expires_at": at(2000), "created_at": at(3), "seen_at": at(2)}},
        [("after_seen_at", "error", None, None, None, None)],
    ),
    "expired before its time": (
        {**NOTHING_ELSE}
        | {"first_orders": {"status": "EXPIRED", "captured_amount": 0, "refunded_amount": 0, "expires_at": at(2000)}},
        [("expired_early", "error", None, None, None, None)],
    ),
    "shipped, never captured": (
        {**NOTHING_ELSE, "first_orders": {**OPEN, "expires_at": at(2000)}}
        | {"shipments": [{"source": "order", "shipping_method": "Home", "has_tracking": True}]},
        [("shipped_uncaptured", "error", None, 10000, 0, -10000)],
    ),
    "order lines with a total missing": (
        {"order_lines": [{**SOUND["order_lines"][1], "total_amount": amount} for amount in (5000, None)]},
        [("missing_value", "warning", "1", None, None, None)],
    ),
    "authorized, but captured": (
        {"first_orders": {"status": "AUTHORIZED"}},
        [("status", "error", None, None, None, None)],
    ),
    "cancelled, but captured": (
        {"first_orders": {"status": "CANCELLED"}},
        [("status", "error", None, None, None, None)],
    ),
    "expired, but all captured": (
        {"first_orders": {"status": "EXPIRED"}},
        [("status", "error", None, None, None, None)],
    ),
    "part captured, but all": (
        {"first_orders": {"status": "PART_CAPTURED"}},
        [("status", "error", None, None, None, None)],
    ),
    "captured, but nothing": (
        {**NOTHING_ELSE, "first_orders": {"captured_amount": 0, "refunded_amount": 0}},
        [("status", "error", None, None, None, None)],
    ),
    "captured, but something remains": (
        {"first_orders": {"remaining_authorized_amount": 5}},
        [("status", "error", None, None, None, None)],
    ),
    "of nothing, captured": (
        {**NOTHING_ELSE, "first_orders": {"captured_amount": 0, "refunded_amount": 0, "order_amount": 0}},
        [],
    ),
    "released": (
        {"first_orders": {"order_amount": 12000}, "order_lines": []},
        [("released_remainder", "info", None, 12000, 10000, -2000)],
    ),
    "released, though part captured": (
        {"first_orders": {"order_amount": 12000, "status": "PART_CAPTURED"}, "order_lines": []},
        [("released_remainder", "info", None, 12000, 10000, -2000)],
    ),
    "part captured, remaining amount missing": (
        {
            "first_orders": {
                "order_amount": 12000,
                "status": "PART_CAPTURED",
                "remaining_authorized_amount": None,
                "expires_at": at(2000),
            },
            "order_lines": [],
        },
        [MISSING],
    ),
    "captured within a minute before it was created": ({"first_captures": {"captured_at": at(-1 / 60)}}, []),
    "captured before it was created": (
        {"first_captures": {"captured_at": at(-1)}},
        [("capture_before_creation", "error", "1", None, None, None)],
    ),
    "captured after it expired": (
        {"first_captures": {"captured_at": at(600.001)}},
        [("capture_after_expiry", "warning", "1", None, None, None)],
    ),
    "no shipping info": (
        {"shipments": []},
        [("no_shipping_info", "warning", "1", None, None, None)],
    ),
    "no shipping info, of goods without a type": (
        {"shipments": [], "order_lines": [{"source": "capture", "capture_id": "1", "total_amount": 6000}]},
        [("no_shipping_info", "warning", "1", None, None, None)],
    ),
    "no shipping info, of digital goods": (
        {
            "shipments": [],
            "order_lines": [{"source": "capture", "capture_id": "1", "total_amount": 6000, "type": "digital"}],
        },
        [],
    ),
    "no tracking": (
        {"first_shipments": {"has_tracking": False}},
        [("no_tracking", "info", "1", None, None, None)],
    ),
    "shipping info of the order alone": (
        {"first_shipments": {"source": "order", "capture_id": None}},
        [],
    ),
    "order lines of the order": (
        {"first_order_lines": {"total_amount": 9999, "total_discount_amount": 1001}},
        [("order_lines", "warning", None, 9999, 10000, 1)],
    ),
    "order lines of a capture": (
        {"order_lines": [{"source": "capture", "capture_id": "1", "total_amount": 6001, "type": "physical"}]},
        [("order_lines", "warning", "1", 6001, 6000, -1)],
    ),
    "order lines of a refund": (
        {"order_lines": [{"source": "refund", "refund_id": "r", "total_amount": 3001, "type": "physical"}]},
        [("order_lines", "warning", None, 3001, 3000, -1)],
    ),
    "line total": (
        {"first_order_lines": {"quantity": 3}},
        [("line_total", "warning", None, 15500, 10000, -5500)],
    ),
    "line tax, off by two": (
        {"first_order_lines": {"total_tax_amount": 2002}},
        [("line_tax", "warning", None, 2000, 2002, 2)],
    ),
    "line tax, off by one": ({"first_order_lines": {"total_tax_amount": 1999}}, []),
    "overdue": (
        {**NOTHING_ELSE, "first_orders": {**OPEN, "expires_at": at(999)}},
        [("overdue", "warning", None, None, 10000, None)],
    ),
    "about to be overdue": ({**NOTHING_ELSE, "first_orders": {**OPEN, "expires_at": at(1000)}}, []),
    "no creation": ({"first_orders": {"created_at": None}}, [("missing_value", "warning", None, None, None, None)]),
    "no currency": (
        {table: [{**row, "purchase_currency": None} for row in rows] for table, rows in SOUND.items()},
        [("missing_value", "warning", None, None, None, None)],
    ),
    "no time of a capture": (
        {"first_captures": {"captured_at": None}},
        [("missing_value", "warning", "1", None, None, None)],
    ),
    "no time of a refund": (
        {"first_refunds": {"refunded_at": None}},
        [("missing_value", "warning", None, None, None, None)],
    ),
    "expired, time missing": (
        {
            **NOTHING_ELSE,
            "first_orders": {"status": "EXPIRED", "captured_amount": 0, "refunded_amount": 0, "expires_at": None},
        },
        [("missing_value", "warning", None, None, None, None)],
    ),
    "unknown status": (
        {"first_orders": {"status": "ON_HOLD"}},
        [("unknown_value", "warning", None, None, None, None)],
    ),
    "unknown method": (
        {"first_shipments": {"shipping_method": "Drone"}},
        [("unknown_value", "info", None, None, None, None)],
    ),
    "unknown currency": (
        {"first_orders": {"purchase_currency": "ABC"}},
        [("unknown_currency", "warning", None, None, None, None)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_contradiction_gives_exactly_its_findings(case: str) -> None:
    changes, expected = CASES[case]
    assert found(sound(**changes)) == expected


def test_each_repeated_id_is_one_finding() -> None:
    tables = sound(
        orders=[*SOUND["orders"], {**SOUND["orders"][0], "order_id": "b"}, {**SOUND["orders"][0], "order_id": "b"}],
        captures=[*SOUND["captures"], *[{**row, "order_id": "b"} for row in SOUND["captures"]]],
        refunds=[*SOUND["refunds"], {**SOUND["refunds"][0], "order_id": "b"}],
        shipments=SOUND["shipments"] * 2,
    )
    found = om.audit(tables).filter(pl.col("rule") == "duplicate_id")
    assert found.select("order_id", "capture_id", "message").rows() == [
        ("a", "1", "The capture_id 1 occurs 2 times."),
        ("a", "2", "The capture_id 2 occurs 2 times."),
        ("a", None, "The refund_id r occurs 2 times."),
        ("b", None, "The order_id b occurs 2 times."),
    ]


def test_missing_ids_are_not_duplicates() -> None:
    captures = [{**row, "capture_id": None} for row in SOUND["captures"]]
    findings = om.audit(sound(captures=captures, order_lines=[], shipments=[]))
    assert findings.select("rule", "message").rows() == [("missing_value", "The capture has no capture_id.")] * 2


def test_without_as_of_nothing_is_overdue() -> None:
    tables = sound(**NOTHING_ELSE, first_orders={**OPEN, "expires_at": at(1)})
    assert found(om.Tables(**dict(tables.items()), as_of=None)) == []


def test_errors_come_first_for_any_order_of_rows() -> None:
    tables = sound(first_orders={"captured_amount": 1, "created_at": None}, first_shipments={"has_tracking": False})
    rows = om.audit(tables)
    assert rows["severity"].unique(maintain_order=True).to_list() == ["error", "warning", "info"]
    assert_frame_equal(om.audit(shuffled(tables, 1)), rows)
    assert_frame_equal(om.audit(tables.lazy()), rows)


def test_no_orders_give_no_findings_and_the_same_columns() -> None:
    assert om.audit(shop()).height == 0
    assert om.audit(shop()).schema == om.audit(sound(first_orders={"status": "ON_HOLD"})).schema


def test_unknown_fields_are_found_in_orders_only() -> None:
    orders = om.Orders.from_json('[{"order_id": "1", "new": 1}, {"order_id": "2", "new": 2}]')
    messages = om.audit(orders).filter(pl.col("rule") == "unknown_field")
    assert messages.select("order_id", "message").rows() == [
        ("1", "The field new is not in the documentation. Occurrences: 2.")
    ]
    assert om.audit(orders.tables()).filter(pl.col("rule") == "unknown_field").height == 0


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([("1", 6000), ("2", 4000)], []),
        ([("2", 4000), ("1", 6001)], [("1", 6001, 6000)]),
        ([("1", 6000)], [("2", None, 4000)]),
        ([("1", 6000), ("2", 4000), ("3", 5)], [("3", 5, None)]),
        ([("1", 6000), ("2", 4000), (None, 6), (None, 5)], [(None, 5, None), (None, 6, None)]),
        ([("1", None), ("2", 4000)], []),
        ([], []),
    ],
)
def test_captures_are_compared_with_the_list_of_the_api(
    listed: list[tuple[str | None, int | None]], expected: list[tuple[Any, ...]]
) -> None:
    captures = om.Captures(
        om.Capture(order_id="a", capture_id=capture_id, captured_amount=amount) for capture_id, amount in listed
    )
    elsewhere = om.Captures([om.Capture(order_id="other", capture_id="9", captured_amount=9)])
    findings = om.audit(sound(), captures=captures + elsewhere)
    assert findings["rule"].unique().to_list() == (["captures_listed"] if expected else [])
    assert findings.select("capture_id", "expected", "actual").rows() == expected
    assert set(findings["order_id"]) <= {"a"}


def test_a_repeated_or_missing_capture_id_is_not_compared_with_each_other_one() -> None:
    listed = om.Captures(
        om.Capture(order_id="a", capture_id=capture_id, captured_amount=amount)
        for capture_id, amount in [("1", 6000), (None, 4000)]
    )
    repeated = sound(captures=[SOUND["captures"][0] | {"captured_amount": part} for part in (2500, 3500)])
    without_id = sound(captures=[SOUND["captures"][0], SOUND["captures"][1] | {"capture_id": None}])
    for tables in (repeated, without_id):
        findings = om.audit(tables, captures=listed).filter(pl.col("rule") == "captures_listed")
        assert findings.select("capture_id", "purchase_currency", "expected", "message").rows() == [
            (None, "SEK", 4000, "The list of captures has a capture without an id.")
        ]


def test_goods_of_an_unknown_amount_that_were_not_captured_have_a_message() -> None:
    order = {"status": "EXPIRED", "order_amount": None, "captured_amount": 0, "refunded_amount": 0}
    shipment = {"source": "order", "shipping_method": "Home", "has_tracking": True}
    tables = sound(captures=[], refunds=[], order_lines=[], first_orders=order, shipments=[shipment])
    assert om.audit(tables).filter(pl.col("rule") == "shipped_uncaptured")["message"].to_list() == [
        "The goods were shipped, but nothing was captured; the status is EXPIRED, the order amount is unknown."
    ]


@pytest.mark.parametrize("amount", [0, 5, -5, 123456789, -100, 9007199254740993])
def test_amounts_in_messages_have_the_form_of_money_format(amount: int) -> None:
    codes = ["SEK", "JPY", "KWD", "CLF", "ABC"]
    assert {EXPONENTS.get(code) for code in codes} == {2, 0, 3, 4, None}
    for code in codes:
        tables = sound(
            **NOTHING_ELSE,
            first_orders={"captured_amount": amount, "refunded_amount": 0, "purchase_currency": code},
        )
        messages = om.audit(tables).filter(pl.col("rule") == "captured_amount")["message"].to_list()
        zero, written = (om.money.format(number, code) for number in (0, amount))
        expected = [f"The order's captured amount is {written}; its captures add up to {zero}."] if amount else []
        assert messages == expected


DEFECTS = {
    "captured_amount_differs": "captured_amount",
    "capture_before_creation": "capture_before_creation",
    "no_shipping_info": "no_shipping_info",
    "shipped_uncaptured": "shipped_uncaptured",
    "unknown_status": "unknown_value",
    "unknown_vocabulary": "unknown_value",
    "unknown_field": "unknown_field",
    "lines_do_not_add_up": "order_lines",
    "lower_case_codes": None,
    "refunded_amount_differs": "refunded_amount",
    "capture_after_expiry": "capture_after_expiry",
    "overdue": "overdue",
    "status_contradicts_amounts": "status",
    "remaining_amount_differs": "remaining_amount",
    "capture_refunds_differ": "captures_refunded_amount",
    "line_total_differs": "line_total",
    "line_tax_differs": "line_tax",
}


def test_in_a_synthetic_shop_exactly_the_planted_defects_are_found() -> None:
    made = Shop(1200, seed=5, days=40)
    assert set(made.defects.values()) == set(DEFECTS)
    orders = om.Orders.from_json(b"\n".join(map(made.body, made.order_ids)), as_of=made.as_of)
    findings = om.audit(orders)
    once = ("unknown_value", "unknown_field")  # one finding, with the first order that has it
    rules = {one: set(rows["rule"]) for (one,), rows in findings.group_by("order_id")}
    for order_id, defect in made.defects.items():
        assert DEFECTS[defect] in {None, *once, *rules.get(order_id, set())}, (order_id, defect)
    assert set(DEFECTS.values()) - {None} <= set(findings["rule"])
    blamed = findings.filter(pl.col("severity") != "info", ~pl.col("rule").is_in(once))["order_id"]
    assert set(blamed) <= set(made.defects)


def test_every_rule_is_documented_and_found_by_a_test() -> None:
    documented = {
        (row.split("|")[1].strip().strip("`"), row.split("|")[2].strip())
        for row in (om.audit.__doc__ or "").splitlines()
        if row.strip().startswith("| `")
    }
    shown = {(rule, severity) for _, expected in CASES.values() for rule, severity, *_ in expected}
    elsewhere = {("duplicate_id", "error"), ("captures_listed", "error"), ("unknown_field", "info")}
    assert documented == (shown | elsewhere) - {("unknown_value", "warning")}


def test_an_inferred_as_of_does_not_show_that_an_order_expired_early() -> None:
    early = sound(
        captures=[],
        refunds=[],
        order_lines=[],
        first_orders={"status": "EXPIRED", "captured_amount": 0, "refunded_amount": 0, "expires_at": at(2000)},
        shipments=[],
    )
    assert [row[0] for row in found(early)] == ["expired_early"]
    assert found(replace(early, as_of_is_inferred=True)) == []


def test_a_status_in_lower_case_is_known() -> None:
    orders = om.Orders.from_json('{"order_id": "1", "status": "captured", "fraud_status": "accepted"}')
    assert orders.tables().orders.select("status", "fraud_status").row(0) == ("CAPTURED", "ACCEPTED")
    assert om.audit(orders).filter(rule="unknown_value").is_empty()

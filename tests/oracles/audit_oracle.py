"""An oracle of the audit: plain loops over rows, written from the table of its rules without the code.

A finding is `(rule, severity, order_id, capture_id, purchase_currency, expected, actual, difference)`. Messages and
`unknown_field`, which tables do not have, are left out. The order ids must be unique, and all rows of an order must
have its currency; otherwise the choice between several rows is not defined.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from om_toolkit.money import EXPONENTS
from om_toolkit.tables.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from datetime import datetime

    from om_toolkit.tables.tables import Tables

Row = dict[str, Any]
Finding = tuple[str, str, str | None, str | None, str | None, int | None, int | None, int | None]

OPEN = ("AUTHORIZED", "PART_CAPTURED")
NEEDED = {
    "orders": ("status", "purchase_currency", "created_at", "order_amount"),
    "captures": ("captured_at", "captured_amount"),
    "refunds": ("refunded_at", "refunded_amount"),
}
DOCUMENTS = {
    "orders": ("order", "order_id", "order_amount"),
    "captures": ("capture", "capture_id", "captured_amount"),
    "refunds": ("refund", "refund_id", "refunded_amount"),
}


def audit(tables: Tables[Any], listed: Sequence[Row] | None = None) -> list[Finding]:
    """Return the findings about each order, about its parts, and about all orders together."""
    rows = {name: table.rows(named=True) for name, table in tables.collect().items()}
    findings = [*_duplicates(rows), *_unknown(rows), *_missing(rows), *_lines(rows["order_lines"])]
    findings += [*_sums_of_lines(rows), *_shipping(rows)]
    for order in rows["orders"]:
        own = {name: _where(rows[name], order_id=order["order_id"]) for name in rows}
        findings += [*_amounts(order, own), *_status(order), *_times(order, own["captures"], tables.as_of)]
        findings += _listed(order, own["captures"], _where(listed or [], order_id=order["order_id"]))
    return findings


def finding(rule: str, severity: str, row: Row, *, expected: int | None = None, actual: int | None = None) -> Finding:
    """Make a finding about a row."""
    difference = None if expected is None or actual is None else actual - expected
    of_row = (row["order_id"], row.get("capture_id"), row["purchase_currency"])
    return (rule, severity, *of_row, expected, actual, difference)


def _where(rows: Sequence[Row], **known: str | None) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in known.items())]


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _amounts(order: Row, own: dict[str, list[Row]]) -> Iterator[Finding]:
    amount, captured, refunded = (order[name] or 0 for name in ("order_amount", "captured_amount", "refunded_amount"))
    of_captures, of_refunds = _sum(own["captures"], "captured_amount"), _sum(own["refunds"], "refunded_amount")
    if captured != of_captures:
        yield finding("captured_amount", "error", order, expected=of_captures, actual=captured)
    if refunded != of_refunds:
        yield finding("refunded_amount", "error", order, expected=of_refunds, actual=refunded)
    refunded_of_captures = _sum(own["captures"], "refunded_amount")
    if any(row["refunded_amount"] is not None for row in own["captures"]) and refunded != refunded_of_captures:
        yield finding("captures_refunded_amount", "error", order, expected=refunded_of_captures, actual=refunded)
    if refunded > captured:
        yield finding("over_refunded", "error", order, expected=captured, actual=refunded)
    remaining, left = order["remaining_authorized_amount"], amount - captured
    is_known = None not in (remaining, order["order_amount"])
    if order["status"] in OPEN and is_known and remaining != left and not _is_released(order):
        yield finding("remaining_amount", "error", order, expected=left, actual=remaining)
    if _is_released(order):
        yield finding("released_remainder", "info", order, expected=amount, actual=captured)


def _is_released(order: Row) -> bool:
    is_part = 0 < (order["captured_amount"] or 0) < (order["order_amount"] or 0)
    remains, status = order["remaining_authorized_amount"], order["status"]
    is_over = status in ("CAPTURED", "CLOSED") and not remains
    return is_part and (is_over or (status == "PART_CAPTURED" and remains == 0))


def _status(order: Row) -> Iterator[Finding]:
    amount, captured, remaining = (
        order[name] or 0 for name in ("order_amount", "captured_amount", "remaining_authorized_amount")
    )
    contradicts = {
        "AUTHORIZED": captured > 0,
        "CANCELLED": captured > 0 or remaining > 0,
        "EXPIRED": 0 < amount <= captured,
        "PART_CAPTURED": captured == 0 or 0 < amount <= captured,
        "CAPTURED": (captured == 0 and amount > 0) or remaining > 0,
    }
    if contradicts.get(order["status"], False):
        yield finding("status", "error", order)


def _times(order: Row, captures: Sequence[Row], as_of: datetime | None) -> Iterator[Finding]:
    created, expires = order["created_at"], order["expires_at"]
    for capture in captures:
        at = capture["captured_at"]
        if at and created and at < created:
            yield finding("capture_before_creation", "error", capture)
        if at and expires and at > expires:
            yield finding("capture_after_expiry", "warning", capture)
    remaining = order["remaining_authorized_amount"]
    if order["status"] in OPEN and as_of and expires and expires < as_of and (remaining or 0) > 0:
        yield finding("overdue", "warning", order, actual=remaining)


def _missing(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for table, names in NEEDED.items():
        for row in rows[table]:
            expiry = ("expires_at",) if row.get("status") == "EXPIRED" else ()
            yield from (finding("missing_value", "warning", row) for name in names + expiry if row[name] is None)


def _sums_of_lines(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for table, (source, key, amount) in DOCUMENTS.items():
        for row in rows[table]:
            whose = {"source": source, "order_id": row["order_id"], key: row[key]}
            lines = _where(rows["order_lines"], **whose)
            of_lines = _sum(lines, "total_amount")
            if lines and row[amount] not in (None, of_lines):
                yield finding("order_lines", "warning", row, expected=of_lines, actual=row[amount])


def _shipping(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for capture in rows["captures"]:
        whose = {"source": "capture", "order_id": capture["order_id"], "capture_id": capture["capture_id"]}
        lines, shipments = (_where(rows[table], **whose) for table in ("order_lines", "shipments"))
        if any(line["type"] in ("physical", None) for line in lines):
            if not shipments:
                yield finding("no_shipping_info", "warning", capture)
            elif not any(shipment["has_tracking"] for shipment in shipments):
                yield finding("no_tracking", "info", capture)


def _lines(lines: Sequence[Row]) -> Iterator[Finding]:
    for line in lines:
        stated, quantity, price = line["total_amount"], line["quantity"], line["unit_price"]
        if None not in (stated, quantity, price):
            expected = quantity * price - (line["total_discount_amount"] or 0)
            if stated != expected:
                yield finding("line_total", "warning", line, expected=expected, actual=stated)
        rate, tax = line["tax_rate"], line["total_tax_amount"]
        if None not in (stated, rate, tax):
            expected = round(Fraction(stated * rate, 10000 + rate))  # the total includes the tax; 2500 is 25 %
            if abs(tax - expected) > 1:
                yield finding("line_tax", "warning", line, expected=expected, actual=tax)


def _duplicates(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for table, key in (("orders", "order_id"), ("captures", "capture_id"), ("refunds", "refund_id")):
        times = Counter(row[key] for row in rows[table] if row[key] is not None)
        for row in sorted(rows[table], key=lambda row: row["order_id"]):
            if times.pop(row[key], 1) > 1:  # the first order that has it
                yield finding("duplicate_id", "error", row)


def _unknown(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for (table, name), known in VOCABULARY.items():
        severity = "warning" if name == "status" else "info"
        yield from _firsts("unknown_value", severity, rows[table], name, known)
    yield from _firsts("unknown_currency", "warning", rows["orders"], "purchase_currency", EXPONENTS)


def _firsts(rule: str, severity: str, rows: Sequence[Row], name: str, known: Container[str]) -> Iterator[Finding]:
    seen = {None}
    for row in sorted(rows, key=lambda row: row["order_id"]):
        if row[name] not in seen and row[name] not in known:
            yield finding(rule, severity, {**row, "capture_id": None})
        seen.add(row[name])


def _listed(order: Row, captures: Sequence[Row], listed: Sequence[Row]) -> Iterator[Finding]:
    there, here = ({row["capture_id"]: row["captured_amount"] for row in of} for of in (listed, captures))
    for capture_id in {**here, **there} if listed else ():
        amounts = {"expected": there.get(capture_id), "actual": here.get(capture_id)}
        if (capture_id in there) != (capture_id in here) or amounts["expected"] != amounts["actual"]:
            yield finding("captures_listed", "error", {**order, "capture_id": capture_id}, **amounts)

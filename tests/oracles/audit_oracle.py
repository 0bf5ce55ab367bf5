"""An oracle of the audit: plain loops over rows, written from the table of its rules without the code.

A finding is `(rule, severity, order_id, capture_id, purchase_currency, expected, actual, difference)`; messages are
left out. The order ids must be unique, and all rows of an order must have the same currency or none; otherwise the
choice between several rows is not defined.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
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
    "orders": ("status", "purchase_currency", "created_at", "order_amount", "captured_amount", "refunded_amount"),
    "captures": ("capture_id", "captured_at", "captured_amount"),
    "refunds": ("refund_id", "refunded_at", "refunded_amount"),
    "order_lines": ("total_amount",),
}
SKEW = timedelta(seconds=60)
DOCUMENTS = {
    "orders": ("order", "order_id", "order_amount"),
    "captures": ("capture", "capture", "captured_amount"),
    "refunds": ("refund", "refund", "refunded_amount"),
}


def audit(tables: Tables[Any], listed: Sequence[Row] = (), drift: Sequence[Row] = ()) -> list[Finding]:
    """Return the findings about each order, about its parts, and about all orders together.

    `listed` are the captures that the API lists, and `drift` what the documentation does not have.
    """
    rows = {name: table.rows(named=True) for name, table in tables.collect().items()}
    findings = [*_duplicates(rows), *_unknown(rows), *_missing(rows), *_lines(rows["order_lines"])]
    findings += [*_sums_of_lines(rows), *_shipping(rows)]
    for order in rows["orders"]:
        own = {name: _where(rows[name], order_id=order["order_id"]) for name in rows}
        fetched_at = None if tables.as_of_is_inferred else tables.as_of
        findings += [*_amounts(order, own), *_status(order), *_times(order, own, fetched_at)]
        findings += [*_overdue(order, tables.as_of), *_negative(order, own), *_uncaptured(order, own, tables.as_of)]
        findings += _listed(order, own["captures"], _where(listed, order_id=order["order_id"]))
    of_no_currency = {"capture_id": None, "purchase_currency": None}
    findings += [finding("unknown_field", "info", of_no_currency | row) for row in _where(drift, kind="field")]
    return findings


def finding(rule: str, severity: str, row: Row, *, expected: int | None = None, actual: int | None = None) -> Finding:
    """Make a finding about a row."""
    difference = None if expected is None or actual is None else actual - expected
    of_row = (row["order_id"], row.get("capture_id"), row["purchase_currency"])
    return (rule, severity, *of_row, expected, actual, difference)


def _where(rows: Sequence[Row], **known: str | int | None) -> list[Row]:
    return [row for row in rows if all(row[name] == value for name, value in known.items())]


def _sum(rows: Sequence[Row], name: str) -> int | None:
    """Add up the amounts; the sum is unknown if one is missing."""
    amounts = [row[name] for row in rows]
    return None if None in amounts else sum(amounts)


def _differ(amount: int | None, other: int | None) -> bool:
    return None not in (amount, other) and amount != other


def _exceeds(amount: int | None, other: int | None) -> bool:
    return amount is not None and other is not None and amount > other


def _amounts(order: Row, own: dict[str, list[Row]]) -> Iterator[Finding]:
    amount, captured, refunded = (order[name] for name in ("order_amount", "captured_amount", "refunded_amount"))
    of_captures, of_refunds = _sum(own["captures"], "captured_amount"), _sum(own["refunds"], "refunded_amount")
    if _differ(captured, of_captures):
        yield finding("captured_amount", "error", order, expected=of_captures, actual=captured)
    if _differ(refunded, of_refunds):
        yield finding("refunded_amount", "error", order, expected=of_refunds, actual=refunded)
    refunded_of_captures = _sum(own["captures"], "refunded_amount")
    if own["captures"] and _differ(refunded, refunded_of_captures):
        yield finding("captures_refunded_amount", "error", order, expected=refunded_of_captures, actual=refunded)
    for row in (order, *own["captures"]):
        if _exceeds(row["refunded_amount"], row["captured_amount"]):
            amounts = {"expected": row["captured_amount"], "actual": row["refunded_amount"]}
            yield finding("over_refunded", "error", row, **amounts)
    if _exceeds(captured, amount):
        yield finding("over_captured", "error", order, expected=amount, actual=captured)
    remaining = order["remaining_authorized_amount"]
    left = None if None in (amount, captured) else amount - captured
    if order["status"] in OPEN and _differ(remaining, left) and not _is_released(order):
        yield finding("remaining_amount", "error", order, expected=left, actual=remaining)
    if _is_released(order):
        yield finding("released_remainder", "info", order, expected=amount, actual=captured)


def _negative(order: Row, own: dict[str, list[Row]]) -> Iterator[Finding]:
    names = ("order_amount", "captured_amount", "refunded_amount", "remaining_authorized_amount")
    for row in (order, *own["captures"], *own["refunds"]):
        for name in names:
            if (row.get(name) or 0) < 0:
                yield finding("negative_amount", "error", row, actual=row[name])
    for capture in own["captures"]:
        if capture["captured_amount"] == 0:
            yield finding("zero_capture", "info", capture, actual=0)


def _is_released(order: Row) -> bool:
    is_part = 0 < (order["captured_amount"] or 0) < (order["order_amount"] or 0)
    remains, status = order["remaining_authorized_amount"], order["status"]
    is_over = status in ("CAPTURED", "CLOSED") and not remains
    return is_part and (is_over or (status == "PART_CAPTURED" and remains == 0))


def _status(order: Row) -> Iterator[Finding]:
    amount, captured, remaining = (
        order[name] for name in ("order_amount", "captured_amount", "remaining_authorized_amount")
    )
    is_whole = None not in (amount, captured) and 0 < amount <= captured
    contradicts = {
        "AUTHORIZED": _exceeds(captured, 0),
        "CANCELLED": _exceeds(captured, 0) or _exceeds(remaining, 0),
        "EXPIRED": is_whole,
        "PART_CAPTURED": captured == 0 or is_whole,
        "CAPTURED": (captured == 0 and _exceeds(amount, 0)) or _exceeds(remaining, 0),
    }
    if contradicts.get(order["status"], False):
        yield finding("status", "error", order)


def _times(order: Row, own: dict[str, list[Row]], fetched_at: datetime | None) -> Iterator[Finding]:
    created, expires, seen = (order[name] for name in ("created_at", "expires_at", "seen_at"))
    for capture in own["captures"]:
        at = capture["captured_at"]
        if at and created and at < created - SKEW:
            yield finding("capture_before_creation", "error", capture)
        if at and expires and at > expires:
            yield finding("capture_after_expiry", "warning", capture)
    captures = [capture for capture in own["captures"] if capture["captured_amount"] != 0]
    times = [capture["captured_at"] for capture in captures]
    for refund in own["refunds"]:
        at = refund["refunded_at"]
        is_early = not captures or (at and None not in times and at < min(times))
        if refund["refunded_amount"] != 0 and is_early:
            yield finding("refund_before_capture", "error", refund)
    for row, at in [
        (order, created),
        *((row, row["captured_at"]) for row in own["captures"]),
        *((row, row["refunded_at"]) for row in own["refunds"]),
    ]:
        if at and seen and at > seen + SKEW:
            yield finding("after_seen_at", "error", row)
    known = seen or fetched_at
    if order["status"] == "EXPIRED" and known and expires and expires > known:
        yield finding("expired_early", "error", order)


def _overdue(order: Row, as_of: datetime | None) -> Iterator[Finding]:
    remaining, amount, captured = (
        order[name] for name in ("remaining_authorized_amount", "order_amount", "captured_amount")
    )
    if remaining is None and None not in (amount, captured):
        remaining = amount - captured
    is_overdue = as_of and order["expires_at"] and order["expires_at"] < as_of
    if order["status"] in OPEN and is_overdue and (remaining is None or remaining > 0):
        yield finding("overdue", "warning", order, actual=remaining)


def _uncaptured(order: Row, own: dict[str, list[Row]], as_of: datetime | None) -> Iterator[Finding]:
    """Find goods that are gone while nothing was captured: shipped at order level, or on a capture of amount 0."""
    nothing = [row["capture"] for row in own["captures"] if row["captured_amount"] == 0]
    shipped = [
        row
        for row in own["shipments"]
        if (row["source"] == "order" or row["capture"] in nothing)
        and (row["shipping_company"] or row["shipping_method"] or row["has_tracking"])
    ]
    total = order["captured_amount"]
    is_zero = total == 0 or (total is None and _sum(own["captures"], "captured_amount") is not None)
    has_money = any(row["captured_amount"] for row in own["captures"])
    is_later = order["created_at"] and as_of and order["created_at"] > as_of
    if order["status"] in (*OPEN, "CANCELLED", "EXPIRED") and shipped and is_zero and not has_money and not is_later:
        yield finding("shipped_uncaptured", "error", order, expected=order["order_amount"], actual=0)


def _missing(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for table, names in NEEDED.items():
        for row in rows[table]:
            of_status = {
                "EXPIRED": ("expires_at",),
                **dict.fromkeys(OPEN, ("expires_at", "remaining_authorized_amount")),
            }
            needed = names + of_status.get(row.get("status"), ())
            yield from (finding("missing_value", "warning", row) for name in needed if row[name] is None)


def _sums_of_lines(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for table, (source, key, amount) in DOCUMENTS.items():
        for row in rows[table]:
            whose = {"source": source, "order_id": row["order_id"], key: row[key]}
            lines = _where(rows["order_lines"], **whose)
            of_lines = _sum(lines, "total_amount")
            if lines and _differ(row[amount], of_lines):
                yield finding("order_lines", "warning", row, expected=of_lines, actual=row[amount])


def _shipping(rows: dict[str, list[Row]]) -> Iterator[Finding]:
    for capture in rows["captures"]:
        whose = {"source": "capture", "order_id": capture["order_id"], "capture": capture["capture"]}
        lines = _where(rows["order_lines"], **whose)
        shipments = _where(rows["shipments"], order_id=capture["order_id"])
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
    """Compare the captures of an order with those that the API lists, if it lists any.

    A missing id is equal to no other one; `missing_value` reports it of the order. A repeated id counts once, with the
    sum of its amounts. A missing amount is not compared.
    """
    for row in _where(listed, capture_id=None):
        yield finding("captures_listed", "error", order | {"capture_id": None}, expected=row["captured_amount"])
    for capture_id in {row["capture_id"] for row in (*captures, *listed)} - {None} if listed else ():
        here, there = (_where(rows, capture_id=capture_id) for rows in (captures, listed))
        actual, expected = (_sum(rows, "captured_amount") if rows else None for rows in (here, there))
        if not here or not there or _differ(actual, expected):
            of_capture = order | {"capture_id": capture_id}
            yield finding("captures_listed", "error", of_capture, expected=expected, actual=actual)

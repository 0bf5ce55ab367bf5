"""TODO."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from om_toolkit.synthetic.sale import Json, stamp

if TYPE_CHECKING:
    from collections.abc import Callable


DEFECT_EVERY = 25  # orders


class _Defect(NamedTuple):
    kind: str  # which orders can have it: one of `_kinds`
    paths: str  # what changes; of an array, its first item
    change: Callable[[Any], object]


def _more(amount: int) -> int:
    return amount + 100


def _earlier(instant: str) -> str:
    return stamp(datetime.fromisoformat(instant) - timedelta(days=90))


DEFECTS = {
    "captured_amount_differs": _Defect("CAPTURED", "captured_amount", _more),
    "capture_before_creation": _Defect("CAPTURED", "captures.captured_at", _earlier),
    "no_shipping_info": _Defect("parcel", "captures.shipping_info", lambda _: []),
    "unknown_status": _Defect("any", "status", lambda _: "ON_HOLD"),
    "unknown_vocabulary": _Defect("any", "initial_payment_method.type", lambda _: "MOON_MONEY"),
    "unknown_field": _Defect("any", "loyalty_points", lambda _: 120),
    "lines_do_not_add_up": _Defect("CAPTURED", "order_amount", _more),
    "lower_case_codes": _Defect("any", "purchase_country purchase_currency billing_address.country", str.lower),
    "refunded_amount_differs": _Defect("refunded", "refunded_amount", _more),
    "capture_after_expiry": _Defect("CAPTURED", "expires_at", _earlier),
    "overdue": _Defect("AUTHORIZED", "expires_at", _earlier),
    "status_contradicts_amounts": _Defect("CAPTURED", "status", lambda _: "CANCELLED"),
    "remaining_amount_differs": _Defect("AUTHORIZED", "remaining_authorized_amount", _more),
    "capture_refunds_differ": _Defect("CAPTURED", "captures.refunded_amount", _more),
    "line_total_differs": _Defect("any", "order_lines.unit_price", _more),
    "line_tax_differs": _Defect("any", "order_lines.total_tax_amount", _more),
}


def _kinds(order: Json) -> set[str]:
    kinds = {"any", order["status"]}
    if order["refunds"]:
        kinds.add("refunded")
    if any(line["type"] == "physical" for capture in order["captures"][:1] for line in capture["order_lines"]):
        kinds.add("parcel")
    return kinds


def plant(order: Json, waiting: list[str]) -> str:
    """Plant the first waiting defect that this order can have, and send it to the end of the queue."""
    kinds = _kinds(order)
    label = next(label for label in waiting if DEFECTS[label].kind in kinds)
    for path in DEFECTS[label].paths.split():
        *parents, key = path.split(".")
        place: Any = order
        for parent in parents:
            place = place[parent]
            place = place[0] if isinstance(place, list) else place
        place[key] = DEFECTS[label].change(place.get(key))
    waiting.remove(label)
    waiting.append(label)
    return label

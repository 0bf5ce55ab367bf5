"""The document of an order in; the same with one defect that `audit` or the parser has to find, out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from om_toolkit.synthetic.dice import Document, timestamp

DEFECT_EVERY = 25  # orders


class _Defect(NamedTuple):
    """A change of some fields."""

    applies_to: str  # one of `_traits`
    paths: str  # the changed fields; of an array, in its first item
    change: Callable[[Any], object]


def _more(amount: int) -> int:
    """Return a larger amount."""
    return amount + 100


def _earlier(instant: str) -> str:
    """Return an earlier time."""
    return timestamp(datetime.fromisoformat(instant) - timedelta(days=90))


_PARCEL: Document = {"shipping_company": "DHL", "shipping_method": "Home", "tracking_number": "340434161094000000"}

DEFECTS = {
    "captured_amount_differs": _Defect("CAPTURED", "captured_amount", _more),
    "capture_before_creation": _Defect("CAPTURED", "captures.captured_at", _earlier),
    "no_shipping_info": _Defect("parcel", "captures.shipping_info", lambda _: []),
    "shipped_uncaptured": _Defect("lost", "shipping_info", lambda _: [_PARCEL]),
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


def plant(order: Document, queue: list[str]) -> str:
    """Change an order by the first queued defect that applies to it; return its label, which moves to the end."""
    traits = _traits(order)
    label = next(label for label in queue if DEFECTS[label].applies_to in traits)
    for path in DEFECTS[label].paths.split():
        *parents, key = path.split(".")
        place: Any = order
        for parent in parents:
            place = place[parent]
            place = place[0] if isinstance(place, list) else place
        place[key] = DEFECTS[label].change(place.get(key))
    queue.remove(label)
    queue.append(label)
    return label


def _traits(order: Document) -> set[str]:
    """Return what decides which defects apply to an order."""
    traits = {"any", order["status"]}
    if order["status"] in ("CANCELLED", "EXPIRED") and not order["captures"]:
        traits.add("lost")
    if order["refunds"]:
        traits.add("refunded")
    has_goods = any(line["type"] == "physical" for capture in order["captures"][:1] for line in capture["order_lines"])
    if has_goods and not order["shipping_info"]:
        traits.add("parcel")
    return traits

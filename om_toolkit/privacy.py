"""What is personal: one allow-list of the fields that name nobody, and stand-ins for all the rest.

Tables, reprs and recordings ask here, so a field that the documentation does not know is personal until somebody
has looked at it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, TypeAlias

Tree: TypeAlias = Mapping[str, "Tree | None"]
Scalar: TypeAlias = str | int | float | bool | None
Json: TypeAlias = "dict[str, Json] | list[Json] | Scalar"


def _keep(names: str, **below: Tree) -> Tree:
    return {**dict.fromkeys(names.split()), **below}


_ADDRESS: Final = _keep("country region")
_SHIPPING: Final = _keep("shipping_company shipping_method return_shipping_company")
_LINE: Final = _keep(
    "reference type name quantity quantity_unit unit_price tax_rate "
    "total_amount total_discount_amount total_tax_amount",
    product_identifiers=_keep(
        "brand category_path color global_trade_item_number manufacturer_part_number size",
    ),
)
CAPTURE: Final = _keep(
    "capture_id klarna_reference captured_amount captured_at refunded_amount reference order_id purchase_currency",
    order_lines=_LINE,
    shipping_info=_SHIPPING,
    billing_address=_ADDRESS,
    shipping_address=_ADDRESS,
)
ORDER: Final = _keep(
    "order_id status fraud_status order_amount original_order_amount captured_amount refunded_amount "
    "remaining_authorized_amount purchase_currency purchase_country locale created_at expires_at klarna_reference "
    "merchant_reference1 merchant_reference2",
    initial_payment_method=_keep("type number_of_installments"),
    customer=_keep("type organization_entity_type"),
    billing_address=_ADDRESS,
    shipping_address=_ADDRESS,
    order_lines=_LINE,
    shipping_info=_SHIPPING,
    selected_shipping_option=_keep(
        "id class method name price tax_amount tax_rate type carrier",
        carrier_product=_keep("identifier name"),
        timeslot=_keep("id start end cutoff price"),
        location=_keep("price", address=_ADDRESS),
        selected_addons=_keep("type price external_id"),
    ),
    captures=CAPTURE,
    refunds=_keep("refund_id refunded_amount refunded_at reference order_id purchase_currency", order_lines=_LINE),
)
ERROR: Final = _keep("error_code error_messages correlation_id")
"""What may be kept of an order, of a capture, and of an error, by the API's own paths; all else is personal."""


def is_personal(path: str, tree: Tree = ORDER) -> bool:
    """Tell whether the field at an API path can name a person.

    Example:
        >>> is_personal("billing_address.email"), is_personal("billing_address.country")
        (True, False)
    """
    for name in path.split("."):
        if name not in tree:
            return True
        tree = tree[name] or {}
    return False


class Scrubber:
    """Replaces personal values by stand-ins: the same value by the same stand-in, for as long as the scrubber lives.

    Stand-ins are numbered in order of appearance and derived from nothing else, so they lead back to nobody.
    """

    def __init__(self) -> None:
        self._seen: defaultdict[str, dict[object, int]] = defaultdict(dict)

    def scrub(self, document: Json, tree: Tree | None) -> Json:
        """Return the document with everything that the tree does not name replaced; shape and types stay."""
        return self._walk(document, tree, "value")

    def scrub_text(self, body: str | bytes, tree: Tree) -> str:
        """Scrub a JSON document in text. Text that is no JSON cannot be judged, so nothing of it is kept."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return ""
        return json.dumps(self.scrub(document, tree), ensure_ascii=False, separators=(",", ":"))

    def _walk(self, value: Json, tree: Tree | None, name: str) -> Json:
        if isinstance(value, dict):
            below = tree or {}
            return {
                # Most fields are scalars that may be kept, so these are told apart here, without a call.
                key: item
                if below.get(key, below) is None and not isinstance(item, _NESTED)
                else self._field(item, below, key)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item, tree, name) for item in value]
        return self._stand_in(name, value)

    def _field(self, value: Json, tree: Tree, name: str) -> Json:
        if name not in tree:
            return self._walk(value, None, name)
        below = tree[name]
        if below is None and _is_plain(value):
            return value
        return self._walk(value, below, name)

    def _stand_in(self, name: str, value: Scalar) -> Scalar:
        if isinstance(value, str):
            return value and _text_like(value, name, self._number(name, value))
        if value is None or isinstance(value, bool):
            return value and False
        return type(value)(self._number(name, value))

    def _number(self, name: str, value: Scalar) -> int:
        seen = self._seen[name]
        return seen.setdefault(value, len(seen) + 1)


_NESTED: Final = (dict, list)  # quicker to ask for than dict | list, which is made anew each time
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _text_like(value: str, name: str, number: int) -> str:
    """Return a text that looks like the value and holds nothing of it."""
    if "@" in value:
        return f"person-{number}@example.com"
    if _DATE.fullmatch(value):
        return (date(1900, 1, 1) + timedelta(days=number)).isoformat()
    if value.startswith(("http://", "https://")):
        return f"https://example.com/{number}"
    return f"{name}-{number}"


def _is_plain(value: Json) -> bool:
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, dict | list) for item in items)

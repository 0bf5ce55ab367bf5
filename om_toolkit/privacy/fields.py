"""Fields: one allow-list of the fields that name no person; everything else in a document is personal.

A field that is not documented is personal until it is added here.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Tree: TypeAlias = Mapping[str, "Tree | None"]


def _keep(names: str, **below: Tree) -> Tree:
    return {**dict.fromkeys(names.split()), **below}


_ADDRESS_FIELDS: Final = _keep("country region")
_SHIPPING_FIELDS: Final = _keep("shipping_company shipping_method return_shipping_company")

ORDER_LINE: Final = _keep(
    "reference type name quantity quantity_unit unit_price tax_rate "
    "total_amount total_discount_amount total_tax_amount",
    product_identifiers=_keep(
        "brand category_path color global_trade_item_number manufacturer_part_number size",
    ),
)

CAPTURE: Final = _keep(
    "capture_id klarna_reference captured_amount captured_at refunded_amount reference order_id purchase_currency",
    order_lines=ORDER_LINE,
    shipping_info=_SHIPPING_FIELDS,
    billing_address=_ADDRESS_FIELDS,
    shipping_address=_ADDRESS_FIELDS,
)

ORDER: Final = _keep(
    "order_id status fraud_status order_amount original_order_amount captured_amount refunded_amount "
    "remaining_authorized_amount purchase_currency purchase_country locale created_at expires_at klarna_reference "
    "merchant_reference1 merchant_reference2",
    initial_payment_method=_keep("type number_of_installments"),
    customer=_keep("type organization_entity_type"),
    billing_address=_ADDRESS_FIELDS,
    shipping_address=_ADDRESS_FIELDS,
    order_lines=ORDER_LINE,
    shipping_info=_SHIPPING_FIELDS,
    selected_shipping_option=_keep(
        "id class method name price tax_amount tax_rate type carrier",
        carrier_product=_keep("identifier name"),
        timeslot=_keep("id start end cutoff price"),
        location=_keep("price", address=_ADDRESS_FIELDS),
        selected_addons=_keep("type price external_id"),
    ),
    captures=CAPTURE,
    refunds=_keep("refund_id refunded_amount refunded_at reference order_id purchase_currency", order_lines=ORDER_LINE),
)

ERROR: Final = _keep("error_code error_messages correlation_id")
"""What may be kept of an order, of a capture, and of an error, by the API's own paths; everything else is personal."""


def is_personal(path: str, tree: Tree = ORDER) -> bool:
    """Return whether the field at an API path can name a person.

    Example:
        >>> is_personal("billing_address.email"), is_personal("billing_address.country")
        (True, False)
    """
    for name in path.split("."):
        if name not in tree:
            return True
        tree = tree[name] or {}
    return False


def is_name(key: str) -> bool:
    """Return whether an unknown field next to documented ones is named as the API names fields, not after a person.

    Example:
        >>> is_name("loyalty_points"), is_name("ada@home.se"), is_name("198109061234")
        (True, False, False)
    """
    return bool(_NAME.fullmatch(key))


_NAME: Final = re.compile(r"[a-z][a-z_]{0,38}[0-9]?")


def _names_in(tree: Tree) -> set[str]:
    return set(tree).union(*(_names_in(below) for below in tree.values() if below))


DOCUMENTED_NAMES: Final = _names_in(ORDER) | _names_in(ERROR)
"""Every name in these trees."""

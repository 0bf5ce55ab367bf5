"""Fields: one allow-list of the fields that name no person; everything else in a document is personal.

A field that is not documented is personal until it is added here.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias


class Kept(Enum):
    """What may be kept in a field: values of its documented kind only."""

    TEXT = "text without personal data"
    NUMBER = "a number, such as an amount"
    TIME = "a time"
    CODE = "a code or an id"
    MESSAGE = "a message of the API in known words"


Tree: TypeAlias = Mapping[str, "Tree | Kept"]


def _keep(texts: str = "", numbers: str = "", times: str = "", **below: Tree | Kept) -> Tree:
    return {
        **dict.fromkeys(texts.split(), Kept.TEXT),
        **dict.fromkeys(numbers.split(), Kept.NUMBER),
        **dict.fromkeys(times.split(), Kept.TIME),
        **below,
    }


_ADDRESS_FIELDS: Final = _keep("country region")
_SHIPPING_OPTION: Final = _keep(
    "id class method name type carrier",
    "price tax_amount tax_rate",
    carrier_product=_keep("identifier name"),
    timeslot=_keep("id", "price", "start end cutoff"),
    location=_keep(numbers="price", address=_ADDRESS_FIELDS),
    selected_addons=_keep("type external_id", "price"),
)
_SHIPPING_FIELDS: Final = _keep("shipping_company shipping_method return_shipping_company")

ORDER_LINE: Final = _keep(
    "reference type name quantity_unit",
    "quantity unit_price tax_rate total_amount total_discount_amount total_tax_amount",
    product_identifiers=_keep(
        "brand category_path color global_trade_item_number manufacturer_part_number size",
    ),
)

CAPTURE: Final = _keep(
    "capture_id klarna_reference reference order_id purchase_currency",
    "captured_amount refunded_amount",
    "captured_at",
    order_lines=ORDER_LINE,
    shipping_info=_SHIPPING_FIELDS,
    billing_address=_ADDRESS_FIELDS,
    shipping_address=_ADDRESS_FIELDS,
)

ORDER: Final = _keep(
    "order_id status fraud_status purchase_currency purchase_country locale klarna_reference "
    "merchant_reference1 merchant_reference2",
    "order_amount original_order_amount captured_amount refunded_amount remaining_authorized_amount",
    "created_at expires_at",
    initial_payment_method=_keep("type", "number_of_installments"),
    customer=_keep("type organization_entity_type"),
    billing_address=_ADDRESS_FIELDS,
    shipping_address=_ADDRESS_FIELDS,
    order_lines=ORDER_LINE,
    shipping_info=_SHIPPING_FIELDS,
    selected_shipping_option=_SHIPPING_OPTION,
    selected_shipping_options=_SHIPPING_OPTION,
    captures=CAPTURE,
    refunds=_keep(
        "refund_id reference order_id purchase_currency",
        "refunded_amount",
        "refunded_at",
        order_lines=ORDER_LINE,
    ),
)

ERROR: Final = _keep(
    error_code=Kept.CODE, correlation_id=Kept.CODE, error_messages=Kept.MESSAGE, error_message=Kept.MESSAGE
)
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
        below = tree[name]
        tree = {} if isinstance(below, Kept) else below
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
    return set(tree).union(*(_names_in(below) for below in tree.values() if not isinstance(below, Kept)))


DOCUMENTED_NAMES: Final = _names_in(ORDER) | _names_in(ERROR)
"""Every name in these trees."""


def _texts_in(tree: Tree) -> set[str]:
    texts = {name for name, kept in tree.items() if kept is Kept.TEXT}
    return texts.union(*(_texts_in(below) for below in tree.values() if not isinstance(below, Kept)))


TEXT_FIELDS: Final = (
    _texts_in(ORDER)
    | set(ERROR)
    | set(
        "attention city date_of_birth description email family_name given_name image_url merchant_data "
        "national_identification_number organization_name organization_registration_id phone postal_code product_url "
        "return_tracking_number return_tracking_uri street_address street_address2 title tms_reference tracking_number "
        "tracking_uri user_input vat_id".split()
    )
)
"""The documented fields that contain text, personal or not; a response can have a number there."""

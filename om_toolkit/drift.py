"""Drift: documents in, what they hold beyond the documentation out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from om_toolkit import privacy
from om_toolkit.models import Customer, InitialPaymentMethod, Model, Order, OrderLine, ShippingInfo, json_type

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE_TYPES: Final = frozenset(
    "physical discount shipping_fee sales_tax store_credit gift_card digital surcharge return_fee package".split()
)
_METHODS: Final = frozenset(
    "PickUpStore Home BoxReg BoxUnreg PickUpPoint Own Postal DHLPackstation Digital Undefined PickUpWarehouse "
    "ClickCollect PalletDelivery".split()
)
VOCABULARY: Final[dict[tuple[type[Model], str], frozenset[str]]] = {
    (Order, "status"): frozenset("AUTHORIZED PART_CAPTURED CAPTURED CANCELLED EXPIRED CLOSED".split()),
    (Order, "fraud_status"): frozenset("ACCEPTED PENDING REJECTED".split()),
    (InitialPaymentMethod, "type"): frozenset(
        "BANK_TRANSFER CARD FIXED_AMOUNT INVOICE_BUSINESS INVOICE MOBILEPAY PAY_BY_CARD PAY_LATER_IN_PARTS SWISH "
        "APPLE_PAY_CARD GOOGLE_PAY_CARD CARTES_BANCAIRES BLIK TWINT BANCONTACT OTHER".split()
    ),
    (Customer, "type"): frozenset({"person", "organization"}),
    (Customer, "organization_entity_type"): frozenset(
        "LIMITED_COMPANY PUBLIC_LIMITED_COMPANY ENTREPRENEURIAL_COMPANY LIMITED_PARTNERSHIP_LIMITED_COMPANY "
        "LIMITED_PARTNERSHIP GENERAL_PARTNERSHIP REGISTERED_SOLE_TRADER SOLE_TRADER CIVIL_LAW_PARTNERSHIP "
        "PUBLIC_INSTITUTION OTHER".split()
    ),
    (OrderLine, "type"): _LINE_TYPES,
    (ShippingInfo, "shipping_method"): _METHODS,
}
"""The values that the documentation knows. Others are accepted everywhere, and told by `Orders.drift`."""


def undocumented(model: Model, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield what a document holds beyond the documentation, at any depth.

    Yields:
        The API path, with `?` for a name that may be somebody's; `field` or `value`; and of an unknown field its JSON
        type, of a known one the unknown value.
    """
    for name, value in (model.model_extra or {}).items():
        shown = name if privacy.is_name(name) else "?"
        yield f"{path}{shown}", "field", json_type(value)
    for name, value in model.__dict__.items():
        if (type(model), name) in VOCABULARY and value and value not in VOCABULARY[type(model), name]:
            yield f"{path}{name}", "value", value
        for below in value if isinstance(value, tuple) else (value,):
            if isinstance(below, Model):
                yield from undocumented(below, f"{path}{name}.")

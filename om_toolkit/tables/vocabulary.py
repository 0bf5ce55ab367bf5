"""The documented values of columns with a vocabulary; other values are accepted, and listed by `Orders.drift`."""

from typing import Final

VOCABULARY: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("orders", "status"): frozenset("AUTHORIZED PART_CAPTURED CAPTURED CANCELLED EXPIRED CLOSED".split()),
    ("orders", "fraud_status"): frozenset("ACCEPTED PENDING REJECTED".split()),
    ("orders", "initial_payment_method_type"): frozenset(
        "BANK_TRANSFER CARD FIXED_AMOUNT INVOICE_BUSINESS INVOICE MOBILEPAY PAY_BY_CARD PAY_LATER_IN_PARTS SWISH "
        "APPLE_PAY_CARD GOOGLE_PAY_CARD CARTES_BANCAIRES BLIK TWINT BANCONTACT OTHER".split()
    ),
    ("orders", "customer_type"): frozenset({"person", "organization"}),
    ("orders", "customer_organization_entity_type"): frozenset(
        "LIMITED_COMPANY PUBLIC_LIMITED_COMPANY ENTREPRENEURIAL_COMPANY LIMITED_PARTNERSHIP_LIMITED_COMPANY "
        "LIMITED_PARTNERSHIP GENERAL_PARTNERSHIP REGISTERED_SOLE_TRADER SOLE_TRADER CIVIL_LAW_PARTNERSHIP "
        "PUBLIC_INSTITUTION OTHER".split()
    ),
    ("order_lines", "type"): frozenset(
        "physical discount shipping_fee sales_tax store_credit gift_card digital surcharge return_fee package".split()
    ),
    ("shipments", "shipping_method"): frozenset(
        "PickUpStore Home BoxReg BoxUnreg PickUpPoint Own Postal DHLPackstation Digital Undefined PickUpWarehouse "
        "ClickCollect PalletDelivery".split()
    ),
}

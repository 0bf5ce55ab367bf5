"""The documented fields that can identify a person, written independently of the package."""

from __future__ import annotations

PERSONAL = {
    "attention", "city", "date_of_birth", "description", "email", "family_name", "given_name", "image_url",
    "merchant_data", "national_identification_number", "organization_name", "organization_registration_id", "phone",
    "postal_code", "product_url", "return_tracking_number", "return_tracking_uri", "street_address",
    "street_address2", "title", "tms_reference", "tracking_number", "tracking_uri", "user_input", "vat_id",
}  # fmt: skip
AT_A_PLACE = {"selected_shipping_option.location.id", "selected_shipping_option.location.name"}

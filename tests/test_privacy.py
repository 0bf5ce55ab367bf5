"""Stand-ins: nothing personal stays, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import documented_fields as documented
import pytest

from om_toolkit import privacy

PERSONAL = {
    "attention", "city", "date_of_birth", "description", "email", "family_name", "given_name", "image_url",
    "merchant_data", "national_identification_number", "organization_name", "organization_registration_id", "phone",
    "postal_code", "product_url", "return_tracking_number", "return_tracking_uri", "street_address",
    "street_address2", "title", "tms_reference", "tracking_number", "tracking_uri", "user_input", "vat_id",
}  # fmt: skip
AT_A_PLACE = {"selected_shipping_option.location.id", "selected_shipping_option.location.name"}


@pytest.mark.parametrize("line", documented.ORDER.strip().splitlines())
def test_each_documented_field_is_personal_or_not_as_listed(line: str) -> None:
    path, kind = line.split()
    if kind in {"string", "integer"}:
        assert privacy.is_personal(path) == (path.rpartition(".")[2] in PERSONAL or path in AT_A_PLACE)


def test_what_nobody_has_looked_at_is_personal() -> None:
    assert privacy.is_personal("favourite_song")
    assert privacy.is_personal("customer.nickname")
    assert privacy.is_personal("status.nested")


def scrub(document: Any) -> Any:
    return privacy.Scrubber().scrub(document, privacy.ORDER)


def test_shape_types_and_whatever_names_nobody_stay() -> None:
    document = {
        "order_id": "1",
        "order_amount": 100,
        "billing_address": {"email": "ada@home.org", "country": "SE", "phone": "", "city": None},
        "customer": {"date_of_birth": "1981-09-06", "type": "person"},
        "order_lines": [{"name": "Stol", "product_url": "https://shop.se/ada", "total_amount": -5}],
        "moon": {"phase": [1, 2.5, True, None, {"who": "Ada"}]},
        "captures": [{"shipping_info": [{"tracking_number": "JVGL123", "shipping_method": "Home"}]}],
    }
    assert scrub(document) == {
        "order_id": "1",
        "order_amount": 100,
        "billing_address": {"email": "person-1@example.com", "country": "SE", "phone": "", "city": None},
        "customer": {"date_of_birth": "1900-01-02", "type": "person"},
        "order_lines": [{"name": "Stol", "product_url": "https://example.com/1", "total_amount": -5}],
        "moon": {"phase": [1, 2.0, False, None, {"who": "who-1"}]},
        "captures": [{"shipping_info": [{"tracking_number": "tracking_number-1", "shipping_method": "Home"}]}],
    }


def test_the_same_value_has_the_same_stand_in_and_another_has_another() -> None:
    emails = [{"billing_address": {"email": email}} for email in ("a@x.y", "b@x.y", "a@x.y")]
    scrubber = privacy.Scrubber()
    first, second, third = (scrubber.scrub(document, privacy.ORDER)["billing_address"]["email"] for document in emails)  # type: ignore[index,call-overload]
    assert first == third != second


def test_an_object_where_a_plain_value_is_documented_is_replaced() -> None:
    assert scrub({"status": {"who": "Ada"}, "merchant_reference1": ["Ada", {"x": "Ada"}]}) == {
        "status": {"who": "who-1"},
        "merchant_reference1": ["merchant_reference1-1", {"x": "x-1"}],
    }


def test_text_that_is_no_json_is_not_kept() -> None:
    assert privacy.Scrubber().scrub_text("<html>Ada", privacy.ORDER) == ""
    assert json.loads(privacy.Scrubber().scrub_text('{"title": "Frau"}', privacy.ORDER)) == {"title": "title-1"}

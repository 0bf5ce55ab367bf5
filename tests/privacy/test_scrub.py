"""The scrubber: nothing personal stays, and nothing else changes."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import documented_fields as documented
import pytest
from personal_fields import AT_A_PLACE, PERSONAL

from om_toolkit import privacy
from om_toolkit.privacy.detectors import find_in_text


@pytest.mark.parametrize("line", documented.ORDER.strip().splitlines())
def test_each_documented_field_is_personal_or_not_as_listed(line: str) -> None:
    path, kind = line.split()
    if kind in {"string", "integer"}:
        assert privacy.is_personal(path) == (path.rpartition(".")[2] in PERSONAL or path in AT_A_PLACE)


def test_each_option_of_a_split_delivery_is_like_a_single_one() -> None:
    single = "selected_shipping_option"
    paths = [line.split()[0] for line in documented.ORDER.strip().splitlines() if line.startswith(f"{single}.")]
    assert len(paths) > 20
    assert [privacy.is_personal(path.replace(single, f"{single}s")) for path in paths] == [
        *map(privacy.is_personal, paths)
    ]
    options = [{"method": "Home", "location": {"address": {"city": "Lund", "country": "SE"}}}]
    masked = [{"method": "Home", "location": {"address": {"city": "city-1", "country": "SE"}}}]
    assert scrub({f"{single}s": options}) == {f"{single}s": masked}


def test_a_field_that_is_not_listed_is_personal() -> None:
    assert privacy.is_personal("favourite_song")
    assert privacy.is_personal("customer.nickname")
    assert privacy.is_personal("status.nested")


def scrub(document: Any) -> Any:
    return privacy.Scrubber().scrub(document, privacy.ORDER)


def test_shape_types_and_impersonal_values_stay() -> None:
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
        "customer": {"date_of_birth": "1800-01-02", "type": "person"},
        "order_lines": [{"name": "Stol", "product_url": "https://example.com/1", "total_amount": -5}],
        "moon": {"key-1": [-1, -2.0, False, None, {"key-2": "value-1"}]},
        "captures": [{"shipping_info": [{"tracking_number": "tracking_number-1", "shipping_method": "Home"}]}],
    }


def test_equal_values_have_one_placeholder_and_others_have_others() -> None:
    emails = [{"billing_address": {"email": email}} for email in ("a@x.y", "b@x.y", "a@x.y")]
    scrubber = privacy.Scrubber()
    first, second, third = (scrubber.scrub(document, privacy.ORDER)["billing_address"]["email"] for document in emails)  # type: ignore[index,call-overload]
    assert first == third != second


def test_an_object_where_a_plain_value_is_documented_is_replaced() -> None:
    assert scrub({"status": {"who": "Ada"}, "merchant_reference1": ["Ada", {"x": "Ada"}]}) == {
        "status": {"key-1": "value-1"},
        "merchant_reference1": ["merchant_reference1-1", {"key-2": "value-1"}],
    }


def test_one_address_has_one_placeholder_in_all_fields() -> None:
    document = {"billing_address": {"email": "a@x.y"}, "moon": {"b@x.y": "a@x.y"}, "customer": {"contact": "b@x.y"}}
    first, second = "person-1@example.com", "person-2@example.com"
    assert scrub(document) == {
        "billing_address": {"email": first},
        "moon": {second: first},
        "customer": {"contact": second},
    }


def test_names_of_fields_stay_only_in_documented_objects() -> None:
    document = {"loyalty_points": 5, "AdaLovelace": 1, "19810906-1234": 1, "customer": {"nickname": "A"}}
    assert list(scrub(document)) == ["loyalty_points", "key-1", "key-2", "customer"]
    assert scrub(document)["customer"] == {"nickname": "nickname-1"}
    assert scrub({"moon": {"captures": {"ada": 1}}}) == {"moon": {"captures": {"key-1": -1}}}


@pytest.mark.parametrize(
    ("length", "least", "most"), [(15, 1, 40), (40, 1, 40), (41, 41, 400), (400, 41, 400), (5000, 401, 5000)]
)
@pytest.mark.parametrize("form", ["{}", "{}@x.y", "https://x.y/{}"])
def test_a_placeholder_is_about_as_long_as_the_value(length: int, least: int, most: int, form: str) -> None:
    value = form.format("a" * (length - len(form) + 2))
    placeholder = scrub({"merchant_data": value})["merchant_data"]
    assert least <= len(placeholder) <= most
    assert ("@" in placeholder, placeholder.startswith("https://")) == ("@" in value, value.startswith("https://"))


def test_numbers_become_negative() -> None:
    scrubbed = scrub({"moon": [46701234567, 41105, 41105, 0.5]})["moon"]
    assert scrubbed == [-1 - 10**9, -2, -2, -3.0]
    assert [type(value) for value in scrubbed] == [int, int, int, float]


def test_kept_values_stay_to_the_last_digit() -> None:
    body = (
        '{"order_amount":12345678901234567890,"merchant_reference1":1.50,"name":1.50,"reference":1E3,'
        '"status":"ö\\ud83d"}'
    )
    kept = privacy.Scrubber().scrub_text(body, privacy.ORDER)
    placeholders = '"name":"name-1","reference":"reference-1"'
    assert kept == body.replace('"name":1.50,"reference":1E3', placeholders).replace("ö", "\\u00f6")


def test_ids_stay_unless_they_are_masked() -> None:
    order: Any = {
        "order_id": "AB-1",
        "klarna_reference": "K1",
        "merchant_reference1": "100",
        "order_lines": [{"reference": "article"}],
        "captures": [{"capture_id": "c", "klarna_reference": "K1-1", "reference": "s", "order_id": "ab-1"}],
        "refunds": [{"refund_id": 17, "reference": ""}],
    }
    assert scrub(order) == order
    scrubber = privacy.Scrubber(mask_ids=True)
    assert scrubber.scrub_id("order_id", "ab-1") == "order_id-1"
    assert scrubber.scrub(order, privacy.ORDER) == {
        "order_id": "order_id-1",
        "klarna_reference": "klarna_reference-1",
        "merchant_reference1": "merchant_reference1-1",
        "order_lines": [{"reference": "article"}],
        "captures": [
            {
                "capture_id": "capture_id-1",
                "klarna_reference": "klarna_reference-2",
                "reference": "reference-1",
                "order_id": "order_id-1",
            }
        ],
        "refunds": [{"refund_id": "refund_id-1", "reference": ""}],
    }
    error: Any = {"error_code": "NO_SUCH_ORDER", "error_messages": ["There is no AB-1"], "correlation_id": "x"}
    assert scrubber.scrub(error, privacy.ERROR) == {
        "error_code": "NO_SUCH_ORDER",
        "error_messages": ["error_messages-1"],
        "correlation_id": "correlation_id-1",
    }


PERSONAL_TEXT = ["ada@lovelace.se", "for ada@lovelace.se", "ada%40lovelace.se", "+46 70 123 45 67", "19810906-1237"]
HARMLESS_TEXT = [
    "CAPTURED", "sv-SE", "2026-10-01T00:00:00.123456Z", "2026-10-01T00:00:00+02:00", "", "B+C", "100045",
    "7350053850019",
    "0f5a3c1e-9d27-4b60-8a11-000000000404", "There is no order 0f5a3c1e.", "person-1@example.com", "K123456-1",
]  # fmt: skip


@pytest.mark.parametrize("text", PERSONAL_TEXT)
def test_a_person_in_a_text_that_is_kept_is_replaced(text: str) -> None:
    document: Any = {"merchant_reference1": text, "status": [text], "locale": text, "order_lines": [{"name": text}]}
    output = json.dumps(scrub(document | {"selected_shipping_option": {"timeslot": {"id": text}}, "captures": [text]}))
    assert text not in output
    scrubber = privacy.Scrubber()
    assert text not in str(scrubber.scrub({"error_messages": [text], "error_code": text}, privacy.ERROR))
    assert scrubber.scrub_id("order_id", text) == scrubber.scrub({"order_id": text}, privacy.ORDER)["order_id"] != text  # type: ignore[index,call-overload]


@pytest.mark.parametrize("text", HARMLESS_TEXT)
def test_harmless_text_is_kept(text: str) -> None:
    document: Any = {"merchant_reference1": text, "status": text, "captures": [{"reference": text}]}
    assert scrub(document) == document


@pytest.mark.parametrize(
    "text",
    ["a@b.se", "a%40b.se", "+4670123456", "+46 (0)70-1234567", "880320-0016", "198803200016", "15108695088",
     "151086 95088", "131052-308T", "211062-5629", "010180-1235", "36574261809", "36 574 261 809",
     "1112.22.333", "BSN 111222333"],
)  # fmt: skip
def test_the_scrubber_finds_what_the_scanner_finds(text: str) -> None:
    assert list(find_in_text(f"of {text}!", ""))
    assert privacy.names_somebody(f"of {text}!")


def test_spellings_of_one_address_or_number_have_one_placeholder() -> None:
    def one_of(texts: list[str], name: str) -> set[str]:
        scrubber = privacy.Scrubber()
        return {str(scrubber.scrub({name: text}, {})[name]) for text in texts}  # type: ignore[call-overload,index]

    assert one_of(["Ada@x.se", "ada@x.se", " ada@x.se", "ADA@X.SE"], "email") == {"person-1@example.com"}
    assert one_of(["Ada", " ada"], "email") == {"email-1"}
    assert len(one_of(["556677-8899", "5566778899", "55 66 77 88 99"], "organization_registration_id")) == 1
    assert one_of(["Ada", "ada"], "given_name") == {"given_name-1", "given_name-2"}


def test_the_scanner_is_loaded_on_first_use() -> None:
    code = "import sys, om_toolkit as om; assert not {'yaml', 'stdnum'} & set(sys.modules); print(om.privacy.scan)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "function scan" in output
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = privacy.nothing


def test_text_that_is_not_json_is_not_kept() -> None:
    assert privacy.Scrubber().scrub_text("<html>Ada", privacy.ORDER) == ""
    assert json.loads(privacy.Scrubber().scrub_text('{"title": "Frau"}', privacy.ORDER)) == {"title": "title-1"}


@pytest.mark.parametrize("number", ["198112189876", "198112189876.0", "1.98112189876e11", "15108695088"])
def test_a_number_in_a_kept_text_field_is_replaced_as_the_text_would_be(number: str) -> None:
    body = f'{{"merchant_reference1":{number},"locale":[{number}],"status":{{"of":{number}}},"order_amount":{number}}}'
    scrubbed = json.loads(privacy.Scrubber().scrub_text(body, privacy.ORDER), parse_float=str)
    assert scrubbed["merchant_reference1"] == "merchant_reference1-1"
    assert number not in json.dumps({**scrubbed, "order_amount": 0})
    assert str(scrubbed["order_amount"]) == number  # an amount is never replaced


def test_harmless_numbers_and_booleans_in_text_fields_stay() -> None:
    document: Any = {"merchant_reference1": 101047, "merchant_reference2": 1.5, "locale": True, "status": None}
    assert scrub(document) == document


def test_one_value_has_one_placeholder_as_text_and_as_number() -> None:
    addresses: Any = [{"billing_address": {"postal_code": code}} for code in ("41105", 41105, "41106")]
    scrubber = privacy.Scrubber()
    codes = [scrubber.scrub(document, privacy.ORDER)["billing_address"]["postal_code"] for document in addresses]  # type: ignore[index,call-overload]
    assert codes == ["postal_code-1", "postal_code-1", "postal_code-2"]


@pytest.mark.parametrize("value", ["ada@home.se", "Ada", "12.50", ["Ada"], [5], {"Ada": 5}])
def test_what_is_not_a_number_or_a_time_is_not_kept_where_one_is_documented(value: Any) -> None:
    for name in ("order_amount", "created_at"):
        output = scrub({name: value, "captures": [{"captured_amount": value, "captured_at": value}]})
        assert "Ada" not in json.dumps(output)
        assert output[name] != value


@pytest.mark.parametrize(
    "time",
    ["2026-10-01", "2026-10-01T08:00:00Z", "2026-10-01 08:00", "2026-10-01T08:00:00.123456789+02:00",
     "20261001T080000Z", "2026-10-01T08:00:00,5-0530", "", "08:00"],
)  # fmt: skip
def test_times_stay(time: str) -> None:
    document: Any = {"created_at": time, "selected_shipping_option": {"timeslot": {"start": time}}}
    assert scrub(document) == document


@pytest.mark.parametrize("time", ["198112189876", "19811218-0112", "Sun Sep 06 02:00:00 CEST 1981", "2026-10-01 Ada"])
def test_text_that_is_not_a_time_is_replaced_in_a_field_for_times(time: str) -> None:
    assert scrub({"created_at": time})["created_at"] == "created_at-1"


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("document", [{"name": "Ada"}, ["Ada"], [{"x": 5}]])
def test_a_json_document_in_a_kept_text_is_replaced(document: Any, layers: int) -> None:
    text = json.dumps(document)
    for _ in range(layers - 1):
        text = json.dumps(text if layers == 3 else {"nested": text})
    for encoded in (text, quote(text), text.replace('"', "&quot;"), b64encode(text.encode()).decode()):
        assert scrub({"merchant_reference1": encoded}) == {
            "merchant_reference1": "merchant_reference1-1".ljust(41 * (len(encoded) > 40), "x")
        }


def test_brackets_in_a_name_are_not_a_document() -> None:
    document: Any = {"order_lines": [{"name": "[SALE] Chair {oak}"}, {"name": "{oak}"}, {"name": "100% cotton & wool"}]}
    assert scrub(document) == document


@pytest.mark.parametrize(
    ("message", "is_kept"),
    [("No such order", True), ("There is no order 0f5a3c1e.", True), ("NOT_ALLOWED: capture not allowed (403)", True),
     ("Order of Ada Lovelace not found", False), ("unknown customer ada@home.se", False), ("811218-9876", False),
     ("8112189876", False), (5, True), ({"text": "Ada"}, False)],
)  # fmt: skip
def test_only_messages_in_known_words_are_kept(message: Any, is_kept: bool) -> None:  # noqa: FBT001 - pytest passes it
    for error in ({"error_messages": [message, "No such order"]}, {"error_message": message}):
        kept = json.dumps(message) in json.dumps(privacy.Scrubber().scrub(error, privacy.ERROR))
        assert kept == is_kept


def test_an_error_code_and_a_correlation_id_are_kept_only_if_they_look_like_one() -> None:
    error: Any = {"error_code": "NO_SUCH_ORDER", "correlation_id": "66782175-ae05-44fc"}
    assert privacy.Scrubber().scrub(error, privacy.ERROR) == error
    for name in ("Ada Lovelace", "Ada", "ada@home.se"):
        assert name not in str(privacy.Scrubber().scrub(dict.fromkeys(error, name), privacy.ERROR))

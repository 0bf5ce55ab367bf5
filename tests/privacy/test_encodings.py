"""Encodings: personal data are found however they are written, and ordinary texts are not mistaken for them."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from om_toolkit import privacy
from om_toolkit.privacy.credential_patterns import API_KEY_PREFIXES
from om_toolkit.privacy.detectors import find_in_text
from om_toolkit.privacy.encodings import readings

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda text: quote(text, safe=""),
    "percent, every character": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent twice": lambda text: quote(quote(text, safe="")),
    "form": lambda text: quote(text, safe=" ").replace(" ", "+"),
    "decimal entities": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(letter):x};" for letter in text),
    "named entities": lambda text: html.escape(text.replace("@", "&commat;").replace("+", "&plus;"), quote=False),
    "JSON escapes": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "JSON text in JSON text": lambda text: json.dumps(json.dumps({"note": text.replace("@", "\u0040")})),
    "Python escapes": lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    "base64": lambda text: b64encode(f"note: {text}".encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(f"~~~???: {text}".encode()).decode().rstrip("="),
    "full width": lambda text: "".join(chr(ord(letter) + 0xFEE0) if letter > " " else letter for letter in text),
}
PERSONAL = [
    "ada@lovelace.se",
    "+46 70 123 45 67",
    "0046 70 123 45 67",
    "19811218-9876",
    "SE35 5000 0000 0549 1000 0003",
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", PERSONAL)
def test_an_encoded_value_is_found(value: str, encoding: str) -> None:
    encoded = ENCODINGS[encoding](value)
    for text in (encoded, f"of {encoded}, with thanks"):
        assert privacy.names_somebody(text)
        assert list(find_in_text(text, "here"))
    scrubbed: Any = privacy.Scrubber().scrub({"merchant_reference1": encoded}, privacy.ORDER)
    assert encoded not in str(scrubbed)


BLANKS = ["\u00a0", "\u2009", "\u202f", "\u2007", "\u3000", "\u200b", "-", "\u2011", "\u2013", ".", "/"]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("prefix", ["+46", "0046"])
def test_a_phone_number_is_found_with_any_blank(blank: str, prefix: str) -> None:
    assert privacy.names_somebody(blank.join([prefix, "70", "123", "45", "67"]))


@pytest.mark.parametrize("number", ["0046701234567", "00 46 70 123 45 67", "00-49 30 123456", "001 510 869 5088"])
def test_a_phone_number_is_found_with_the_prefix_00(number: str) -> None:
    assert privacy.names_somebody(number)
    assert privacy.names_somebody(f"call {number}.")


@pytest.mark.parametrize(
    "account",
    ["SE35 5000 0000 0549 1000 0003", "SE3550000000054910000003", "de89370400440532013000", "NO93 8601 1117 947",
     "GB29-NWBK-6016-1331-9268-19", "FI2112345600000785"],
)  # fmt: skip
def test_a_bank_account_is_found(account: str) -> None:
    assert [finding.kind for finding in find_in_text(f"to {account} and then", "")] == ["bank account"]
    assert privacy.names_somebody(f"to {account} and then")


@pytest.mark.parametrize("prefix", API_KEY_PREFIXES)
@pytest.mark.parametrize("secret", ["api_QUJDREVGR0hJSktMTU5P", "0123456789ab", "api_ab+cd/ef==gh"])
def test_an_api_key_is_found_with_every_prefix(prefix: str, secret: str) -> None:
    assert [finding.kind for finding in find_in_text(f"OM={prefix}{secret}", "")][:1] == ["credentials"]
    assert privacy.names_somebody(f"refused {prefix}{secret}")


@pytest.mark.parametrize(
    "text",
    ["100% cotton", "Größe 42, weiß", "A&B", "&Co", "back\\slash", "Chair 40%40", "PickUpStoreDelivery", "SE35 5000",
     "A4 & A3", "WEB-001047", "0000542517", "0012345678905", "SE3550000000054910000004",
     "AbCdEfGhIjKlMnOp", "50%25 off", "3fea6bcd-c8a3-e096-dbd0-eee169e2b566",
     "de893704-c8a3-e096-dbd0-eee169e2b566", "2026-10-01T08:00:00Z"],
)  # fmt: skip
def test_ordinary_text_is_not_mistaken(text: str) -> None:
    assert list(find_in_text(text, "")) == []
    assert not privacy.names_somebody(text)


def test_decoding_ends() -> None:
    bomb = "%25" * 2_000 + "&amp;" * 2_000 + "\\" * 2_000
    assert len(list(readings(bomb))) < 300
    assert list(readings("CAPTURED")) == ["CAPTURED"]

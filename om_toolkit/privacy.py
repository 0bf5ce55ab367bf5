"""What is personal: one allow-list of the fields that name nobody, and stand-ins for all the rest.

Tables, reprs and recordings ask here, so a field that the documentation does not know is personal until somebody
has looked at it.
"""

from __future__ import annotations

import hmac
import json
import os
import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Final, Self, TypeAlias, TypeVar

from om_toolkit.errors import InvalidSetting

if TYPE_CHECKING:
    from types import ModuleType

    from om_toolkit.scanner import scan as scan  # noqa: PLC0414 - a public name of this module

Tree: TypeAlias = Mapping[str, "Tree | None"]
Scalar: TypeAlias = str | int | float | bool | None
Json: TypeAlias = "dict[str, Json] | list[Json] | Scalar"
_JsonT = TypeVar("_JsonT", bound=Json)


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


@lru_cache(maxsize=1_000)
def is_name(key: str) -> bool:
    """Tell whether an unknown field beside documented ones is named as the API names fields, and not by somebody.

    Example:
        >>> is_name("loyalty_points"), is_name("ada@home.se"), is_name("198109061234")
        (True, False, False)
    """
    return bool(re.fullmatch(r"[a-z][a-z_]{0,38}[0-9]?", key))


def __getattr__(name: str) -> object:
    if name == "scan":  # at first use: it brings readers of all kinds of files along
        return _scanner().scan
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def _scanner() -> ModuleType:
    return import_module("om_toolkit.scanner")


@lru_cache(maxsize=10_000)  # nearly all that it is asked of are words of the API
def names_somebody(text: str) -> bool:
    """Tell whether a text holds an e-mail address, a telephone number or a personal number that `scan` finds.

    Example:
        >>> names_somebody("order 17 of ada@lovelace.se"), names_somebody("order 17")
        (True, False)
    """
    if not _SUSPECT.search(text):
        return False
    return any(True for line in text.splitlines() for _ in _scanner()._in_line(line, ""))  # noqa: SLF001 - ours


def has_pseudonym_key() -> bool:
    """Whether the environment's `OM_PSEUDONYM_KEY` holds a key, so that tables have a column `customer_key`.

    Raises:
        InvalidSetting: If the key is too short to be one.
    """
    return _pseudonym_key() is not None


def customer_key(*, email: str | None, organization: str | None = None, country: str | None = None) -> str | None:
    """Return what tells a customer from others without telling who it is: a keyed hash; None without a key.

    It is the first half of the HMAC-SHA256 in hexadecimal, keyed with the environment's `OM_PSEUDONYM_KEY`: of the
    organization's registration number, with the country that gave it, where there is one, since a company buys through
    many people; else of the e-mail address. Case, blanks and punctuation of the number do not count. Whoever has the
    key can tell whether a customer they know of is among the orders: keep it like a password.

    Stand-ins of a recording count customers within that recording only. Those of an archive that keeps no personal data
    are made for each order anew, so they tell no customer from others: None.

    Args:
        email: The e-mail address of the billing address.
        organization: The organization's registration number.
        country: The country of the billing address.

    Raises:
        InvalidSetting: If the key is too short to be one.
    """
    key = _pseudonym_key()
    if key is None:
        return None
    if number := _organization(organization or ""):
        given, told = organization, f"organization {(country or '').upper()} {number}"
    elif address := _address(email or ""):
        given, told = email, f"email {address}"
    else:
        return None
    if _OF_ONE_ORDER.fullmatch(given or ""):
        return None
    # Neither need be text in UTF-8: the environment's bytes and JSON's escapes hold more.
    secret, message = (text.encode(errors="surrogatepass") for text in (key, told))
    return hmac.new(secret, message, sha256).hexdigest()[:32]


def _organization(number: str) -> str:
    """Return what is compared of an organization's registration number."""
    return re.sub(r"[\W_]", "", number).upper()


def _address(email: str) -> str:
    """Return what is compared of an e-mail address."""
    return email.strip().casefold()


def _pseudonym_key() -> str | None:
    key = os.environ.get("OM_PSEUDONYM_KEY")
    if key is None or (len(key) >= _SHORTEST_KEY and len(set(key)) >= _FEWEST_LETTERS):
        return key
    del key  # which a traceback with its variables would show
    raise InvalidSetting(
        f"OM_PSEUDONYM_KEY is too easily guessed: give {_SHORTEST_KEY} random characters or more, such as "
        "python -c 'import secrets; print(secrets.token_hex(32))' prints, or take it out of the environment"
    )


_SHORTEST_KEY: Final = 32
_FEWEST_LETTERS: Final = 8


class Scrubber:
    """Replaces personal values by stand-ins: the same value by the same stand-in, for as long as the scrubber lives.

    Stand-ins are numbered in order of appearance and derived from nothing else, so they lead back to nobody, and those
    of two scrubbers for one person have nothing in common. Of a value they keep its type and its class of length: a
    line (up to 40 characters), a paragraph (up to 400), or more. In an object that the documentation does not know,
    the names of the fields are replaced as well: they may be somebody's.

    Args:
        mask_ids: Whether that is replaced too which leads back to an order in the shop's or the vendor's systems: ids
            of orders, captures and refunds, their references, correlation ids, and what an error says.
        one_order: Whether the scrubber lives for one order only. The stand-ins of its customer then begin with a 0, as
            `person-01@example.com`: what looks the same in two orders need not be the same customer.
    """

    def __init__(self, *, mask_ids: bool = False, one_order: bool = False) -> None:
        self._seen: defaultdict[str, dict[object, int]] = defaultdict(dict)
        self._masked = _IDS if mask_ids else frozenset()
        self._mark = "0" if one_order else ""

    def scrub(self, document: Json, tree: Tree | None) -> Json:
        """Return the document with everything that the tree does not name replaced; shape and types stay."""
        return self._walk(document, tree, "value")

    def scrub_text(self, body: str | bytes, tree: Tree | None) -> str:
        """Scrub a JSON document in text. Text that is no JSON cannot be judged, so nothing of it is kept."""
        try:
            return _written(self.scrub(json.loads(body, parse_float=Digits), tree))
        except (ValueError, RecursionError):
            return ""

    def scrub_id(self, name: str, value: str) -> str:
        """Return what stands for an id that is not in a body: the same as there, or the id itself if ids stay."""
        return str(self._stand_in(name, value)) if name in self._masked else self._kept(name, value)

    def _walk(self, value: Json, tree: Tree | None, name: str) -> Json:
        if isinstance(value, dict):
            known = tree or {}
            scrubbed: dict[str, Json] = {}
            for key, item in value.items():
                # Most fields are scalars that stay, or text that does not: these are told apart here, without a call.
                if known.get(key, known) is None and key not in self._masked and not isinstance(item, _NESTED):
                    is_somebody = isinstance(item, str) and names_somebody(item)
                    scrubbed[key] = self._text(key, str(item)) if is_somebody else item
                elif isinstance(item, str) and known and key not in known and is_name(key):
                    scrubbed[key] = self._text(key, item)
                else:
                    name, scrubbed_item = self._field(key, item, tree)
                    scrubbed[name] = scrubbed_item
            return scrubbed
        if isinstance(value, list):
            return [self._walk(item, tree, name) for item in value]
        return self._stand_in(name, value)

    def _field(self, key: str, value: Json, tree: Tree | None) -> tuple[str, Json]:
        known = tree or {}
        is_masked = key in self._masked and tree is not _LINE  # where a reference is an article's number
        if key in known and known[key] is None and _is_plain(value) and not is_masked:
            return key, [self._kept(key, item) for item in value] if isinstance(value, list) else self._kept(key, value)
        if key in _NAMES or (tree is not None and is_name(key)):
            return key, self._walk(value, known.get(key), key)
        return str(self._stand_in("key", key)), self._walk(value, None, "value")

    def _kept(self, name: str, value: _JsonT) -> _JsonT | str:
        """Return a value that is to be kept, unless somebody has written a person into it."""
        return self._text(name, value) if isinstance(value, str) and names_somebody(value) else value

    def _stand_in(self, name: str, value: Scalar) -> Scalar:
        if value is None:
            return None
        if isinstance(value, bool):
            return False
        if isinstance(value, str) or name in self._masked:
            return self._text(name, str(value))
        # Amounts apart, no number of anybody is negative.
        number = -self._number(name, value) - (_LONG if abs(value) >= _LONG else 0)
        return float(number) if isinstance(value, float) else number

    def _text(self, name: str, value: str) -> str:
        """Return a text that looks like the value and holds nothing of it."""
        same = _SAME[name](value) if name in _SAME else value
        if not same:
            return value
        if "@" in value and _EMAIL.fullmatch(address := _address(value)):
            return self._numbered(f"person-{self._mark}", value, address, "@example.com")
        if _DATE.fullmatch(value):
            return (date(1800, 1, 1) + timedelta(days=self._number("date", value))).isoformat()
        if value.startswith(("http://", "https://")):
            return self._numbered("https://example.com/", value, value)
        return self._numbered(f"{name[:30]}-{self._mark if name in _CUSTOMER else ''}", value, same)

    def _numbered(self, before: str, value: str, same: str, after: str = "") -> str:
        """Put the number of what is the same between two texts, filled up to the value's class of length."""
        told = f"{before}{self._number(before, same)}"
        length = _LENGTHS[bisect(_LENGTHS, len(value)) - 1]
        return told.ljust(length - len(after), "x") + after

    def _number(self, name: str, value: Scalar) -> int:
        seen = self._seen[name]
        return seen.setdefault(value, len(seen) + 1)


class Digits(float):
    """A JSON number with a fraction or an exponent that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read a number."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _written(value: Json) -> str:
    """Write JSON without blanks, every number that stayed as it was written."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(key)}:{_written(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, Digits):
        return value.text
    # Half an emoji, which JSON can hold, is no text in UTF-8.
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable())


_IDS: Final = frozenset(
    "order_id capture_id refund_id klarna_reference merchant_reference1 merchant_reference2 reference "
    "correlation_id error_messages".split()
)
_CUSTOMER: Final = ("email", "organization_registration_id")  # what `customer_key` is made of
_SAME: Final[Mapping[str, Callable[[str], str]]] = {
    "order_id": str.casefold,  # which hosts answer in another case than they were asked
    "email": _address,
    "organization_registration_id": _organization,
}
"""What is to be the same of two values of a field, so that they have one stand-in."""
_OF_ONE_ORDER: Final = re.compile(rf"person-0\d+x*@example\.com|({'|'.join(_CUSTOMER)})-0\d+x*")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_SUSPECT: Final = re.compile(r"@|%40|\+\d[\d ()/.-]{6}|(?<![\w.+-])\d(?:\d{5}|\d \d{3} )")
"""What every text holds that `names_somebody`, and few others; quick to ask of each text that stays."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LENGTHS: Final = (0, 41, 401)
_LONG: Final = 10**9  # where numbers that may be somebody's begin


def _names(tree: Tree) -> set[str]:
    return set(tree).union(*(_names(below) for below in tree.values() if below))


_NAMES: Final = _names(ORDER) | _names(ERROR)


def _is_plain(value: Json) -> bool:
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, _NESTED) for item in items)


_NESTED: Final = (dict, list)  # quicker to ask for than dict | list, which is made anew each time

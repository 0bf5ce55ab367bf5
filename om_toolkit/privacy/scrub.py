"""What is personal: one allow-list of the fields that name nobody, and stand-ins for all the rest.

Tables, reprs and recordings ask here, so a field that the documentation does not know is personal until somebody
has looked at it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import DOCUMENTED_NAMES, ORDER_LINE, Tree, is_name
from om_toolkit.privacy.pseudonyms import CUSTOMER_FIELDS, normalized_email, normalized_organization
from om_toolkit.support.json_text import Digits, Json, JsonT, Scalar, dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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
            return dump_json(self.scrub(json.loads(body, parse_float=Digits), tree))
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
        is_masked = key in self._masked and tree is not ORDER_LINE  # where a reference is an article's number
        if key in known and known[key] is None and _is_plain(value) and not is_masked:
            return key, [self._kept(key, item) for item in value] if isinstance(value, list) else self._kept(key, value)
        if key in DOCUMENTED_NAMES or (tree is not None and is_name(key)):
            return key, self._walk(value, known.get(key), key)
        return str(self._stand_in("key", key)), self._walk(value, None, "value")

    def _kept(self, name: str, value: JsonT) -> JsonT | str:
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
        if "@" in value and _EMAIL.fullmatch(address := normalized_email(value)):
            return self._numbered(f"person-{self._mark}", value, address, "@example.com")
        if _DATE.fullmatch(value):
            return (date(1800, 1, 1) + timedelta(days=self._number("date", value))).isoformat()
        if value.startswith(("http://", "https://")):
            return self._numbered("https://example.com/", value, value)
        return self._numbered(f"{name[:30]}-{self._mark if name in CUSTOMER_FIELDS else ''}", value, same)

    def _numbered(self, before: str, value: str, same: str, after: str = "") -> str:
        """Put the number of what is the same between two texts, filled up to the value's class of length."""
        told = f"{before}{self._number(before, same)}"
        length = _LENGTHS[bisect(_LENGTHS, len(value)) - 1]
        return told.ljust(length - len(after), "x") + after

    def _number(self, name: str, value: Scalar) -> int:
        seen = self._seen[name]
        return seen.setdefault(value, len(seen) + 1)


_IDS: Final = frozenset(
    "order_id capture_id refund_id klarna_reference merchant_reference1 merchant_reference2 reference "
    "correlation_id error_messages".split()
)


_SAME: Final[Mapping[str, Callable[[str], str]]] = {
    "order_id": str.casefold,  # which hosts answer in another case than they were asked
    "email": normalized_email,
    "organization_registration_id": normalized_organization,
}
"""What is to be the same of two values of a field, so that they have one stand-in."""


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


_LENGTHS: Final = (0, 41, 401)


_LONG: Final = 10**9  # where numbers that may be somebody's begin


def _is_plain(value: Json) -> bool:
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, _NESTED) for item in items)


_NESTED: Final = (dict, list)  # quicker to ask for than dict | list, which is made anew each time

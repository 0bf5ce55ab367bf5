"""The scrubber: documents in, the same documents with placeholders for everything personal out."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from om_toolkit.privacy import placeholders
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import DOCUMENTED_NAMES, ORDER_LINE, Tree, is_name
from om_toolkit.privacy.pseudonyms import normalized_email, normalized_organization
from om_toolkit.support.json_text import Digits, Json, Scalar, dump_json


class Scrubber:
    """Replaces personal values by placeholders: the same value by the same placeholder as long as the scrubber lives.

    Placeholders are numbered in order of appearance and derived from nothing else, so they do not lead back to a
    person, and those that two scrubbers make for one person have nothing in common. A placeholder keeps the type of its
    value and its class of length: a line (up to 40 characters), a paragraph (up to 400), or more. In an object that is
    not documented, the names of the fields are replaced as well, because they may be personal.

    Args:
        mask_ids: Whether to replace also what leads back to an order in the systems of the shop or the vendor: ids of
            orders, captures and refunds, their references, correlation ids, and error messages.
        one_order: Whether the scrubber is for one order only. The placeholders of its customer then begin with a 0, as
            `person-01@example.com`: equal ones in two orders need not be the same customer.
    """

    def __init__(self, *, mask_ids: bool = False, one_order: bool = False) -> None:
        self._seen: defaultdict[str, dict[object, int]] = defaultdict(dict)
        self._masked = _ID_FIELDS if mask_ids else frozenset()
        self._mark = placeholders.ONE_ORDER if one_order else ""

    def scrub(self, document: Json, tree: Tree | None) -> Json:
        """Return the document with everything replaced that is not in the tree; shape and types stay."""
        return self._walk(document, tree, "value")

    def scrub_text(self, body: str | bytes, tree: Tree | None) -> str:
        """Scrub a JSON document in text; of text that is not JSON nothing is kept."""
        try:
            return dump_json(self.scrub(json.loads(body, parse_float=Digits), tree))
        except (ValueError, RecursionError):
            return ""

    def scrub_id(self, name: str, value: str) -> str:
        """Return the placeholder of an id outside a body, the same as inside; the id itself if ids are not masked."""
        return str(self._placeholder(name, value) if name in self._masked else self._kept(name, value))

    def _walk(self, value: Json, tree: Tree | None, name: str) -> Json:
        if isinstance(value, dict):
            return dict(self._field(key, item, tree or {}, is_known=tree is not None) for key, item in value.items())
        if isinstance(value, list):
            return [self._walk(item, tree, name) for item in value]
        return self._placeholder(name, value)

    def _field(self, key: str, value: Json, tree: Tree, *, is_known: bool) -> tuple[str, Json]:
        is_masked = key in self._masked and tree is not ORDER_LINE  # whose reference is an article number
        if key in tree and tree[key] is None and not is_masked and _is_plain(value):
            return key, self._kept(key, value)
        if key in DOCUMENTED_NAMES or (is_known and is_name(key)):
            return key, self._walk(value, tree.get(key), key)
        return str(self._placeholder("key", key)), self._walk(value, None, "value")

    def _kept(self, name: str, value: Json) -> Json:
        """Return a plain value of a field that is kept, with a placeholder for text that names a person."""
        if isinstance(value, list):
            return [self._kept(name, item) for item in value]
        return self._text(name, value) if isinstance(value, str) and names_somebody(value) else value

    def _placeholder(self, name: str, value: Scalar) -> Scalar:
        if value is None:
            return None
        if isinstance(value, bool):
            return False
        if isinstance(value, str) or name in self._masked:
            return self._text(name, str(value))
        return placeholders.number_placeholder(self._number(name, value), value)

    def _text(self, name: str, value: str) -> str:
        """Return the placeholder of a text; blank text stays."""
        same = _SAME[name](value) if name in _SAME else value
        if not same:
            return value
        if "@" in value and _EMAIL.fullmatch(address := normalized_email(value)):
            start, end = placeholders.EMAIL
            return self._numbered(start + self._mark, value, address, end)
        if _DATE.fullmatch(value):
            return placeholders.date_placeholder(self._number("date", value))
        if value.startswith(("http://", "https://")):
            return self._numbered(placeholders.URL_START, value, value)
        return self._numbered(placeholders.field_start(name, self._mark), value, same)

    def _numbered(self, start: str, value: str, same: str, end: str = "") -> str:
        return placeholders.text_placeholder(start, self._number(start, same), value, end)

    def _number(self, series: str, value: Scalar) -> int:
        """Return the number of a value among those of its series of placeholders."""
        seen = self._seen[series]
        return seen.setdefault(value, len(seen) + 1)


_ID_FIELDS: Final = frozenset(
    "order_id capture_id refund_id klarna_reference merchant_reference1 merchant_reference2 reference "
    "correlation_id error_messages".split()
)

_SAME: Final[Mapping[str, Callable[[str], str]]] = {
    "order_id": str.casefold,  # which some hosts return in another case than requested
    "email": normalized_email,
    "organization_registration_id": normalized_organization,
}
"""What two values of a field must have in common to get one placeholder."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _is_plain(value: Json) -> bool:
    """Return whether a value is a scalar or an array of scalars."""
    if isinstance(value, list):
        return not any(isinstance(item, (dict, list)) for item in value)
    return not isinstance(value, dict)

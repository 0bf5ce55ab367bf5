"""The scrubber: documents in, the same documents with placeholders for everything personal out."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from om_toolkit.privacy import placeholders
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.encodings import readings
from om_toolkit.privacy.fields import DOCUMENTED_NAMES, ORDER_LINE, TEXT_FIELDS, Kept, Tree, is_name
from om_toolkit.privacy.known_messages import is_known_message
from om_toolkit.privacy.pseudonyms import normalized_email, normalized_organization
from om_toolkit.support.json_text import Digits, Json, Scalar, dump_json


class Scrubber:
    """Replaces personal values by placeholders: the same value by the same placeholder as long as the scrubber lives.

    Without a secret, placeholders are numbered in order of appearance and derived from nothing else, so they do not
    lead back to a person, and those that two scrubbers make for one person have nothing in common. A placeholder keeps
    the value's class of length: a line (up to 40 characters), a paragraph (up to 400), or more. It is text wherever
    text is documented, also for a number, and has the type of the value elsewhere. In an object that is not documented,
    the names of the fields are replaced as well, because they may be personal.

    In a field that is kept, a value is replaced if it is not of the documented kind, such as text in an amount; a text
    also if personal data or credentials are found in it, in any encoding, or if it is a JSON document.

    Args:
        mask_ids: Whether to replace also what leads back to an order in the systems of the shop or the vendor: ids of
            orders, captures and refunds, their references, correlation ids, and error messages.
        secret: A key of 16 to 64 bytes, from which placeholders are derived: a value has the same one in every scrubber
            with this secret, and no other value has it. With the secret, one can find out whether a guessed value is
            among those replaced. The number of a customer's placeholder then begins with a 0: it makes no customer key.
    """

    def __init__(self, *, mask_ids: bool = False, secret: bytes | None = None) -> None:
        self._seen: defaultdict[str, dict[object, int]] = defaultdict(dict)
        self._texts: dict[tuple[str, str], str] = {}
        self._masked = _ID_FIELDS if mask_ids else frozenset()
        self._keyed = blake2b(key=secret, digest_size=16) if secret else None
        self._mark = placeholders.KEYED if secret else ""

    def scrub(self, document: Json, tree: Tree | None) -> Json:
        """Return the document with everything replaced that the tree does not keep; the shape stays."""
        return self._walk(document, tree, "value")

    def scrub_text(self, body: str | bytes, tree: Tree | None) -> str:
        """Scrub a JSON document in text; of text that is not JSON nothing is kept."""
        try:
            return dump_json(self.scrub(json.loads(body, parse_float=Digits), tree))
        except (ValueError, RecursionError):
            return ""

    def scrub_id(self, name: str, value: str) -> str:
        """Return the placeholder of an id outside a body, the same as inside; the id itself if ids are not masked."""
        is_kept = name not in self._masked and _is_harmless_id(value)
        return value if is_kept else self._text(name, value)

    def _walk(self, value: Json, tree: Tree | Kept | None, name: str) -> Json:
        """Scrub a value by what may be kept in it; None for nothing."""
        if isinstance(value, dict):
            return self._object(value, None if isinstance(tree, Kept) else tree)
        if isinstance(value, list):
            below = tree if tree is Kept.MESSAGE or not isinstance(tree, Kept) else None
            return [self._walk(item, below, name) for item in value]
        if isinstance(tree, Kept):
            return self._kept(name, value, tree)
        return value if value is None else self._placeholder(name, value)

    def _object(self, fields: dict[str, Json], tree: Tree | None) -> dict[str, Json]:
        """Scrub an object; the most frequent values, numbers and texts, without further calls."""
        known: Tree = tree or {}
        masked = self._masked if tree is not ORDER_LINE else frozenset()  # whose reference is an article number
        scrubbed: dict[str, Json] = {}
        for key, value in fields.items():
            kept = known.get(key) if key not in masked else None
            if kept is Kept.TEXT and isinstance(value, str):
                is_harmless = _is_harmless_id(value) if key == "order_id" else _is_harmless(value)
                scrubbed[key] = value if is_harmless else self._text(key, value)
            elif kept is Kept.NUMBER and type(value) is int:
                scrubbed[key] = value
            elif key in DOCUMENTED_NAMES or (tree is not None and is_name(key)):
                scrubbed[key] = (
                    self._walk(value, kept, key) if kept or not isinstance(value, str) else self._text(key, value)
                )
            else:
                name = str(self._placeholder("key", key))
                scrubbed[name] = self._walk(value, None, "value")
        return scrubbed

    def _kept(self, name: str, value: Scalar, kind: Kept) -> Scalar:
        """Return a value if it is of the kind that its field keeps and harmless, else its placeholder."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, str):
            return value if _IS_HARMLESS[kind](value) else self._text(name, value)
        if kind is Kept.NUMBER or not any(map(names_somebody, _digits_of(value))):
            return value
        return self._placeholder(name, value)

    def _placeholder(self, name: str, value: str | float) -> Scalar:
        if isinstance(value, bool):
            return False
        if isinstance(value, str):
            return self._text(name, value)
        if name in TEXT_FIELDS:
            return self._text(name, _digits_of(value)[0])
        return placeholders.number_placeholder(self._number(name, value), value)

    def _text(self, name: str, value: str) -> str:
        """Return the placeholder of a text; blank text stays."""
        placeholder = self._texts.get((name, value))
        if placeholder is None:
            placeholder = self._texts[name, value] = self._new_text(name, value)
        return placeholder

    def _new_text(self, name: str, value: str) -> str:
        same = _SAME[name](value) if name in _SAME else value
        if not same:
            return value
        if "@" in value and _EMAIL.fullmatch(address := normalized_email(value)):
            start, end = placeholders.EMAIL
            return self._numbered(start + self._mark, value, address, end)
        if _DATE.fullmatch(value) and not self._keyed:  # there are too few dates for a keyed one each
            return placeholders.date_placeholder(self._number("date", value))
        if value.startswith(("http://", "https://")):
            return self._numbered(placeholders.URL_START, value, value)
        return self._numbered(placeholders.field_start(name, self._mark), value, same)

    def _numbered(self, start: str, value: str, same: str, end: str = "") -> str:
        return placeholders.text_placeholder(start, self._number(start, same), value, end)

    def _number(self, series: str, value: Scalar) -> int:
        """Return the number of a value among those of its series of placeholders."""
        seen = self._seen[series]
        number = seen.get(value)
        if number is None:
            number = placeholders.keyed_number(self._keyed, series, value) if self._keyed else len(seen) + 1
            seen[value] = number
        return number


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
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}|(?=.*\d)[\w.:-]{1,64}", re.ASCII)
_ZONE: Final = r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)?"
_CLOCK: Final = rf"\d\d:\d\d(?::\d\d(?:[.,]\d{{1,9}})?)?{_ZONE}"
_TIME: Final = re.compile(
    rf"\d{{4}}-\d\d-\d\d(?:[Tt ]{_CLOCK})?|{_CLOCK}|\d{{8}}[Tt]\d{{6}}(?:[.,]\d{{1,9}})?{_ZONE}", re.ASCII
)
_ENCODED_DOCUMENT: Final = re.compile(r"[{\[%&\\]|\b[eWI]\w{7}")  # in base64 for {, [ and "


@lru_cache(maxsize=10_000)  # most texts are words of the API
def _is_harmless(text: str) -> bool:
    if names_somebody(text):
        return False
    return not (_ENCODED_DOCUMENT.search(text) and any(map(_is_json_document, readings(text))))


def _is_harmless_id(order_id: str) -> bool:
    """Return whether an order id may be kept; its case does not count, but that of some personal numbers does."""
    return _is_harmless(order_id) and _is_harmless(order_id.upper())


def _is_json_document(text: str) -> bool:
    """Return whether a text is a JSON object or array, or contains one as JSON text."""
    start = text.lstrip(' \t\r\n"')
    if not start.startswith(("{", "[")):
        return False
    try:
        return isinstance(json.loads(start.rstrip(' \t\r\n"')), (dict, list))
    except (ValueError, RecursionError):
        return False


def _digits_of(number: int | float) -> tuple[str, ...]:  # noqa: PYI041 - integers are written in another way
    """Return how a number is written, and how if it is whole: 198112189876.0 is a personal number as well."""
    written = number.text if isinstance(number, Digits) else str(number)
    return (written, f"{number:.0f}") if isinstance(number, float) else (written,)


_IS_HARMLESS: Final[dict[Kept, Callable[[str], bool]]] = {
    Kept.TEXT: _is_harmless,
    Kept.NUMBER: lambda _: False,
    Kept.TIME: lambda text: bool(_TIME.fullmatch(text)),
    Kept.CODE: lambda text: bool(_CODE.fullmatch(text)) and not names_somebody(text),
    Kept.MESSAGE: is_known_message,
}
"""Whether a text may be kept in a field, by what the field may keep."""

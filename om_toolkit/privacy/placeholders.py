"""Placeholders: what replaces personal values, made and recognised by one grammar.

They are `person-1@example.com`, `https://example.com/1`, `1800-01-02` and, for any other text, the name of its field
with a number, such as `city-1`. The number of a customer's placeholder in an archive begins with a 0. Numbers become
negative.
"""

import re
from bisect import bisect
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final

EMAIL: Final = ("person-", "@example.com")
URL_START: Final = "https://example.com/"
KEYED: Final = "0"
"""What precedes the number in a customer's placeholder in an archive, which makes no customer key.

In archives of the first version, equal ones in two orders need not be the same customer.
"""
CUSTOMER_FIELDS: Final = ("email", "organization_registration_id")
"""The fields that a customer key is made of."""

_FIRST_DATE: Final = date(1800, 1, 1)
_CLASSES_OF_LENGTH: Final = (0, 41, 401)
_FEWEST: Final = 10**13
_FEWEST_ID: Final = 10**16
_ID_SERIES: Final = "order_id-"
_LARGE: Final = 10**9
"""Numbers from here on may be personal, such as telephone numbers; their placeholders are as large."""


def text_placeholder(start: str, number: int, value: str, end: str = "") -> str:
    """Return a text with a number, padded to the value's class of length: a line, a paragraph or more."""
    length = _CLASSES_OF_LENGTH[bisect(_CLASSES_OF_LENGTH, len(value)) - 1]
    return f"{start}{number}".ljust(length - len(end), "x") + end


def field_start(field: str, mark: str = "") -> str:
    """Return how placeholders of other text in a field start; a mark is for customer fields only."""
    return f"{field[:30]}-{mark if field in CUSTOMER_FIELDS else ''}"


def keyed_number(keyed: blake2b, series: str, value: object) -> int:
    """Return the number of a value among those of its series, its hash with a key.

    It has 14 digits, more than a telephone or personal number; that of an order id, which is a key, has 17. Among a
    million order ids, two have the same number with a probability of 1 in 100,000.
    """
    fewest = _FEWEST_ID if series == _ID_SERIES else _FEWEST
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # equal values have equal placeholders
    hashed = keyed.copy()
    hashed.update(f"{series}\0{value}".encode(errors="surrogatepass"))
    return fewest + int.from_bytes(hashed.digest(), "big") % (9 * fewest)


def date_placeholder(number: int) -> str:
    """Return the placeholder of a date."""
    return (_FIRST_DATE + timedelta(days=number)).isoformat()


def number_placeholder(number: int, value: int | float) -> int | float:  # noqa: PYI041 - it keeps which of the two
    """Return the placeholder of an integer or a float, of its type: apart from amounts, no number is negative."""
    placeholder = -number - (_LARGE if abs(value) >= _LARGE else 0)
    return float(placeholder) if isinstance(value, float) else placeholder


def is_placeholder(text: str, field: str) -> bool:
    """Return whether a value of a field is a placeholder, whole or cut with an ellipsis as tables are displayed."""
    name = re.escape(field_start(field).removesuffix("-"))
    return bool(re.fullmatch(rf"{_OF_ANY_FIELD}|{name}(-\d*x*)?(…|\.\.\.)?", text))


def is_keyed_customer(text: str) -> bool:
    """Return whether a value of a customer field is a placeholder in an archive."""
    return bool(_KEYED_CUSTOMER.fullmatch(text))


def _pattern(start: str, end: str = "") -> str:
    return rf"{re.escape(start)}\d+x*{re.escape(end)}"


_OF_ANY_FIELD: Final = rf"{_pattern(*EMAIL)}|{_pattern(URL_START)}|{_FIRST_DATE.year // 100}\d\d-\d\d-\d\d|-\d+"
_KEYED_CUSTOMER: Final = re.compile(
    "|".join(
        [_pattern(EMAIL[0] + KEYED, EMAIL[1])] + [_pattern(field_start(field, KEYED)) for field in CUSTOMER_FIELDS]
    )
)

"""Placeholders: what replaces personal values, made and recognised by one grammar.

They are `person-1@example.com`, `https://example.com/1`, `1800-01-02` and, for any other text, the name of its field
with a number, such as `city-1`. The number of a customer's placeholder for one order only begins with a 0. Numbers
become negative.
"""

import re
from bisect import bisect
from datetime import date, timedelta
from typing import Final

EMAIL: Final = ("person-", "@example.com")
URL_START: Final = "https://example.com/"
ONE_ORDER: Final = "0"
"""What precedes the number in a customer's placeholder for one order only."""
CUSTOMER_FIELDS: Final = ("email", "organization_registration_id")
"""The fields that a customer key is made of."""

_FIRST_DATE: Final = date(1800, 1, 1)
_CLASSES_OF_LENGTH: Final = (0, 41, 401)
_LARGE: Final = 10**9
"""Numbers from here on may be personal, such as telephone numbers; their placeholders are as large."""


def text_placeholder(start: str, number: int, value: str, end: str = "") -> str:
    """Return a text with a number, padded to the value's class of length: a line, a paragraph or more."""
    length = _CLASSES_OF_LENGTH[bisect(_CLASSES_OF_LENGTH, len(value)) - 1]
    return f"{start}{number}".ljust(length - len(end), "x") + end


def field_start(field: str, mark: str = "") -> str:
    """Return how placeholders of other text in a field start; a mark is for customer fields only."""
    return f"{field[:30]}-{mark if field in CUSTOMER_FIELDS else ''}"


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


def is_for_one_order(text: str) -> bool:
    """Return whether a value of a customer field is a placeholder for one order only."""
    return bool(_OF_ONE_ORDER.fullmatch(text))


def _pattern(start: str, end: str = "") -> str:
    return rf"{re.escape(start)}\d+x*{re.escape(end)}"


_OF_ANY_FIELD: Final = rf"{_pattern(*EMAIL)}|{_pattern(URL_START)}|{_FIRST_DATE.year // 100}\d\d-\d\d-\d\d|-\d+"
_OF_ONE_ORDER: Final = re.compile(
    "|".join(
        [_pattern(EMAIL[0] + ONE_ORDER, EMAIL[1])]
        + [_pattern(field_start(field, ONE_ORDER)) for field in CUSTOMER_FIELDS]
    )
)

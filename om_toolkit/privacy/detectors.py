"""TODO."""

from __future__ import annotations

import re
from base64 import b64decode
from functools import lru_cache
from itertools import chain
from operator import mul
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@lru_cache(maxsize=10_000)  # nearly all that it is asked of are words of the API
def names_somebody(text: str) -> bool:
    """Tell whether a text holds an e-mail address, a telephone number or a personal number that `scan` finds.

    Example:
        >>> names_somebody("order 17 of ada@lovelace.se"), names_somebody("order 17")
        (True, False)
    """
    if not _SUSPECT.search(text):
        return False
    return any(True for line in text.splitlines() for _ in find_in_line(line, ""))


_SUSPECT: Final = re.compile(r"@|%40|\+\d[\d ()/.-]{6}|(?<![\w.+-])\d(?:\d{5}|\d \d{3} )")
"""What every text holds that `names_somebody`, and few others; quick to ask of each text that stays."""


class Hit(NamedTuple):
    """Something found: where in its file, of what kind, and what may be told of it."""

    where: str
    kind: str
    shown: str


def shown_name(name: str) -> str:
    """Return the name of a field if it looks like one: it may be somebody's."""
    return name if _STEP.fullmatch(name) else "?"


def _hit(where: str, kind: str, value: str) -> Hit:
    first = value[0] if len(value) >= _LONG_ENOUGH_TO_BEGIN else ""
    return Hit(where, kind, f"{first}… ({len(value)} characters)")


def find_in_field(name: str, value: str, where: str) -> Iterator[Hit]:
    """Look at a value that stands in a field or a column of that name."""
    field = PERSONAL_FIELD.search(name.lower())
    value = value.strip(" \t\"'")
    if field and value not in _NO_VALUES and not _is_stand_in(field[1], value):
        kind = _FIELDS[field[1]]
        if kind == "credentials" or not _COLUMN.fullmatch(value.lower()):
            yield _hit(where, kind, value)


def _is_stand_in(field: str, value: str) -> bool:
    forms = (
        rf"{field[:30]}(-\d*x*)?(…|\.\.\.)?|person-\d+x*@example\.com|18\d\d-\d\d-\d\d|https://example\.com/\d+x*|-\d+"
    )
    return bool(re.fullmatch(forms, value))


def find_in_line(line: str, where: str) -> Iterator[Hit]:
    for kind, pattern, is_one in _PATTERNS:
        for found in pattern.finditer(line):
            if is_one(found):
                yield _hit(where, kind, found[0].strip())
    for name, value in chain(_PAIR.findall(line), _UNQUOTED.findall(line)):
        yield from find_in_field(name, value, where)


_KINDS: Final = {
    "name": "given_name family_name organization_name attention",
    "address": "street_address street_address2 postal_code city",
    "e-mail": "email",
    "phone": "phone",
    "date of birth": "date_of_birth",
    "personal number": "national_identification_number organization_registration_id vat_id",
    "tracking": "tracking_number tracking_uri return_tracking_number return_tracking_uri",
    "customer's text": "user_input",
    "credentials": "authorization cookie password om_api_key om_pseudonym_key",
}


_FIELDS: Final = {field: kind for kind, fields in _KINDS.items() for field in fields.split()}


PERSONAL_FIELD: Final = re.compile(rf"(?:^|[^a-z])({'|'.join(_FIELDS)})$")


_PAIR: Final = re.compile(rf"""(?i)\b(\w*(?:{"|".join(_FIELDS)}))["'\]]*\s*[:=]\s*\[?["']([^"']+)["']""")


_UNQUOTED: Final = re.compile(  # lines of .env and %env, and headers
    r"""\b((?:[A-Z]+_)*(?:PASSWORD|API_KEY|PSEUDONYM_KEY)(?==)|(?i:cookie)(?=:\s*[^\s=;"']{1,99}=))[=:]\s*([^\s"'$<({[\\]+)"""
)


_LONG_ENOUGH_TO_BEGIN: Final = 4


_NO_VALUES: Final = frozenset(
    ["", *"--- str string String null None NaN NaT nan <NA> True False … ... - kco_test_sandbox".split()]
)


_STEP: Final = re.compile(r"[a-z][a-z_/-]{0,60}\d?")


_COLUMN: Final = re.compile(rf"[\w.]*(?<![a-z])(?:{'|'.join(_FIELDS)})")


_NOBODYS: Final = re.compile(
    r"(?i)git@.*|.*[@.](?:example\.(?:com|net|org)|example|invalid|test|localhost"
    r"|png|jpe?g|gif|svg|webp|ico|[mc]?js|css|json|map|html|xml)"  # files, such as icon@2x.png
)


def _is_somebodys(found: re.Match[str]) -> bool:
    return not _NOBODYS.fullmatch(found[0].replace("%40", "@"))


def _is_long_enough(found: re.Match[str]) -> bool:
    """Tell a number in E.164; those of North America have eleven digits."""
    digits = _digits(found)
    return len(digits) in (range(11, 12) if digits[0] == 1 else range(9, 16))


def decode_base64(base64: str) -> bytes:
    """Return what base64 holds, or nothing if it is none."""
    try:
        return b64decode(base64 + "=" * (-len(base64) % 4), validate=True)
    except ValueError:
        return b""


def _is_basic(found: re.Match[str]) -> bool:
    """Tell credentials after `Basic` from the next word."""
    return b":" in decode_base64(found[1])


def _digits(found: re.Match[str]) -> list[int]:
    return [int(letter) for letter in found[0] if letter.isdecimal()]


def _is_date(day: str, month: str, added: int = 0) -> bool:
    """Tell a date; whoever is no citizen may have a number added to the day."""
    return int(day) - (added if int(day) > added else 0) in range(1, 32) and int(month) in range(1, 13)


def _is_swedish(found: re.Match[str]) -> bool:
    digits = _digits(found)[-10:]
    luhn = sum(sum(divmod(digit * (2 - place % 2), 10)) for place, digit in enumerate(digits))
    year_month_day = "".join(map(str, digits[:6]))
    return _is_date(year_month_day[4:], year_month_day[2:4], added=60) and luhn % 10 == 0


def _is_norwegian(found: re.Match[str]) -> bool:
    digits = _digits(found)
    sums = (
        sum(map(mul, digits, weights))
        for weights in ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    )
    return _is_date(found[0][:2], found[0][2:4], added=40) and not any(total % 11 for total in sums)


def _is_finnish(found: re.Match[str]) -> bool:
    number = int(found[1] + found[2])
    return _is_date(found[0][:2], found[0][2:4]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == found[3]


def _is_danish(found: re.Match[str]) -> bool:
    """Tell a number; of those given since 2007, to the young and to whoever moved there, some have no check digit."""
    total = sum(map(mul, _digits(found), (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)))
    return _is_date(found[0][:2], found[0][2:4]) and total % 11 == 0


def _is_german(found: re.Match[str]) -> bool:
    """Tell a tax number: one digit of the first ten stands there two or three times (ISO 7064, MOD 11,10)."""
    *digits, check = _digits(found)
    product = 10
    for digit in digits:
        product = ((digit + product) % 10 or 10) * 2 % 11
    most = max(map(digits.count, digits))
    return digits[0] > 0 and most in (2, 3) and len(set(digits)) == 11 - most and (11 - product) % 10 == check


def _alone(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-])(?:{pattern})(?![\w-]|\.\d)")


_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...]] = (
    ("e-mail", re.compile(r"(?<![\w.%+-])[\w.%+-]{0,63}\w(?:@|%40)(?:[\w-]+\.)+[A-Za-z]{2,}\b"), _is_somebodys),
    ("phone", re.compile(r"(?<![\w+/=.])\+[1-9][\d ()/.-]{6,18}\d(?!\w)"), _is_long_enough),
    (
        "personal number",
        _alone(r"(?:(?:19\d\d|200\d|201[0-4])\d{4}[-+]?|\d{6}[-+])\d{4}"),
        _is_swedish,
    ),  # later ones are times
    ("personal number", _alone(r"\d{6} ?\d{5}"), _is_norwegian),
    ("personal number", _alone(r"(\d{6})[-+A-FU-Y](\d{3})([0-9A-FHJ-NPR-Y])"), _is_finnish),
    ("personal number", _alone(r"\d{6}-\d{4}"), _is_danish),
    ("personal number", _alone(r"\d{11}|\d{2} \d{3} \d{3} \d{3}"), _is_german),
    ("credentials", re.compile(r"\bkco_(?:live|test)_[\w-]{12,}"), bool),
    ("credentials", re.compile(r"(?i)\bauthorization\W{1,8}(?:basic|bearer)\s+[\w+/=.~-]{6,}"), bool),
    ("credentials", re.compile(r"\bBasic ([A-Za-z0-9+/]{6,}={0,2})"), _is_basic),
    ("credentials", re.compile(r"""\bauth=\(\\?["'][^"']+["'], *\\?["'][^"']+["']\)"""), bool),
    ("credentials", re.compile(r"\bhttps?://[^\s/:@\"']+:[^\s/@\"']+@"), bool),
)

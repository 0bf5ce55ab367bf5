"""Detectors: a text, a field or an HTML table in, the credentials and personal data found in it out.

The recorder and the scanner both use them: what `scan` finds in a text, a recording does not keep.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from om_toolkit.privacy.credential_patterns import ACROSS_LINES, CREDENTIALS
from om_toolkit.privacy.encodings import ENCODED, readings
from om_toolkit.privacy.placeholders import is_placeholder


class Finding(NamedTuple):
    """One finding: its place in a file, its kind, and what may be shown of it."""

    where: str
    kind: str
    shown: str


class Detector(NamedTuple):
    """What finds values of one kind in text: a pattern, and a test that each match must pass."""

    kind: str
    pattern: re.Pattern[str]
    accepts: Callable[[re.Match[str]], bool] = bool

    def find(self, text: str) -> Iterator[tuple[str, range]]:
        """Yield each value in a text, and its position there; of a password, that without its setting or command."""
        for match in self.pattern.finditer(text):
            if self.accepts(match):
                yield match[match.lastgroup or 0].strip(), range(*match.span(match.lastindex or 0))


def names_somebody(text: str) -> bool:
    """Return whether `scan` finds personal data or credentials in a text, however it is encoded.

    Example:
        >>> names_somebody("order 17 of ada@lovelace.se"), names_somebody("order 17")
        (True, False)
    """
    return not _ORDINARY_ID.fullmatch(text) and any(True for _ in _find_in_readings(text, ""))


def find_in_text(text: str, where: str) -> Iterator[Finding]:
    """Find credentials and personal data in a line of text, also in percent-encoded or otherwise encoded parts."""
    if len(text) > _LONGEST_REMEMBERED or not _finds_nothing(text):
        yield from _find_in_readings(text, where)


@lru_cache(maxsize=10_000)  # field names and many values are in a file again and again
def _finds_nothing(text: str) -> bool:
    return not any(True for _ in _find_in_readings(text, ""))


def _find_in_readings(text: str, where: str) -> Iterator[Finding]:
    if _SUSPECT.search(text):
        for reading in readings(text):
            yield from _find_in_plain_text(reading, where)


def _find_in_plain_text(text: str, where: str) -> Iterator[Finding]:
    found: dict[str, set[int]] = {}  # the positions of what is found, by kind: two patterns may find the same value
    for detector in (*_PERSONAL, *_CREDENTIALS):
        known = found.setdefault(detector.kind, set())
        for value, position in detector.find(text):
            if known.isdisjoint(position):
                known.update(position)
                yield _finding(where, detector.kind, value)
    for name, value in chain.from_iterable(pattern.findall(text) for pattern in _ASSIGNMENTS):
        yield from find_in_field(name, value, where)


def find_across_lines(text: str, where: str) -> Iterator[Finding]:
    """Find credentials in a text that are spread over lines."""
    for match in chain.from_iterable(pattern.finditer(text) for pattern in ACROSS_LINES):
        if "\n" in match[0]:
            yield _finding(where, "credentials", match[0])


def find_in_field(name: str, value: str, where: str) -> Iterator[Finding]:
    """Find personal data in a value by the name of its field or column."""
    field = PERSONAL_FIELD.search(name.lower())
    value = value.strip(" \t\"'")
    if field and value not in _NO_VALUES and not is_placeholder(value, field[1]):
        kind = _KIND_OF_FIELD[field[1]]
        if kind == "credentials" or not _FIELD_NAME.fullmatch(value.lower()):
            yield _finding(where, kind, value)


def find_in_html_tables(text: str, where: str) -> Iterator[Finding]:
    """Find personal data in the rows below one with the name of a personal column."""
    names: list[str] = []
    for row in re.split(r"(?i)<tr\b", text)[1:]:
        cells = [_text_of(cell) for cell in re.split(r"(?i)<t[dh]\b[^<>]*>", row)[1:]]
        if any(PERSONAL_FIELD.search(cell.lower()) for cell in cells):
            names = cells
            continue
        for name, cell in zip(names, cells, strict=False):
            yield from find_in_field(name, cell, f"{where} table, {shown_name(name)}")


def _text_of(cell: str) -> str:
    return re.sub(r"<[^<>]*>", "", cell.partition("</t")[0]).strip()


def _finding(where: str, kind: str, value: str) -> Finding:
    first = value[0] if len(value) >= _SHORTEST_WITH_FIRST else ""
    return Finding(where, kind, f"{first}… ({len(value)} characters)")


def shown_name(name: str) -> str:
    """Return a name if it looks like a field's, else a question mark: it may be a person's."""
    return name if _FIELD_LIKE.fullmatch(name) else "?"


_FIELDS_BY_KIND: Final = {
    "name": "given_name family_name organization_name attention",
    "address": "street_address street_address2 postal_code city",
    "e-mail": "email",
    "phone": "phone",
    "date of birth": "date_of_birth",
    "personal number": "national_identification_number organization_registration_id vat_id bsn",
    "tracking": "tracking_number tracking_uri return_tracking_number return_tracking_uri",
    "customer's text": "user_input",
    "credentials": "authorization cookie password api_key pseudonym_key client_secret access_token refresh_token",
}
_KIND_OF_FIELD: Final = {field: kind for kind, fields in _FIELDS_BY_KIND.items() for field in fields.split()}
_ANY_FIELD: Final = "|".join(_KIND_OF_FIELD)

PERSONAL_FIELD: Final = re.compile(rf"(?:^|[^a-z])({_ANY_FIELD})$")
"""The name of a field or column, in lower case, that ends with that of a personal field."""

_FIELD_NAME: Final = re.compile(rf"[\w.]*(?<![a-z])(?:{_ANY_FIELD})")
_FIELD_LIKE: Final = re.compile(r"[a-z][a-z_/-]{0,60}\d?")
_NO_VALUES: Final = frozenset(
    ["", *"--- str string String null None NaN NaT nan <NA> True False … ... - kco_test_sandbox".split()]
)
_SHORTEST_WITH_FIRST: Final = 4
_LONGEST_REMEMBERED: Final = 200

_ASSIGNMENTS: Final = (
    re.compile(rf"""(?i)\b(\w*(?:{_ANY_FIELD}))["'\]]*\s*[:=]\s*\[?["']([^"']+)["']"""),
    re.compile(rf"""(?i)["'](\w*(?:{_ANY_FIELD}))\\*["']\s*:\s*(\d[\d.]*)"""),
    re.compile(rf"(?i)<(?:\w+:)?(\w*(?:{_ANY_FIELD}))(?:\s[^<>]*)?>([^<>]+)</"),  # XML
    re.compile(r"""(?i)\b(cookie)(?=:\s*[^\s=;"']{1,99}=):\s*([^\s"'$<({[\\]+)"""),
)
"""A field's name and its value."""


def _is_a_persons_address(match: re.Match[str]) -> bool:
    """Return whether an e-mail address can be a person's: no reserved domain, no file such as icon@2x.png."""
    return not _UNUSED_ADDRESS.fullmatch(match[0].replace("%40", "@"))


_UNUSED_ADDRESS: Final = re.compile(
    r"(?i)git@.*|.*[@.](?:example\.(?:com|net|org)|example|invalid|test|localhost"
    r"|png|jpe?g|gif|svg|webp|ico|[mc]?js|css|json|map|html|xml)"
)


def _has_length_of_phone(match: re.Match[str]) -> bool:
    """Return whether a number has as many digits as E.164 permits; those of North America have eleven.

    Without a separator, an article number can begin with 00 too: then only the country codes 30 to 49 count.
    """
    digits = "".join(filter(str.isdecimal, match[0])).removeprefix("00")
    if match[0].isdecimal() and digits[0] not in "34":
        return False
    return len(digits) in (range(11, 12) if digits[0] == "1" else range(9, 16))


def _is_iban(match: re.Match[str]) -> bool:
    """Return whether a number has the form of its country's bank accounts, and the right check digits."""
    from om_toolkit.privacy.national_numbers import starts_with_iban  # noqa: PLC0415 - few texts need python-stdnum

    return starts_with_iban(match[0])


def _is_national_number(match: re.Match[str]) -> bool:
    """Return whether a number is right by the rules of its country, which the pattern's group names."""
    from om_toolkit.privacy.national_numbers import CHECKS  # noqa: PLC0415 - few texts need python-stdnum

    country = match.lastgroup or ""
    return CHECKS[country](match[country])


_NATIONAL_NUMBERS: Final = {
    "sweden": r"(?:(?:19\d\d|200\d|201[0-4])\d{4}[-+]?|\d{6}[-+])\d{4}",  # of later years they would be times
    "norway": r"\d{6} ?\d{5}",
    "finland": r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]",
    "denmark": r"\d{6}-\d{4}",
    "germany": r"\d{11}|\d{2} \d{3} \d{3} \d{3}",
    "netherlands": (  # nine digits without more are too often right by chance
        r"\d{4}\.\d\d\.\d{3}|(?i:(?<=bsn )|(?<=bsn: )|(?<=servicenummer )|(?<=servicenummer: ))\d{9}"
    ),
}


def _alone(pattern: str) -> str:
    """Return a pattern that matches only where no letter or digit adjoins."""
    return rf"(?<![\w.+-])(?:{pattern})(?![\w-]|\.\d)"


_PHONE: Final = r"(?<![\w+/=.-])(?:\+|00[ -]?)[1-9][\d ()/.-]{6,18}\d(?!\w)"
_IBAN: Final = r"(?![0-9a-f]{8}-)[A-Za-z]{2}\d\d(?:[ .-]?[A-Za-z0-9]{4}){2,7}(?:[ .-]?[A-Za-z0-9]{1,3})?"

_PERSONAL: Final = (
    Detector(
        "e-mail",
        re.compile(r"(?<![\w.%+-])[\w.%+-]{0,63}\w(?:@|%40)(?:[\w-]+\.)+[A-Za-z]{2,}\b"),
        _is_a_persons_address,
    ),
    Detector("phone", re.compile(_PHONE), _has_length_of_phone),
    Detector("bank account", re.compile(_alone(_IBAN)), _is_iban),
    *(
        Detector("personal number", re.compile(_alone(f"(?P<{country}>{pattern})")), _is_national_number)
        for country, pattern in _NATIONAL_NUMBERS.items()
    ),
)
_CREDENTIALS: Final = tuple(Detector("credentials", pattern, accepts) for pattern, accepts in CREDENTIALS)

_ORDINARY_ID: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?!00)(?:[A-Z]{0,12}|[a-z]{0,12})-?\d{0,8}(?:-\d{1,3})?", re.ASCII
)
"""Matches most ids and references, and nothing in which `find_in_text` finds something."""

_SUSPECT: Final = re.compile(
    rf"{ENCODED.pattern}|[@=:]|</|\+\d|(?<!\d)00[ -]?\d|_(?:live|test)_"
    r"|(?i:basic |bearer |token |apikey |api-key)|BEGIN|\beyJ|password|Auth\("
    rf"|(?=\d){_alone('|'.join(_NATIONAL_NUMBERS.values()))}"
    r"|(?<![\w-])(?![0-9a-f]{8}-)[A-Za-z]{2}\d\d(?:[ .-]?[A-Za-z0-9]){11}"
)
"""Matches every text in which `find_in_text` finds something, and few others."""

"""National personal numbers: text of a country's form in, whether it can be a person's number out.

Check digits are those of python-stdnum; its `validate` functions that read the clock are not used.
"""

from typing import Final

from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu
from stdnum.nl import bsn
from stdnum.no import fodselsnummer


def is_swedish(number: str) -> bool:
    """Return whether date and check digit are right; a coordination number has 60 added to its day."""
    digits = "".join(filter(str.isdecimal, number))[-10:]
    month, day = int(digits[2:4]), int(digits[4:6])
    return month in range(1, 13) and day % 60 in range(1, 32) and luhn.is_valid(digits)


def is_norwegian(number: str) -> bool:
    """Return whether date and check digits are right."""
    digits = fodselsnummer.compact(number)
    try:
        fodselsnummer.get_birth_date(digits)
    except ValidationError:
        return False
    return digits[-2:] == fodselsnummer.calc_check_digit1(digits) + fodselsnummer.calc_check_digit2(digits)


def is_danish(number: str) -> bool:
    """Return whether the date is right, and also the check digit if the person was born before 1937.

    Numbers issued since 2007 may lack a right check digit. Those born before 1937 had theirs by then, and what has the
    date of an order for a birth date, such as the reference 301026-1207, would be the number of one of them.
    """
    try:
        born = cpr.get_birth_date(number)
    except ValidationError:
        return False
    return born.year >= _CHECKED_BEFORE or cpr.checksum(cpr.compact(number)) == 0


def is_finnish(number: str) -> bool:
    """Return whether date and check character are right, of a temporary number as well."""
    return hetu.is_valid(number, allow_temporary=True)


def starts_with_iban(text: str) -> bool:
    """Return whether a text starts with a bank account in the form of its country, with the right check digits."""
    letters = iban.compact(text)
    return any(
        iban.is_valid(letters[:length], check_country=False) for length in range(_SHORTEST_IBAN, len(letters) + 1)
    )


_SHORTEST_IBAN: Final = 15
_CHECKED_BEFORE: Final = 1937

CHECKS: Final = {
    "sweden": is_swedish,
    "norway": is_norwegian,
    "finland": is_finnish,
    "denmark": is_danish,
    "germany": idnr.is_valid,
    "netherlands": bsn.is_valid,
}
"""Whether a text can be a personal number, by country."""

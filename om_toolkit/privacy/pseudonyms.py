"""Pseudonyms: the e-mail address or registration number of a customer in, a keyed hash out."""

import hmac
import os
import re
from hashlib import sha256
from typing import Final

from om_toolkit.errors import InvalidSetting
from om_toolkit.privacy.placeholders import is_keyed_customer

_SHORTEST_KEY: Final = 32
_FEWEST_LETTERS: Final = 8


def has_pseudonym_key() -> bool:
    """Return whether `OM_PSEUDONYM_KEY` is set in the environment, so that tables have a column `customer_key`.

    Raises:
        InvalidSetting: If the key is too easily guessed.
    """
    return _pseudonym_key() is not None


def customer_key(*, email: str | None, organization: str | None = None, country: str | None = None) -> str | None:
    """Return a keyed hash that is equal for the orders of one customer and does not reveal who it is; None without key.

    It is the first half of the HMAC-SHA256 in hexadecimal, keyed with the environment's `OM_PSEUDONYM_KEY`: of the
    organization's registration number, with the country that issued it, where there is one, since a company buys
    through many people; else of the e-mail address. Case, blanks and punctuation of the number do not count. With the
    key, one can find out whether a known customer is among the orders: protect it like a password.

    Placeholders of a recording count customers within that recording only. Those of an archive without personal data
    do not identify a customer: None.

    Args:
        email: The e-mail address of the billing address.
        organization: The organization's registration number.
        country: The country of the billing address.

    Raises:
        InvalidSetting: If the key is too easily guessed.
    """
    key = _pseudonym_key()
    if key is None:
        return None
    if number := normalized_organization(organization or ""):
        given, message = organization, f"organization {(country or '').upper()} {number}"
    elif address := normalized_email(email or ""):
        given, message = email, f"email {address}"
    else:
        return None
    if is_keyed_customer(given or ""):
        return None
    # The environment's bytes and JSON's escapes can both contain what is not valid Unicode.
    secret, encoded = (text.encode(errors="surrogatepass") for text in (key, message))
    return hmac.new(secret, encoded, sha256).hexdigest()[:32]


def normalized_organization(number: str) -> str:
    """Return the part of an organization's registration number that is compared."""
    return re.sub(r"[\W_]", "", number).upper()


def normalized_email(email: str) -> str:
    """Return the form of an e-mail address that is compared."""
    return email.strip().casefold()


def _pseudonym_key() -> str | None:
    key = os.environ.get("OM_PSEUDONYM_KEY")
    if key is None or (len(key) >= _SHORTEST_KEY and len(set(key)) >= _FEWEST_LETTERS):
        return key
    del key  # a traceback with variables would show it
    raise InvalidSetting(
        f"OM_PSEUDONYM_KEY is too easily guessed; set it to {_SHORTEST_KEY} or more random characters, such as the "
        "output of python -c 'import secrets; print(secrets.token_hex(32))', or remove it from the environment"
    )

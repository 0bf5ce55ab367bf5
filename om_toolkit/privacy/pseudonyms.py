"""TODO."""

from __future__ import annotations

import hmac
import os
import re
from hashlib import sha256
from typing import Final

from om_toolkit.errors import InvalidSetting


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
    if number := normalized_organization(organization or ""):
        given, told = organization, f"organization {(country or '').upper()} {number}"
    elif address := normalized_email(email or ""):
        given, told = email, f"email {address}"
    else:
        return None
    if _OF_ONE_ORDER.fullmatch(given or ""):
        return None
    # Neither need be text in UTF-8: the environment's bytes and JSON's escapes hold more.
    secret, message = (text.encode(errors="surrogatepass") for text in (key, told))
    return hmac.new(secret, message, sha256).hexdigest()[:32]


def normalized_organization(number: str) -> str:
    """Return what is compared of an organization's registration number."""
    return re.sub(r"[\W_]", "", number).upper()


def normalized_email(email: str) -> str:
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


CUSTOMER_FIELDS: Final = ("email", "organization_registration_id")  # what `customer_key` is made of


_OF_ONE_ORDER: Final = re.compile(rf"person-0\d+x*@example\.com|({'|'.join(CUSTOMER_FIELDS)})-0\d+x*")

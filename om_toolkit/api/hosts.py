"""Hosts: an address in; a checked address, and whose host it is, of which environment, out."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from om_toolkit.errors import InvalidSetting

LIVE: Final = "https://api.kustom.co"

PLAYGROUND: Final = "https://api.playground.kustom.co"

LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}


class Realm(NamedTuple):
    """Whose a host or a credential is, and of which environment; empty where that is unknown."""

    vendor: str = ""
    environment: str = ""

    def contradicts(self, other: Realm) -> bool:
        """Return whether both vendors, or both environments, are known and differ."""
        return any(ours and theirs and ours != theirs for ours, theirs in zip(self, other, strict=True))

    def __str__(self) -> str:
        return " ".join(filter(None, self))


DEFAULT_HOSTS: Final = {
    Realm("Kustom", "live"): LIVE,
    Realm("Kustom", "playground"): PLAYGROUND,
    Realm("Klarna", "live"): "https://api.klarna.com",  # of Europe; North America and Oceania have others
    Realm("Klarna", "playground"): "https://api.playground.klarna.com",
}
"""Where a credential of a known realm goes."""

_VENDORS_BY_DOMAIN: Final = {"kustom.co": "Kustom", "klarna.com": "Klarna"}


def realm_of_address(address: str) -> Realm:
    """Return the realm of a host of the two vendors; that of any other host is unknown.

    Example:
        >>> str(realm_of_address("https://api-na.playground.klarna.com")), str(realm_of_address("https://proxy.example"))
        ('Klarna playground', '')
    """
    labels = (urlsplit(address).hostname or "").rstrip(".").split(".")
    vendor = _VENDORS_BY_DOMAIN.get(".".join(labels[-2:]))
    return Realm(vendor, "playground" if "playground" in labels else "live") if vendor else Realm()


def checked_address(base_url: str) -> str:
    """Return the address of a host without a slash at its end.

    Raises:
        InvalidSetting: If credentials must not be sent there.
    """
    wrong = f"base_url must be the address of a host, with https and without credentials, such as {LIVE}"
    if "@" in base_url or re.search(r"\s", base_url.strip()):
        raise InvalidSetting(wrong)
    try:
        parts = urlsplit(base_url.strip())
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise InvalidSetting(f"base_url is not an address; use one such as {LIVE}") from None
    if host == "kustom.com" or host.endswith(".kustom.com"):
        raise InvalidSetting(f"{host} is not a host of Kustom; its API is at domains ending in .co, such as {LIVE}")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        raise InvalidSetting(wrong)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

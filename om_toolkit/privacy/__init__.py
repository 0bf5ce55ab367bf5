"""Privacy: which fields are personal, how their values are replaced, and how files are searched for them."""

from typing import TYPE_CHECKING

from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.fields import CAPTURE, ERROR, ORDER, is_name, is_personal
from om_toolkit.privacy.pseudonyms import customer_key, has_pseudonym_key
from om_toolkit.privacy.scrub import Scrubber

if TYPE_CHECKING:
    from om_toolkit.privacy.scanner import scan

__all__ = [
    "CAPTURE",
    "ERROR",
    "ORDER",
    "Scrubber",
    "customer_key",
    "has_pseudonym_key",
    "is_name",
    "is_personal",
    "names_somebody",
    "scan",
]


def __getattr__(name: str) -> object:
    if name == "scan":
        from om_toolkit.privacy.scanner import scan  # noqa: PLC0415 - it imports readers of many file formats

        return scan
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__

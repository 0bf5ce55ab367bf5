"""Messages of API errors in; whether they consist of the usual words, and so contain no personal data, out."""

from __future__ import annotations

import re
from typing import Final

from om_toolkit.privacy.detectors import names_somebody


def is_known_message(text: str) -> bool:
    """Return whether a message consists of known words, error codes, ids and small numbers only.

    Example:
        >>> is_known_message("No such order: 0f5a3c1e"), is_known_message("No such order of Ada")
        (True, False)
    """
    words = (word.strip(_PUNCTUATION) for word in text.split())
    return all(word.casefold() in _WORDS or _KNOWN_TOKEN.fullmatch(word) for word in words) and not names_somebody(text)


_PUNCTUATION: Final = ".,:;!?()[]'\"`"

_KNOWN_TOKEN: Final = re.compile(
    r"(?:[A-Z]+(?:_[A-Z]+)+|[45]xx|\d{0,6}|(?=[\d-]*[a-f])(?=[a-f-]*\d)[0-9a-f-]{8,40})", re.ASCII | re.IGNORECASE
)
"""An error code, a class of statuses, a small number, or a hexadecimal id."""

_WORDS: Final = frozenset(
    """
    a access account action again all allowed already also amount an and another any api are as at authentication
    authorization authorized bad be because been body but by can cancel cancelled cannot capture captured captures
    closed code complete conflict could country credentials currency current data date denied did disabled do does
    due duplicate empty enabled endpoint equal error exceed exceeded exceeds exist existing exists expected expired
    failed field fields for forbidden format found gateway get given greater has have header high higher id
    idempotency identifier if in incorrect information input internal invalid is it item its json key later length
    less limit line lines low lower malformed match matches maximum merchant method minimum missing more must
    negative no non not null number of on once one only operation or order orders parameter part particular path
    payload payment perform permission permitted please positive possible processed provided rate reached read
    reason received recognized reference refund refunded refunds region released remaining request requested
    requests required requires resource response retry seconds sent server service shipping should size slow some
    something state status stopped store such support supported temporarily temporary than that the there this
    throttled time timeout token too total try type unable unauthorized unavailable unexpected unknown unsupported
    until update upstream url used user username valid validation value was went were when while will with within
    without wrong you your zero
    """.split()
)

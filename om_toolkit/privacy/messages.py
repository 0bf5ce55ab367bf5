"""Texts that others wrote in; messages that can be shown out: short, printable, without personal data."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from om_toolkit.privacy.detectors import names_somebody

_MOST_MESSAGES: Final = 10
_LONGEST: Final = 300  # characters of a message
_SEARCHED: Final = 3 * _LONGEST  # characters that are searched: an e-mail address may begin in what is shown

_IDENTIFIER: Final = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)

_WITHHELD: Final = "(a message that names a person is not shown)"


def shown_messages(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the first messages, as they may be shown, and how many more there are."""
    remaining = iter(texts)
    shown = tuple(shown_message(text) for text in islice(remaining, _MOST_MESSAGES))
    more = sum(1 for _ in remaining)
    return (*shown, f"and {more:,} more") if more else shown


def shown_message(text: str) -> str:
    r"""Return a message in one line: bounded, without control characters, withheld if it names a person.

    Example:
        >>> shown_message("locked\r\nby \x1b[31mada"), shown_message("locked by ada@lovelace.se")
        ('locked  by \ufffd[31mada', '(a message that names a person is not shown)')
    """
    start = text[:_SEARCHED]
    shown = "".join(map(_printable, start))
    # A character that is not shown must not hide an address from the search.
    if names_somebody(shown) or (shown != start and names_somebody("".join(filter(str.isprintable, start)))):
        return _WITHHELD
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def shown_identifier(text: str | None) -> str | None:
    """Return a code or an id of the API, such as `NO_SUCH_ORDER`; None if it cannot be one."""
    return text if text and _IDENTIFIER.fullmatch(text) and not names_somebody(text) else None


def shown_order_id(order_id: str) -> str:
    """Return an order id for a log; an id that names a person is withheld.

    Example:
        >>> shown_order_id("a-1"), shown_order_id("ada@lovelace.se")
        ('a-1', '(an id that names a person)')
    """
    return "(an id that names a person)" if names_somebody(order_id) else order_id


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"

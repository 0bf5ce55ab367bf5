"""Order ids as users give them in; a list of distinct ids out."""

import re
from collections.abc import Iterable
from typing import TypeAlias

from om_toolkit.errors import Failure
from om_toolkit.support.text import with_article

Ids: TypeAlias = str | Iterable[str | Failure]


class DistinctIds(list[str]):
    """Order ids as `distinct` returns them."""


def distinct(order_ids: Ids) -> DistinctIds:
    """Return each id once: a string is one id, a failure gives its id, surrounding blanks are removed.

    Ids that differ only in case are the same, because hosts that ignore case would return the same order twice. The
    result of an earlier call is returned unchanged.

    Raises:
        ValueError: If an item cannot be an order id.
    """
    if isinstance(order_ids, DistinctIds):
        return order_ids
    items: Iterable[object] = [order_ids] if isinstance(order_ids, str) else order_ids
    ids: dict[str, str] = {}
    for position, item in enumerate(items):
        try:
            order_id = _order_id(item)
        except ValueError as problem:
            raise ValueError(f"order_ids[{position}] {problem}; remove it from the list") from None
        ids.setdefault(order_id.casefold(), order_id)
    return DistinctIds(ids.values())


def _order_id(item: object) -> str:
    """Return the id of an item.

    Raises:
        ValueError: If it cannot be an order id; the message says why, and never quotes it.
    """
    if isinstance(item, Failure) and re.search(r" #\d+$", item.order_id):
        raise ValueError(f"is the failure of {item.order_id}, a saved document without an order id")
    order_id = item.order_id if isinstance(item, Failure) else item
    if not isinstance(order_id, str):
        kind = with_article(type(order_id).__name__)
        raise ValueError(f"is {kind}, not an order id")  # noqa: TRY004 - a bad item of a list is a ValueError
    order_id = order_id.strip()
    if not re.search(r"\w", order_id):
        raise ValueError("has no letter or digit")
    if re.search(r"[\0-\x1f\x7f-\x9f\ud800-\udfff]", order_id):  # a lone surrogate cannot even be quoted
        raise ValueError("has control characters")
    return order_id

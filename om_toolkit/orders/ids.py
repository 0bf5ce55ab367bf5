"""Order ids: whatever somebody has of them in; those to ask for, each once, out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from om_toolkit.errors import Failure

Ids: TypeAlias = str | Iterable[str | Failure]


class DistinctIds(list[str]):
    """Order ids as `distinct` returns them."""


def distinct(order_ids: Ids) -> DistinctIds:
    """Return the ids to ask for: a single text is one id, a failure stands for its id, blanks around are cut.

    Ids that differ only in case are one: hosts that ignore case would give the same order twice. What this function
    has returned once is returned as it is.

    Raises:
        ValueError: If one of them cannot be an order id.
    """
    if isinstance(order_ids, DistinctIds):
        return order_ids
    items: Iterable[object] = [order_ids] if isinstance(order_ids, str) else order_ids
    ids: dict[str, str] = {}
    for position, item in enumerate(items):
        try:
            order_id = _order_id(item)
        except ValueError as error:
            what = f"item {position} of the order ids is {error}, and no order id: take it out of the list"
            raise ValueError(what) from None
        ids.setdefault(order_id.casefold(), order_id)
    return DistinctIds(ids.values())


def _order_id(item: object) -> str:
    """Return what to ask for.

    Raises:
        ValueError: Says what something is that cannot be an order id.
    """
    if isinstance(item, Failure) and re.search(r" #\d+$", item.order_id):
        raise ValueError(f"the failure of {item.order_id}, a saved answer without an id")
    order_id = item.order_id if isinstance(item, Failure) else item
    if not isinstance(order_id, str):
        raise ValueError(f"a {type(order_id).__name__}")  # noqa: TRY004 - whatever is wrong with a list is a ValueError
    order_id = order_id.strip()
    if not re.search(r"\w", order_id):
        raise ValueError("no letter or digit")
    if re.search(r"[\0-\x1f\x7f-\x9f\ud800-\udfff]", order_id):  # half a pair of UTF-16 cannot even be quoted
        raise ValueError("a text with control characters")
    return order_id

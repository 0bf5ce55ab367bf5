"""Two documents of an order in; the fields that differ, with both values as text, out."""

import json
from collections.abc import Iterator
from typing import Final

from om_toolkit.privacy.fields import is_personal
from om_toolkit.support.json_text import Json

_ITEM_IDS: Final = {"captures": "capture_id", "refunds": "refund_id"}


def changed_fields(before: bytes, after: bytes, *, personal: bool) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Yield order id, path, value before and value after of each field that differs; empty text is None.

    Args:
        before: The older document, in JSON.
        after: The newer one.
        personal: Whether to include fields that can identify a person.
    """
    old, new = (json.loads(document, parse_int=str, parse_float=str) for document in (before, after))
    old_values, new_values = dict(_values(old)), dict(_values(new))
    for path, field in new_values | old_values:
        values = old_values.get((path, field)), new_values.get((path, field))
        if values[0] != values[1] and (personal or not is_personal(field)):
            yield new["order_id"], path, *values


def _values(value: Json, path: str = "", field: str = "") -> Iterator[tuple[tuple[str, str], str | None]]:
    """Yield each scalar: its path with positions, its API path, and its text."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _values(item, f"{path}.{name}".lstrip("."), f"{field}.{name}".lstrip("."))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _values(item, f"{path}[{_id_of(item, field) or position}]", field)
    elif isinstance(value, bool):
        yield (path, field), json.dumps(value)
    else:
        yield (path, field), None if value in (None, "") else str(value)


def _id_of(item: Json, field: str) -> Json:
    """Return the id of a capture or refund; None of anything else."""
    id_field = _ITEM_IDS.get(field)
    return item.get(id_field) if id_field and isinstance(item, dict) else None

"""TODO."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from om_toolkit.privacy.fields import is_personal

if TYPE_CHECKING:
    from collections.abc import Iterator


def differences(before: Any, after: Any, *, personal: bool) -> Iterator[tuple[str, str | None, str | None]]:  # noqa: ANN401
    """Yield each field that differs, with both values; empty text is none, as in the tables."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path, field in new | old:
        was, now = old.get((path, field)), new.get((path, field))
        if was != now and (personal or not is_personal(field)):
            yield path, was, now


def _leaves(value: Any, path: str = "", field: str = "") -> Iterator[tuple[tuple[str, str], str | None]]:  # noqa: ANN401
    """Yield each scalar: its path with places, its API path, and what it is as text."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}".lstrip("."), f"{field}.{name}".lstrip("."))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            place = (isinstance(item, dict) and item.get(_IDS.get(field))) or position
            yield from _leaves(item, f"{path}[{place}]", field)
    else:
        yield (
            (path, field),
            json.dumps(value) if isinstance(value, bool) else None if value in (None, "") else str(value),
        )


_IDS: Final = {"captures": "capture_id", "refunds": "refund_id"}

"""Captions and table cells in, HTML for notebooks out; every text is escaped."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final, TypeAlias

from om_toolkit import money

Event: TypeAlias = "tuple[datetime | None, str, int | None]"
"""When, what, and the amount in minor units."""


def captioned_table(caption: str, rows: Iterable[Iterable[object]]) -> str:
    """Return a paragraph and a table of rows of cells."""
    lines = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
    return f"<p>{escape(caption)}</p><table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def captioned_list(caption: str, items: Sequence[object], more: str) -> str:
    """Return a paragraph and a list of the first items; `more` says where to find the others."""
    texts = [str(item) for item in items[:_MOST_ITEMS]]
    if len(items) > _MOST_ITEMS:
        texts.append(f"and {len(items) - _MOST_ITEMS:,} more: {more}")
    return f"<p>{escape(caption)}</p><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


_MOST_ITEMS: Final = 5


def timeline(caption: str, events: Iterable[Event], currency: str | None) -> str:
    """Return a paragraph and a table of events with their times and amounts."""
    rows = (
        (f"{at:%Y-%m-%d %H:%M} UTC" if at else "-", event, money.format(amount, currency))
        for at, event, amount in events
    )
    return captioned_table(caption, rows)

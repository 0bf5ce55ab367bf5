"""Headings and cells in, HTML for notebooks out; every text is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple


class Heading(NamedTuple):
    """The heading of a column.

    Attributes:
        words: What a reader sees.
        name: The name of the column in the frame, or of the field; a notebook shows it as a tooltip.
        is_text: Whether the column has text, which begins at the left; numbers end at the right.
    """

    words: str
    name: str = ""
    is_text: bool = False


def table(headings: Sequence[Heading], rows: Iterable[Iterable[object]]) -> str:
    """Return a table with a heading for each column."""
    attributes = [f' style="text-align:{"left" if one.is_text else "right"}"' for one in headings]
    tooltips = [f' title="{escape(one.name)}"' if one.name else "" for one in headings]
    head = "".join(
        f"<th{tooltip}{attribute}>{escape(one.words)}</th>" if one.words else "<td></td>"
        for one, tooltip, attribute in zip(headings, tooltips, attributes, strict=True)
    )
    lines = (
        "".join(f"<td{attribute}>{escape(str(cell))}</td>" for attribute, cell in zip(attributes, row, strict=True))
        for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Return a table of names and values."""
    left = 'style="text-align:left"'
    lines = (f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(str(value))}</td></tr>" for name, value in pairs)
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def folded(summary: str, html: str) -> str:
    """Return HTML that is shown after a click on its summary."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def captioned_list(caption: str, items: Sequence[object], more: str) -> str:
    """Return a paragraph and a list of the first items; `more` says where to find the others."""
    texts = [str(item) for item in items[:_MOST_ITEMS]]
    if len(items) > _MOST_ITEMS:
        texts.append(f"and {len(items) - _MOST_ITEMS:,} more: {more}")
    return f"{paragraph(caption)}<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


_MOST_ITEMS: Final = 5

"""TODO."""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def split_csv(text: str) -> tuple[str, str]:
    """Return the delimiter of a CSV file and its rows, without the line in which Excel tells the delimiter."""
    first, _, rest = text.partition("\n")
    if told := re.fullmatch("(?i)sep=(.)\r?", first):
        return told[1], rest
    return max(",;\t|", key=first.count), text


def read_order_ids(path: Path, column: str | None = None) -> list[str]:
    """Read a column of order ids from a CSV file, whatever its delimiter; blank cells are passed over.

    Args:
        path: The file, in UTF-8. With one column it needs no heading.
        column: Name of the column; without it, the one named `order_id`, or the only one there is.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be told which column holds the order ids.
    """
    head, *rows = _csv_rows(path)
    names = [name.lower().replace(" ", "_") for name in head]
    if column is None and len(head) == 1:
        # An order id has digits; a heading has none.
        is_heading = not any(letter.isdigit() for letter in head[0])
        return [row[0] for row in (rows if is_heading else [head, *rows]) if row[0]]
    wanted = (column or "order_id").lower().replace(" ", "_")
    if wanted not in names:
        raise ValueError(f"{path.name}: name the column of order ids with --column; it has {', '.join(head)}")
    place = names.index(wanted)
    return [row[place] for row in rows if len(row) > place and row[place]]


def _csv_rows(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file that hold anything, blanks around cells cut."""
    try:
        content = path.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is no text in UTF-8: save it as CSV in UTF-8") from None
    delimiter, content = split_csv(content)
    try:
        rows = [
            [cell.strip() for cell in row] for row in csv.reader(StringIO(content), delimiter=delimiter, strict=True)
        ]
    except csv.Error as error:
        raise ValueError(f"{path.name} is no CSV: {error}") from None
    rows = [row for row in rows if any(row)]
    if not rows:
        raise ValueError(f"{path.name} holds no order ids")
    return rows

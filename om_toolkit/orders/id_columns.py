"""Rows of cells in; the column of order ids below its heading out, and what to know about it."""

import re
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple, TypeAlias

from om_toolkit.errors import OMWarning

Rows: TypeAlias = list[list[str]]

_KNOWN_NAMES: Final = (
    "klarna_order_id",
    "wc_klarna_order_id",
    "kustom_order_id",
    "wc_kustom_order_id",
    "fckustom_orderid",
    "data_order_id",
    "order_id",
    "orderid",
    "transaction_id",
)
"""The normalized names of columns with order ids, the most specific first: a shop's own `order_id` can be another."""

_SHOP_NUMBER: Final = re.compile(r"#?\d{1,12}")
"""A number that a shop gives its orders; an order id is longer or has letters."""

_SETTLEMENT_TYPES: Final = frozenset({"SALE", "RETURN"})

_LONGEST_HEADING: Final = 40
_DIGITS_OF_HEADING: Final = 2  # of a heading


class _Place(NamedTuple):
    """Where a column of order ids is: the row of its heading, and its position."""

    heading: int
    column: int


def find_order_ids(sheets: Iterable[Rows], file: str, column: str | None) -> list[str]:
    """Return the order ids of the first sheet with a column of them, below its heading.

    The heading can be below other rows, as in a settlement file. A sheet of one column needs none.

    Args:
        sheets: The rows of each sheet, without blank ones; a CSV file is one sheet.
        file: The name of the file, for messages.
        column: Name of the column; by default one whose name is that of order ids, or the only one.

    Raises:
        ValueError: If there is no row, or no such column.

    Warns:
        OMWarning: If several columns may be meant, or the file has captured orders only.
    """
    first: Rows = []
    for rows in sheets:
        places = _places(rows, column)
        if places:
            return _chosen_cells(rows, places, file)
        first = first or rows
    if not first:
        raise ValueError(f"{file} is empty; write one order id per row into it")
    if column is None and all(len(row) == 1 for row in first):
        cells = [row[0] for row in first]
        is_heading = not any(letter.isdigit() for letter in cells[0])  # order ids have digits
        return cells[1:] if is_heading else cells
    raise ValueError(_no_column(first, file, column))


def _places(rows: Rows, column: str | None) -> list[_Place]:
    """Return the columns that may have order ids, the likeliest first, of the first row that names one."""
    wanted = _KNOWN_NAMES if column is None else (_normalized(column),)
    for number, row in enumerate(rows):
        names = [_normalized(name) for name in row]
        if found := [_Place(number, names.index(name)) for name in wanted if name in names]:
            return found
    return []


def _normalized(name: str) -> str:
    """Return a heading in lower case, its words joined by underscores.

    Example:
        >>> _normalized(" Order ID"), _normalized("_wc_klarna_order_id"), _normalized("data.order_id")
        ('order_id', 'wc_klarna_order_id', 'data_order_id')
    """
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def _chosen_cells(rows: Rows, places: Sequence[_Place], file: str) -> list[str]:
    """Return the cells of the likeliest column; warn if others may be meant, or if it is a settlement file."""
    columns = {place: _cells_below(rows, place) for place in places}
    likely = [place for place, cells in columns.items() if not all(map(_SHOP_NUMBER.fullmatch, cells))]
    chosen = (likely or places)[0]
    head = rows[chosen.heading]
    if len(places) > 1:
        names = " and ".join(head[place.column] for place in places)
        used = head[chosen.column]
        text = f"{file} has the columns {names}; the order ids are read from {used}. Choose another with --column"
        warnings.warn(text, OMWarning, stacklevel=2)
    if _is_settlement(rows, chosen.heading):
        text = (
            f"{file} is a settlement file, which lists captured orders only: capture rates and latencies computed "
            "from it are biased"
        )
        warnings.warn(text, OMWarning, stacklevel=2)
    return columns[chosen]


def _cells_below(rows: Rows, place: _Place) -> list[str]:
    below = rows[place.heading + 1 :]
    return [row[place.column] for row in below if len(row) > place.column and row[place.column]]


def _is_settlement(rows: Rows, heading: int) -> bool:
    """Whether the rows are transactions of a settlement file: below a summary or with captures, and with their types.

    The names of its columns can be changed, the types of its transactions cannot.
    """
    names = {_normalized(name) for name in rows[heading]}
    is_likely = heading > 0 or not names.isdisjoint({"capture_id", "type"})
    return is_likely and any(not _SETTLEMENT_TYPES.isdisjoint(row) for row in rows[heading + 1 :])


def _no_column(rows: Rows, file: str, column: str | None) -> str:
    """Return the message for a column that does not exist; it never shows cells, which can be personal."""
    wanted = repr(column) if column else "of order ids"
    heads = [row for row in rows if len(row) > 1 and all(map(_is_heading, row))]
    if not heads:
        return f"{file} has no column {wanted}, and no row of headings; add one, such as order_id"
    head = max(heads, key=len)
    message = f"{file} has no column {wanted}, only {', '.join(head)}; "
    near = get_close_matches(_normalized(column or "order_id"), [_normalized(name) for name in head], n=1)
    if near:
        name = next(name for name in head if _normalized(name) == near[0])
        message += f"did you mean {name!r}? "
    return f"{message}{'N' if near else 'n'}ame the column of order ids with --column"


def _is_heading(cell: str) -> bool:
    digits = sum(letter.isdigit() for letter in cell)
    return 0 < len(cell) <= _LONGEST_HEADING and digits <= _DIGITS_OF_HEADING and "@" not in cell

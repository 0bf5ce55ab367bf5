"""CSV and Excel files in; a column of order ids out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from om_toolkit.errors import MissingExtra
from om_toolkit.support.csv_files import read_rows

_ROUNDED: Final = re.compile(r"\d([.,]\d+)?E\+\d+")
"""A number as Excel shows and saves it when it has too many digits, such as 1.23E+15."""


class _ChangedByExcel(str):
    """The text of a number or a date in a cell of Excel, which may not be all that was typed or pasted into it."""

    __slots__ = ()


def read_order_ids(path: Path, column: str | None = None) -> list[str]:
    """Read a column of order ids from a CSV file with any usual delimiter, or from an Excel file (`.xlsx`).

    Blank cells are skipped, in Excel also those whose formula failed, such as `#N/A`. Of several sheets, the first one
    with the column is read; if none has it, the first one that is not empty.

    Args:
        path: The file; CSV in UTF-8. A file of one column needs no heading.
        column: Name of the column; without it, the one named `order_id`, or the only one.

    Raises:
        FileNotFoundError: If there is no such file.
        MissingExtra: If it is an Excel file and fastexcel is not installed.
        ValueError: If the file is not CSV in UTF-8 or not an Excel file, is empty, has several columns but not this
            one, or Excel has made a number or a date of an id, so that digits or zeros may be lost.
    """
    rows = _rows_of_sheet(path, column) if path.suffix.lower() == ".xlsx" else read_rows(path)
    return [_checked(order_id, path) for order_id in _column_of(rows, path, column)]


def _column_of(rows: list[list[str]], path: Path, column: str | None) -> list[str]:
    """Return the cells of the column with order ids that are not blank, below the heading."""
    head, *rest = rows
    if column is None and len(head) == 1:
        is_heading = not any(letter.isdigit() for letter in head[0])  # order ids have digits
        return [row[0] for row in (rest if is_heading else rows) if row[0]]
    names = _names_of(head)
    wanted = _normalized(column or "order_id")
    if wanted not in names:
        raise ValueError(
            f"{path} has no column {column or 'order_id'!r}, only {', '.join(head)}; "
            "name the column of order ids with --column"
        )
    place = names.index(wanted)
    return [row[place] for row in rest if len(row) > place and row[place]]


def _names_of(head: list[str]) -> list[str]:
    return [_normalized(name) for name in head]


def _normalized(name: str) -> str:
    return name.lower().replace(" ", "_")


def _checked(order_id: str, path: Path) -> str:
    """Return an id, unless Excel has made something else of it, which a CSV file that it saved has as text."""
    if isinstance(order_id, _ChangedByExcel) or _ROUNDED.fullmatch(order_id):
        raise ValueError(
            f"{path} has the order id {order_id} as a number or date, not as text, so that digits or zeros may be "
            "lost; format the column as text in Excel and paste the ids again"
        )
    return order_id


def _rows_of_sheet(path: Path, column: str | None) -> list[list[str]]:
    """Return the rows that are not blank of the first sheet with a column, else of the first sheet with rows."""
    wanted = _normalized(column or "order_id")
    first: list[list[str]] = []
    for rows in _sheets_of(path):
        if rows and wanted in _names_of(rows[0]):
            return rows
        first = first or rows
    if not first:
        raise ValueError(f"{path} is empty; write one order id per row into it")
    return first


def _sheets_of(path: Path) -> Iterator[list[list[str]]]:
    """Yield the rows of each sheet of an Excel file that are not blank, with stripped cells."""
    try:
        import fastexcel  # noqa: PLC0415 - an extra, loaded only for Excel files
    except ImportError as error:
        raise MissingExtra('Excel files need fastexcel; run pip install "om-toolkit[excel]"') from error
    content = path.read_bytes()
    try:
        book = fastexcel.read_excel(content)
        for name in book.sheet_names:
            as_text, as_time, as_flag = (
                book.load_sheet(name, header_row=None, skip_rows=0, dtypes=dtype).to_polars()
                for dtype in ("string", "datetime", "boolean")
            )
            yield _rows_of_cells(as_text, as_time, as_flag)
    except fastexcel.FastExcelError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} is not a valid Excel file, or it has a password ({reason}); save it again as .xlsx"
        ) from None


def _rows_of_cells(as_text: pl.DataFrame, as_time: pl.DataFrame, as_flag: pl.DataFrame) -> list[list[str]]:
    """Return the rows of a sheet. Text is no time and no flag; numbers, dates and flags can be read as one of them."""
    columns = []
    for text, time, flag in zip(as_text, as_time, as_flag, strict=True):
        is_text = time.is_null() & flag.is_null()
        stripped = text.fill_null("").str.strip_chars()
        columns.append(
            [cell if plain else _ChangedByExcel(cell) for cell, plain in zip(stripped, is_text, strict=True)]
        )
    return [list(row) for row in zip(*columns, strict=True) if any(row)]

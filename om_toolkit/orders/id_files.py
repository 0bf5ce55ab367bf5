"""Files of any usual kind in; the order ids in them out."""

import json
import re
import warnings
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from om_toolkit.errors import MissingExtra, OMWarning
from om_toolkit.orders.id_columns import find_order_ids
from om_toolkit.orders.json_documents import documents
from om_toolkit.support.csv_files import rows_of
from om_toolkit.support.json_text import Json

_ROUNDED: Final = re.compile(r"\d([.,]\d+)?E\+\d+")
"""A number as Excel shows and saves it when it has too many digits, such as 1.23E+15."""


class _ChangedByExcel(str):
    """The text of a number or a date in a cell of Excel, which may not be all that was typed or pasted into it."""

    __slots__ = ()


def read_order_ids(path: Path, column: str | None = None) -> list[str]:
    """Read order ids from a file; see `order_ids_in`.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    return order_ids_in(path.read_bytes(), str(path), column)


def order_ids_in(content: bytes, file: str, column: str | None = None) -> list[str]:
    """Return the order ids in the content of a file, in sequence.

    The file is CSV with any usual delimiter, also a settlement file, Excel (`.xlsx`), text with an id per line, or JSON
    or NDJSON: ids, webhooks (`data.order_id`) or saved responses. Blank cells are skipped, in Excel also those whose
    formula failed, such as `#N/A`. Of several sheets, the first one with the column is read; if none has it, the first
    one that is not empty. Text is UTF-8, or UTF-16 with a byte order mark.

    Args:
        content: The bytes of the file.
        file: Its name, for messages.
        column: Name of the column; by default one named as usual, such as `order_id`, `klarna_order_id`,
            `_wc_klarna_order_id` or `transaction_id`, or the only one.

    Raises:
        MissingExtra: If it is an Excel file and fastexcel is not installed.
        ValueError: If the file is none of these, is empty, has several columns but not this one, or Excel has made a
            number or a date of an id, so that digits or zeros may be lost.

    Warns:
        OMWarning: If several columns may be meant, the file has captured orders only, or its text is not UTF-8.
    """
    if file.lower().endswith(".xlsx") or content.startswith(_ZIP):
        found = find_order_ids(_sheets_of(content, file), file, column)
    else:
        text = _text_in(content, file)
        if text.startswith(("{", "[")):
            return _ids_of_documents(text, file, column)
        found = find_order_ids([rows_of(text, file)], file, column)
    return [_checked(order_id, file) for order_id in found]


_ZIP: Final = b"PK\3\4"  # the first bytes of an Excel file


def _text_in(content: bytes, file: str) -> str:
    """Return the text of a file, stripped.

    Raises:
        ValueError: If it is not text.
    """
    is_utf_16 = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    for encoding in ["utf-16"] if is_utf_16 else ["utf-8-sig", "cp1252"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break  # binary, or UTF-32
        if encoding == "cp1252":
            problem = f"{file} is not UTF-8 and was read as Latin-1 (Windows-1252); check other letters than A to Z"
            warnings.warn(problem, OMWarning, stacklevel=2)
        return text.strip()
    raise ValueError(f"{file} is not text in UTF-8; save it as CSV in UTF-8")


def _ids_of_documents(text: str, file: str, column: str | None) -> list[str]:
    """Return the order ids in JSON or NDJSON; documents without one, such as other webhooks, are skipped."""
    if column:
        raise ValueError(f"{file} is JSON and has no columns; leave out --column")
    found = []
    for number, (_, document) in enumerate(documents(text.encode()), 1):
        try:
            found.append(_id_of_document(json.loads(document)))
        except ValueError:
            raise ValueError(f"document {number} of {file} is not valid JSON; correct or remove it") from None
    ids = [order_id for order_id in found if order_id]
    if not ids:
        raise ValueError(f"{file} has no order ids; expected data.order_id, as in webhooks, or order_id")
    return ids


def _id_of_document(document: Json) -> str | None:
    """Return an id itself, that of a webhook or that of an order."""
    if isinstance(document, dict):
        data = document.get("data")
        document = (data if isinstance(data, dict) else document).get("order_id")
    return document if isinstance(document, str) else None


def _checked(order_id: str, file: str) -> str:
    """Return an id, unless Excel has made something else of it, which a CSV file that it saved has as text."""
    if isinstance(order_id, _ChangedByExcel) or _ROUNDED.fullmatch(order_id):
        raise ValueError(
            f"{file} has the order id {order_id} as a number or date, not as text, so that digits or zeros may be "
            "lost; format the column as text in Excel and paste the ids again"
        )
    return order_id


def _sheets_of(content: bytes, file: str) -> Iterator[list[list[str]]]:
    """Yield the rows of each sheet of an Excel file that are not blank, with stripped cells."""
    try:
        import fastexcel  # noqa: PLC0415 - an extra, loaded only for Excel files
    except ImportError as error:
        raise MissingExtra('Excel files need fastexcel; run pip install "om-toolkit[excel]"') from error
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
            f"{file} is not a valid Excel file, or it has a password ({reason}); save it again as .xlsx"
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

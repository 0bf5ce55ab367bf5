"""Sheets in; an Excel file out, the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from om_toolkit.errors import MissingExtra
from om_toolkit.support.atomic_files import OWN, USUAL, local_path, replacing
from om_toolkit.support.time_zones import check_time_zone
from om_toolkit.tables.schema import SCHEMAS
from om_toolkit.tables.sheets import PLAIN_TEXT, Cell, Sheet

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

CONTENTS: Final = "contents"
"""The name of the first sheet, which lists the others."""

_FILE_TIME: Final = datetime(1980, 1, 1)  # noqa: DTZ001 - Excel has no zones; the first day of a ZIP archive
_LONGEST_NAME: Final = 31
_FORBIDDEN: Final = frozenset("[]:*?/\\")
_RESERVED: Final = (CONTENTS, "history")
_ALL_CELLS: Final = "A1:XFD1048576"


def write_sheets(sheets: Sequence[Sheet], path: str | PathLike[str], *, time_zone: str = "UTC") -> None:
    """Write sheets and their contents to a file, as a whole or not at all.

    Only the owner can read a file with personal columns, on systems with file modes.

    Args:
        sheets: At least one sheet.
        path: The file, whose name ends with `.xlsx`.
        time_zone: The time zone of the times, a name of the IANA database.

    Raises:
        MissingExtra: If XlsxWriter is not installed.
        OSError: If the file cannot be written; an existing file is then unchanged.
        ValueError: If a sheet cannot have its name, the path is not that of an Excel file, or the time zone is unknown.
    """
    check_time_zone(time_zone)
    _check_sheet_names([sheet.name for sheet in sheets])
    path = _checked_path(path)
    names = {name for sheet in sheets for name in sheet.frame.columns}
    with replacing(path, OWN if names & _personal_names() else USUAL) as unfinished, _opened_book(unfinished) as book:
        styles = _Styles(book)
        for sheet in (_contents(sheets), *sheets):
            _write_sheet(book.add_worksheet(sheet.name), sheet, time_zone, styles)


def _personal_names() -> set[str]:
    return {column.name for schema in SCHEMAS.values() for column in schema if column.is_personal}


def _check_sheet_names(names: Sequence[str]) -> None:
    """Check that Excel accepts the names of sheets; it ignores case."""
    if not names:
        raise ValueError("there is no frame to write; pass at least one")
    for place, name in enumerate(names):
        problem = _name_problem(name)
        if name.casefold() in {other.casefold() for other in names[:place]}:
            problem = "is the name of two sheets; Excel ignores case"
        if problem:
            raise ValueError(f"the sheet name {name!r} {problem}; use another name")


def _name_problem(name: str) -> str:
    """Return why Excel does not accept the name of a sheet, or nothing."""
    if len(name.encode("utf-16-le", "surrogatepass")) > 2 * _LONGEST_NAME:
        return f"has more than {_LONGEST_NAME} characters"
    if _FORBIDDEN & set(name) or not name.isprintable():
        return "has a character that is not allowed: one of [ ] : * ? / \\ or a control character"
    if not name.strip() or name[0] == "'" or name[-1] == "'":
        return "is blank, or begins or ends with an apostrophe"
    return "is reserved" if name.casefold() in _RESERVED else ""


def _checked_path(path: str | PathLike[str]) -> Path:
    """Return the path of an Excel file that can be written.

    Raises:
        OSError: If its folder does not exist, or the path is a folder.
        ValueError: If its name does not end with `.xlsx`.
    """
    path = local_path(path)
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder; add the name of a file, such as orders.xlsx")
    if path.suffix.lower() != ".xlsx":
        raise ValueError(f"cannot write {path}: Excel opens it only if its name ends with .xlsx; rename it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    return path


def check_excel_file(path: str | PathLike[str]) -> None:
    """Check that an Excel file can be written, before what goes into it is made.

    Raises:
        MissingExtra: If XlsxWriter is not installed.
        OSError: If its folder does not exist, or the path is a folder.
        ValueError: If its name does not end with `.xlsx`.
    """
    _checked_path(path)
    _workbook_class()


def _workbook_class() -> type[Workbook]:
    try:
        from xlsxwriter import Workbook  # noqa: PLC0415 - an extra, loaded only to write
    except ImportError as error:
        raise MissingExtra('Excel files need XlsxWriter; run pip install "om-toolkit[excel]"') from error
    return Workbook  # type: ignore[no-any-return]


@contextmanager
def _opened_book(path: Path) -> Iterator[Workbook]:
    """Yield a workbook that writes each row at once, so that memory does not limit its size."""
    workbook = _workbook_class()
    from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415 - an extra

    options = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
    try:
        # Its temporary files have the data, and it does not remove them after an error.
        with (
            TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            workbook(str(path), {"constant_memory": True, "tmpdir": folder, **options}) as book,
        ):
            book.set_properties({"created": _FILE_TIME})
            book.use_zip64()
            yield book
    except FileCreateError as error:
        raise (error.args[0] if error.args and isinstance(error.args[0], OSError) else OSError(str(error))) from None


class _Styles(dict[str, Any]):
    """The formats of a workbook by their number format, each made when it is first used."""

    def __init__(self, book: Workbook) -> None:
        super().__init__()
        self.book = book
        self.heading = book.add_format({"bold": True, "num_format": PLAIN_TEXT, "bottom": 1})

    def __missing__(self, number_format: str) -> object:
        self[number_format] = self.book.add_format({"num_format": number_format})
        return self[number_format]


def _contents(sheets: Sequence[Sheet]) -> Sheet:
    rows = {
        "sheet": [sheet.name for sheet in sheets],
        "rows": [sheet.frame.height for sheet in sheets],
        "columns": [sheet.frame.width for sheet in sheets],
        "as_of": [sheet.as_of for sheet in sheets],
        "as_of_is_inferred": [sheet.as_of_is_inferred if sheet.as_of else None for sheet in sheets],
    }
    types = {"as_of": pl.Datetime("us", "UTC"), "as_of_is_inferred": pl.Boolean()}
    return Sheet(CONTENTS, pl.DataFrame(rows, schema_overrides=types))


def _write_sheet(worksheet: Worksheet, sheet: Sheet, time_zone: str, styles: _Styles) -> None:
    columns = sheet.columns(time_zone)
    worksheet.freeze_panes(1, 0)
    worksheet.ignore_errors({"number_stored_as_text": _ALL_CELLS})
    if columns:
        worksheet.autofilter(0, 0, sheet.frame.height, len(columns) - 1)
    for place, column in enumerate(columns):
        worksheet.set_column(place, place, column.width)
        _write_cell(worksheet, 0, place, Cell(column.heading, PLAIN_TEXT), styles.heading)
        worksheet.write_comment(0, place, column.note)
    for row, cells in enumerate(sheet.rows(time_zone), 1):
        for place, cell in enumerate(cells):
            if cell.value is not None:
                _write_cell(worksheet, row, place, cell, styles[cell.number_format])


def _write_cell(worksheet: Worksheet, row: int, place: int, cell: Cell, style: object) -> None:
    """Write a cell by the type of its value, so that no text becomes a number, a formula or a link."""
    value = cell.value
    if isinstance(value, str):
        _write_text(worksheet, row, place, value, style)
    elif isinstance(value, bool):
        worksheet.write_boolean(row, place, value, style)
    elif isinstance(value, date):
        worksheet.write_datetime(row, place, value, style)
    else:
        worksheet.write_number(row, place, value, style)


def _write_text(worksheet: Worksheet, row: int, place: int, text: str, style: object) -> None:
    if text.startswith("<r>") and text.endswith("</r>"):  # as one string XlsxWriter would take it for XML
        worksheet.write_rich_string(row, place, text[0], text[1], text[2:], style)
    else:
        worksheet.write_string(row, place, text, style)

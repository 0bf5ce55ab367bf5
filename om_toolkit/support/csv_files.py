"""CSV files: text with any usual delimiter in, its rows out; a frame in, a safe file out."""

import csv
import re
from io import StringIO
from pathlib import Path
from typing import Final

import polars as pl
from polars import selectors

from om_toolkit.support.atomic_files import replacing


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as CSV that is safe to open in Excel and other spreadsheets, as a whole or not at all."""
    with replacing(path) as unfinished:
        unfinished.write_text(csv_text(frame), encoding="utf-8", newline="")


def csv_text(frame: pl.DataFrame) -> str:
    """Return a frame as CSV that is safe to open in spreadsheets."""
    return without_formulas(frame).write_csv()


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose texts and names of columns no spreadsheet takes for a formula.

    A text that begins with `=`, `+`, `-` or `@`, also as full-width characters, with a tab or with the end of a line
    gets a leading `'`, as OWASP recommends against CSV injection. Numbers, also negative ones, stay as they are.

    Example:
        >>> without_formulas(pl.DataFrame({"name": ["=1+1", "Ada"], "amount": [-5, 5]})).rows()
        [("'=1+1", -5), ('Ada', 5)]
    """
    texts = selectors.string(include_categorical=True) | selectors.by_dtype(pl.Enum)
    safe = frame.with_columns(texts.cast(pl.String).str.replace(_FORMULA, "'$0"))
    return safe.rename(lambda name: re.sub(_FORMULA, r"'\g<0>", name))


_FORMULA: Final = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"


def rows_of(text: str, file: str) -> list[list[str]]:
    """Return the rows of CSV text with any usual delimiter that are not blank, with stripped cells.

    Args:
        text: The text.
        file: The name of the file, for messages.

    Raises:
        ValueError: If it is not CSV.
    """
    delimiter, text = sniff_delimiter(text.strip())
    try:
        cells = list(csv.reader(StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"{file} is not a valid CSV file ({error}); save it again as CSV") from None
    return [[cell.strip() for cell in row] for row in cells if any(map(str.strip, row))]


def sniff_delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter of CSV text, and the text without the line in which Excel declares it."""
    first, _, rest = text.partition("\n")
    if declared := re.fullmatch("(?i)sep=(.)\r?", first):
        return declared[1], rest
    return max(",;\t|", key=first.count), text

"""A frame in; a sheet for Excel out: what each cell contains, its number format, and the limits that Excel has."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from math import isfinite
from typing import Any, Final, NamedTuple, TypeAlias

import polars as pl
from polars import selectors

from om_toolkit import money
from om_toolkit.tables.units import Unit, heading, unit_of

Value: TypeAlias = str | bool | int | float | datetime | date | None

PLAIN_TEXT: Final = "@"
"""The number format of text: what looks like a number or a formula stays text, also after it was edited."""

MOST_ROWS: Final = 1_048_576
_MOST_COLUMNS: Final = 16_384
_MOST_CHARACTERS: Final = 32_767
_MOST_DIGITS: Final = 15  # a number with more digits is not the same number in Excel
_FIRST_MONTH: Final = (1900, 3)  # Excel has a 29 February 1900; before it, other programs are a day off

_WIDTHS: Final = (8, 60)
_TIME_WIDTH: Final = 19
_FILTER_BUTTON: Final = 4

_ANY_DIGITS: Final = Context(prec=100)

_ROW_CURRENCY: Final = "purchase_currency"
_MINOR_UNITS: Final = '#,##0" minor units"'


class Cell(NamedTuple):
    """What a cell contains, None if nothing, and the format of numbers that Excel shows it with."""

    value: Value
    number_format: str


class _Style(NamedTuple):
    """How Excel shows the values of a unit.

    Attributes:
        number_format: A format of numbers.
        meaning: What the values are, for the note of the heading.
        divisor: What they are divided by.
    """

    number_format: str
    meaning: str
    divisor: int = 1


_STYLES: Final = {
    Unit.TEXT: _Style(PLAIN_TEXT, "text"),
    Unit.COUNT: _Style("#,##0", "count"),
    Unit.NUMBER: _Style("General", "number"),
    Unit.SHARE: _Style("0.0%", "share"),
    Unit.PERCENT: _Style("0.00%", "rate", 100),
    Unit.RATE: _Style("0.00%", "rate", 10_000),
    Unit.HOURS: _Style("#,##0.0", "hours"),
    Unit.DAYS: _Style("#,##0.0", "days"),
    Unit.FLAG: _Style("General", "true or false"),
    Unit.TIME: _Style("yyyy-mm-dd hh:mm:ss", "time"),
    Unit.DATE: _Style("yyyy-mm-dd", "date"),
    Unit.MONTH: _Style("yyyy-mm", "month"),
}
"""All units but amounts, whose format is that of their row's currency."""


@dataclass(frozen=True)
class SheetColumn:
    """A column of a sheet.

    Attributes:
        heading: The name of the column; of times with the time zone.
        note: Words for the column and its unit.
        width: Its width in characters.
        cell: Makes a cell of a value and the currency of its row.
    """

    heading: str
    note: str
    width: float
    cell: Callable[[Any, str | None], Cell]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A frame as a sheet. It is checked when it is made.

    Attributes:
        name: The name of the sheet.
        frame: The frame.
        as_of: The instant that it describes, if that is known.
        as_of_is_inferred: Whether `as_of` is the newest time in the data.

    Raises:
        TypeError: If a column has binary data or Python objects.
        ValueError: If the frame exceeds a limit of Excel.
    """

    name: str
    frame: pl.DataFrame
    as_of: datetime | None = None
    as_of_is_inferred: bool = False

    def __post_init__(self) -> None:
        """Turn nested values and categories into text, and check the limits."""
        object.__setattr__(self, "frame", self.frame.with_columns(_flat_columns(self.frame)))
        _check_size(self.name, self.frame)
        _check_text_lengths(self.name, self.frame)

    def columns(self, time_zone: str) -> list[SheetColumn]:
        """Return the columns, with times of a time zone."""
        has_currency = _has_currency(self.frame.schema)
        return [_sheet_column(series, time_zone, has_currency=has_currency) for series in self.frame]

    def rows(self, time_zone: str) -> Iterator[list[Cell]]:
        """Yield the cells of each row."""
        cells = [column.cell for column in self.columns(time_zone)]
        local = selectors.datetime(time_zone="*").dt.convert_time_zone(time_zone).dt.replace_time_zone(None)
        place = self.frame.columns.index(_ROW_CURRENCY) if _has_currency(self.frame.schema) else None
        for row in self.frame.with_columns(local).iter_rows():
            currency = None if place is None else row[place]
            yield [cell(value, currency) for cell, value in zip(cells, row, strict=True)]


def _has_currency(schema: Mapping[str, pl.DataType]) -> bool:
    return schema.get(_ROW_CURRENCY) == pl.String


def _flat_columns(frame: pl.DataFrame) -> Iterator[pl.Series]:
    """Yield the columns that a sheet has as text instead: nested ones as JSON, categories by name."""
    for series in frame:
        dtype = series.dtype
        if isinstance(dtype, pl.Binary | pl.Object | pl.Unknown):
            raise TypeError(f"{series.name} has the type {dtype}, which Excel has no cells for; drop or convert it")
        if dtype.is_nested():
            texts = [
                None if value is None else json.dumps(value, ensure_ascii=False, default=str)
                for value in series.to_list()
            ]
            yield pl.Series(series.name, texts, dtype=pl.String)
        elif isinstance(dtype, pl.Categorical | pl.Enum | pl.Time):
            yield series.cast(pl.String)


def _check_size(name: str, frame: pl.DataFrame) -> None:
    if frame.height >= MOST_ROWS:
        raise ValueError(
            f"{name} has {frame.height:,} rows, but a sheet of Excel has {MOST_ROWS:,} with the heading; filter or "
            "group it, or write Parquet or CSV"
        )
    if frame.width > _MOST_COLUMNS:
        raise ValueError(
            f"{name} has {frame.width:,} columns, but a sheet of Excel has {_MOST_COLUMNS:,}; select the ones you need"
        )


def _check_text_lengths(name: str, frame: pl.DataFrame) -> None:
    """Check the lengths of all texts, as Excel counts them: characters outside the basic plane are two."""
    for column in frame.columns:
        if _utf16_length(column) > _MOST_CHARACTERS:
            raise ValueError(
                f"the name {column[:20]!r}… of a column of {name} is too long for Excel; rename the column"
            )
    for series in frame.select(selectors.string()):
        if _most(series.str.len_bytes()) <= _MOST_CHARACTERS:
            continue
        for row, text in enumerate(series, 1):
            if text and _utf16_length(text) > _MOST_CHARACTERS:
                raise ValueError(
                    f"{series.name} in row {row:,} of {name} has {_utf16_length(text):,} characters, but a cell of "
                    f"Excel has {_MOST_CHARACTERS:,}; shorten it, such as with pl.col({series.name!r}).str.head(1000)"
                )


def _most(lengths: pl.Series) -> int:
    most: Any = lengths.max()
    return most or 0


def _utf16_length(text: str) -> int:
    return len(text) + sum(letter > "\uffff" for letter in text)


def _sheet_column(series: pl.Series, time_zone: str, *, has_currency: bool) -> SheetColumn:
    unit = Unit.HOURS if isinstance(series.dtype, pl.Duration) else unit_of(series.name, series.dtype)
    is_zoned = isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None
    title = f"{series.name} ({time_zone})" if is_zoned else series.name
    if unit is Unit.AMOUNT:
        meaning = f"major units of {_ROW_CURRENCY}" if has_currency else "minor units of an unknown currency"
    elif unit is Unit.TIME:
        meaning = f"local time, {time_zone}" if is_zoned else "time without a time zone"
    else:
        meaning = _STYLES[unit].meaning
    width = max(len(title) + _FILTER_BUTTON, _longest(series, unit))
    low, high = _WIDTHS
    return SheetColumn(title, f"{heading(series.name)}: {meaning}", min(max(width, low), high), _cell_maker(unit))


def _longest(series: pl.Series, unit: Unit) -> int:
    """Return about how many characters the longest value of a column has."""
    if series.dtype == pl.String:
        return _most(series.str.len_chars())
    if unit in (Unit.TIME, Unit.DATE):
        return _TIME_WIDTH
    if not series.dtype.is_numeric():
        return 0
    extremes: tuple[Any, ...] = series.min(), series.max()
    bounds = [f"{bound:,.0f}" for bound in extremes if bound is not None]
    return max(map(len, bounds), default=0) + len(".00 EUR") * (unit is Unit.AMOUNT) + 1


def _cell_maker(unit: Unit) -> Callable[[Any, str | None], Cell]:
    """Return the function that makes cells of a unit."""
    if unit is Unit.AMOUNT:
        return _amount_cell
    number_format, _, divisor = _STYLES[unit]
    return lambda value, _currency: _plain_cell(value, number_format, divisor)


def _amount_cell(value: Any, currency: str | None) -> Cell:  # noqa: ANN401 - any number
    """Return a cell in major units; in minor units if the currency is missing or unknown."""
    code = (currency or "").upper()
    exponent = money.EXPONENTS.get(code)
    if exponent is None:
        return _plain_cell(value, _MINOR_UNITS, 1)
    return _plain_cell(value, f"#,##0{'.' * bool(exponent)}{'0' * exponent} [${code}]", 10**exponent)


def _plain_cell(value: Any, number_format: str, divisor: int) -> Cell:  # noqa: ANN401 - what a frame can have
    """Return a cell; what Excel cannot have as a number or time without changing it is text."""
    if isinstance(value, timedelta):
        value = value / timedelta(hours=1)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = _as_excel_number(value, divisor)
    elif isinstance(value, date) and (value.year, value.month) < _FIRST_MONTH:
        value = str(value)
    return Cell(value or None, PLAIN_TEXT) if isinstance(value, str) else Cell(value, number_format)


def _as_excel_number(value: float | Decimal, divisor: int) -> float | str | None:
    """Divide a number; one with more digits than Excel keeps becomes text, NaN is missing.

    Example:
        >>> _as_excel_number(1250, 100), _as_excel_number(2**53 + 1, 100), _as_excel_number(float("nan"), 1)
        (12.5, '90071992547409.93', None)
    """
    if isinstance(value, float):
        return value / divisor if isfinite(value) else None if value != value else str(value)  # noqa: PLR0124 - NaN
    if isinstance(value, int) and abs(value) < 10**_MOST_DIGITS:
        return value / divisor if divisor > 1 else value
    exact = _ANY_DIGITS.divide(Decimal(value), Decimal(divisor))
    digits = exact.normalize(_ANY_DIGITS).as_tuple().digits
    return f"{exact:f}" if len(digits) > _MOST_DIGITS else float(exact)

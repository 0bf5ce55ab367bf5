"""A row of a metric's frame in; the cells of a table for readers out, as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from om_toolkit import money
from om_toolkit.support.text import count_of

if TYPE_CHECKING:
    import polars as pl

Row: TypeAlias = dict[str, Any]


class Cell(str):  # noqa: SLOT000 - mypy takes the type of `number` from the annotation
    """The text of a cell.

    Attributes:
        number: What a reader copies, such as `1.50` of `1.50 EUR`: the text begins with it.
    """

    number: str

    def __new__(cls, number: str, rest: str = "") -> Self:
        """Make the text of its two parts."""
        self = super().__new__(cls, number + rest)
        self.number = number
        return self

    @property
    def rest(self) -> str:
        """The unit and the interval."""
        return self[len(self.number) :]


Formatter: TypeAlias = Callable[[Row], Cell]

Columns: TypeAlias = dict[str, Formatter]
"""The columns of a table for readers: each heading, with the formatter of its cells."""

MISSING: Final = "-"

PLAIN: Final = "{:,.1f}"
SIGNED: Final = "{:+z,.1f}"

_UNKNOWN_BOUND: Final = "?"

_HOURS_PER_DAY: Final = 24


def format_rows(frame: pl.DataFrame, columns: Columns) -> list[list[Cell]]:
    """Return the rows of a frame as text, with one cell for each of the columns."""
    return [[formatter(row) for formatter in columns.values()] for row in frame.iter_rows(named=True)]


def text(name: str, missing: str = "(none)") -> Formatter:
    """Return a formatter of a text column, such as the name of a group."""
    return lambda row: Cell(missing if row[name] is None else str(row[name]))


def flag(name: str) -> Formatter:
    """Return a formatter of a Boolean column."""
    return lambda row: Cell({True: "yes", False: "no", None: MISSING}[row[name]])


def month(name: str) -> Formatter:
    """Return a formatter of months, which a column has as their first day."""
    return lambda row: Cell("(none)" if row[name] is None else f"{row[name]:%Y-%m}")


def count(name: str, noun: str | None = None, *, sign: bool = False) -> Formatter:
    """Return a formatter of a count, followed by its noun if there is one: `1 order`, `2 orders`."""
    pattern = "{:+,}" if sign else "{:,}"

    def formatter(row: Row) -> Cell:
        if row[name] is None:
            return Cell(MISSING)
        return Cell(count_of(row[name], noun) if noun else pattern.format(row[name]))

    return formatter


_WITHOUT_FRACTION: Final = 1e5


def number(name: str) -> Formatter:
    """Return a formatter of a number without a unit."""
    return lambda row: Cell(MISSING if row[name] is None else _plain_number(row[name]))


def _plain_number(value: float) -> str:
    """Return a number with all digits before the point, and six digits if it is small.

    Example:
        >>> _plain_number(1384700), _plain_number(1234567.8), _plain_number(0.1234567)
        ('1,384,700', '1,234,568', '0.123457')
    """
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= _WITHOUT_FRACTION else f"{value:,.6g}"


def amount(name: str, *, sign: bool = False) -> Formatter:
    """Return a formatter of an amount in the currency of its row; a mean is rounded to a whole minor unit."""

    def formatter(row: Row) -> Cell:
        value = row[name]
        unit = f" {money.unit(row['purchase_currency'])}"
        digits = money.format(value, row["purchase_currency"]).removesuffix(unit)
        return Cell("+" * bool(sign and value and value > 0) + digits, "" if value is None else unit)

    return formatter


def percent(name: str, *, interval: bool = True) -> Formatter:
    """Return a formatter of a ratio in per cent, with its 95 % interval in parentheses."""
    return figure(name, PLAIN, 100, " %", interval=interval)


def points(name: str) -> Formatter:
    """Return a formatter of the difference of two ratios in percentage points, with its 95 % interval."""
    return figure(name, SIGNED, 100, " pp")


def tax_rate(name: str, scale: float) -> Formatter:
    """Return a formatter of tax rates; `scale` makes them per cent."""
    return figure(name, "{:.4g}", scale, " %", interval=False)


def hours(name: str, *, interval: bool = True, pattern: str = PLAIN) -> Formatter:
    """Return a formatter of hours, with their 95 % interval in parentheses."""
    return figure(name, pattern, 1, " h", interval=interval)


def hours_as_days(name: str, *, pattern: str = PLAIN) -> Formatter:
    """Return a formatter of hours as days, with their 95 % interval in parentheses."""
    return figure(name, pattern, 1 / _HOURS_PER_DAY, " d")


def days(name: str, *, pattern: str = PLAIN) -> Formatter:
    """Return a formatter of days, with the bounds or the 95 % interval in parentheses."""
    return figure(name, pattern, 1, " d")


def hours_interval(name: str) -> Formatter:
    """Return a formatter of the 95 % interval alone: `33.9 h to 56.8 h`."""

    def formatter(row: Row) -> Cell:
        bounds = [hours(f"{name}_{side}", interval=False)(row) for side in ("low", "high")]
        if bounds == [MISSING, MISSING]:
            return Cell(MISSING)
        return Cell(" to ".join(_UNKNOWN_BOUND if bound == MISSING else bound for bound in bounds))

    return formatter


def figure(name: str, pattern: str, scale: float, unit: str, *, interval: bool = True) -> Formatter:
    """Return a formatter of a figure with a unit, and with its interval where the row has one."""

    def formatter(row: Row) -> Cell:
        if row[name] is None:
            return Cell(MISSING)
        bounds = [_bound(row, name, side) for side in ("low", "high")] if interval else [None, None]
        low, high = (_UNKNOWN_BOUND if bound is None else pattern.format(bound * scale) for bound in bounds)
        to = " to " if "-" in low + high else "\N{EN DASH}"
        between = "" if bounds == [None, None] else f" ({low}{to}{high})"
        return Cell(pattern.format(row[name] * scale), unit + between)

    return formatter


def _bound(row: Row, name: str, side: str) -> Any:  # noqa: ANN401 - a number or None
    return row.get(f"{name}_{side}", row.get(f"{name}_{side}_bound"))

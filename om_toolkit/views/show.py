"""A frame in; the table that people read out: major units, per cent, local times, headings in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, Final

import polars as pl
from polars import selectors

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.orders.orders import Orders
from om_toolkit.support.html_tables import Heading
from om_toolkit.support.instants import as_of_text
from om_toolkit.support.text import count_of, with_article
from om_toolkit.support.time_zones import check_time_zone
from om_toolkit.tables.results import key_columns
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.tables.units import Unit, heading, unit_of
from om_toolkit.views import formatting
from om_toolkit.views.formatting import Cell, Formatter
from om_toolkit.views.pages import render

_LONG_HOURS: Final = 72

_BOUND: Final = re.compile(r"(.+)_(low|high)(_bound)?")

_COUNTED: Final = {
    ("orders", "orders"): "order",
    ("orders_captured", "orders_captured"): "captured order",
    ("refunds", "refunds"): "refund",
    ("count", "order_amount"): "order",
    ("count", "tracking_share"): "shipped item",
}
"""What a count of a result counts, for the caption: by its name and that of another column of the result."""


@dataclass(frozen=True)
class Shown:
    """A frame as a table for readers; a notebook displays it.

    Attributes:
        headings: The headings of its columns.
        rows: Its rows, as text.
        note: What the table describes: how many orders, when, and what was left out.
    """

    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    @property
    def html(self) -> str:
        """The table as HTML that makes no request and follows the theme of the notebook."""
        return render("show.html", table=self)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        table: list[Sequence[str]] = [[one.words for one in self.headings], *self.rows]
        widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        lines = (
            "  ".join(
                cell.ljust(width) if one.is_text else cell.rjust(width)
                for one, cell, width in zip(self.headings, row, widths, strict=True)
            )
            for row in table
        )
        return "\n".join([*filter(None, [self.note]), *map(str.rstrip, lines)])


def show(
    frame: pl.DataFrame,
    *,
    data: Orders | Tables[Any] | None = None,
    caption: str = "",
    time_zone: str = "UTC",
    rows: int = 50,
) -> Shown:
    """Return the result of a metric, or one of the five tables, as a table for readers. The frame stays as it is.

    Amounts are in major units with their currency, shares in per cent, and a figure and its interval are one cell.
    Copying a cell copies the number alone. The name of a column is the tooltip of its heading. The result of `compare`
    becomes one row per figure. A column of your own is shown as it is.

    Args:
        frame: The result of a metric, or a table.
        data: The orders that it was made from, for the caption: how many, and when they were fetched.
        caption: Words of your own for the caption.
        time_zone: The time zone of the times, a name of the IANA database.
        rows: The largest number of rows that are shown; the caption says how many are not.

    Raises:
        TypeError: If `frame` is not a polars DataFrame, or `data` not Orders or Tables.
        ValueError: If the time zone is unknown.

    Example:
        >>> import om_toolkit as om
        >>> client = om.replay("quickstart")
        >>> orders = client.orders(client.recorded_order_ids)
        >>> show(om.refund_ratio(orders).select("purchase_currency", "captured_amount", "^amount_ratio.*$").head(1))
        purchase currency  captured amount  refunded share of amount
        EUR                  29,100.20 EUR        22.2 % (11.9–37.6)
    """  # noqa: RUF002 - the dash between two limits
    if not isinstance(frame, pl.DataFrame):
        is_lazy = isinstance(frame, pl.LazyFrame)
        advice = "; collect it" if is_lazy else ", such as the result of om.refund_ratio(orders)"
        raise TypeError(f"show takes a polars DataFrame, not {with_article(type(frame).__name__)}{advice}")
    check_time_zone(time_zone)
    note = ", ".join(filter(None, [caption, *_notes(frame, data, rows)]))
    if CURRENCY not in frame.columns and data is not None:
        frame = with_only_currency(frame, data)
    shown = _with_local_times(frame.head(rows), time_zone)
    units = {name: unit_of(name, dtype) for name, dtype in frame.schema.items()}
    if _compared_figures(frame.columns):
        return _compared(shown, units, note)
    figures = [name for name in frame.columns if not _is_bound(name, units)]
    has_currency = CURRENCY in frame.columns
    headings = [_heading(name, units[name], time_zone, has_currency=has_currency) for name in figures]
    formatters = [_formatter(name, units[name], frame) for name in figures]
    cells = [[formatter(row) for formatter in formatters] for row in shown.iter_rows(named=True)]
    return Shown(headings, cells, note)


def _notes(frame: pl.DataFrame, data: Orders | Tables[Any] | None, rows: int) -> Iterator[str]:
    """Yield what the caption says: the orders, when they were fetched, and what is not in the table."""
    if data is not None:
        tables = tables_of(data)
        yield count_of(tables.orders.select(pl.len()).collect().item(), "order")
        yield as_of_text(tables.as_of, is_inferred=tables.as_of_is_inferred)
    else:
        yield from islice(_units_counted(frame), 1)
    if frame.schema.get("excluded") == pl.Int64 and (excluded := frame["excluded"].sum()):
        yield f"{excluded:,} excluded"
    if frame.height > rows:
        yield f"{count_of(frame.height - rows, 'more row')} (rows={frame.height})"


def _units_counted(frame: pl.DataFrame) -> Iterator[str]:
    """Yield what the rows of a result count, with its noun."""
    for (name, other), noun in _COUNTED.items():
        if frame.height and frame.schema.get(name) == pl.Int64 and other in frame.columns:
            yield count_of(int(frame[name].sum()), noun)


def with_only_currency(frame: pl.DataFrame, data: Orders | Tables[Any]) -> pl.DataFrame:
    """Return a frame with the currency of the orders, if they have only one."""
    codes = tables_of(data).orders.select(pl.col(CURRENCY).unique()).collect()[CURRENCY]
    return frame.with_columns(pl.lit(codes.item()).alias(CURRENCY)) if codes.len() == 1 else frame


def _with_local_times(frame: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Return a frame with its times as text in a time zone."""
    local = selectors.datetime(time_zone="*").dt.convert_time_zone(time_zone)
    naive = selectors.datetime(time_zone=None)
    return frame.with_columns(times.dt.strftime("%Y-%m-%d %H:%M") for times in (local, naive))


def _is_bound(name: str, units: dict[str, Unit]) -> bool:
    """Whether a column is a limit of another column, whose cells show it."""
    found = _BOUND.fullmatch(name)
    return found is not None and found[1] in units


def _heading(name: str, unit: Unit, time_zone: str, *, has_currency: bool) -> Heading:
    detail = time_zone if unit is Unit.TIME else "minor units" if unit is Unit.AMOUNT and not has_currency else ""
    return Heading(heading(name) + (f" ({detail})" if detail else ""), name, is_text=unit in _TEXTUAL)


_TEXTUAL: Final = (Unit.TEXT, Unit.TIME, Unit.DATE, Unit.MONTH, Unit.FLAG)


def _formatter(
    name: str, unit: Unit, frame: pl.DataFrame, *, sign: bool = False, alike: Sequence[str] = ()
) -> Formatter:
    """Return the formatter of a column; its durations, and those of `alike`, are all in hours or all in days."""
    has_currency = CURRENCY in frame.columns
    is_long = unit is Unit.HOURS and _typical_hours(frame, alike or [name]) >= _LONG_HOURS
    pattern = formatting.SIGNED if sign else formatting.PLAIN
    of_units: dict[Unit, Formatter] = {
        Unit.AMOUNT: formatting.amount(name, sign=sign) if has_currency else formatting.number(name),
        Unit.SHARE: formatting.points(name) if sign else formatting.percent(name),
        Unit.PERCENT: formatting.tax_rate(name, 1),
        Unit.RATE: formatting.tax_rate(name, 0.01),
        Unit.HOURS: (formatting.hours_as_days if is_long else formatting.hours)(name, pattern=pattern),
        Unit.DAYS: formatting.days(name, pattern=pattern),
        Unit.COUNT: formatting.count(name, sign=sign),
        Unit.NUMBER: formatting.number(name),
        Unit.FLAG: formatting.flag(name),
        Unit.MONTH: formatting.month(name),
    }
    missing = "(none)" if name in _keys(frame) else formatting.MISSING
    return of_units.get(unit, formatting.text(name, missing))


def _typical_hours(frame: pl.DataFrame, names: Sequence[str]) -> float:
    """Return the median of the hours of some columns; 0 if they have none."""
    return float(pl.concat([frame[name].cast(pl.Float64).rename("") for name in names]).abs().median() or 0)  # type: ignore[arg-type]


def _keys(frame: pl.DataFrame) -> list[str]:
    """Return the columns that name a group; a table that is no result has none."""
    keys = key_columns(frame.columns)
    return keys if len(keys) < frame.width else []


def _compared_figures(columns: Sequence[str]) -> list[str]:
    """Return the figures that have a column before and one after, as the result of `compare` has."""
    names = [name.removesuffix("_before") for name in columns if name.endswith("_before")]
    return [name for name in names if f"{name}_after" in columns]


def _compared(shown: pl.DataFrame, units: dict[str, Unit], note: str) -> Shown:
    """Return the result of `compare` with a row for each figure of each group."""
    figures = _compared_figures(shown.columns)
    keys = list(takewhile(lambda name: name != f"{figures[0]}_before", shown.columns))
    names = [Heading(heading(name), name, is_text=units[name] in _TEXTUAL) for name in keys]
    of_keys = [_formatter(name, units[name], shown) for name in keys]
    of_figures = {figure: list(_sides(figure, units, shown)) for figure in figures}
    cells = [
        [*(formatter(row) for formatter in of_keys), Cell(heading(figure)), *(formatter(row) for formatter in sides)]
        for row in shown.iter_rows(named=True)
        for figure, sides in of_figures.items()
    ]
    headings = [*names, Heading("figure", is_text=True), *map(Heading, ("before", "after", "difference"))]
    return Shown(headings, cells, note)


def _sides(figure: str, units: dict[str, Unit], shown: pl.DataFrame) -> Iterator[Formatter]:
    """Yield the formatters of a figure before and after, and of their difference, all in one unit."""
    sides = (f"{figure}_before", f"{figure}_after")
    for name in sides:
        yield _formatter(name, units[name], shown, alike=sides)
    difference = f"{figure}_difference"
    if difference in units:
        yield _formatter(difference, units[sides[0]], shown, sign=True, alike=sides)
    else:
        yield lambda _row: Cell("")

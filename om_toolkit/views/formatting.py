"""A row of a metric's frame in; the cells of a table for readers out, as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from om_toolkit import money
from om_toolkit.support.text import count_of

if TYPE_CHECKING:
    import polars as pl

Row: TypeAlias = dict[str, Any]

Formatter: TypeAlias = Callable[[Row], str]

Columns: TypeAlias = dict[str, Formatter]
"""The columns of a table for readers: each heading, with the formatter of its cells."""

MISSING: Final = "-"

_UNKNOWN_BOUND: Final = "?"


def format_rows(frame: pl.DataFrame, columns: Columns) -> list[list[str]]:
    """Return the rows of a frame as text, with one cell for each of the columns."""
    return [[formatter(row) for formatter in columns.values()] for row in frame.iter_rows(named=True)]


def text(name: str) -> Formatter:
    """Return a formatter of a text column, such as the name of a group."""
    return lambda row: "(none)" if row[name] is None else str(row[name])


def count(name: str, noun: str | None = None) -> Formatter:
    """Return a formatter of a count, followed by its noun if there is one: `1 order`, `2 orders`."""
    return lambda row: count_of(row[name], noun) if noun else f"{row[name]:,}"


def amount(name: str) -> Formatter:
    """Return a formatter of an amount in the currency of its row; a mean is rounded to a whole minor unit."""
    return lambda row: money.format(row[name], row["purchase_currency"])


def percent(name: str, *, interval: bool = True) -> Formatter:
    """Return a formatter of a ratio in per cent, with its 95 % interval in parentheses."""
    return _figure(name, "{:.1f}", 100, " %", interval=interval)


def hours(name: str, *, interval: bool = True) -> Formatter:
    """Return a formatter of hours, with their 95 % interval in parentheses."""
    return _figure(name, "{:,.1f}", 1, " h", interval=interval)


def hours_interval(name: str) -> Formatter:
    """Return a formatter of the 95 % interval alone: `33.9 h to 56.8 h`."""

    def formatter(row: Row) -> str:
        bounds = [hours(f"{name}_{side}", interval=False)(row) for side in ("low", "high")]
        if bounds == [MISSING, MISSING]:
            return MISSING
        return " to ".join(_UNKNOWN_BOUND if bound == MISSING else bound for bound in bounds)

    return formatter


def _figure(name: str, pattern: str, scale: float, unit: str, *, interval: bool) -> Formatter:
    """Return a formatter of a figure, with its interval where the row has one."""

    def formatter(row: Row) -> str:
        if row[name] is None:
            return MISSING
        figure = pattern.format(row[name] * scale) + unit
        bounds = [row[f"{name}_low"], row[f"{name}_high"]] if interval else [None, None]
        if bounds == [None, None]:
            return figure
        low, high = (_UNKNOWN_BOUND if bound is None else pattern.format(bound * scale) for bound in bounds)
        return f"{figure} ({low} to {high})"

    return formatter

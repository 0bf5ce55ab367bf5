"""Figures in words: a row of a metric's frame in, what a reader expects out. Shared by all that people look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from om_toolkit import money

if TYPE_CHECKING:
    import polars as pl


Record: TypeAlias = dict[str, Any]


Writer: TypeAlias = Callable[[Record], str]


Columns: TypeAlias = dict[str, Writer]
"""A table for readers: each heading, and how its cells are written."""


NOTHING = "-"


_UNREACHED = "?"


def write_rows(frame: pl.DataFrame, columns: Columns) -> list[list[str]]:
    """Write the rows of a frame for a reader."""
    return [[write(row) for write in columns.values()] for row in frame.iter_rows(named=True)]


def text(name: str) -> Writer:
    """Write a text, such as a group's name."""
    return lambda row: "(none)" if row[name] is None else str(row[name])


def count(name: str) -> Writer:
    """Write a count."""
    return lambda row: f"{row[name]:,}"


def amount(name: str) -> Writer:
    """Write an amount in the row's own currency; a mean is rounded to a whole minor unit."""
    return lambda row: money.format(None if row[name] is None else round(row[name]), row["purchase_currency"])


def percent(name: str, *, interval: bool = True) -> Writer:
    """Write a ratio in per cent, with its 95 % interval in brackets."""
    return _figure(name, "{:.1f}", 100, " %", interval=interval)


def hours(name: str, *, interval: bool = True) -> Writer:
    """Write hours, with their 95 % interval in brackets."""
    return _figure(name, "{:,.1f}", 1, " h", interval=interval)


def hours_between(name: str) -> Writer:
    """Write the 95 % interval of hours by itself."""

    def write(row: Record) -> str:
        low, high = (hours(f"{name}_{side}", interval=False)(row) for side in ("low", "high"))
        if low == high == NOTHING:
            return NOTHING
        return " to ".join(_UNREACHED if bound == NOTHING else bound for bound in (low, high))

    return write


def _figure(name: str, form: str, scale: float, unit: str, *, interval: bool) -> Writer:
    """Write a figure and its interval, if it has one."""

    def write(row: Record) -> str:
        if row[name] is None:
            return NOTHING
        told = form.format(row[name] * scale) + unit
        bounds = [row[f"{name}_low"], row[f"{name}_high"]] if interval else [None, None]
        if bounds == [None, None]:
            return told
        low, high = (_UNREACHED if bound is None else form.format(bound * scale) for bound in bounds)
        return f"{told} ({low} to {high})"

    return write

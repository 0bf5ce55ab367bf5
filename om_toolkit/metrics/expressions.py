"""What the metrics share: group columns, the instant they speak of, ratios with their intervals."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.money import EXPONENTS
from om_toolkit.support.instants import as_of_in_utc

if TYPE_CHECKING:
    from datetime import datetime

    from om_toolkit.tables.tables import Tables


OPEN: Final = ("AUTHORIZED", "PART_CAPTURED")
"""The statuses of an order whose money can still be captured."""


_HOUR: Final = 3_600_000_000  # microseconds


_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def instant(as_of: datetime | None, tables: Tables[pl.LazyFrame]) -> pl.Expr:
    """Return the instant a metric speaks of: the one asked for, else the data's own, else null. Naive means UTC."""
    return pl.lit(as_of_in_utc(as_of or tables.as_of), dtype=pl.Datetime("us", "UTC"))


def span(text: str) -> timedelta:
    """Read a span of time.

    Raises:
        ValueError: If it is not a whole number with its unit.

    Example:
        >>> span("90m"), span("72h"), span("1w")
        (datetime.timedelta(seconds=5400), datetime.timedelta(days=3), datetime.timedelta(days=7))
    """
    match = re.fullmatch(r"(\d+)([mhdw])", text)
    if not match:
        raise ValueError(f"{text!r} is no span of time: write a whole number and m, h, d or w, such as 90m, 72h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def count(expr: pl.Expr | str) -> pl.Expr:
    """Sum amounts or counts, or count what is true, as Int64."""
    return (pl.col(expr) if isinstance(expr, str) else expr).sum().cast(pl.Int64)


def hours(microseconds: pl.Expr) -> pl.Expr:
    """Turn whole microseconds into hours, Float64."""
    return exactly(microseconds, _HOUR)


def exactly(number: pl.Expr, divisor: int) -> pl.Expr:
    """Divide by a literal, to the last digit, Float64.

    Where there is more than one row polars multiplies by the literal's inverse, so that the last digit would depend on
    how many there are; a column it divides by.
    """
    return number / (number * 0 + divisor)


def written(amount: pl.Expr, currency: str = CURRENCY) -> pl.Expr:
    """Write an amount for a reader, as `money.format` does."""
    by_exponent = {exponent: [c for c, e in EXPONENTS.items() if e == exponent] for exponent in set(EXPONENTS.values())}
    code = pl.col(currency)
    sign = pl.when(amount < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.coalesce(
        *(
            pl.when(code.is_in(codes)).then(pl.format("{}{} {}", sign, _digits(amount.abs(), exponent), code))
            for exponent, codes in by_exponent.items()
        ),
        pl.format("{}{} minor units of {}", sign, _digits(amount.abs(), 0), code.fill_null("?")),
    )


def _digits(amount: pl.Expr, exponent: int) -> pl.Expr:
    """Write whole numbers with a comma every three digits, so many of them after the point."""
    scale: int = 10**exponent
    whole = (amount // scale).cast(pl.String)
    backwards = whole.str.reverse().str.replace_all(r"(\d{3})", "$1,").str.reverse().str.strip_chars_start(",")
    if not exponent:
        return backwards
    return pl.format("{}.{}", backwards, (amount % scale).cast(pl.String).str.zfill(exponent))

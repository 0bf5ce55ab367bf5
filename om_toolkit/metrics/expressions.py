"""Expressions and checks that several metrics use: options, amounts and durations in, polars expressions out."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.money import EXPONENTS
from om_toolkit.support.instants import as_of_in_utc
from om_toolkit.tables.tables import Tables

OPEN: Final = ("AUTHORIZED", "PART_CAPTURED")
"""The statuses of an order whose money can still be captured."""

CAPTURE_KEY: Final = ("order_id", "capture_id")
"""What identifies a capture; a missing capture id is a value like any other."""

CAPTURE_POSITION: Final = ("order_id", "capture")
"""What identifies a row of the captures table."""

_MICROSECONDS_PER_HOUR: Final = 3_600_000_000

_DURATION_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def effective_as_of(as_of: datetime | None, tables: Tables[pl.LazyFrame]) -> pl.Expr:
    """Return the `as_of` of a metric: the argument, else that of the data, else null. A naive time is in UTC."""
    return pl.lit(as_of_in_utc(as_of or tables.as_of), dtype=pl.Datetime("us", "UTC"))


def observed_until(as_of: pl.Expr, is_final: pl.Expr) -> pl.Expr:
    """Return the instant until which an order is observed: when it was fetched, at most `as_of`.

    An order in a final state is not fetched again, and cannot change: it is observed until `as_of`. The expression is
    over rows with `seen_at`, which `with_seen_at` provides.

    Args:
        as_of: The `as_of` of the metric.
        is_final: Whether nothing can happen to the order any more; null counts as false.
    """
    seen = pl.min_horizontal(as_of, "seen_at")
    return pl.when(is_final).then(pl.coalesce(as_of, seen)).otherwise(seen)


def with_seen_at(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Return the orders with the column `seen_at`, null if the table was made without it."""
    if "seen_at" in orders.collect_schema():
        return orders
    return orders.with_columns(seen_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")))


def parse_duration(value: object) -> timedelta:
    """Read a duration given as `within`.

    Raises:
        ValueError: If it is not the text of a whole number and a unit.

    Example:
        >>> parse_duration("90m"), parse_duration("72h"), parse_duration("1w")
        (datetime.timedelta(seconds=5400), datetime.timedelta(days=3), datetime.timedelta(days=7))
    """
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError(
            f"invalid duration {value!r} in within; use a number and a unit, such as '90m', '72h', '7d' or '2w'"
        )
    return timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})


def windows_of(within: object) -> tuple[str, ...]:
    """Return the durations of an option that takes one or several.

    Raises:
        ValueError: If one of them is not a duration.
    """
    given = tuple(within) if isinstance(within, Iterable) and not isinstance(within, str) else (within,)
    for window in given:
        parse_duration(window)
    return given


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Check that an option has one of its values.

    Raises:
        ValueError: If it does not.
    """
    if value not in choices:
        *others, last = map(repr, choices)
        raise ValueError(f"invalid {option} {value!r}; use {', '.join(others)} or {last}")


def total(expr: pl.Expr | str) -> pl.Expr:
    """Return the sum of amounts or counts, or the number of true values, as Int64."""
    return (pl.col(expr) if isinstance(expr, str) else expr).sum().cast(pl.Int64)


def known_sum(amount: str) -> pl.Expr:
    """Return the sum of amounts, null if one of them is missing."""
    return pl.when(pl.col(amount).is_not_null().all()).then(pl.col(amount).sum())


def in_hours(microseconds: pl.Expr) -> pl.Expr:
    """Return whole microseconds as hours, Float64."""
    return divide_exactly(microseconds, _MICROSECONDS_PER_HOUR)


def divide_exactly(number: pl.Expr, divisor: int) -> pl.Expr:
    """Return the correctly rounded quotient, Float64.

    polars multiplies a column of several rows by the inverse of a literal, so that the last digit would depend on the
    number of rows. It divides by a column, hence the divisor becomes one.
    """
    return number / (number * 0 + divisor)


def currency_exponent() -> pl.Expr:
    """Return the exponent of each row's currency; null if ISO 4217 does not have it."""
    return pl.col(CURRENCY).replace_strict(EXPONENTS, default=None, return_dtype=pl.Int64)


def formatted_amount(amount: pl.Expr, exponent: pl.Expr) -> pl.Expr:
    """Return amounts of the row's currency as text, in the form of `money.format`.

    Args:
        amount: Minor units.
        exponent: A column with the `currency_exponent`, which takes longer to find than all the rest.
    """
    scale = pl.lit(10, dtype=pl.Int64).pow(exponent.fill_null(0))
    sign = pl.when(amount < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    digits = (amount.abs() // scale).cast(pl.String).str.reverse().str.replace_all(r"(\d{3})", "$1,").str.reverse()
    part = pl.format(".{}", (amount.abs() % scale).cast(pl.String).str.zfill(exponent))
    decimals = pl.when(exponent > 0).then(part).otherwise(pl.lit(""))
    code = pl.col(CURRENCY)
    unit = pl.when(exponent.is_null()).then(pl.format("minor units of {}", code.fill_null("?"))).otherwise(code)
    return pl.format("{}{}{} {}", sign, digits.str.strip_chars_start(","), decimals, unit)

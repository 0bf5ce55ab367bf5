"""What the metrics share: group columns, the instant they speak of, ratios with their intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl
from polars import selectors as cs

from om_toolkit.instants import in_utc
from om_toolkit.money import EXPONENTS

if TYPE_CHECKING:
    from datetime import datetime

    from om_toolkit.tables import Tables

By: TypeAlias = str | pl.Expr | Sequence[str | pl.Expr]

OPEN: Final = ("AUTHORIZED", "PART_CAPTURED")
"""The statuses of an order whose money can still be captured."""

CURRENCY: Final = "purchase_currency"

Z: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: what a 95 % interval is made with."""

_HOUR: Final = 3_600_000_000  # microseconds

_WIDEST: Final = 1e38
"""What a product may reach in Int128, whose end is 1.7e38."""

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Groups:
    """The group columns of a metric.

    Inside a query they go by names of their own, so that a group may be called like a column that the query needs:
    `pl.col("created_at").dt.truncate("1mo")` is called `created_at`. Without group columns all orders are one group.

    Attributes:
        names: What the caller knows them by.
        exprs: They themselves, computed from the orders table.
    """

    names: tuple[str, ...]
    exprs: tuple[pl.Expr, ...]

    @property
    def keys(self) -> list[str]:
        """Their names inside a query."""
        return [f"group_{position}" for position in range(len(self.exprs))]

    def of_orders(self, orders: pl.LazyFrame) -> pl.LazyFrame:
        """Return each order id once, with its group; an id that stands there twice has the group of the first."""
        return self.select(orders, "order_id").unique("order_id", keep="first")

    def select(self, orders: pl.LazyFrame, *columns: str, **more: pl.Expr) -> pl.LazyFrame:
        """Select the group columns and others of the orders table."""
        keys = [expr.alias(key) for key, expr in zip(self.keys, self.exprs, strict=True)]
        return orders.select(*keys, *columns, **more)

    def present(self, result: pl.LazyFrame, *then: pl.Expr) -> pl.LazyFrame:
        """Sort by group, missing values last, then as told; name the group columns as the caller does."""
        named = zip(self.keys, self.names, strict=False)  # the one group of all orders has no name
        return result.sort(*self.keys, *then, nulls_last=True).select(
            *(pl.col(key).alias(name) for key, name in named), cs.exclude(self.keys)
        )


def groups_of(orders: pl.LazyFrame, by: By, *, currency: bool = False) -> Groups:
    """Read the `by` of a metric; `currency` adds the currency unless it is among them.

    Raises:
        ValueError: If the orders table has no such column.
    """
    exprs = expressions(by)
    if currency and not has_currency(by):
        exprs.append(pl.col(CURRENCY))
    known = orders.collect_schema().names()
    unknown = [name for expr in exprs for name in expr.meta.root_names() if name not in known]
    if unknown:
        raise ValueError(f"orders have no column {', '.join(unknown)}: they have {', '.join(known)}")
    names = tuple(expr.meta.output_name() for expr in exprs)
    return Groups(names, tuple(exprs) or (pl.lit("all"),))


def has_currency(by: By) -> bool:
    """Tell whether each group holds one currency only; an expression that merely bears that name does not count."""
    return any(expr.meta.eq(pl.col(CURRENCY)) for expr in expressions(by))


def expressions(by: By) -> list[pl.Expr]:
    """Return the group columns as expressions."""
    given = [by] if isinstance(by, str | pl.Expr) else by
    return [pl.col(item) if isinstance(item, str) else item for item in given]


def instant(as_of: datetime | None, tables: Tables[pl.LazyFrame]) -> pl.Expr:
    """Return the instant a metric speaks of: the one asked for, else the data's own, else null. Naive means UTC."""
    return pl.lit(in_utc(as_of or tables.as_of), dtype=pl.Datetime("us", "UTC"))


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


def ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Divide; a denominator of 0 gives null."""
    return part / pl.when(whole != 0).then(whole)


def count_ratio(name: str, part: str, whole: str) -> list[pl.Expr]:
    """Return the share of a count in another, with its interval as `name_low` and `name_high` (Wilson 1927)."""
    hits, trials = pl.col(part).cast(pl.Float64), pl.col(whole)
    share = ratio(hits, trials)
    middle = share + Z**2 / (2 * trials)
    half = Z * (share * (1 - share) / trials + (Z / (2 * trials)) ** 2).sqrt()
    scale = 1 + Z**2 / trials
    low, high = (((middle + side) / scale).clip(0, 1) for side in (-half, half))
    return [share.alias(name), low.alias(f"{name}_low"), high.alias(f"{name}_high")]


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


def moments(part: pl.Expr, whole: pl.Expr) -> dict[str, pl.Expr]:
    """Aggregate what `amount_ratio` needs beside the sums: the exact sums of squares and products of its amounts."""
    y, x = (amount.cast(pl.Int128) for amount in (part, whole))
    return {"yy": (y * y).sum(), "xy": (x * y).sum(), "xx": (x * x).sum()}


def _squared_residuals(part: str, whole: str) -> pl.Expr:
    """Return Σ(y - R·x)² = Σy² - 2R·Σxy + R²·Σx², in whole numbers while they fit: there nothing cancels out."""
    yy, xy, xx = map(pl.col, ("yy", "xy", "xx"))
    y, x, share = pl.col(part), pl.col(whole), ratio(pl.col(part), pl.col(whole))
    wide_y, wide_x = y.cast(pl.Int128), x.cast(pl.Int128)
    of_y, of_x = ((left * wide_x - right * wide_y).cast(pl.Float64) for left, right in ((yy, xy), (xy, xx)))
    largest = pl.max_horizontal(yy.cast(pl.Float64), xx.cast(pl.Float64)) * pl.max_horizontal(y, x).cast(pl.Float64)
    rough = yy.cast(pl.Float64) - 2 * share * xy.cast(pl.Float64) + share**2 * xx.cast(pl.Float64)
    return pl.when(largest < _WIDEST).then((of_y - share * of_x) / x).otherwise(rough).clip(lower_bound=0)


def amount_ratio(name: str, part: str, whole: str, orders: str) -> list[pl.Expr]:
    """Return the ratio of two sums over orders, beside their `moments`, with its interval as `name_low`, `name_high`.

    The variance is that of the ratio estimator (Cochran, Sampling Techniques, ch. 6), n/(n-1) · Σ(y - R·x)² / (Σx)²;
    the interval is taken on the logit scale, and null for fewer than two orders and for an R not between 0 and 1.
    """
    share = ratio(pl.col(part), pl.col(whole))
    n = pl.col(orders)
    deviation = (n / (n - 1) * _squared_residuals(part, whole)).sqrt() / pl.col(whole)
    spread = Z * deviation / (share * (1 - share))
    has_interval = (n > 1) & share.is_between(0, 1, closed="none")
    odds = share / (1 - share)
    low, high = (pl.when(has_interval).then(1 / (1 + (side * spread).exp() / odds)) for side in (1, -1))
    return [share.alias(name), low.alias(f"{name}_low"), high.alias(f"{name}_high")]

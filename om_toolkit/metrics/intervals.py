"""Ratios: counts or sums of amounts in, the ratio with its 95 % interval out.

Every interval has Wilson's form (1927), which stays within 0 and 1 and has an upper bound for 0 of n. A ratio of
sums over orders has an effective number of orders instead of n.
"""

from typing import Final

import polars as pl

Z_95: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, from which a 95 % interval is made."""

_INT128_LIMIT: Final = 1e38
"""The limit for products in Int128, whose maximum is 1.7e38."""


def ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Divide; a denominator of 0 gives null."""
    return part / pl.when(whole != 0).then(whole)


def count_ratio(name: str, part: str, whole: str) -> list[pl.Expr]:
    """Return the ratio of two counts, with its interval as `name_low` and `name_high` (Wilson 1927).

    Each unit counts as independent of the others; use `unit_ratio` where one order has several.
    """
    share = ratio(pl.col(part).cast(pl.Float64), pl.col(whole))
    return [share.alias(name), *wilson_bounds(name, share, pl.col(whole))]


def unit_ratio(name: str, part: str, whole: str) -> list[pl.Expr]:
    """Return the ratio of two counts of units of which an order can have several, such as its captures.

    The interval is that of `amount_ratio` without the factor n/(n-1), hence that of `count_ratio` where every order has
    one unit. It needs the columns of `moments`, summed over orders.
    """
    return _ratio_of_sums(name, part, whole, pl.lit(1.0))


def amount_ratio(name: str, part: str, whole: str, orders: str) -> list[pl.Expr]:
    """Return the ratio of two sums over orders, with its interval as `name_low` and `name_high`.

    The interval is Wilson's for an effective number of orders (after Korn & Graubard 1998), the smaller one of Kish's
    (Σx)² / Σx² and R(1 - R) / V. V is the variance of the ratio estimator (Cochran, Sampling Techniques, ch. 6),
    n/(n-1) · Σ(y - R·x)² / (Σx)². Where V is 0, as for an R of 0 or 1, Kish's alone counts. The interval is null only
    where R is not between 0 and 1. It needs the columns of `moments`.
    """
    n = pl.col(orders)
    return _ratio_of_sums(name, part, whole, n / (n - 1))


def moments(name: str, part: pl.Expr, whole: pl.Expr) -> dict[str, pl.Expr]:
    """Return the exact sums of squares and products over orders that the interval of the ratio `name` needs."""
    y, x = (amount.cast(pl.Int128) for amount in (part, whole))
    return {f"{name}_yy": (y * y).sum(), f"{name}_xy": (x * y).sum(), f"{name}_xx": (x * x).sum()}


def wilson_bounds(name: str, share: pl.Expr, size: pl.Expr) -> list[pl.Expr]:
    """Return Wilson's bounds of a share of `size` units as `name_low` and `name_high`; null outside of 0 and 1."""
    known = pl.when(share.is_between(0, 1)).then(share)
    low, low_of_rest = (_lower_wilson_bound(one, size) for one in (known, 1 - known))
    return [low.alias(f"{name}_low"), (1 - low_of_rest).alias(f"{name}_high")]


def _lower_wilson_bound(share: pl.Expr, size: pl.Expr) -> pl.Expr:
    """Return the lower bound in a form without differences: 0 of n gives exactly 0."""
    spread = Z_95**2 / size
    return 2 * share**2 / (2 * share + spread + (spread**2 + 4 * spread * share * (1 - share)).sqrt())


def effective_size(share: pl.Expr, variance: pl.Expr, kish: pl.Expr) -> pl.Expr:
    """Return the number of equal orders with the same variance, at most Kish's, or Kish's for a share of 0 or 1.

    A share is 1 with a variance above 0 where one order has more than all and another less.
    """
    is_varied = (variance > 0) & share.is_between(0, 1, closed="none")
    return pl.min_horizontal(kish, pl.when(is_varied).then(share * (1 - share) / variance))


def _ratio_of_sums(name: str, part: str, whole: str, correction: pl.Expr) -> list[pl.Expr]:
    """Return a ratio with Wilson's interval for the effective number of orders."""
    share, x = ratio(pl.col(part), pl.col(whole)), pl.col(whole).cast(pl.Float64)
    residuals = _squared_residuals(name, part, whole)
    variance = pl.when(residuals > 0).then(correction * residuals / x**2)
    size = effective_size(share, variance, x**2 / pl.col(f"{name}_xx").cast(pl.Float64))
    return [share.alias(name), *wilson_bounds(name, share, size)]


def _squared_residuals(name: str, part: str, whole: str) -> pl.Expr:
    """Return Σ(y - R·x)² = Σy² - 2R·Σxy + R²·Σx².

    The sums are nearly equal where R fits well. Whole numbers keep their difference exact, as long as they fit.
    """
    yy, xy, xx = (pl.col(f"{name}_{sums}") for sums in ("yy", "xy", "xx"))
    y, x, share = pl.col(part), pl.col(whole), ratio(pl.col(part), pl.col(whole))
    wide_y, wide_x = y.cast(pl.Int128), x.cast(pl.Int128)
    of_y, of_x = ((left * wide_x - right * wide_y).cast(pl.Float64) for left, right in ((yy, xy), (xy, xx)))
    largest = pl.max_horizontal(yy.cast(pl.Float64), xx.cast(pl.Float64)) * pl.max_horizontal(y, x).cast(pl.Float64)
    rough = yy.cast(pl.Float64) - 2 * share * xy.cast(pl.Float64) + share**2 * xx.cast(pl.Float64)
    return pl.when(largest < _INT128_LIMIT).then((of_y - share * of_x) / x).otherwise(rough).clip(lower_bound=0)

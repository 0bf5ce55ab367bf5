"""Ratios: counts or sums of amounts in, the ratio with its 95 % interval out."""

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
    """Return the ratio of two counts, with its interval as `name_low` and `name_high` (Wilson 1927)."""
    hits, trials = pl.col(part).cast(pl.Float64), pl.col(whole)
    share = ratio(hits, trials)
    middle = share + Z_95**2 / (2 * trials)
    half = Z_95 * (share * (1 - share) / trials + (Z_95 / (2 * trials)) ** 2).sqrt()
    scale = 1 + Z_95**2 / trials
    low, high = (((middle + side) / scale).clip(0, 1) for side in (-half, half))
    return [share.alias(name), low.alias(f"{name}_low"), high.alias(f"{name}_high")]


def amount_ratio(name: str, part: str, whole: str, orders: str) -> list[pl.Expr]:
    """Return the ratio of two sums over orders, with its interval as `name_low` and `name_high`.

    It needs the columns of `moments` as well. The variance is that of the ratio estimator (Cochran, Sampling
    Techniques, ch. 6), n/(n-1) · Σ(y - R·x)² / (Σx)². The interval is made on the logit scale; it is null for fewer
    than two orders and for an R that is not between 0 and 1.
    """
    share = ratio(pl.col(part), pl.col(whole))
    n = pl.col(orders)
    deviation = (n / (n - 1) * _squared_residuals(part, whole)).sqrt() / pl.col(whole)
    spread = Z_95 * deviation / (share * (1 - share))
    has_interval = (n > 1) & share.is_between(0, 1, closed="none")
    odds = share / (1 - share)
    low, high = (pl.when(has_interval).then(1 / (1 + (side * spread).exp() / odds)) for side in (1, -1))
    return [share.alias(name), low.alias(f"{name}_low"), high.alias(f"{name}_high")]


def moments(part: pl.Expr, whole: pl.Expr) -> dict[str, pl.Expr]:
    """Return the exact sums of squares and products of the two amounts, which `amount_ratio` needs."""
    y, x = (amount.cast(pl.Int128) for amount in (part, whole))
    return {"yy": (y * y).sum(), "xy": (x * y).sum(), "xx": (x * x).sum()}


def _squared_residuals(part: str, whole: str) -> pl.Expr:
    """Return Σ(y - R·x)² = Σy² - 2R·Σxy + R²·Σx².

    The sums are nearly equal where R fits well. Whole numbers keep their difference exact, as long as they fit.
    """
    yy, xy, xx = map(pl.col, ("yy", "xy", "xx"))
    y, x, share = pl.col(part), pl.col(whole), ratio(pl.col(part), pl.col(whole))
    wide_y, wide_x = y.cast(pl.Int128), x.cast(pl.Int128)
    of_y, of_x = ((left * wide_x - right * wide_y).cast(pl.Float64) for left, right in ((yy, xy), (xy, xx)))
    largest = pl.max_horizontal(yy.cast(pl.Float64), xx.cast(pl.Float64)) * pl.max_horizontal(y, x).cast(pl.Float64)
    rough = yy.cast(pl.Float64) - 2 * share * xy.cast(pl.Float64) + share**2 * xx.cast(pl.Float64)
    return pl.when(largest < _INT128_LIMIT).then((of_y - share * of_x) / x).otherwise(rough).clip(lower_bound=0)

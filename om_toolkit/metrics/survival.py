"""Curves of Kaplan & Meier 1958: the time and outcome of each order in, the survival with its variance out.

A curve has one row per order, in the sequence of their times. Of equal times the last row has the values of the curve:
with d captures at one time and n at risk, the factors (n - 1) / n, (n - 2) / (n - 1) … make (n - d) / n, and likewise
Greenwood's terms d / (n (n - d)). Excluded orders come before the curve, without a time, and do not change it.
"""

from math import log
from typing import Final

import polars as pl
from polars import selectors as cs

from om_toolkit.metrics.captured_orders import OUTCOMES, Estimand, order_ends
from om_toolkit.metrics.grouping import Groups
from om_toolkit.metrics.intervals import Z_95
from om_toolkit.tables.tables import Tables

_ROUNDING: Final = 1e-9
"""The rounding error allowed where a survival is compared with a level.

A curve is a product of one factor per order: ten million factors have a smaller rounding error, and one order among ten
million moves the curve by a hundred times this.
"""

AT: Final = pl.col("at")
"""The time of a row, microseconds since creation; null if the order is excluded."""

OUTCOME: Final = pl.col("outcome")

IS_CAPTURED: Final = OUTCOME.eq_missing(OUTCOMES.index("captured"))

SURVIVAL: Final = pl.col("survival")
"""The share of all orders that is not captured."""

VARIANCE: Final = pl.col("variance")
"""The variance of the logarithm of the survival."""

_IS_COMPLETE: Final = (pl.col("position") == 1) | (AT.shift(-1) != AT)
"""Whether a row has the values of its time: of equal times it is the last one."""

_BOUNDS: Final = {-1: "lower_bound", 1: "upper_bound"}


def survival_steps(tables: Tables[pl.LazyFrame], groups: Groups, estimand: Estimand) -> pl.LazyFrame:
    """Plan the curve of each group, one row per order.

    Returns:
        `group`, a number in the sequence of the group columns, with these; `at` and `outcome`; `position`, counted from
        the end of the curve, hence the number of orders at risk; `weight`, if there is one; `survival`, `variance`.
    """
    amount = {"weight": pl.col("amount").sort_by("end")} if estimand.is_weighted else {}
    weight_columns = list(amount)
    curve = _weighted_curve() if estimand.is_weighted else _curve()
    return (
        order_ends(tables, groups, estimand)
        .group_by(groups.keys)
        .agg(pl.col("end").sort(), position=pl.int_range(pl.len(), 0, -1), **amount)
        .sort(groups.keys)  # the position of a row decides the last bit of a division
        .with_row_index("group")
        .explode("end", "position", *weight_columns)
        .with_columns(at=pl.col("end") // len(OUTCOMES), outcome=pl.col("end") % len(OUTCOMES))
        .group_by("group", maintain_order=True)
        .agg(pl.col(groups.keys).first(), "at", "outcome", "position", *weight_columns, **curve)
        .explode(cs.exclude("group", *groups.keys))
    )


def _curve() -> dict[str, pl.Expr]:
    """Return the survival of a group and Greenwood's variance of its logarithm."""
    at_risk, captured = pl.col("position"), IS_CAPTURED.cast(pl.Int64)
    left = at_risk - captured
    return {"survival": (left / at_risk).cum_prod(), "variance": (captured / (at_risk * left)).cum_sum()}


def _weighted_curve() -> dict[str, pl.Expr]:
    """Return the weighted survival of a group and the robust variance of its logarithm.

    The variance is the sum over orders of the squared influence of each on ln S(t), which is Greenwood's where all
    weights are equal (the infinitesimal jackknife; Efron 1979). With C(t) = Σ d / (n (n - d)) over times up to t, n and
    d being sums of weights, an order that was captured at u ≤ t has the influence w (1 / (n(u) - d(u)) - C(u)), one
    that was observed until u ≤ t has -w C(u), and any other -w C(t).
    """
    weight = pl.when(AT.is_not_null()).then(pl.col("weight").cast(pl.Float64)).otherwise(0.0)
    at_risk = weight.cum_sum(reverse=True)
    captured = weight * IS_CAPTURED
    left = at_risk - captured
    hazards = (captured / at_risk / left).fill_nan(0.0).cum_sum()
    is_last_capture = IS_CAPTURED & (_IS_COMPLETE | ~IS_CAPTURED.shift(-1))
    left_after, hazard = _carried_back(left, is_last_capture), _carried_back(hazards, _IS_COMPLETE)
    influence = weight * (pl.when(IS_CAPTURED).then(1 / left_after).otherwise(0.0) - hazard)
    others = (weight**2).cum_sum(reverse=True) - weight**2
    return {
        "survival": (left / at_risk).fill_nan(1.0).cum_prod(),
        "variance": (influence**2).cum_sum() + hazards**2 * others,
    }


def _carried_back(values: pl.Expr, is_known: pl.Expr) -> pl.Expr:
    """Return at each row the value of the next row that knows it."""
    return pl.when(is_known).then(values).backward_fill()


def survival_bound(side: int, survival: pl.Expr, variance: pl.Expr) -> pl.Expr:
    """Return the lower (-1) or upper (1) 95 % bound of a survival, log-log; without width at 1 and at 0."""
    log_survival = survival.log()
    bound = (log_survival * (side * Z_95 * variance.sqrt() / log_survival).exp()).exp()
    return pl.when(survival.is_between(0, 1, closed="none")).then(bound).otherwise(survival)


def bounds_on_the_scale_of_levels() -> list[pl.Expr]:
    """Return the bounds of the survival as ln(-ln S), which `is_bound_down_to` compares with a level.

    Only rows with the values of their time have them. A power for each row and level would take much longer.
    """
    log_survival = SURVIVAL.log()
    middle = (-log_survival).log()
    half = Z_95 * VARIANCE.sqrt() / log_survival
    has_width = SURVIVAL.is_between(0, 1, closed="none")
    return [
        pl.when(_IS_COMPLETE & has_width).then(middle + side * half).when(_IS_COMPLETE).then(middle).alias(name)
        for side, name in _BOUNDS.items()
    ]


def is_down_to(level: float | pl.Expr) -> pl.Expr:
    """Return whether the survival has reached a level."""
    return level + _ROUNDING >= SURVIVAL


def is_bound_down_to(side: int, level: float) -> pl.Expr:
    """Return whether the lower (-1) or upper (1) bound of the survival has reached a level."""
    return pl.col(_BOUNDS[side]) >= log(-log(level + _ROUNDING))

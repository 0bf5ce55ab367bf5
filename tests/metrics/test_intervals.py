"""The intervals of ratios: against scipy, against one another, and by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from om_toolkit.metrics.intervals import amount_ratio, count_ratio, moments, unit_ratio

Z2 = 3.8414588206941236  # 1.959963984540054 squared


def of_orders(y: Any, x: Any, by: Any = None) -> pl.DataFrame:
    """Return the ratios of Σy over Σx as units and as amounts, a row per group."""
    orders = pl.DataFrame({"y": y, "x": x, "by": by if by is not None else np.zeros(len(x), dtype=np.int64)})
    names = ("amount", "unit")
    sums = {key: value for name in names for key, value in moments(name, pl.col("y"), pl.col("x")).items()}
    grouped = orders.group_by("by", maintain_order=True).agg(
        n=pl.len(), part=pl.col("y").sum(), x=pl.col("x").sum(), **sums
    )
    return grouped.select(
        *count_ratio("count", "part", "x"),
        *unit_ratio("unit", "part", "x"),
        *amount_ratio("amount", "part", "x", "n"),
    )


@pytest.mark.parametrize("hits", range(8))
def test_units_of_orders_with_one_unit_each_have_scipys_interval(hits: int) -> None:
    row = of_orders([1] * hits + [0] * (7 - hits), [1] * 7).row(0, named=True)
    expected = pytest.approx(list(binomtest(hits, 7).proportion_ci(method="wilson")), abs=1e-12)
    assert [row["count_low"], row["count_high"]] == expected
    assert [row["unit_low"], row["unit_high"]] == expected


def test_units_that_always_agree_within_their_order_count_once() -> None:
    # Twelve orders of four units each, three of them with the property: the interval is that of 3 of 12, not 12 of 48.
    row = of_orders([4] * 3 + [0] * 9, [4] * 12).row(0, named=True)
    expected = list(binomtest(3, 12).proportion_ci(method="wilson"))
    assert [row["unit_low"], row["unit_high"]] == pytest.approx(expected, abs=1e-12)
    assert row["count_low"] > row["unit_low"]
    assert row["count_high"] < row["unit_high"]


def test_none_of_n_has_an_upper_bound() -> None:
    row = of_orders([0, 0, 0], [5, 5, 5]).row(0, named=True)
    assert (row["amount"], row["amount_low"], row["unit_low"]) == (0, 0, 0)
    assert row["amount_high"] == row["unit_high"] == pytest.approx(Z2 / (3 + Z2))
    assert row["count_high"] == pytest.approx(Z2 / (15 + Z2))


def test_nothing_at_all_has_no_ratio() -> None:
    assert of_orders([0, 0], [0, 0]).row(0) == (None,) * 9


@pytest.mark.slow
@pytest.mark.parametrize("size", [50, 100, 500])
@pytest.mark.parametrize("log_sd", [0.7, 1.2])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_interval_covers_the_true_ratio_under_heavy_tails(share: float, log_sd: float, size: int) -> None:
    # Whole orders are refunded with one probability, whatever their amount: the true ratio is that probability.
    shops = 5000
    random = np.random.default_rng(11)
    amounts = np.rint(10_000 * random.lognormal(0, log_sd, shops * size)).astype(np.int64) + 1
    refunded = np.where(random.random(shops * size) < share, amounts, 0)
    found = of_orders(refunded, amounts, np.repeat(np.arange(shops), size))
    covered = ((found["amount_low"] <= share) & (share <= found["amount_high"])).mean()
    print(f"amount ratio: p {share}, log-sd {log_sd}, n {size}: coverage {covered:.3f}")  # noqa: T201 - the table of the simulation
    assert found["amount_high"].null_count() == 0
    assert 0.95 <= covered <= 0.995  # type: ignore[operator]

"""The time to capture in simulated shops whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm
from shop_tables import at, shop

import om_toolkit as om

MEDIAN, LOG_SD, AGES, NOW = 40.0, 0.8, 240.0, 1000.0
"""Hours: of the lognormal waits, and of the oldest order."""


def simulated(cancelled: float, *, shops: int, orders: int, weight: str = "orders") -> pl.DataFrame:
    """Return the latency of shops, each a group, in which a part of the orders is cancelled sooner or later.

    The open orders were fetched last, the others when they were first seen in their final state, as an archive does.
    """
    random = np.random.default_rng(7)
    size = shops * orders
    age = random.uniform(0, AGES, size)
    wait = np.where(random.random(size) < cancelled, np.inf, MEDIAN * np.exp(LOG_SD * random.standard_normal(size)))
    end = np.where(np.isinf(wait), random.exponential(60, size), wait)
    is_over = end <= age
    created = NOW - age
    made = pl.DataFrame(
        {
            "order_id": np.arange(size).astype(str),
            "purchase_country": np.repeat(np.arange(shops), orders).astype(str),
            "purchase_currency": np.full(size, "SEK"),
            "order_amount": random.lognormal(9, 0.7, size).astype(np.int64),
            "status": np.where(is_over, np.where(np.isinf(wait), "CANCELLED", "CAPTURED"), "AUTHORIZED"),
            "created_at": created,
            "captured_at": np.where(is_over & np.isfinite(wait), created + end, np.nan),
            "seen_at": np.where(is_over, np.minimum(NOW, created + end + random.exponential(24, size)), NOW),
        }
    ).with_columns((pl.col("^.*_at$").fill_nan(None) * 3.6e9).cast(pl.Duration("us")) + at(0))
    none = shop()
    frames = {
        "orders": pl.concat([none.orders, made.drop("captured_at")], how="diagonal"),
        "captures": pl.concat([none.captures, made.select("order_id", "captured_at")], how="diagonal"),
    }
    tables: Any = om.Tables(**{**dict(none.items()), **frames}, as_of=at(NOW))
    return om.capture_latency(tables, by="purchase_country", weight=weight)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("weight", ["orders", "amount"])
@pytest.mark.parametrize("cancelled", [0.0, 0.1, 0.33])
def test_the_share_within_72_hours_is_unbiased_and_its_interval_covers_the_truth(cancelled: float, weight: str) -> None:
    truth = (1 - cancelled) * float(norm.cdf(np.log(72 / MEDIAN) / LOG_SD))
    found = simulated(cancelled, shops=1000, orders=300, weight=weight)
    error = found["within_72h"].mean() - truth  # type: ignore[operator]
    covered = ((found["within_72h_low"] <= truth) & (truth <= found["within_72h_high"])).mean()
    print(f"within 72 h by {weight}: {cancelled:.0%} cancelled, mean error {error:+.4f}, coverage {covered:.3f}")  # noqa: T201 - the table of the simulation
    assert abs(error) <= 0.01
    assert 0.93 <= covered <= 0.97  # type: ignore[operator]


@pytest.fixture(scope="module")
def shops() -> pl.DataFrame:
    return simulated(0.1, shops=200, orders=150)


def test_the_median_is_unbiased_where_that_of_the_captured_alone_is_not(shops: pl.DataFrame) -> None:
    # A tenth is never captured: half of all orders are captured when 5/9 of the others are.
    truth = MEDIAN * float(np.exp(LOG_SD * norm.ppf(5 / 9)))
    naive, ours = shops["captured_only_p50_hours"], shops["p50_hours"].drop_nulls()
    assert naive.median() < 0.9 * truth  # type: ignore[operator]
    assert ours.len() > 0.95 * shops.height
    assert ours.median() == pytest.approx(truth, rel=0.03)


def test_the_interval_covers_the_true_median_in_about_95_of_100_shops(shops: pl.DataFrame) -> None:
    truth = MEDIAN * float(np.exp(LOG_SD * norm.ppf(5 / 9)))
    high = pl.col("p50_hours_high").fill_null(float("inf"))
    covered = shops.select((pl.col("p50_hours_low") <= truth) & (high >= truth)).to_series()
    assert 0.92 <= covered.mean() <= 0.98  # type: ignore[operator]

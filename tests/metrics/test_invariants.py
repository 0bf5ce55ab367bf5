"""Invariants of all metrics, on any shop."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from drawn_shops import Rows, awkward, awkward_shops
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

import om_toolkit as om
from om_toolkit import metrics

GROUPED: tuple[Any, ...] = (
    om.capture_latency,
    om.capture_curve,
    om.refund_ratio,
    om.time_to_refund,
    om.shipping_methods,
    om.carriers,
)
WHOLE: tuple[Any, ...] = (om.audit, om.expiring, om.at_risk, om.key_figures)
EXAMPLES = 12
CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-9}


@awkward_shops(EXAMPLES, seed=[1, 2, 3])
def test_permuting_orders_changes_nothing(rows: Rows, as_of: int | None, seed: int) -> None:
    tables = awkward(rows, as_of)
    other = shuffled(tables, seed)
    for metric in GROUPED:
        assert_frame_equal(metric(tables, by="status"), metric(other, by="status"), **CLOSE)
    for metric in WHOLE:
        assert_frame_equal(metric(tables), metric(other), **CLOSE)


COUNTS = {
    om.capture_latency: ["orders", "captured", "waiting", "expired", "excluded"],
    om.refund_ratio: ["orders_captured", "orders_refunded", "orders_fully_refunded", "captured_amount"],
    om.time_to_refund: ["refunds", "exact", "excluded"],
    om.shipping_methods: ["count", "with_tracking", "captured_amount"],
}


@awkward_shops(EXAMPLES)
def test_the_counts_of_subgroups_add_up_to_those_of_their_group(rows: Rows, as_of: int | None) -> None:
    tables = awkward(rows, as_of)
    for metric, counts in COUNTS.items():
        whole = metric(tables, by="purchase_currency")
        keys = [name for name in whole.columns if name in ("purchase_currency", "shipping_method")]
        pooled = metric(tables, by=["purchase_currency", "status"]).group_by(keys).agg(pl.col(counts).sum())
        assert_frame_equal(pooled, whole.select(*keys, *counts), check_row_order=False)


@awkward_shops(EXAMPLES, grain=["capture", "shipment", "order"])
def test_shares_add_to_1_and_lie_within_their_intervals(rows: Rows, as_of: int | None, grain: Any) -> None:
    tables = awkward(rows, as_of)
    for metric in (om.shipping_methods, om.carriers):
        result = metric(tables, by="purchase_country", grain=grain)
        for share in result.group_by("purchase_country").agg(pl.col("share").sum())["share"]:
            assert share == pytest.approx(1)
        assert result.select(pl.col("share").is_between(pl.col("share_low"), pl.col("share_high")).all()).item()


@awkward_shops(EXAMPLES)
def test_no_result_adds_two_currencies(rows: Rows, as_of: int | None) -> None:
    tables = awkward(rows, as_of)
    currency = pl.col("purchase_currency")
    metrics: list[tuple[Any, dict[str, Any]]] = [
        (om.refund_ratio, {}),
        (om.refund_ratio, {"by": "status", "basis": "refund_date"}),
        (om.key_figures, {}),
        (om.at_risk, {"within": None}),
    ]
    for metric, more in metrics:
        whole = metric(tables, **more)
        for code in ("SEK", "JPY"):
            alone = metric(tables.filter(currency == code), **more)
            assert_frame_equal(whole.filter(currency == code), alone, **CLOSE)
    # A metric grouped without the currency adds it, or has no amounts.
    for metric in GROUPED:
        columns = metric(tables, by="status").columns
        assert "purchase_currency" in columns or not any("amount" in name for name in columns)


@awkward_shops(EXAMPLES)
def test_an_order_changes_only_the_row_of_its_group(rows: Rows, as_of: int | None) -> None:
    tables = awkward(rows, as_of)
    norway = {"order_id": "n", "purchase_country": "NO", "purchase_currency": "SEK", "status": "CAPTURED"}
    one = {"order_id": "n", "capture_id": "1", "captured_amount": 5, "captured_at": at(1)}
    more = shop(
        orders=[norway | {"captured_amount": 5, "refunded_amount": 2, "created_at": at(0)}],
        captures=[one],
        refunds=[{"order_id": "n", "refunded_amount": 2, "refunded_at": at(2)}],
        shipments=[{"order_id": "n", "capture_id": "1", "source": "capture", "shipping_method": "Own"}],
    )
    both = om.Tables(
        **{name: pl.concat([table, getattr(more, name)]) for name, table in tables.items()}, as_of=tables.as_of
    )
    for metric in GROUPED:
        result = metric(both, by="purchase_country")
        others = result.filter(pl.col("purchase_country").ne_missing("NO"))
        assert_frame_equal(others, metric(tables, by="purchase_country"))
        assert result.height > others.height


def test_no_metric_reads_the_clock() -> None:
    # A replay next year gives this year's numbers: the instant comes from the data.
    folder = Path(metrics.__file__).parent
    names = {
        node.attr
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert "total_microseconds" in names
    assert not names & {"now", "utcnow", "today", "time", "monotonic"}


SEEDS, ORDERS, MEDIAN = 200, 150, 40.0


@pytest.fixture(scope="module")
def simulated() -> pl.DataFrame:
    """Make 200 shops, each a group: lognormal waits, orders of the last 120 hours, some of which expire first."""
    random = np.random.default_rng(7)
    size = SEEDS * ORDERS
    wait = MEDIAN * np.exp(0.8 * random.standard_normal(size))
    age = random.uniform(0, 120, size)  # hours for which the order is observed
    expires = np.where(random.random(size) < 0.1, random.uniform(0, 120, size), 10_000)
    is_captured = (wait <= age) & (wait <= expires)
    made = pl.DataFrame(
        {
            "order_id": np.arange(size).astype(str),
            "purchase_country": np.repeat(np.arange(SEEDS), ORDERS).astype(str),
            "status": np.where(is_captured, "CAPTURED", np.where(expires <= age, "EXPIRED", "AUTHORIZED")),
            "created_at": 1000 - age,
            "captured_at": np.where(is_captured, 1000 - age + wait, np.nan),
            "expires_at": 1000 - age + expires,
        }
    ).with_columns((pl.col("^.*_at$").fill_nan(None) * 3.6e9).cast(pl.Duration("us")) + at(0))
    none = shop()
    orders = pl.concat([none.orders, made.drop("captured_at")], how="diagonal")
    captures = pl.concat([none.captures, made.select("order_id", "captured_at")], how="diagonal")
    tables = {**dict(none.items()), "orders": orders, "captures": captures}
    return om.capture_latency(om.Tables(**tables, as_of=at(1000)), by="purchase_country")


def test_the_median_is_unbiased_where_that_of_the_captured_alone_is_not(simulated: pl.DataFrame) -> None:
    assert simulated.height == SEEDS
    naive, ours = simulated["captured_only_p50_hours"], simulated["p50_hours"].drop_nulls()
    assert naive.median() < 0.85 * MEDIAN  # type: ignore[operator]
    assert ours.len() > 0.95 * SEEDS
    assert ours.median() == pytest.approx(MEDIAN, rel=0.03)


def test_the_interval_covers_the_true_median_in_about_95_of_100_shops(simulated: pl.DataFrame) -> None:
    covered = simulated.select(
        (pl.col("p50_hours_low") <= MEDIAN) & (pl.col("p50_hours_high").fill_null(float("inf")) >= MEDIAN)
    ).to_series()
    assert 0.92 <= covered.mean() <= 0.98  # type: ignore[operator]

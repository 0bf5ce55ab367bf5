"""Invariants of all metrics, on any shop."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

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
    om.refund_curve,
    om.refund_ratio,
    om.time_to_refund,
    om.shipping_methods,
    om.carriers,
)
WHOLE: tuple[Any, ...] = (om.audit, om.expiring, om.at_risk, om.shipped_uncaptured, om.key_figures)
EXAMPLES = 8
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
    om.capture_latency: ["orders", "captured", "waiting", "expired", "cancelled", "other", "excluded"],
    om.refund_ratio: ["orders_captured", "orders_refunded", "orders_fully_refunded", "excluded", "captured_amount"],
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
    one = {"order_id": "n", "capture_id": "1", "captured_amount": 5, "captured_at": at(0)}
    more = shop(
        orders=[norway | {"captured_amount": 5, "refunded_amount": 2, "created_at": at(0)}],
        captures=[one],
        refunds=[{"order_id": "n", "refunded_amount": 2, "refunded_at": at(0)}],
        shipments=[{"order_id": "n", "capture_id": "1", "source": "capture", "shipping_method": "Own"}],
    )
    both = om.Tables(
        **{name: pl.concat([table, getattr(more, name)]) for name, table in tables.items()}, as_of=tables.as_of
    )
    for metric in GROUPED:
        result = metric(both, by="purchase_country")
        others = result.filter(pl.col("purchase_country").ne_missing("NO"))
        assert_frame_equal(others, metric(tables, by="purchase_country"))
        is_followed = metric is not om.refund_curve or as_of is not None  # how long, is unknown without `as_of`
        assert (result.height > others.height) == is_followed


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

"""Every metric against DuckDB: SQL that was written from the definitions (`duckdb_results`), on all kinds of shops."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb_results as sql
import pytest
from drawn_shops import Rows, awkward, awkward_shops
from shop_tables import shop

import om_toolkit as om
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import polars as pl

    from om_toolkit.tables.tables import Tables

BY: tuple[tuple[str, ...], ...] = ((), ("purchase_currency",), ("purchase_country", "status"))
QUANTILES = {"p25_hours": 0.25, "p50_hours": 0.5, "p90_hours": 0.9}
WITHIN = {"within_3h": 3.0, "within_24h": 24.0}


def metrics_and_queries(
    by: Sequence[str], as_of: datetime | None
) -> Iterator[tuple[Callable[..., Any], dict[str, Any], str]]:
    """Yield each metric with its options, and the same as a query of DuckDB."""
    zone = "America/New_York"
    for event in ("first", "full"):
        options = {"by": by, "event": event}
        more = {"quantiles": tuple(QUANTILES.values()), "within": ("3h", "24h")}
        yield om.capture_latency, options | more, sql.capture_latency(by, event, as_of, QUANTILES, WITHIN)
        yield om.capture_curve, options, sql.capture_curve(by, event, as_of)
    yield om.refund_ratio, {"by": by}, sql.refund_ratio(by)
    monthly = {"by": by, "basis": "refund_date", "time_zone": zone}
    yield om.refund_ratio, monthly, sql.refund_ratio_by_month(by, zone)
    yield om.time_to_refund, {"by": by}, sql.time_to_refund(by, as_of)
    for grain in ("capture", "order", "shipment"):
        yield om.shipping_methods, {"by": by, "grain": grain}, sql.shipping(by, grain, "shipping_method")
        yield om.carriers, {"by": by, "grain": grain}, sql.shipping(by, grain, "shipping_company")
    yield om.shipping_methods, {"by": by, "grain": "order", "source": "chosen"}, sql.chosen(by)
    yield om.chosen_vs_shipped, {"by": by}, sql.chosen_vs_shipped(by)
    yield om.mix, {"by": by, "column": "customer_type"}, sql.mix(by, "customer_type")
    for within, hours in ((None, None), ("5h", 5.0)):
        yield om.expiring, {"within": within}, sql.expiring(hours, as_of)
        yield om.at_risk, {"within": within}, sql.at_risk(hours, as_of)
    yield om.key_figures, {"by": by}, sql.key_figures(by, as_of)


def check(tables: Tables[pl.DataFrame], folder: Path, by: Sequence[str]) -> None:
    """Check that both give the same result: floats to 1e-9, everything else exactly."""
    with sql.database(tables, folder) as database:
        for metric, options, query in metrics_and_queries(by, tables.as_of):
            expected = sql.rows(database, query)
            found = metric(tables, **options)
            what = f"{metric.__name__} {options}"
            assert not expected or found.columns == list(expected[0]), what
            assert found.height == len(expected), what
            for row, other in zip(found.iter_rows(named=True), expected, strict=True):
                for name, value in row.items():
                    assert same(value, other[name]), f"{what}: {name} is {value!r}, of DuckDB {other[name]!r} in {row}"


def same(value: Any, other: Any) -> bool:
    if isinstance(value, datetime):
        value = round((value - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    if isinstance(value, float) and other is not None:
        return bool(abs(value - other) <= 1e-9 * max(1.0, abs(value)))
    return bool(value == other)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_on_a_synthetic_shop(seed: int, tmp_path: Path) -> None:
    made = Shop(400, seed=seed)
    orders = om.Orders.from_json(b"\n".join(made.body(order_id) for order_id in made.order_ids), as_of=made.as_of)
    for by in BY:
        check(orders.tables(), tmp_path, by)


def test_on_a_shop_without_orders(tmp_path: Path) -> None:
    check(shop(), tmp_path, BY[1])


@awkward_shops(5, by=BY)
def test_on_awkward_shops(tmp_path: Path, rows: Rows, as_of: int | None, by: Sequence[str]) -> None:
    check(awkward(rows, as_of), tmp_path, by)


@pytest.mark.slow
@awkward_shops(80, by=BY)
def test_on_many_awkward_shops(tmp_path: Path, rows: Rows, as_of: int | None, by: Sequence[str]) -> None:
    check(awkward(rows, as_of), tmp_path, by)

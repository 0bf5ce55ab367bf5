"""A metric over lazy tables is a single query that polars can run anywhere by itself, streaming included."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.tables.results import FIRST_FIGURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from om_toolkit.tables.tables import Tables


def shipped_uncaptured(tables: Tables[Any]) -> pl.DataFrame:
    """List the shipped orders as if nothing had been captured: the recording has none of these."""
    orders = tables.orders.with_columns(status=pl.lit("EXPIRED"), captured_amount=pl.lit(0, dtype=pl.Int64))
    return om.shipped_uncaptured(replace(tables, orders=orders, captures=tables.captures.filter(pl.lit(False))))


def timeline(tables: Tables[Any]) -> pl.DataFrame:
    """List the events of one order of the recording."""
    return om.timeline(tables.filter(pl.col("order_id") == pl.col("order_id").min()))


WEEK = om.by_period("1w", time_zone="Europe/Stockholm")
CALLS: dict[str, tuple[Callable[..., pl.DataFrame], dict[str, Any]]] = {
    "capture_latency": (om.capture_latency, {"by": "purchase_country"}),
    "capture_latency, full": (om.capture_latency, {"event": "full"}),
    "capture_latency, amount": (om.capture_latency, {"weight": "amount", "by": WEEK}),
    "capture_latency, weeks": (om.capture_latency, {"by": [WEEK, "customer_type"]}),
    "capture_times": (om.capture_times, {"by": "purchase_country", "time_zone": "Asia/Tokyo"}),
    "capture_curve": (om.capture_curve, {"by": "purchase_country"}),
    "refund_ratio": (om.refund_ratio, {"by": "purchase_country"}),
    "refund_curve": (om.refund_curve, {"by": "purchase_country"}),
    "refund_ratio, weeks": (om.refund_ratio, {"by": WEEK, "within": ["14d", "30d"]}),
    "refund_ratio, months": (om.refund_ratio, {"basis": "refund_date", "time_zone": "Asia/Tokyo"}),
    "time_to_refund": (om.time_to_refund, {"by": "purchase_country"}),
    "shipping_methods": (om.shipping_methods, {"by": "purchase_currency"}),
    "shipping_methods, orders": (om.shipping_methods, {"grain": "order"}),
    "shipping_methods, shipments": (om.shipping_methods, {"grain": "shipment"}),
    "shipping_methods, chosen": (om.shipping_methods, {"grain": "order", "source": "chosen"}),
    "chosen_vs_shipped": (om.chosen_vs_shipped, {"by": "purchase_country"}),
    "carriers": (om.carriers, {"by": "purchase_country"}),
    "expiring": (om.expiring, {"within": None}),
    "at_risk": (om.at_risk, {"within": None}),
    "at_risk, days": (om.at_risk, {"within": "7d", "every": "1d", "time_zone": "Europe/Stockholm"}),
    "shipped_uncaptured": (shipped_uncaptured, {}),
    "timeline": (timeline, {}),
    "mix": (om.mix, {"column": "customer_type", "by": WEEK}),
    "products": (om.products, {}),
    "vat": (om.vat, {"time_zone": "Asia/Tokyo"}),
    "vat, refunds": (om.vat, {"basis": "refund_date", "every": "1w", "by": "customer_type"}),
    "products, columns": (om.products, {"by": ["type", "purchase_country"]}),
    "audit": (om.audit, {}),
    "key_figures": (om.key_figures, {}),
    "key_figures, weeks": (om.key_figures, {"by": [WEEK, "purchase_country"]}),
}
CALLED = {metric.__name__ for metric, _ in CALLS.values()}
CALLS |= {name: (getattr(om, name), {}) for name in FIRST_FIGURES if name not in CALLED}
RUN_PLANS = """
import sys
from pathlib import Path
import polars as pl
from polars.testing import assert_frame_equal

for folder in sorted(Path(sys.argv[1]).glob("plan *")):
    expected = pl.read_parquet(folder / "expected")
    for engine in ("in-memory", "streaming"):
        with pl.Config():
            pl.Config.set_engine_affinity(engine)
            found = pl.LazyFrame.deserialize(folder / "plan").collect()
        assert_frame_equal(found, expected, rel_tol=1e-12, abs_tol=1e-12)
    print(folder.name.removeprefix("plan "))
assert not any(name.startswith("om_toolkit") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    with om.replay("quickstart") as client:
        client.orders(client.recorded_order_ids).tables().write_parquet(folder)
    return folder


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[pl.LazyFrame, dict[str, Any]]]]:
    """Record every plan that is collected, with its options."""
    collected: list[tuple[pl.LazyFrame, dict[str, Any]]] = []
    collect = pl.LazyFrame.collect

    def recorded(plan: pl.LazyFrame, **options: Any) -> Any:
        if "SCAN" in plan.explain(optimized=False):  # not a small frame of polars' own, as in `pl.select`
            collected.append((plan, options))
        return collect(plan, **options)

    monkeypatch.setattr(pl.LazyFrame, "collect", recorded)
    yield collected
    monkeypatch.undo()


def test_each_metric_is_one_query_that_runs_without_this_package(
    folder: Path, plans: list[tuple[pl.LazyFrame, dict[str, Any]]], tmp_path: Path
) -> None:
    tables: Tables[pl.LazyFrame] = om.Tables.scan_parquet(folder)
    for name, (metric, options) in CALLS.items():
        plans.clear()
        expected = metric(tables, **options)
        assert expected.height, name
        assert [how for _, how in plans] == [{}], f"{name}: collected once, by the engine that polars is set to use"
        plan = plans[0][0]
        assert "python" not in plan.explain(optimized=False).lower(), name
        place = tmp_path / f"plan {name}"
        place.mkdir()
        plan.serialize(place / "plan")
        expected.write_parquet(place / "expected")
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", RUN_PLANS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[:-1] == sorted(CALLS)


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("refund_curve", {"orders": 1, "captures": 1, "refunds": 2}),
        ("shipping_methods", {"orders": 1, "captures": 1, "order_lines": 1}),
        ("shipping_methods, shipments", {"orders": 1, "captures": 1, "order_lines": 1}),
    ],
)
def test_no_join_is_computed_twice(
    folder: Path, plans: list[tuple[pl.LazyFrame, dict[str, Any]]], name: str, reads: dict[str, int]
) -> None:
    metric, options = CALLS[name]
    metric(om.Tables.scan_parquet(folder), **options)
    ((plan, _),) = plans
    scans = [line.replace("\\", "/") for line in plan.explain().splitlines() if "SCAN [" in line]
    assert {table: sum(f"/{table}/" in scan for scan in scans) for table in reads} == reads


@pytest.mark.parametrize("name", CALLS)
def test_lazy_tables_in_parquet_give_the_results_of_tables_in_memory(folder: Path, name: str) -> None:
    metric, options = CALLS[name]
    in_memory = metric(om.Tables.read_parquet(folder), **options)
    assert_frame_equal(metric(om.Tables.scan_parquet(folder), **options), in_memory, rel_tol=1e-12, abs_tol=1e-12)
    pl.Config.set_engine_affinity("streaming")
    try:
        streamed = metric(om.Tables.scan_parquet(folder), **options)
    finally:
        pl.Config.set_engine_affinity("auto")
    assert_frame_equal(streamed, in_memory, rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 7, 50])
def test_shuffled_tables_in_several_files_give_the_same_results(folder: Path, tmp_path: Path, parts: int) -> None:
    tables: Tables[pl.DataFrame] = om.Tables.read_parquet(folder)
    assert tables.as_of is not None
    for name, table in tables.items():
        (tmp_path / name).mkdir()
        shuffled = table.sample(fraction=1, shuffle=True, seed=parts)
        for number in range(parts):
            part = shuffled.gather_every(parts, number) if number < table.height else shuffled.clear()
            path = tmp_path / name / f"part-{number:02}.parquet"
            part.write_parquet(path, metadata={"om_toolkit.as_of": tables.as_of.isoformat()})
    split: Tables[pl.LazyFrame] = om.Tables.scan_parquet(tmp_path)
    assert split.orders.select(pl.len()).collect().item() == tables.orders.height
    for metric, options in CALLS.values():
        found, expected = metric(split, **options), metric(tables, **options)
        assert_frame_equal(found, expected, rel_tol=1e-12, abs_tol=1e-12)

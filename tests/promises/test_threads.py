"""Without threads, as where Python runs in a browser: what needs no server works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn

import pytest
from polars.testing import assert_frame_equal
from test_plans import CALLS

import om_toolkit as om
from om_toolkit.support import progress

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = {
    "capture_curve": om.capture_curve,
    "capture_latency": om.capture_latency,
    "key_figures": om.key_figures,
    "refund_curve": om.refund_curve,
    "shipping_methods": om.shipping_methods,
}


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refuse every thread; return the names of those that were refused."""
    names: list[str] = []

    def refuse(thread: threading.Thread) -> NoReturn:
        names.append(thread.name)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    return names


@pytest.mark.slow
def test_everything_but_the_sandbox_works_without_threads(
    refused: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_in_terminal", lambda: True)  # where a bar is shown
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids).raise_for_failures()
        assert refused == ["om_toolkit_0"]
    saved = om.Orders.from_json("\n".join(order.model_dump_json(by_alias=True) for order in orders))
    assert len(saved) == len(orders) == 300
    tables = orders.tables()
    assert_frame_equal(saved.tables().orders.drop("seen_at"), tables.orders.drop("seen_at"))
    tables.write_parquet(tmp_path)
    assert om.Tables.read_parquet(tmp_path).orders.height == 300
    for metric, options in CALLS.values():
        metric(tables, **options)
    for name, metric in DRAWN.items():
        assert getattr(om.plots, name)(metric(tables, by=[])).figure
    assert om.Report(orders).save(tmp_path / "report.html").read_text("utf-8").count("<section") >= 5
    assert om.explore(orders).frame.height

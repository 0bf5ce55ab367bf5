"""What a report leaves out for ids from a settlement, and its Excel file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import om_toolkit as om
from om_toolkit.views.report.contents import WITHHELD

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


@pytest.mark.parametrize("min_cell", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_a_settlement_withholds_what_its_selection_decides(tables: om.Tables[pl.DataFrame], min_cell: int) -> None:
    report = om.Report(tables, id_source="settlement", min_cell=min_cell)
    other = om.Report(tables, id_source="ERP export", min_cell=min_cell)
    assert not set(WITHHELD) & report.frames.keys()
    assert other.frames.keys() - report.frames.keys() == set(WITHHELD) & other.frames.keys()
    figures = report.frames["key figures"].columns
    assert "refund_ratio" in figures
    assert not [name for name in figures if name.startswith(("capture_rate", "open_", "expired_", "p50_hours"))]
    for words in (
        "How soon are orders captured?",
        ">still open",
        "half captured within",
        "expired or cancelled",
        "expire ",
    ):
        assert words not in report.html, words
    assert "share withheld" in report.html
    assert "a settlement, which lists captured orders only. So are the sections about money, at risk," in report.html
    assert "settlement" not in other.html
    for row in om.refund_ratio(tables).to_dicts():
        if min_cell == 1:
            assert om.money.format(row["refunded_amount"], row["purchase_currency"]) in report.html


def test_a_comparison_of_settlements_has_no_latency(tables: om.Tables[pl.DataFrame]) -> None:
    middle = pl.lit(tables.orders["created_at"].median())
    before, after = tables.filter(pl.col("created_at") < middle), tables.filter(pl.col("created_at") >= middle)
    frame = om.Report(after, compare_to=before, id_source="settlement").frames["change"]
    assert "refunded_within_30d_difference" in frame.columns
    assert not [name for name in frame.columns if name.startswith(("within_72h", "p50_hours"))]


def test_the_excel_file_has_a_sheet_for_each_section(tables: om.Tables[pl.DataFrame], tmp_path: Path) -> None:
    report = om.Report(tables, min_cell=1, time_zone="Europe/Stockholm")
    path = report.save(tmp_path / "october.xlsx")
    contents = pl.read_excel(path, sheet_name="contents")
    assert contents["sheet"].to_list() == list(report.frames)
    assert contents["rows"].to_list() == [frame.height for frame in report.frames.values()]
    listed = pl.read_excel(path, sheet_name="money").to_dicts()[0]
    assert listed["order_amount"] == pytest.approx(37487.71)
    again = report.save(tmp_path / "again.XLSX")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_the_excel_file_of_a_pooled_report_has_no_more_than_its_page(tables: om.Tables[pl.DataFrame]) -> None:
    frames = om.Report(tables).frames
    assert "captures_with_tracking" not in frames["key figures"].columns
    assert "captures_with_tracking" in om.Report(tables, min_cell=1).frames["key figures"].columns
    in_euro = tables.filter(pl.col("purchase_currency") == "EUR")
    assert "captures_with_tracking" in om.Report(in_euro).frames["key figures"].columns
    for name in ("at risk", "weeks", "audit"):
        assert not {"orders", "findings", "blocked_orders"} & set(frames[name].columns)
    assert not {"expiring", "products", "vat"} & frames.keys()

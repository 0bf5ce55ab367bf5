"""The sections about money at risk: their sums are those of the metric, and small groups hide days and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views.report.risk_sections import at_risk, expiring, money_at_risk
from om_toolkit.views.report.scope import Scope

if TYPE_CHECKING:
    from om_toolkit.tables.tables import Tables


def waiting(name: str, hours: float | None, amount: int | None, **more: Any) -> dict[str, Any]:
    return {
        "order_id": name,
        "status": "AUTHORIZED",
        "purchase_currency": "SEK",
        "merchant_reference1": f"ref <{name}>",
        "order_amount": amount,
        "captured_amount": 0,
        "remaining_authorized_amount": amount,
        "created_at": at(0),
        "expires_at": None if hours is None else at(100 + hours),
    } | more


@pytest.fixture
def tables() -> Tables[pl.DataFrame]:
    orders = [
        waiting("overdue", -1, 1),
        waiting("now", 0, 10, fraud_status="PENDING"),
        waiting("day", 24, 100),
        waiting("three", 72, 1000, merchant_reference1=None),
        waiting("week", 168, 10_000),
        waiting("later", 169, 100_000),
        waiting("never", None, 1_000_000),
        waiting("unknown", 3, None, order_amount=None),
        waiting("euro", 500, 7, purchase_currency="EUR"),
    ]
    return shop(orders=orders, as_of=at(100))


def test_sums_by_the_time_that_is_left(tables: Tables[pl.DataFrame]) -> None:
    euro, kronor = money_at_risk(tables).rows()
    assert euro == ("EUR", 0, 0, 0, 0, 0, 7)
    assert kronor == ("SEK", 110, 1110, 11110, 1, 1_000_000, 1_111_111)
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    for name in ("24h", "72h", "7d"):
        sums = om.at_risk(orders, within=name).filter(pl.col("orders") > 0)
        ours = money_at_risk(orders).filter(pl.col(f"within_{name}_amount") > 0)
        assert dict(ours.select("purchase_currency", f"within_{name}_amount").iter_rows()) == dict(
            sums.select("purchase_currency", "remaining_authorized_amount").iter_rows()
        )


def test_the_days_and_the_orders_are_shown_where_nothing_is_pooled(tables: Tables[pl.DataFrame]) -> None:
    section = at_risk(Scope(tables, time_zone="Asia/Tokyo"))
    assert section.sentences[:2] == [
        "Of 0.07 EUR that can still be captured, nothing expires within 7 days.",
        (
            "Of 11,111.11 SEK that can still be captured, 11.10 SEK expires within 72 hours and 111.10 SEK within 7 "
            "days; 0.01 SEK is overdue."
        ),
    ]
    assert section.frame.equals(om.at_risk(tables, within="7d", every="1d", time_zone="Asia/Tokyo"))
    assert [row[:4] for row in section.rows] == [
        ["SEK", "2025-01-05", "2", "0.10 SEK"],
        ["SEK", "2025-01-06", "1", "1.00 SEK"],
        ["SEK", "2025-01-08", "1", "10.00 SEK"],
        ["SEK", "2025-01-12", "1", "100.00 SEK"],
        ["SEK", "no deadline", "0", "0.00 SEK"],
    ]
    listed = expiring(Scope(tables, time_zone="Asia/Tokyo"))
    assert [row[:2] for row in listed.rows] == [
        ["ref <now>", "0.10 SEK"],
        ["ref <unknown>", "-"],
        ["ref <day>", "1.00 SEK"],
        ["three", "10.00 SEK"],
        ["ref <week>", "100.00 SEK"],
    ]
    assert listed.sentences[1].startswith("1 order cannot be captured yet")
    page = om.Report(tables, min_cell=1).html
    assert "ref &lt;day&gt;" in page
    assert "<day>" not in page


@pytest.mark.slow
def test_a_page_with_pooled_groups_has_sums_only(tables: Tables[pl.DataFrame]) -> None:
    section = at_risk(Scope(tables, 5))
    assert section.frame.equals(money_at_risk(tables))
    assert section.picture == ""
    assert not [heading for heading in section.headings if "orders" in heading]
    assert "Days and orders are shown only with min_cell=1" in section.sentences[-1]
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    reference = om.expiring(orders, within="7d")["merchant_reference1"][0]
    assert reference in om.Report(orders, min_cell=1).html
    page = om.Report(orders).html
    assert reference not in page
    assert "Which orders expire first?" not in page


def test_nothing_at_risk() -> None:
    captured = shop(orders=[{"order_id": "a", "status": "CAPTURED", "purchase_currency": "SEK"}], as_of=at(0))
    for min_cell in (1, 5):
        section = at_risk(Scope(captured, min_cell))
        assert section.sentences[0] == "No money can still be captured."
        assert section.rows == []
    assert expiring(Scope(captured)).sentences == ["No order expires within 7 days."]
    overdue_only = shop(orders=[waiting("overdue", -1, 1)], as_of=at(100))
    assert at_risk(Scope(overdue_only)).picture == ""


def test_a_long_list_is_cut_and_says_so() -> None:
    many = shop(orders=[waiting(str(number), number, 100) for number in range(60)], as_of=at(100))
    section = expiring(Scope(many))
    assert len(section.rows) == 25
    assert section.table.note == "The first 25 of 60 rows; the Excel file has all of them."
    assert section.frame.height == 60

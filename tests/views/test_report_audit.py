"""The audit in the report: what each finding is in words, its amount, and what a pooled page hides."""

from __future__ import annotations

import re

import polars as pl
import pytest
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views.report.audit_section import MEANINGS, audit, findings_by_rule
from om_toolkit.views.report.scope import Scope


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


def test_every_rule_has_words() -> None:
    rules = re.findall(r"^ *\| `(\w+)` \|", om.audit.__doc__ or "", re.MULTILINE)
    assert sorted(MEANINGS) == sorted(set(rules))


def test_findings_are_summed_by_rule_and_currency(tables: om.Tables[pl.DataFrame]) -> None:
    findings = om.audit(tables)
    frame = findings_by_rule(findings)
    assert frame["findings"].sum() == findings.height
    assert frame["severity"].to_list() == sorted(frame["severity"], key=["error", "warning", "info"].index)
    for row in frame.to_dicts():
        mine = findings.filter(
            pl.col("rule") == row["rule"],
            pl.col("severity") == row["severity"],
            pl.col("purchase_currency").eq_missing(row["purchase_currency"]),
        ).to_dicts()
        amounts = [one["actual"] if one["difference"] is None else one["difference"] for one in mine]
        known = [abs(amount) for amount in amounts if amount is not None]
        assert row["findings"] == len(mine)
        assert row["amount"] == (sum(known) if known else None)


def test_the_section_counts_findings_and_orders(tables: om.Tables[pl.DataFrame]) -> None:
    findings = om.audit(tables)
    section = audit(Scope(tables))
    orders = findings["order_id"].n_unique()
    assert section.sentences == [f"{findings.height} findings in {orders} orders: an order can have several."]
    assert section.headings == ["finding", "severity", "currency", "findings", "amount"]
    shown = {(row[0], row[2]): row[3:] for row in section.rows}
    assert shown["shipped and never captured", "EUR"][0] == "1"
    assert len(section.rows) == section.frame.height


def test_a_pooled_page_has_amounts_only(tables: om.Tables[pl.DataFrame]) -> None:
    section = audit(Scope(tables, 5))
    assert section.headings == ["finding", "severity", "currency", "amount"]
    assert "findings" not in section.frame.columns
    assert section.frame["amount"].null_count() == 0
    assert "shown only with min_cell=1" in section.sentences[0]


def test_no_findings() -> None:
    order = {
        "order_id": "a", "status": "AUTHORIZED", "purchase_currency": "SEK", "order_amount": 1, "captured_amount": 0,
        "refunded_amount": 0, "remaining_authorized_amount": 1, "created_at": at(0), "expires_at": at(9),
    }  # fmt: skip
    section = audit(Scope(shop(orders=[order], as_of=at(1))))
    assert section.rows == []
    assert section.sentences == ["The amounts do not contradict each other."]

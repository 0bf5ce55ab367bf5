"""The audit against plain loops that were written from the table of its rules (`audit_oracle`)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import audit_oracle
import polars as pl
import pytest
from drawn_shops import HOURS, SHOPS, Rows, awkward, contradictory_shop, listed_captures
from hypothesis import Phase, given, settings
from property_tests import examples

import om_toolkit as om
from om_toolkit.metrics.audit_rules import RULES
from om_toolkit.synthetic.shop import Shop
from om_toolkit.tables.tables import Tables

COLUMNS = ("rule", "severity", "order_id", "capture_id", "purchase_currency", "expected", "actual", "difference")
ALL_RULES = {(rule.name, rule.severity, rule.message) for of_rows in RULES.values() for rule in of_rows}
PATTERNS = {message: re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(message))) for _, _, message in ALL_RULES}


@dataclass
class Drifted:
    """Tables with unknown fields, as `Orders` can have them."""

    of_orders: Tables[pl.DataFrame]
    drift: pl.DataFrame

    def tables(self) -> Tables[pl.DataFrame]:
        return self.of_orders


def check(data: Any, captures: om.Captures | None = None) -> pl.DataFrame:
    """Check that both find the same, and return it."""
    tables = data.tables()
    listed = captures.to_polars().rows(named=True) if captures else []
    findings = om.audit(data, captures=captures)
    found = Counter(findings.select(COLUMNS).iter_rows())
    expected = Counter(audit_oracle.audit(tables, listed, data.drift.rows(named=True)))
    assert findings["message"].null_count() == 0
    assert not found - expected, "found by us alone"
    assert not expected - found, "not found by us"
    return findings


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_synthetic_shop(seed: int) -> None:
    made = Shop(400, seed=seed)
    check(om.Orders.from_json(b"\n".join(map(made.body, made.order_ids)), as_of=made.as_of))


@settings(derandomize=True, deadline=None, max_examples=examples(20), phases=[Phase.generate])
@given(rows=SHOPS, as_of=HOURS)
def test_on_awkward_shops(rows: Rows, as_of: int | None) -> None:
    found = Counter(om.audit(awkward(rows, as_of)).select(COLUMNS).iter_rows())
    assert found == Counter(audit_oracle.audit(awkward(rows, as_of)))


def audited(seed: int) -> pl.DataFrame:
    """Check the audit of a contradictory shop, and return it."""
    tables = contradictory_shop(seed)
    number = tables.orders.height
    captures = om.Captures(om.Capture(**row) for row in listed_captures(seed, number))
    fields = [("field", "a"), ("value", "b"), ("field", "c")][: seed % 4]
    rows = [{"kind": kind, "path": path, "order_id": f"order-{seed % number}", "count": 1} for kind, path in fields]
    schema = {"path": pl.String(), "kind": pl.String(), "count": pl.Int64(), "order_id": pl.String()}
    return check(Drifted(tables, pl.DataFrame(rows, schema=schema)), captures)


def test_on_contradictory_shops() -> None:
    for seed in range(30):
        audited(seed)


def broken_rules(findings: pl.DataFrame) -> set[tuple[str, str, str]]:
    """Return the rules that the findings come from: name, severity and sentence."""
    return {
        (name, severity, sentence)
        for found_name, found_severity, message in findings.select("rule", "severity", "message").unique().rows()
        for name, severity, sentence in ALL_RULES
        if (name, severity) == (found_name, found_severity) and PATTERNS[sentence].fullmatch(message)
    }


@pytest.mark.slow
def test_many_contradictory_shops_break_every_rule() -> None:
    shops = 200
    broken = Counter(rule for seed in range(shops) for rule in broken_rules(audited(seed)))
    # The rows of an order are joined by its id, so that every order has one here.
    assert ALL_RULES - set(broken) == {("missing_value", "warning", "The order has no order_id.")}
    (name, _, sentence), times = broken.most_common()[-1]
    print(f"audit: {shops} drawn shops, {len(broken)} rules; the rarest in {times} of them, {name}: {sentence}")  # noqa: T201 - how many

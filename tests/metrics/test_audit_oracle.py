"""The audit against plain loops that were written from the table of its rules (`audit_oracle`)."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import Any

import audit_oracle
import pytest
from drawn_shops import AMOUNTS, HOURS, SHOPS, Rows, awkward
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import om_toolkit as om
from om_toolkit.synthetic.shop import Shop

COLUMNS = ("rule", "severity", "order_id", "capture_id", "purchase_currency", "expected", "actual", "difference")
SUMS = st.fixed_dictionaries(
    {
        "quantity": AMOUNTS,
        "unit_price": AMOUNTS,
        "total_amount": AMOUNTS,
        "total_discount_amount": AMOUNTS,
        "total_tax_amount": AMOUNTS,
        "tax_rate": st.sampled_from([0, 2500, 10000, None]),
    }
)


def check(tables: om.Tables[Any]) -> None:
    found, expected = Counter(om.audit(tables).select(COLUMNS).iter_rows()), Counter(audit_oracle.audit(tables))
    assert not found - expected, "found by us alone"
    assert not expected - found, "not found by us"


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_synthetic_shop(seed: int) -> None:
    made = Shop(400, seed=seed)
    check(om.Orders.from_json(b"\n".join(map(made.body, made.order_ids)), as_of=made.as_of).tables())


@settings(derandomize=True, deadline=None, max_examples=50, phases=[Phase.generate])
@given(rows=SHOPS, as_of=HOURS, sums=st.lists(SUMS, min_size=6, max_size=6))
def test_on_awkward_shops(rows: Rows, as_of: int | None, sums: list[dict[str, Any]]) -> None:
    rows["order_lines"] = [{**line, **more} for line, more in zip(rows["order_lines"], cycle(sums), strict=False)]
    check(awkward(rows, as_of))

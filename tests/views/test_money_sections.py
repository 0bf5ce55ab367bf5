"""The sections about money: every ordered minor unit has one fate, and the money at risk is that of the metric."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from drawn_shops import awkward, awkward_shops
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views.report.money_sections import balance, money
from om_toolkit.views.report.scope import Scope

if TYPE_CHECKING:
    from drawn_shops import Rows

    from om_toolkit.tables.tables import Tables

PARTS = (
    "captured_amount",
    "open_amount",
    "expired_amount",
    "cancelled_amount",
    "released_amount",
    "unexplained_amount",
)


@pytest.fixture(scope="module")
def tables() -> Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


def fates_of(order: dict[str, Any], captures: list[int | None]) -> Counter[str]:
    """Return the fate of each minor unit of one order, worked out without polars."""
    captured = order["captured_amount"]
    if captured is None and None not in captures:
        captured = sum(amount or 0 for amount in captures)
    ordered, remaining, status = order["order_amount"], order["remaining_authorized_amount"], order["status"]
    rest = None if ordered is None or captured is None else ordered - captured
    fates: Counter[str] = Counter({"captured_amount": captured or 0})
    if status in ("AUTHORIZED", "PART_CAPTURED"):
        fates["open_amount"] = (rest or 0) if remaining is None else remaining
        if status == "PART_CAPTURED" and remaining == 0:
            fates["released_amount"] = max(rest or 0, 0)
    elif status in ("EXPIRED", "CANCELLED"):
        fates[f"{status.lower()}_amount"] = rest or 0
    else:
        fates["released_amount"] = max(rest or 0, 0)
    fates["unexplained_amount"] = (ordered or 0) - sum(fates.values())
    return fates


@awkward_shops(20)
def test_the_balance_of_an_awkward_shop_adds_up_to_the_last_unit(rows: Rows, as_of: int | None) -> None:
    assert_balance_adds_up(awkward(rows, as_of))


@pytest.mark.slow
@awkward_shops(300)
def test_the_balance_of_many_awkward_shops_adds_up(rows: Rows, as_of: int | None) -> None:
    assert_balance_adds_up(awkward(rows, as_of))


def assert_balance_adds_up(tables: Tables[pl.DataFrame]) -> None:
    captures = {
        key: part["captured_amount"].to_list()
        for (key,), part in tables.captures.group_by("order_id", maintain_order=True)
    }
    expected: dict[str | None, Counter[str]] = {}
    for order in tables.orders.to_dicts():
        fates = expected.setdefault(order["purchase_currency"], Counter())
        fates.update(fates_of(order, captures.get(order["order_id"], [])))
        fates["order_amount"] += order["order_amount"] or 0
    found = {row["purchase_currency"]: row for row in balance(tables).to_dicts()}
    assert found.keys() == expected.keys()
    for currency, row in found.items():
        assert sum(row[name] for name in PARTS) == row["order_amount"]
        for name in (*PARTS, "order_amount"):
            assert row[name] == expected[currency][name], (currency, name)


def test_the_balance_agrees_with_key_figures_and_audit(tables: Tables[pl.DataFrame]) -> None:
    frame = balance(tables)
    shared = ["purchase_currency", "order_amount", *PARTS[:4], "refunded_amount"]
    assert frame.select(shared).equals(om.key_figures(tables).select(shared))
    released = (
        om.audit(tables)
        .filter(rule="released_remainder")
        .group_by("purchase_currency")
        .agg(-pl.col("difference").sum())
    )
    assert dict(released.iter_rows()) == {
        code: amount for code, amount in frame.select("purchase_currency", "released_amount").iter_rows() if amount
    }


def test_the_lines_of_the_balance(tables: Tables[pl.DataFrame]) -> None:
    section = money(Scope(tables.filter(pl.col("purchase_currency").is_in(["EUR", "SEK"]))))
    assert section.headings == ["", "EUR", "SEK"]
    lines = {name: (euro, kronor) for name, euro, kronor in section.rows}
    assert list(lines) == [
        "ordered", "captured", "of which refunded", "still open", "expired", "cancelled", "released", "unexplained",
        "total of captured to unexplained",
    ]  # fmt: skip
    assert lines["released"] == ("3,381.30 EUR (9.0 %)", "12,980.10 SEK (3.1 %)")
    assert lines["total of captured to unexplained"] == lines["ordered"]
    assert lines["ordered"][0] == "37,487.71 EUR"
    in_yen = money(Scope(tables.filter(pl.col("purchase_currency") == "JPY")))
    assert "unexplained" not in [name for name, _ in in_yen.rows]
    assert in_yen.rows[-1][0] == "total of captured to released"
    assert len(in_yen.sentences) == 1


def test_money_without_orders_has_no_line() -> None:
    section = money(Scope(shop()))
    assert section.rows == []
    assert section.sentences == ["There is not enough data for a summary."]


def test_the_lines_of_a_shop_worked_by_hand() -> None:
    amounts = [
        ("CAPTURED", 1000, 700, 0),  # 300 released
        ("PART_CAPTURED", 500, 100, 400),
        ("PART_CAPTURED", 500, 100, 0),  # 400 released
        ("EXPIRED", 80, 30, 0),
        ("CAPTURED", 10, 15, 0),  # 5 more than ordered
        ("AUTHORIZED", 60, 0, 55),  # 5 less than ordered
    ]
    orders = [
        {"order_id": str(number), "status": status, "purchase_currency": "JPY", "order_amount": ordered,
         "captured_amount": captured, "remaining_authorized_amount": remaining, "created_at": at(0)}
        for number, (status, ordered, captured, remaining) in enumerate(amounts)
    ]  # fmt: skip
    (row,) = balance(shop(orders=orders)).to_dicts()
    assert [row[name] for name in PARTS] == [945, 455, 50, 0, 700, 0]
    assert row["order_amount"] == 2150
